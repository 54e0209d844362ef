"""A clock that a test moves: what `forebay.testing` gives out."""

from __future__ import annotations

import math
import threading
import weakref

from . import _core
from ._errors import OptionError
from ._validation import Value


class ManualClock:
    """The time of the collectors that it is given to, which only `advance` moves.

    Time stamps, rate limits, sampling bursts, `max_age`, batches' `max_delay`, summaries, retries
    and a breaker's pauses go by it. What a caller waits for does not: timeouts of flush, shutdown
    and ``on_full="block"`` are real seconds.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        """Begin at a time.

        Args:
            start: Unix time. Unit: s, 0..4e9. Default: 15 January 2027, 08:00 UTC.

        Raises:
            ValueError: out of range.
        """
        if not 0 <= start <= 4e9:
            raise ValueError(f"start: {start!r} is not in 0..4e9 seconds")
        self._ns = round(start * 1e9)
        self._lock = threading.Lock()
        self._collectors: weakref.WeakSet[_core.Collector] = weakref.WeakSet()

    @property
    def now(self) -> float:
        """Unix time in seconds."""
        return self._ns / 1e9

    @property
    def now_unix_nano(self) -> int:
        """The same in nanoseconds: what a record that is emitted now has as its time."""
        return self._ns

    def advance(self, seconds: float) -> None:
        """Let time pass. What is due by then in a collector's own thread is done when it returns.

        Args:
            seconds: 0 or more, and finite.

        Raises:
            ValueError: less than 0, or no number of seconds.
        """
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"seconds: {seconds!r} is not 0 or more")
        nanoseconds = round(seconds * 1e9)
        with self._lock:
            self._ns += nanoseconds
            for core in list(self._collectors):
                core.advance(nanoseconds)

    def _attached(self, options: list[tuple[str, Value]]) -> _core.Collector:
        """A collector that goes by this clock."""
        with self._lock:
            core = _core.Collector([*options, ("manual_clock_unix_ns", self._ns)])
            self._collectors.add(core)
        return core


def core_collector(options: list[tuple[str, Value]], clock: object) -> _core.Collector:
    """The core's part of a collector; ``clock`` None: by the system's clock.

    Raises:
        OptionError: an option has a bad value, or the clock is none.
    """
    if clock is None:
        return _core.Collector(options)
    if not isinstance(clock, ManualClock):
        raise OptionError(f"clock: {clock!r} is not a forebay.testing.ManualClock")
    return clock._attached(options)
