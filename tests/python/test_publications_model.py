"""The directory of a service's processes against a model, and with readers and folders at once."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay._publications import fold
from tests.python.publication_files import NOBODY, counted, publish, shown

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.integers(0, 4), st.floats(0, 1e6)),
        st.tuples(st.just("end"), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("fold"), st.just(0), st.just(0)),
        st.tuples(st.just("killed fold"), st.just(0), st.integers(0, 4)),
    ),
    max_size=30,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_ends_and_is_folded_the_sum_is_what_was_counted_and_never_falls(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, Any]]
) -> None:
    """Processes count, end, or are killed; folders fold, or are killed in the middle."""
    directory = tmp_path_factory.mktemp("model")
    generation = [0] * 5
    counts: dict[str, float] = {}
    last = -1.0
    for what, number, value in steps:
        instance = f"p{number}-{generation[number]}"
        if what == "count":
            counts[instance] = counts.get(instance, 0.0) + value
            publish(directory, instance, counted(counts[instance]), pid=os.getpid())
        elif what == "end" and instance in counts:
            path = publish(
                directory,
                instance,
                counted(counts[instance]),
                pid=os.getpid() if value else NOBODY,
                ended=value,
            )
            if not value:  # the one of the living process is the same file in truth
                (directory / f"shop.{os.getpid()}.{instance}.om").unlink(missing_ok=True)
                assert path.exists()
            generation[number] += 1
        elif what == "fold":
            fold(directory)
        elif what == "killed fold":
            _kill_a_fold(directory, value)
        if counts:
            found = shown(directory)["orders_total{region=eu}"]
            assert found == float(sum(map(Fraction, counts.values())))
            assert found >= last
            last = found


def _kill_a_fold(directory: Path, after: int) -> None:
    class Killed(BaseException):
        pass

    left = after

    def die(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        os.unlink(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with suppress(Killed):
            fold(directory)


# -- at the same time -----------------------------------------------------------------------------


@pytest.fixture
def in_background() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Calls a function again and again on a thread to the test's end; what it raises counts."""
    stop = threading.Event()
    errors: list[BaseException] = []
    threads = []

    def begin(function: Callable[[], object]) -> None:
        def run() -> None:
            try:
                while not stop.is_set():
                    function()
            except BaseException as error:
                errors.append(error)

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_readers_beside_folders_never_see_a_sum_fall(
    tmp_path: Path, in_background: Callable[[Callable[[], object]], None]
) -> None:
    """Nor one that is too high: each process counted one before it ended."""
    begun = 0

    def look(state: list[float]) -> None:
        before = len(finished)
        found = shown(tmp_path).get("orders_total{region=eu}", 0.0)
        assert state[0] <= found
        assert before <= found <= begun
        state[0] = found

    finished: list[int] = []
    in_background(lambda: fold(tmp_path))
    for _ in range(2):
        state = [0.0]
        in_background(lambda state=state: look(state))  # type: ignore[misc]
    shuffle = random.Random(7)
    for number in range(150):
        begun += 1
        publish(tmp_path, f"i{number}", counted(1), ended=shuffle.random() < 0.5)
        finished.append(number)
    assert shown(tmp_path)["orders_total{region=eu}"] == 150
