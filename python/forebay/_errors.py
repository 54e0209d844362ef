"""What Forebay raises. Emitting raises nothing but `QueueFull`, and that only where asked for."""

from __future__ import annotations

import queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import _core


class ForebayError(Exception):
    """The base of everything that Forebay raises."""


class OptionError(ForebayError, ValueError):
    """An option has a bad value.

    The message begins with the option's path and names the value and what it may be:
    ``lanes[0].queue_records: 2 is not in 8..67108864``. Raised before any thread or file is made.
    """


class QueueFull(ForebayError, queue.Full):
    """A lane whose policy is ``"fail"`` has no room.

    Raised by the methods of a `forebay.Logger` only; records that come in through
    `forebay.LoggingHandler` are refused and counted instead.

    Attributes:
        lane: The name of the lane.
    """

    def __init__(self, lane: str = "", collector: _core.Collector | None = None) -> None:
        super().__init__(f"lane {lane!r} is full, and its policy is to fail")
        self.lane = lane
        self._collector = collector

    @property
    def retry_after(self) -> float | None:
        """Seconds until there may be room, estimated now from the rate at which the lane drains.

        What an HTTP ``Retry-After`` is made from. None where nobody can tell: nothing was drained
        lately, or the collector is gone.
        """
        from ._core import get_default

        collector = self._collector or get_default()
        if collector is None:
            return None
        milliseconds = collector.stats().get(f"lanes.{self.lane}.retry_after_ms")
        return None if milliseconds is None else milliseconds / 1000

    def __reduce__(self) -> tuple[type[QueueFull], tuple[str]]:
        # Another process has another collector.
        return QueueFull, (self.lane,)
