"""The part of a collector that speaks upstream: how full it is, and when there is room."""

from __future__ import annotations

import os

from . import _core as core
from ._errors import OptionError
from ._pressure import STATES, Callback, Pressure, PressureChanges, PressureWatch
from ._room import (
    INVALID_ARGUMENT,
    OK,
    Grant,
    block_for_room,
    has_lane,
    lane_names,
    request,
)
from ._validation import text, whole
from ._validation import timeout as checked_timeout

_MOST_RECORDS = 1 << 26
_MOST_RECORD_BYTES = 16 << 20


class Upstream:
    """What a producer asks before it makes more: see docs/back-pressure.md."""

    _core: core.Collector
    # With the process that it belongs to.
    _lane_watch: tuple[int, core.PressureWatch] | None = None

    @property
    def pressure(self) -> Pressure:
        """The highest of all lanes, now. Costs one load from memory: ask as often as you like."""
        return STATES[self._core.pressure]

    def pressure_of(self, lane: str) -> Pressure:
        """A lane's own pressure, now.

        Raises:
            OptionError: there is no such lane.
        """
        held = self._lane_watch
        if held is None or held[0] != os.getpid():
            # Of two threads that come here at once one watch is let go of again.
            held = os.getpid(), core.PressureWatch(self._core, core.Bell())
            self._lane_watch = held
        state = held[1].lane_state(lane)
        if state is None:
            # It has not changed since the watch began.
            numbers = self._core.stats()
            if not has_lane(numbers, text("lane", lane)):
                raise OptionError(f"lane: {lane!r} is not one of {lane_names(numbers)}")
            state = numbers.get(f"lanes.{lane}.state", 0)
        return STATES[state]

    def on_pressure(self, callback: Callback) -> PressureWatch:
        """Call back whenever a lane's pressure changes.

        Args:
            callback: Takes a `PressureChange`. Runs in a thread of Forebay's own, one call after
                the other for all callbacks, so a slow one delays the rest. An error in it is told
                once on standard error, and hurts nobody.

        Returns:
            PressureWatch: ``close()`` ends the calls.

        The state at the time of the call is `pressure`; only changes are told.
        """
        if not callable(callback):
            raise OptionError(f"callback: {callback!r} cannot be called")
        return PressureWatch(self._core, callback)

    def pressure_changes(self) -> PressureChanges:
        """`on_pressure` for a coroutine: ``async for change in collector.pressure_changes()``.

        Tells of changes from the call on. A loop that is slow to come for the next one gets the
        last change of each lane.
        """
        return PressureChanges(self._core)

    async def wait_for_room(self, lane: str, n: int = 1, timeout: float | None = None) -> bool:
        """Wait until a lane has room for ``n`` records of one slot each; for coroutines.

        Args:
            lane: Its name.
            n: Records; those over 128 bytes take more than one slot.
            timeout: Seconds to wait at most, 0..86400; None waits as long as it takes.

        Returns:
            bool: True where the room was there. It is not set aside: another may take it first; see
            `request` for that. False after the timeout or a shutdown.

        Raises:
            OptionError: there is no such lane, or it is smaller than that.

        The event loop goes on meanwhile. Waiting coroutines and blocked threads stand in one line.
        Cancelling leaves it.
        """
        from ._room_async import wait_for_room

        return await wait_for_room(*self._wait_arguments(lane, n, timeout))

    def block_for_room(self, lane: str, n: int = 1, timeout: float | None = None) -> bool:
        """`wait_for_room` for threads: waits here, with the GIL released, and hears signals."""
        return block_for_room(*self._wait_arguments(lane, n, timeout))

    def request(
        self, lane: str, n: int, *, record_bytes: int = 1024, timeout: float | None = 0.0
    ) -> Grant:
        """Set room aside for up to ``n`` records that this thread is about to emit.

        Args:
            lane: Its name.
            n: How many are wanted.
            record_bytes: The most that one takes, 1..16 MiB: 32 bytes and what the values take.
            timeout: Seconds to wait for the first of them, 0..86400. None: as long as it takes.

        Returns:
            Grant: how many there is room for, 0..n, as an int. Until it is released, what this
            thread emits into the lane is not turned away for want of room, up to that number. At
            most half of a lane is granted at any time.

        Raises:
            OptionError: there is no such lane, or a record cannot be so large there.

        The GIL is released while waiting. On an event loop all tasks are one thread: emit what the
        grant is for before the next ``await``, and wait with `wait_for_room` rather than here.
        """
        count = whole("n", n, 1, _MOST_RECORDS)
        size = whole("record_bytes", record_bytes, 1, _MOST_RECORD_BYTES)
        return request(self._core, text("lane", lane), count, size, checked_timeout(timeout))

    def dump_recorder(self, seconds: float | None = None) -> bool:
        """Send what the flight recorder holds, as if an error had come.

        Args:
            seconds: How far back, 0..86400. None: the recorder's ``window``.

        Returns:
            bool: False where nothing was recorded yet, or the collector is shut down.

        Raises:
            OptionError: the collector was made without a ``flight_recorder``.

        Returns at once; what is released counts as emitted, and ships like any record.
        """
        status = self._core.dump_recorder(checked_timeout(seconds, name="seconds"))
        if status == INVALID_ARGUMENT:
            raise OptionError("flight_recorder: None, so there is nothing to dump")
        return status == OK

    def _wait_arguments(
        self, lane: str, n: int, timeout: float | None
    ) -> tuple[core.Collector, str, int, float | None]:
        count = whole("n", n, 1, _MOST_RECORDS)
        return self._core, text("lane", lane), count, checked_timeout(timeout)
