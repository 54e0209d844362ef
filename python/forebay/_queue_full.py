"""What a full lane raises. By itself, for `queue` costs more to import than all other errors."""

from __future__ import annotations

import queue

from ._errors import ForebayError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import _core


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
