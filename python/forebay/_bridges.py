"""What bridges from other logging libraries share."""

from __future__ import annotations

from ._collector import Collector
from ._core import Logger
from ._lifecycle import get_logger

# A bridge lets everything through: it is the other library that decides what comes here.
_EVERYTHING = 1


def bridge_logger(name: str, collector: Collector | None) -> Logger:
    """The logger of a bridge: of a collector, or of the process default, whichever is started."""
    if collector is None:
        return get_logger(name, level=_EVERYTHING)
    return collector.logger(name, level=_EVERYTHING)
