"""Pressure: the signal to slow down that comes before anything is lost."""

from __future__ import annotations

import enum
import os
import select
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from . import _core
from ._warnings import say_once


class Pressure(enum.IntEnum):
    """How hard a lane is pressed. Ordered: ``pressure >= Pressure.PRESSURED``."""

    NORMAL = 0
    # Filled above its high watermark, and since then not under its low one.
    PRESSURED = 1
    # Records were lost or refused for want of room, or wait for it.
    FULL = 2

    def __str__(self) -> str:
        return self.name.lower()


STATES = tuple(Pressure)


@dataclass(frozen=True)
class PressureChange:
    """A lane whose pressure is another one now."""

    lane: str
    # The lane's own, and the highest of all lanes.
    lane_state: Pressure
    state: Pressure


Callback = Callable[[PressureChange], object]


class PressureWatch:
    """What `Collector.on_pressure` returns. `close`, or the end of a ``with``, ends the calls."""

    def __init__(self, collector: _core.Collector, callback: Callback) -> None:
        self._collector = collector
        self._callback = callback
        self._core: _core.PressureWatch | None = None
        _dispatcher.add(self)

    def close(self) -> None:
        """End the calls. From any thread, also from a callback; a second call does nothing.

        A call that is under way in another thread may still go on.
        """
        _dispatcher.remove(self)

    def __enter__(self) -> PressureWatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Dispatcher:
    """The one thread in which callbacks run: none while nobody watches.

    A daemon thread, which waits in ``poll``: at the interpreter's end it is stopped there, where no
    frame of C++ is on its stack.
    """

    def __init__(self) -> None:
        # A watch may end by garbage collection, in the middle of what has the lock.
        self._lock = threading.RLock()
        self._bell: _core.Bell | None = None
        self._watches: dict[PressureWatch, None] = {}
        self._thread: threading.Thread | None = None

    def add(self, watch: PressureWatch) -> None:
        with self._lock:
            if self._bell is None:
                self._bell = _core.Bell()
            watch._core = _core.PressureWatch(watch._collector, self._bell)
            self._watches[watch] = None
            self._run()

    def remove(self, watch: PressureWatch) -> None:
        with self._lock:
            self._watches.pop(watch, None)
            core, watch._core = watch._core, None
        if core is not None:
            core.close()

    def after_fork_in_child(self) -> None:
        """Begin again: the thread is the parent's, and so is what the descriptor tells."""
        self._lock = threading.RLock()
        self._bell = self._thread = None
        watches, self._watches = self._watches, {}
        for watch in watches:
            with suppress(Exception):
                self.add(watch)

    def _run(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._serve, args=(self._bell,), name="forebay-pressure", daemon=True
            )
            self._thread.start()

    def _serve(self, bell: _core.Bell) -> None:
        poll = select.poll()
        poll.register(bell.fileno(), select.POLLIN)
        while True:
            poll.poll()
            bell.take()
            with self._lock:
                watches = list(self._watches)
            for watch in watches:
                core = watch._core
                for change in [] if core is None else core.take():
                    _call(watch, change)


def _call(watch: PressureWatch, change: tuple[int, str, int]) -> None:
    state, lane, lane_state = change
    if watch._core is None:  # closed by an earlier call
        return
    try:
        watch._callback(PressureChange(lane, STATES[lane_state], STATES[state]))
    except Exception as error:
        # Told once, and not through the logs: those are what is pressed.
        what = f"{type(error).__name__}: {error}"
        say_once(f"a callback of on_pressure raised: {watch._callback!r}: {what}")


_dispatcher = _Dispatcher()
os.register_at_fork(after_in_child=_dispatcher.after_fork_in_child)


class PressureChanges:
    """What `Collector.pressure_changes` returns: each change since then, on the running event loop.

    Of those that nobody came for, the last of each lane. `close`, or letting go of it, ends it.
    """

    def __init__(self, collector: _core.Collector) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        self._arrived = arrived = asyncio.Event()
        self._kept = kept = OrderedDict[str, PressureChange]()

        # Neither may refer to self, or nobody could let go of it.
        def keep(change: PressureChange) -> None:
            kept[change.lane] = change
            kept.move_to_end(change.lane)
            arrived.set()

        def hand_over(change: PressureChange) -> None:
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(keep, change)

        self._watch = PressureWatch(collector, hand_over)

    def __aiter__(self) -> PressureChanges:
        return self

    async def __anext__(self) -> PressureChange:
        while not self._kept:
            self._arrived.clear()
            await self._arrived.wait()
        return self._kept.popitem(last=False)[1]

    def close(self) -> None:
        """End the calls."""
        self._watch.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # there was no event loop
            self._watch.close()
