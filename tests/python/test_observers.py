"""Callbacks of observable instruments: whatever one does, the others are asked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from forebay import _observers
from tests.python.metrics_harness import harness


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
