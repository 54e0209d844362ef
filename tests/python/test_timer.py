"""`time()` of a histogram: what it decorates, and what it does with attributes that are none."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

import forebay
from forebay import _timer
from tests.python.metrics_harness import Key, harness

# No machine is so quick that it shows, nor so slow that it does not. Unit: s.
SHORT = 0.02


def counts(name: str, points: list[Any]) -> dict[Key, int]:
    return {point.key: point.data.count for point in points if point.name == name}


def test_it_decorates_without_a_call() -> None:
    """A function and a coroutine, of a histogram and of a series of it."""
    with harness() as made:
        latency = made.collector.histogram("latency", unit="s")
        series = latency.bind({"a": 1})

        @latency.time
        def work(value: int) -> int:
            """Its own words."""
            return value + 1

        @series.time
        async def work_later(value: int) -> int:
            return value + 2

        assert (work(1), asyncio.run(work_later(1))) == (2, 3)
        assert (work.__name__, work.__doc__) == ("work", "Its own words.")
        assert counts("latency", made.collect()) == {(): 1, (("a", "int", 1),): 1}


def test_a_generator_is_timed_from_its_first_step_to_its_end() -> None:
    """What is sent, thrown and returned goes through; one that is never begun is none."""
    with harness() as made:
        latency = made.collector.histogram("latency", unit="s")

        @latency.time({"how": "steps"})
        def steps() -> Generator[int, int, str]:
            sent = yield 1
            try:
                yield sent
            except KeyError:
                time.sleep(SHORT)
            return "end"

        assert inspect.isgeneratorfunction(steps)
        begun = steps()
        assert made.collect() == []
        assert (next(begun), begun.send(5)) == (1, 5)
        assert made.collect() == []
        with pytest.raises(StopIteration) as ended:
            begun.throw(KeyError())
        assert ended.value.value == "end"
        (point,) = made.collect()
        assert point.data.count == 1
        assert point.data.sum >= SHORT
        closed = steps()
        next(closed)
        closed.close()
        steps()
        (point,) = made.collect()
        assert point.data.count == 2


def test_an_async_generator_is_timed_from_its_first_step_to_its_end() -> None:
    """As one that is not."""
    closed: list[bool] = []

    async def use(steps: Callable[[], AsyncGenerator[int, int]], told: Callable[[], Any]) -> None:
        steps()
        begun = steps()
        assert (await begun.asend(None), await begun.asend(5)) == (1, 5)  # type: ignore[arg-type]
        assert told() == []
        with pytest.raises(StopAsyncIteration):
            await begun.athrow(KeyError())
        (point,) = told()
        assert point.data.count == 1
        assert point.data.sum >= SHORT
        ended = steps()
        await anext(ended)
        await ended.aclose()
        assert closed == [True, True]
        failing = steps()
        await anext(failing)
        with pytest.raises(ZeroDivisionError):
            await failing.asend(0)

    with harness() as made:
        latency = made.collector.histogram("latency", unit="s")

        @latency.time
        async def steps() -> AsyncGenerator[int, int]:
            try:
                sent = yield 1
                yield 25 // sent
            except KeyError:
                await asyncio.sleep(SHORT)
            finally:
                closed.append(True)

        assert inspect.isasyncgenfunction(steps)
        asyncio.run(use(steps, made.collect))
        (point,) = made.collect()
        assert point.data.count == 3


@pytest.mark.parametrize("attributes", [[("a", 1)], 5, "abc"])
def test_attributes_that_are_no_mapping_cost_no_block(
    attributes: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """They are told once, and it is measured without them."""
    with harness() as made:
        latency = made.collector.histogram(f"latency.{type(attributes).__name__}")
        ran = 0
        for _ in range(2):
            with latency.time(attributes):
                ran += 1
        assert ran == 2
        assert counts(f"latency.{type(attributes).__name__}", made.collect()) == {(): 2}
    assert capfd.readouterr().err.count(f"{type(attributes).__name__} is no mapping") == 1


def test_a_series_of_attributes_that_are_no_mapping_is_an_option_error() -> None:
    """Which names the argument."""
    with harness() as made:
        latency = made.collector.histogram("latency")
        with pytest.raises(forebay.OptionError, match="attributes: 'abc' is not a mapping"):
            latency.bind("abc")  # type: ignore[arg-type]


class Clock:
    """Stands still until it is set."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_timer, "time", SimpleNamespace(perf_counter=lambda: made.now))
    return made


def test_overlapping_blocks_of_threads_have_their_own_durations(clock: Clock) -> None:
    """Of one timer; a block within a block of the same thread, too."""
    told: list[float] = []
    timer = _timer.Timer(told.append, 1.0)
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:

        def at(now: float, pool: ThreadPoolExecutor, does: Callable[[], None]) -> None:
            clock.now = now
            pool.submit(does).result()

        def leave() -> None:
            timer.__exit__(None, None, None)

        at(0, first, timer.__enter__)
        at(1, second, timer.__enter__)
        at(3, first, timer.__enter__)
        at(7, second, timer.__enter__)
        for now, pool in ((15, first), (31, second), (63, first), (127, second)):
            at(now, pool, leave)
        assert told == [15 - 3, 31 - 7, 63 - 0, 127 - 1]
        assert not timer._begun


def test_overlapping_blocks_of_tasks_have_their_own_durations(clock: Clock) -> None:
    """Of one timer, in one thread, also where a task is made within a block."""
    told: list[tuple[str, float]] = []

    async def work(name: str, timer: _timer.Timer, turns: list[tuple[str, float]]) -> None:
        async def until_turn() -> None:
            while turns[0][0] != name:
                await asyncio.sleep(0)
            clock.now = turns.pop(0)[1]

        await until_turn()
        with timer:
            await until_turn()
            async with timer:
                await until_turn()
            told[-1] = (name, told[-1][1])
            await until_turn()
        told[-1] = (name, told[-1][1])

    async def main() -> None:
        timer = _timer.Timer(lambda seconds: told.append(("", seconds)), 1.0)
        turns = [(name, 2.0**turn - 1) for turn, name in enumerate("abbabaab")]
        with timer:
            both = [asyncio.create_task(work(name, timer, turns)) for name in "ab"]
            await asyncio.gather(*both)
            clock.now = 255
        assert not timer._begun

    asyncio.run(main())
    assert told == [("b", 12), ("a", 24), ("a", 63), ("b", 126), ("", 255)]


def test_a_block_may_end_in_another_thread(clock: Clock) -> None:
    """As those of generators do that a pool of threads steps through: the last one ends."""
    told: list[float] = []
    timer = _timer.Timer(told.append, 1.0)
    clock.now = 1.0
    timer.__enter__()
    with ThreadPoolExecutor(1) as other:
        clock.now = 5.0
        other.submit(timer.__exit__, None, None, None).result()
    assert told == [4.0]
    assert not timer._begun


class Handler:
    """Called like a function."""

    async def __call__(self, value: int) -> int:
        await asyncio.sleep(SHORT)
        return value + 1


class Steps:
    """Called like a generator function."""

    def __call__(self, count: int) -> Generator[int, None, None]:
        for number in range(count):
            time.sleep(SHORT)
            yield number


@pytest.mark.parametrize("handler", [Handler(), functools.partial(Handler()), Handler().__call__])
def test_an_object_that_is_called_as_a_coroutine_is_timed_as_one(handler: Any) -> None:
    """What it awaits is in the duration."""
    with harness() as made:
        timed = made.collector.histogram("latency", unit="s").time(handler)
        assert inspect.iscoroutinefunction(timed)
        assert asyncio.run(timed(1)) == 2
        (point,) = made.collect()
        assert (point.data.count, point.data.sum >= SHORT) == (1, True)


def test_an_object_that_is_called_as_a_generator_is_timed_as_one() -> None:
    """To its last step."""
    with harness() as made:
        timed = made.collector.histogram("latency", unit="s").time(Steps())
        assert list(timed(2)) == [0, 1]
        (point,) = made.collect()
        assert (point.data.count, point.data.sum >= 2 * SHORT) == (1, True)
