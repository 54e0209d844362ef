"""Callbacks of observable instruments: whatever one does, the others are asked."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction

import pytest

import forebay
from forebay import _observers
from tests.python.in_memory import run_python
from tests.python.metrics_harness import harness
from tests.waiting import wait_until


class Unsayable(Exception):
    """Nothing can be told about it."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), Unsayable()],
)
def test_a_callback_ends_no_thread(
    error: BaseException, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by what is no Exception: it has failed as any other, and its thread goes on."""
    dispatcher = _observers._Dispatcher()
    monkeypatch.setattr(_observers, "_dispatcher", dispatcher)

    def fails() -> float:
        raise error

    with harness() as made:
        name = f"failing.{type(error).__name__}"
        observed = [
            made.collector.observable_gauge("first", lambda: 1),
            made.collector.observable_gauge(name, fails),
            made.collector.observable_gauge("last", lambda: 1),
        ]
        for round_ in range(1, 4):
            assert {point.name for point in made.collect()} == {"first", "last"}
            notes = made.collector.stats().notes
            assert (notes["callbacks_failed"], notes["callbacks_late"]) == (round_, 0)
        assert 1 <= dispatcher._workers._count <= 2
        for each in observed:
            each.close()  # type: ignore[attr-defined]
    assert f"a callback of '{name}' raised" in capfd.readouterr().err


def test_a_thread_that_cannot_be_started_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one that is needed is."""
    workers = _observers._Workers()

    def refuses(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuses)
        workers.need_one()
        assert workers._count == 0
    workers.need_one()
    workers.need_one()
    assert workers._count == 1


def test_callbacks_that_hang_keep_no_other_from_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many, also those of another collector; when they return, their threads end."""
    dispatcher = _observers._Dispatcher()
    monkeypatch.setattr(_observers, "_dispatcher", dispatcher)
    is_over = threading.Event()
    observed = []
    try:
        with harness(callback_timeout=0.5) as hung, harness() as made:
            for number in range(40):
                observed.append(
                    hung.collector.observable_gauge(f"hung.{number}", lambda: is_over.wait(60))
                )
            for collector in (hung.collector, made.collector):
                observed.append(collector.observable_gauge("healthy", lambda: 1))
            # The first time threads may come too late.
            assert wait_until(lambda: [p.name for p in hung.collect()] == ["healthy"], 30)
            assert [point.name for point in made.collect()] == ["healthy"]
            assert hung.collector.stats().notes["callbacks_late"] >= 40
            assert 41 <= dispatcher._workers._count <= 42
            is_over.set()
            most = _observers._MOST_IDLE
            assert wait_until(lambda: dispatcher._workers._count <= most, 30)
            assert wait_until(lambda: len(hung.collect()) == 41, 30)
    finally:
        is_over.set()
    for each in observed:
        each.close()  # type: ignore[attr-defined]


def test_callbacks_that_hang_do_not_hold_the_end_of_the_program() -> None:
    """Nobody waits for their threads."""
    done = run_python(
        """
        import time, forebay
        options = forebay.MetricsOptions(callback_timeout=0.1)
        collector = forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options)
        for number in range(20):
            collector.observable_gauge(f"hung.{number}", lambda: time.sleep(3600))
        print(collector.flush(30).complete, collector.stats().notes["callbacks_late"])
        """
    )
    assert done.stdout == "True 20\n"


class Whole:
    """A number, by `operator.index`."""

    def __index__(self) -> int:
        return 4


class WithoutDimensions:
    """A number that looks like an iterable, as an array of numpy's without dimensions."""

    def __iter__(self) -> object:
        raise TypeError("iteration over a 0-d array")

    def __float__(self) -> float:
        return 2.5


@pytest.mark.parametrize(
    ("told", "value"),
    [
        (Fraction(3, 4), 0.75),
        (Whole(), 4),
        (WithoutDimensions(), 2.5),
        ([WithoutDimensions()], 2.5),
        ((Whole() for _ in range(1)), 4),
        (forebay.Observation(Whole()), 4),  # type: ignore[arg-type]
    ],
)
def test_whatever_is_a_number_is_a_value(told: object, value: float) -> None:
    """As it is for instruments that are no observable ones."""
    with harness() as made:
        observed = made.collector.observable_gauge("depth", lambda: told)
        (point,) = made.collect()
        assert point.value == value
        observed.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("told", ["17", b"17", ["17"], object(), 1j, ""])
def test_what_is_no_number_is_a_failure(told: object, capfd: pytest.CaptureFixture[str]) -> None:
    """A text is none, although `float` takes it."""
    name = f"no_number.{type(told).__name__}.{len(repr(told))}"
    with harness() as made:
        observed = made.collector.observable_gauge(name, lambda: told)
        assert made.collect() == []
        assert made.collector.stats().notes["callbacks_failed"] == 1
        observed.close()  # type: ignore[attr-defined]
    assert f"'{name}' raised TypeError: " in (said := capfd.readouterr().err)
    assert "is neither a number nor an Observation" in said


def test_a_callback_is_told_how_long_it_is_waited_for() -> None:
    """`callback_timeout`; where nobody said it, the interval if that is shorter than 5 s."""
    timeouts: list[float] = []

    def tells(options: _observers.CallbackOptions) -> int:
        timeouts.append(options.timeout_millis)
        return 1

    for options in (
        forebay.MetricsOptions(callback_timeout=0.75),
        forebay.MetricsOptions(interval=2),
        forebay.MetricsOptions(),
        None,
    ):
        exporter = forebay.MemoryExporter()
        with forebay.Collector(exporter=exporter, metrics=options) as collector:
            observed = collector.observable_gauge("depth", tells)
            assert collector.flush(30).complete
            observed.close()  # type: ignore[attr-defined]
        assert collector.audit().balanced
    assert list(dict.fromkeys(timeouts)) == [750, 2000, 5000]


def test_of_the_process_default_it_is_the_timeout_of_who_was_started() -> None:
    """And before that the default's default."""
    run_python(
        """
        import forebay
        timeouts = []
        def tells(options):
            timeouts.append(options.timeout_millis)
            return 1
        forebay.observable_gauge("depth", tells)
        assert forebay._metrics._default._instrument_cache.callback_timeout() == 5
        options = forebay.MetricsOptions(callback_timeout=0.75)
        collector = forebay.start(exporter=forebay.MemoryExporter(), metrics=options)
        assert collector.flush(30).complete
        assert timeouts == [750], timeouts
        """
    )
