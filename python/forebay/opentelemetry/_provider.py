"""What both providers and both exporters have in common: the collector behind them."""

from __future__ import annotations

import threading

from .. import _exit
from .._collector import Collector
from .._lifecycle import get_collector

# How long a provider's shutdown waits: as long as the collector's own does at exit.
SHUTDOWN_MILLIS = 5_000.0


class OfACollector:
    """Something of OpenTelemetry's that has a collector behind it.

    Args:
        collector: Where everything goes. None: the process default, whichever is started.
    """

    def __init__(self, collector: Collector | None = None) -> None:
        self._given = collector

    @property
    def collector(self) -> Collector | None:
        """The collector that was given; None: the process default."""
        return self._given


def flushed(collector: Collector | None, timeout: float) -> bool:
    """Whether what was reported has left the process within so many seconds."""
    found = collector or get_collector()
    return found is None or found.is_shut_down or found.flush(timeout=max(timeout, 0.0)).complete


def flush_before_the_end(collector: Collector | None, timeout: float) -> None:
    """Flush for what is shut down of OpenTelemetry's: within ``timeout``, and the times of `_exit`.

    At the end of the program not at all: the collector ships by itself there, within those times.
    They are the program's, and a second wait would come on top.
    """
    found = collector or get_collector()
    if found is not None and not found.is_shut_down and threading.main_thread().is_alive():
        _exit.flush_while_it_answers(found, timeout)


class Provider(OfACollector):
    """What the SDK's providers have beside the API's methods, and programs call."""

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Wait until what was reported has left the process; for metrics, collect them first.

        Args:
            timeout_millis: How long at most. Unit: ms.

        Returns:
            Whether it has.
        """
        return flushed(self._given, timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Flush. The collector goes on: it is shut down by whoever started it, or at the end.

        Args:
            timeout_millis: How long to wait at most. Unit: ms.
        """
        flush_before_the_end(self._given, timeout_millis / 1000)
