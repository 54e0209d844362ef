"""Callbacks of observable instruments, on threads of Python's own.

One thread waits for the core to ask; the callbacks run on others, so that one which hangs keeps
nobody from being asked. These are daemon threads: at the interpreter's end they are stopped where
no frame of C++ is on their stacks.
"""

from __future__ import annotations

import inspect
import os
import queue
import select
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from . import _core
from ._errors import OptionError
from ._exceptions import describe
from ._warnings import say_once

# How long a callback may run until other threads take over those that wait. Unit: s.
_PATIENCE = 0.1
# More threads than that do not wait for something to do.
_MOST_IDLE = 4


@dataclass(frozen=True)
class Observation:
    """A value that a callback tells, with the attributes of its series."""

    value: float
    attributes: Mapping[str, object] | None = None


@dataclass(frozen=True)
class CallbackOptions:
    """What a callback that takes an argument gets; OpenTelemetry's signature."""

    timeout_millis: float = 10_000


Callback = Callable[..., object]


def checked_callbacks(callbacks: object) -> tuple[Callback, ...]:
    """One callback, or several."""
    found = (callbacks,) if callable(callbacks) else callbacks
    if not isinstance(found, Iterable):
        raise OptionError(f"callbacks: {callbacks!r} is not a function, or a list of them")
    functions = []
    for index, function in enumerate(found):
        if not callable(function):
            raise OptionError(f"callbacks[{index}]: {function!r} is not a function")
        functions.append(function)
    return tuple(functions)


class ObservedInstrument:
    """What ends the calls of an observable instrument's callbacks."""

    def __init__(
        self,
        instrument: object,
        callbacks: Iterable[Callback],
        name: str,
        timeout: Callable[[], float],
    ) -> None:
        """Begin to ask them.

        Args:
            timeout: How long a collection waits for them at present. Unit: s.
        """
        self._watched = [
            _dispatcher.add(_Watched(instrument, each, name, timeout)) for each in callbacks
        ]

    def close(self) -> None:
        """End the calls; one that is under way goes on. A second time does nothing."""
        watched, self._watched = self._watched, []
        for each in watched:
            _dispatcher.remove(each)


@dataclass(eq=False)
class _Watched:
    """A callback, and what the core asks it through."""

    instrument: object
    callback: Callback
    name: str
    timeout: Callable[[], float]
    takes_options: bool = field(init=False)
    number: int = 0
    core: _core.Observer | None = None

    def __post_init__(self) -> None:
        self.takes_options = _takes_an_argument(self.callback)

    def answer(self, observation: _core.Observation) -> None:
        failures = 1
        try:
            if self.takes_options:
                told = self.callback(CallbackOptions(self.timeout() * 1000))
            else:
                told = self.callback()
            for value, attributes in _values(told):
                observation.observe(value, attributes)
            failures = 0
        except BaseException as error:  # SystemExit, too: the thread is not the callback's to end
            name, message, _ = describe(error)
            say_once(f"a callback of {self.name!r} raised {name}{message and f': {message}'}")
        finally:
            observation.end(failures)


def _takes_an_argument(callback: Callback) -> bool:
    try:
        inspect.signature(callback).bind()
    except TypeError:
        return True
    except ValueError:  # a function of C without a signature
        return False
    return False


def _values(told: object) -> Iterable[tuple[object, Mapping[str, object] | None]]:
    """The values of what a callback returned."""
    if told is None:
        return
    several: Iterable[object] = (told,)
    # An array of numpy's without dimensions looks like an iterable, and is none.
    if isinstance(told, Iterable) and not isinstance(told, str | bytes | bytearray):
        with suppress(TypeError):
            several = iter(told)
    for each in several:
        yield _value(each)


def _value(told: Any) -> tuple[object, Mapping[str, object] | None]:
    if isinstance(told, int | float):
        return told, None
    # OpenTelemetry's own Observation has the same two attributes.
    if hasattr(told, "value") and hasattr(told, "attributes"):
        return told.value, told.attributes
    if hasattr(told, "__float__") or hasattr(told, "__index__"):
        return told, None
    raise TypeError(f"{type(told).__name__} is neither a number nor an Observation")


class _Workers:
    """The threads that run callbacks, and what waits for one. A forked child has its own."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[_Watched] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0
        self._busy = 0
        self._pid = os.getpid()

    def need_one(self) -> None:
        """Where all are busy, another one comes; where none can come now, the jobs wait.

        There is no limit, so that callbacks that hang keep no other from being asked. None is
        called again before it returns: there are about as many threads as callbacks at most.
        """
        self._need(1)

    def need_as_many_again(self) -> None:
        """The jobs have waited for long: what hangs before them may be many."""
        self._need(min(max(self._count, 1), self.jobs.qsize()))

    def _need(self, most: int) -> None:
        with self._lock:
            if self._count > self._busy:
                return
        for _ in range(most):
            self._start_one()

    def _start_one(self) -> None:
        with self._lock:
            self._count += 1
        try:
            threading.Thread(target=self._work, name="forebay-observer", daemon=True).start()
        except BaseException as error:
            with self._lock:
                self._count -= 1
            if not isinstance(error, RuntimeError | MemoryError):
                raise

    def _work(self) -> None:
        try:
            # A callback may fork: what comes back in the child does not go on.
            while os.getpid() == self._pid:
                watched = self.jobs.get()
                with suppress(BaseException):
                    self._run(watched)
                with self._lock:
                    if self._count - self._busy > _MOST_IDLE:
                        return
        finally:
            with self._lock:
                self._count -= 1

    def _run(self, watched: _Watched) -> None:
        observation = None if watched.core is None else watched.core.take()
        if observation is None:
            return
        with self._lock:
            self._busy += 1
        try:
            watched.answer(observation)
        finally:
            with self._lock:
                self._busy -= 1


class _Dispatcher:
    def __init__(self) -> None:
        # A handler of signals may shut a collector down while its thread is in here.
        self._lock = threading.RLock()
        self._bell: _core.Bell | None = None
        self._watched: dict[int, _Watched] = {}
        self._last = 0
        self._thread: threading.Thread | None = None
        # In a child: its parent's, which the core refers to as long as the process lives.
        self._of_parents: list[_core.Observer | None] = []
        self._workers = _Workers()

    def add(self, watched: _Watched) -> _Watched:
        with self._lock:
            if self._bell is None:
                self._bell = _core.Bell()
            self._last += 1
            watched.number = self._last
            self._watched[watched.number] = watched
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._serve, args=(self._bell,), name="forebay-observe", daemon=True
                )
                self._thread.start()
            bell = self._bell
        # Not under the lock: it may start the collector.
        watched.core = _core.Observer(watched.instrument, bell, watched.number)
        return watched

    def remove(self, watched: _Watched) -> None:
        with self._lock:
            self._watched.pop(watched.number, None)
        if watched.core is not None:
            watched.core.close()

    def after_fork_in_child(self) -> None:
        """Begin again: threads and descriptor are the parent's."""
        self._lock = threading.RLock()
        self._bell = self._thread = None
        self._workers = _Workers()
        watched, self._watched = self._watched, {}
        for each in watched.values():
            # The core goes on to ask the parent's ones, which answer nothing: never freed, so that
            # it does not ask what lies in their place by then.
            self._of_parents.append(each.core)
            with suppress(Exception):
                self.add(each)

    def _serve(self, bell: _core.Bell) -> None:
        poll = select.poll()
        poll.register(bell.fileno(), select.POLLIN)
        workers = self._workers
        while True:
            poll.poll(None if workers.jobs.empty() else _PATIENCE * 1000)
            rung = bell.take()
            for number in rung:
                watched = self._watched.get(number)
                if watched is not None:
                    workers.jobs.put(watched)
            if workers.jobs.empty():
                continue
            if rung:
                workers.need_one()
            else:
                workers.need_as_many_again()


_dispatcher = _Dispatcher()
os.register_at_fork(after_in_child=_dispatcher.after_fork_in_child)
