"""How long a block, a function, a coroutine or a generator takes: what ``time()`` returns."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Timer:
    """Records how long a block, a function or a coroutine took: what ``time()`` returns.

    For ``with``, ``async with``, and as a decorator of a function, also an ``async`` one. Of a
    generator, ``async`` or not, it is the time from the first step until the end, or until it is
    closed. It records whether or not an exception leaves.
    """

    __slots__ = ("_begun", "_record", "_scale")

    def __init__(self, record: Callable[[float], object], scale: float) -> None:
        self._record = record
        self._scale = scale
        self._begun: list[float] = []

    def __enter__(self) -> None:
        self._begun.append(time.perf_counter())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._record_since(self._begun.pop())

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

        timed: Callable[..., Any]
        if iscoroutinefunction(function):
            timed = self._coroutine(function)
        elif isgeneratorfunction(function):
            timed = self._generator(function)
        elif isasyncgenfunction(function):
            timed = self._async_generator(function)
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
