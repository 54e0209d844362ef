"""SIGTERM, as orchestrators send it: what is held gets its chance to leave first."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from . import _exit
from ._warnings import warn_once

if TYPE_CHECKING:
    from ._collector import Collector


def install(collector: Collector) -> Callable[[], None]:
    """Put a handler before the one that is there.

    Where that is one of the application's, what is held is flushed and then it is called: the
    application goes on for as long as it likes, and may log. Where it is the system's, which ends
    the process on the spot, the collector is shut down, and then the process ends by the signal, as
    it would have.

    Returns:
        What takes the handler back, where it is still in its place.
    """
    if threading.current_thread() is not threading.main_thread():
        warn_once("install_sigterm has no effect: only the main thread may set signal handlers", 4)
        return lambda: None
    before = signal.getsignal(signal.SIGTERM)

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        if callable(before):
            if not collector.is_shut_down:
                answers = collector.stats().destination_answered
                collector.flush(_exit.TIMEOUT if answers else _exit.TIMEOUT_UNANSWERED)
            before(number, frame)
        elif before != signal.SIG_IGN:
            collector._shutdown_at_exit(time.monotonic() + _exit.TIMEOUT)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    def undo() -> None:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is on_sigterm
        ):
            # None: it was set by native code, and cannot be put back from here.
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)

    signal.signal(signal.SIGTERM, on_sigterm)
    return undo
