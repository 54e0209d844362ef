"""Celery's worker, where it is loaded: it takes the root logger for itself, and the children of its
pool leave without running anything that Python has for the end of a process.

Nothing is imported here: ``celery worker`` has loaded its signals before it loads the application.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

_ends_with_children = False


def _signals() -> Any:
    return sys.modules.get("celery.signals")


def follow(
    handler: logging.Handler, has_other: Callable[[logging.Logger], bool]
) -> Callable[[], None]:
    """Put a handler of the root logger back when Celery has set up logging, and into the logger of
    tasks, which does not propagate. ``has_other`` knows of a logger that needs none.

    Returns:
        What ends that.
    """
    signals = _signals()
    if signals is None:
        return lambda: None
    attached: list[logging.Logger] = []

    def attach(logger: logging.Logger, **_: object) -> None:
        # Where the logger of tasks propagates after all, the root logger has its records already.
        propagates = logger.parent is not None and logger.propagate
        if handler not in logger.handlers and not propagates and not has_other(logger):
            logger.addHandler(handler)
            attached.append(logger)

    signals.after_setup_logger.connect(attach, weak=False)
    signals.after_setup_task_logger.connect(attach, weak=False)

    def end() -> None:
        signals.after_setup_logger.disconnect(attach)
        signals.after_setup_task_logger.disconnect(attach)
        for logger in attached:
            logger.removeHandler(handler)

    return end


def end_with_children(run: Callable[[], None]) -> None:
    """Call ``run`` at the end of each child of a pool. Once is enough."""
    global _ends_with_children
    signals = _signals()
    if signals is None or _ends_with_children:
        return
    _ends_with_children = True

    def at_end(**_: object) -> None:
        run()

    signals.worker_process_shutdown.connect(at_end, weak=False)
