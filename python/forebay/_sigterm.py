"""SIGTERM, as orchestrators send it: what is held gets its chance to leave first.

Servers such as uvicorn put handlers of their own while they run, put back what was there when they
have stopped, and then raise the signal again, so that the process ends by it. Where the application
is imported by the running server, what was there is the system's, which ends the process on the
spot: what was logged while it stopped would be lost. So the main thread lets no further SIGTERM
through, from the first one until the interpreter ends; then what is held is shipped, and the
process ends by the one that waits, if one does.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import _core, _exit
from ._warnings import warn_once

if TYPE_CHECKING:
    from ._collector import Collector

_held_back = False


def install(collector: Collector) -> Callable[[], None]:
    """Put a handler before the one that is there.

    Where that is one of the application's, what is held is flushed and then it is called: the
    application goes on for as long as it likes, and may log. Where it is the system's, which ends
    the process on the spot, all collectors are shut down, and then the process ends by the signal,
    as it would have.

    Returns:
        What takes the handler back, where it is still in its place.
    """
    if threading.current_thread() is not threading.main_thread():
        warn_once("install_sigterm has no effect: only the main thread may set signal handlers")
        return lambda: None
    before: Any = signal.getsignal(signal.SIGTERM)
    if not callable(before) and _core.calls_a_function_at(signal.SIGTERM):
        warn_once(
            "install_sigterm has no effect: native code has set a handler of SIGTERM, which cannot "
            "be called from Python"
        )
        return lambda: None
    # One of ours that a shutdown in another thread had to leave.
    while isinstance(before, _Handler) and before.collector.is_shut_down:
        before = before.before
    handler = _Handler(collector, before)
    signal.signal(signal.SIGTERM, handler)
    return handler.take_back


class _Handler:
    """Ours, and the one that was there."""

    def __init__(self, collector: Collector, before: Any) -> None:
        self.collector = collector
        self.before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # A handler of another signal may raise at any point here, and this signal is none the less
        # for it.
        if callable(self.before):
            try:
                self._flush()
            finally:
                self.before(number, frame)
        elif self.before != signal.SIG_IGN:
            try:
                # Of all collectors. A further signal meanwhile ends this within the first's time.
                _exit.run()
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTERM)
                # Still here: process 1 of a container, to which the system's end does not apply.
                os._exit(128 + signal.SIGTERM)

    def _flush(self) -> None:
        if self.collector.is_shut_down:
            return
        try:
            answers = self.collector.stats().destination_answered
            self.collector.flush(_exit.TIMEOUT if answers else _exit.TIMEOUT_UNANSWERED)
        finally:
            _hold_back()

    def take_back(self) -> None:
        # Elsewhere it cannot be; it is nothing then but what was there before.
        installed: object = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is threading.main_thread() and installed is self:
            # None: native code had set it before Python began, and has taken it back.
            before = self.before if self.before is not None else signal.SIG_DFL
            signal.signal(signal.SIGTERM, before)


def _hold_back() -> None:
    """Let no SIGTERM through to this, the main thread, until the interpreter ends.

    One that is sent to the process finds another thread, and so the application's handler, as
    before; what waits is what the main thread raises for itself.
    """
    global _held_back
    if _held_back:
        return
    try:
        # Begun first: threads inherit the mask, and this one is there to let it through.
        waiting = threading.Event()
        threading.Thread(target=waiting.wait, name="forebay-sigterm", daemon=True).start()
        # What runs before threads are waited for, which the signal would not have done either.
        getattr(threading, "_register_atexit", atexit.register)(_let_through)
    except RuntimeError:  # no thread to be had, or the interpreter is ending
        return
    if signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}):
        _held_back = True
        os.register_at_fork(after_in_child=_unblock)


def _let_through() -> None:
    """Ship what is held, where a SIGTERM waits that ends the process; then let it."""
    if _held_back:
        if signal.SIGTERM in signal.sigpending():
            _exit.run()
        _unblock()


def _unblock() -> None:
    global _held_back
    if _held_back:
        _held_back = False
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
