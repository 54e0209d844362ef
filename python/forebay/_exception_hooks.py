"""Exceptions that nobody caught, as records: of the process, of threads and of event loops."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _core
from ._bridges import bridge_logger

if TYPE_CHECKING:
    import asyncio

    from ._collector import Collector

_SCOPE = "forebay.exceptions"
_CRITICAL, _ERROR = 50, 40


def capture_exceptions(collector: Collector | None = None) -> Callable[[], None]:
    """From now on exceptions that nobody caught become records, and are shown as before.

    `sys.excepthook` (the process ends of it: CRITICAL) and `threading.excepthook` (a thread does:
    ERROR) get a hook before the one that is there, which is then called. ``KeyboardInterrupt`` and
    ``SystemExit`` are no errors. For event loops there is `asyncio_exception_handler`.

    Args:
        collector: Where the records go. None: the process default, whichever is started.

    Returns:
        What takes the hooks back, where they are still in their places.
    """
    logger = bridge_logger(_SCOPE, collector)
    before, before_of_threads = sys.excepthook, threading.excepthook

    def of_process(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, Exception):
            _emit(logger, _CRITICAL, "uncaught exception", error, {})
        before(kind, error, traceback)

    def of_thread(arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value
        if isinstance(error, Exception):
            thread = arguments.thread
            name = {} if thread is None else {"thread.name": thread.name}
            _emit(logger, _ERROR, "uncaught exception in a thread", error, name)
        before_of_threads(arguments)

    def undo() -> None:
        if sys.excepthook is of_process:
            sys.excepthook = before
        if threading.excepthook is of_thread:
            threading.excepthook = before_of_threads

    sys.excepthook = of_process
    threading.excepthook = of_thread
    return undo


def asyncio_exception_handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For ``loop.set_exception_handler``: an ERROR record, then the loop's default handler.

    It hears of exceptions that nobody awaited: of tasks that were forgotten, and of callbacks. The
    default handler logs to the logger ``asyncio`` of `logging`. Where that comes to the process
    default anyway (``capture_logging``, a `LoggingHandler`), it is the one record, and has no
    ``asyncio.*`` attributes.
    """
    # Nobody has a handler of ours where its module was never loaded.
    bridge = sys.modules.get(f"{__package__}._logging")
    if bridge is None or not bridge.is_captured("asyncio", _ERROR):
        _emit_context(context)
    loop.default_exception_handler(context)


def _emit_context(context: dict[str, Any]) -> None:
    attributes = {
        f"asyncio.{name}": repr(context[name])
        for name in ("future", "task", "handle", "protocol", "transport")
        if name in context
    }
    logger = bridge_logger(_SCOPE, None)
    message = context.get("message", "unhandled exception in event loop")
    _emit(logger, _ERROR, message, context.get("exception"), attributes)


def _emit(
    logger: _core.Logger,
    level: int,
    message: str,
    error: BaseException | None,
    attributes: dict[str, Any],
) -> None:
    _core.emit_bridged(logger, None, level, None, message, attributes, error, 0, None)
