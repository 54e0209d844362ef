"""How long a block, a function, a coroutine or a generator takes: what ``time()`` returns."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from threading import get_ident
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

# When something began, and what the same thread or task had begun before it.
_Begun = tuple[float, "_Begun | None"]

# Once somebody else has loaded it: there are no tasks before, and it takes long to load.
_asyncio: Any = None


class Timer:
    """Records how long a block, a function or a coroutine took: what ``time()`` returns.

    For ``with``, ``async with``, and as a decorator of a function, also an ``async`` one. Of a
    generator, ``async`` or not, it is the time from the first step until the end, or until it is
    closed. It records whether or not an exception leaves. One that is kept may be used by several
    threads and tasks of asyncio at once, and within itself.
    """

    __slots__ = ("_begun", "_record", "_scale")

    def __init__(self, record: Callable[[float], object], scale: float) -> None:
        self._record = record
        self._scale = scale
        # By the thread or task that is in a block. No lock: a handler of a signal may come here.
        self._begun: dict[object, _Begun] = {}

    def __enter__(self) -> None:
        whose = _whose()
        self._begun[whose] = (time.perf_counter(), self._begun.get(whose))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = time.perf_counter()
        whose = _whose()
        found = self._begun.pop(whose, None)
        if found is None:  # another one has begun it, as happens to generators: the last one is it
            whose, found = self._begun.popitem()
        begun, before = found
        if before is not None:
            self._begun[whose] = before
        self._record((ended - begun) * self._scale)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """The function, timed at each call."""
        # As late as that: it costs more than all the rest.
        from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

        # An object that is called may have an `async def __call__`.
        called = (function, type(_without_partial(function)).__call__)
        timed: Callable[..., Any]
        if any(map(iscoroutinefunction, called)):
            timed = self._coroutine(function)  # type: ignore[arg-type]
        elif any(map(isgeneratorfunction, called)):
            timed = self._generator(function)  # type: ignore[arg-type]
        elif any(map(isasyncgenfunction, called)):
            timed = self._async_generator(function)  # type: ignore[arg-type]
        else:
            timed = self._function(function)
        return functools.wraps(function)(timed)

    def _record_since(self, begun: float) -> None:
        self._record((time.perf_counter() - begun) * self._scale)

    def _function(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        record, scale = self._record, self._scale

        def timed(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                record((time.perf_counter() - begun) * scale)

        return timed

    def _coroutine(self, function: Callable[_P, Awaitable[_R]]) -> Callable[_P, Awaitable[_R]]:
        async def timed(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            begun = time.perf_counter()
            try:
                return await function(*args, **kwargs)
            finally:
                self._record_since(begun)

        return timed

    def _generator(
        self, function: Callable[_P, Generator[Any, Any, _R]]
    ) -> Callable[_P, Generator[Any, Any, _R]]:
        def timed(*args: _P.args, **kwargs: _P.kwargs) -> Generator[Any, Any, _R]:
            begun = time.perf_counter()
            try:
                return (yield from function(*args, **kwargs))
            finally:
                self._record_since(begun)

        return timed

    def _async_generator(
        self, function: Callable[_P, AsyncGenerator[Any, Any]]
    ) -> Callable[_P, AsyncGenerator[Any, Any]]:
        async def timed(*args: _P.args, **kwargs: _P.kwargs) -> AsyncGenerator[Any, Any]:
            begun = time.perf_counter()
            try:
                steps = function(*args, **kwargs)
                step = steps.asend(None)
                # What is sent and thrown goes inside, as `yield from` has it.
                while True:
                    try:
                        told = await step
                    except StopAsyncIteration:
                        return
                    try:
                        step = steps.asend((yield told))
                    except GeneratorExit:
                        await steps.aclose()
                        raise
                    except BaseException as error:
                        step = steps.athrow(error)
            finally:
                self._record_since(begun)

        return timed


def _whose() -> object:
    """The asyncio task that is running here; where none is, the thread."""
    global _asyncio
    if _asyncio is None:
        found = sys.modules.get("asyncio")
        if not hasattr(found, "current_task"):  # nobody has loaded it, or not all of it yet
            return get_ident()
        _asyncio = found
    loop = _asyncio._get_running_loop()
    return get_ident() if loop is None else _asyncio.current_task(loop) or get_ident()


def _without_partial(function: Callable[..., object]) -> Callable[..., object]:
    while isinstance(function, functools.partial):
        function = function.func
    return function
