"""Room in a lane: waiting for it in a thread, and setting it aside.

The core tells that a turn has come through a file descriptor, so a thread waits in ``poll``, where
the GIL is released and signals are heard.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Mapping
from types import TracebackType

from . import _core
from ._errors import OptionError

# What the core answers.
OK, INVALID_ARGUMENT, _, TIMED_OUT, CLOSED = range(5)
# How long the main thread is deaf to signals while it asks for a grant. Unit: s.
_SLICE = 0.05


class Grant(int):
    """Room that is set aside for the thread that asked: how many records, as an int.

    What that thread emits into the lane, and finds no other room for, is taken from the grant
    before ``on_full`` is asked; so it is never lost for want of room. `release`, or the end of a
    ``with``, gives back what was not used; the end of the thread does, too.
    """

    _held: _core.Grant | None

    def __new__(cls, granted: int, held: _core.Grant | None) -> Grant:
        grant = super().__new__(cls, granted)
        grant._held = held
        return grant

    @property
    def granted(self) -> int:
        """How many records it was made for; 0 where there was no room."""
        return int(self)

    @property
    def left(self) -> int:
        """How many records it still covers."""
        return 0 if self._held is None else self._held.left

    def release(self) -> None:
        """Give back what was not used. From any thread; a second call does nothing."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def __enter__(self) -> Grant:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<forebay.Grant {int(self)}, {self.left} left>"


def request(
    collector: _core.Collector, lane: str, n: int, record_bytes: int, timeout: float | None
) -> Grant:
    """Ask the core for room, at most ``timeout`` seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    hears_signals = threading.current_thread() is threading.main_thread()
    while True:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        wait = left if not hears_signals or (left is not None and left < _SLICE) else _SLICE
        status, granted, grant = _core.request(collector, lane, n, record_bytes, wait)
        if status == INVALID_ARGUMENT:
            raise no_such_room(collector, lane, n)
        if granted or status != TIMED_OUT or wait == left:
            return Grant(granted, grant)


def no_such_room(collector: _core.Collector, lane: str, n: int) -> OptionError:
    """Why the core takes no wait for so much room there."""
    numbers = collector.stats()
    if has_lane(numbers, lane):
        slots = numbers.get(f"lanes.{lane}.slots", 0)
        return OptionError(f"n: {n} is more than lane {lane!r} has room for ({slots} slots)")
    return OptionError(f"lane: {lane!r} is not one of {lane_names(numbers)}")


def has_lane(numbers: Mapping[str, int], lane: str) -> bool:
    """Whether there is such a lane, by the numbers of the core."""
    return f"lanes.{lane}.emitted" in numbers


def lane_names(numbers: Mapping[str, int]) -> str:
    """The lanes there are, for a message."""
    return ", ".join(
        repr(name.removeprefix("lanes.").removesuffix(".emitted"))
        for name in numbers
        if name.startswith("lanes.") and name.endswith(".emitted")
    )


def block_for_room(collector: _core.Collector, lane: str, n: int, timeout: float | None) -> bool:
    """Wait in this thread, with the GIL released, and open to signals."""
    status = _core.wait_for_room(collector, lane, n, 0.0)
    if status == INVALID_ARGUMENT:
        raise no_such_room(collector, lane, n)
    if status != TIMED_OUT or timeout == 0:
        return status == OK
    bell = _core.Bell()
    waiter = _core.RoomWaiter(collector, lane, n, bell, 1)
    try:
        if waiter.status != OK:
            return False
        poll = select.poll()
        poll.register(bell.fileno(), select.POLLIN)
        rang = poll.poll(None if timeout is None else timeout * 1000)
    finally:
        waiter.close()
    return bool(rang) and not is_closed(collector, lane)


def is_closed(collector: _core.Collector, lane: str) -> bool:
    """Whether nothing goes into it any more."""
    return _core.wait_for_room(collector, lane, 1, 0.0) == CLOSED
