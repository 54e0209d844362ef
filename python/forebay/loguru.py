"""loguru's records into Forebay.

from loguru import logger
from forebay.loguru import sink

logger.remove()
logger.add(sink(), level="INFO")

``record["extra"]`` becomes attributes, with their types; the exception becomes
``exception.type``, ``.message`` and ``.stacktrace``; the module that logs is the scope. Leave
``enqueue`` and ``serialize`` off: Forebay's emit does not block, and keeps types by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _core
from ._bridges import bridge_logger
from ._collector import Collector

__all__ = ["sink"]


def sink(collector: Collector | None = None) -> Callable[[Any], None]:
    """A sink for ``logger.add``.

    Args:
        collector: Where the records go. None: the process default, whichever is started.
    """
    logger = bridge_logger("loguru", collector)

    def forebay_sink(message: Any) -> None:
        record = message.record
        exception = record["exception"]
        attributes = {
            **record["extra"],
            "thread.id": record["thread"].id,
            "thread.name": record["thread"].name,
        }
        level = record["level"]
        _core.emit_bridged(
            logger,
            record["name"] or None,
            level.no,
            level.name,
            record["message"],
            attributes,
            None if exception is None else exception.value or exception.type,
            int(record["time"].timestamp() * 1e6) * 1000,
            (record["file"].path, record["function"], record["line"]),
        )

    return forebay_sink
