"""Room in a lane, for coroutines. Apart from `_room`, because asyncio takes long to import.

Who waits stands in the lane's one line, with the threads that ``Block`` stops. The core tells that
a turn has come through a file descriptor, which the event loop watches with all its others: no
thread is made for a wait.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from . import _core
from ._room import CLOSED, INVALID_ARGUMENT, OK, TIMED_OUT, is_closed, no_such_room

# What is full: the collector (None: the process default), the lane, the room needed, the timeout.
_Full = tuple[_core.Collector | None, str, int, float | None]
T = TypeVar("T")
# How long after a wait coroutines let each other run before each record. Unit: s.
_CONTENDED_FOR = 0.05


async def wait_for_room(
    collector: _core.Collector, lane: str, n: int, timeout: float | None
) -> bool:
    """Wait on the running event loop, which goes on meanwhile."""
    status = _core.wait_for_room(collector, lane, n, 0.0)
    if status == TIMED_OUT and timeout != 0:
        status = await _waiters().wait(
            collector, lane, n, timeout, lambda: CLOSED if is_closed(collector, lane) else OK
        )
    if status == INVALID_ARGUMENT:
        raise no_such_room(collector, lane, n)
    return status == OK


async def emit_when_room(
    logger: _core.Logger, level: int, message: object, /, *args: object, **attributes: Any
) -> bool:
    """Emit; where the lane's policy is to wait, wait as long as it says on the event loop."""

    def emit(waited: bool = False) -> bool | _Full:
        return _core.emit_or_full(logger, waited, level, message, *args, **attributes)

    if _waiters().is_contended:
        # Once round the loop, so that one that finds room does not keep those from running who
        # waited for theirs.
        await asyncio.sleep(0)
    answer = emit()
    deadline = None
    while isinstance(answer, tuple):
        collector, lane, records, timeout = answer
        if deadline is None and timeout is not None:
            deadline = time.monotonic() + timeout
        left = None if deadline is None else deadline - time.monotonic()
        collector = collector or _core.get_default()
        if collector is None or (left is not None and left <= 0):
            break
        came = await _waiters().wait(collector, lane, records, left, emit)
        if isinstance(came, int) and not isinstance(came, bool):
            break
        answer = came
    else:
        return answer
    # The wait is over: to what comes after it in `on_full`.
    return emit(waited=True) is True


def emit_exception_when_room(
    logger: _core.Logger, message: object, /, *args: object, **attributes: Any
) -> Any:
    """The coroutine for ``aexception``: the exception is that of the call, not of the await."""
    attributes.setdefault("exc_info", sys.exc_info()[1] or True)
    return emit_when_room(logger, 40, message, *args, **attributes)


class _Waiters:
    """The coroutines of one event loop that wait for room."""

    def __init__(self) -> None:
        self._bell = _core.Bell()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._calm_at = -math.inf  # time.monotonic()

    @property
    def is_contended(self) -> bool:
        """Whether coroutines wait, or did just now."""
        return bool(self._waiting) or time.monotonic() < self._calm_at

    async def wait(
        self,
        collector: _core.Collector,
        lane: str,
        n: int,
        timeout: float | None,
        then: Callable[[], T],
    ) -> T | int:
        """Wait for the turn, and use it; cancelling leaves the line.

        The core keeps the room for the waiter while that lives: so ``then`` is called before it
        ends. What it gives is the answer; a status is, where the turn did not come.
        """
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        future: asyncio.Future[int] = loop.create_future()
        if not self._waiting:
            loop.add_reader(self._bell.fileno(), self._on_ring)
        self._waiting[number] = future
        timer = waiter = None
        try:
            waiter = _core.RoomWaiter(collector, lane, n, self._bell, number)
            if waiter.status != OK:
                return waiter.status
            if timeout is not None:
                timer = loop.call_later(timeout, _settle, future, TIMED_OUT)
            status = await future
            if status != OK:
                return status
            waiter.use()
            return then()
        finally:
            if timer is not None:
                timer.cancel()
            if waiter is not None:
                waiter.close()
            del self._waiting[number]
            self._calm_at = time.monotonic() + _CONTENDED_FOR
            if not self._waiting:
                loop.remove_reader(self._bell.fileno())

    def _on_ring(self) -> None:
        for number in self._bell.take():
            future = self._waiting.get(number)
            if future is not None:
                _settle(future, OK)


def _settle(future: asyncio.Future[int], status: int) -> None:
    if not future.done():
        future.set_result(status)


# The reader that a loop has while somebody waits refers to the waiters, and they to no loop.
_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiters] = (
    weakref.WeakKeyDictionary()
)


def _waiters() -> _Waiters:
    loop = asyncio.get_running_loop()
    waiters = _by_loop.get(loop)
    if waiters is None:
        waiters = _by_loop[loop] = _Waiters()
    return waiters
