"""`time()` of a histogram: what it decorates, and what it does with attributes that are none."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

import forebay
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
