"""Laws of metrics, seen from outside: nothing lost, nothing doubled, what is none is counted."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import forebay
from forebay import View
from tests.python.metrics_harness import OVERFLOW, Key, Point, Value, harness
from tests.python.metrics_model import assert_is_sum_of, key_of
from tests.python.test_metrics_model import ATTRIBUTES, repeatably

# -- threads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
@pytest.mark.parametrize("histogram", ["explicit", "exponential"])
def test_collections_beside_twelve_threads_lose_and_double_nothing(
    temporality: str, histogram: str
) -> None:
    """More threads than a series has cells of their own, and deltas end where the next begin."""
    values = [0.0, 0.5, 1.0, 3.0, 1e-9, 4e9]
    finished = threading.Event()
    points: list[Point] = []
    with harness(temporality=temporality, histogram=histogram) as made:
        orders = made.collector.counter("orders")
        sizes = made.collector.histogram("sizes")

        def work() -> None:
            bound = sizes.bind({"who": "all"})
            for n in range(600):
                orders.add(n % 3, {"n": n % 4})
                bound.record(values[n % len(values)])

        def collect() -> None:
            while not finished.is_set():
                points.extend(made.collect())

        with ThreadPoolExecutor(13) as pool:
            collecting = pool.submit(collect)
            for each in [pool.submit(work) for _ in range(12)]:
                each.result()
            finished.set()
            collecting.result()
        points += made.collect()
    sums = [point for point in points if point.name == "orders"]
    if temporality == "cumulative":
        sums = list({point.key: point for point in sums}.values())
    assert sum(point.value for point in sums) == 12 * 600
    found = [point for point in points if point.name == "sizes"]
    if temporality == "cumulative":
        found = found[-1:]
    else:
        # An interval in which nothing was measured has no point, so there may be a gap.
        assert all(one.time <= other.start for one, other in pairwise(found))
    assert sum(point.data.count for point in found) == 12 * 600
    everything = [value for value in values for _ in range(12 * 100)]
    assert_is_sum_of(math.fsum(point.data.sum for point in found), everything)
    assert min(point.data.min for point in found) == 0.0
    assert max(point.data.max for point in found) == 4e9
    if histogram == "explicit":
        counts = [sum(each) for each in zip(*(p.data.bucket_counts for p in found), strict=True)]
        assert [n for n in counts if n] == [1200, 4 * 1200, 1200]
    else:
        assert sum(point.data.zero_count for point in found) == 1200
        assert sum(sum(p.data.positive.bucket_counts) for p in found) == 5 * 1200


# -- what somebody else keeps --------------------------------------------------------------------

OBSERVED_KINDS = ["observable_counter", "observable_up_down_counter", "observable_gauge"]
OBSERVATIONS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-(2**50), 2**50) | st.floats(-1e6, 1e6)), max_size=5
)


@repeatably
@given(
    kind=st.sampled_from(OBSERVED_KINDS),
    temporality=st.sampled_from(["cumulative", "delta", "lowmemory"]),
    sets=st.lists(ATTRIBUTES, min_size=4, max_size=4, unique_by=key_of),
    rounds=st.lists(OBSERVATIONS, min_size=1, max_size=5),
)
def test_what_is_observed_is_told_as_it_is_or_as_the_difference(
    kind: str,
    temporality: str,
    sets: list[dict[str, object]],
    rounds: list[list[tuple[int, Value]]],
) -> None:
    """The last of one series counts; a counter that went down began anew; no value, no point."""
    told: list[forebay.Observation] = []
    reported: dict[Key, Value] = {}
    was_real: dict[Key, bool] = {}
    is_delta = kind == "observable_counter" and temporality == "delta"
    with harness(temporality=temporality) as made:
        observed = getattr(made.collector, kind)("observed", lambda: list(told))
        for observations in rounds:
            if kind == "observable_counter":
                observations = [(n, abs(value)) for n, value in observations]
            told[:] = [forebay.Observation(value, sets[n]) for n, value in observations]
            wanted = {key_of(sets[n]): value for n, value in observations}
            points = {point.key: point for point in made.collect()}
            assert points.keys() == wanted.keys()
            for key, value in wanted.items():
                before = reported.get(key, 0)
                is_difference = is_delta and value >= before
                was_real[key] = was_real.get(key, False) or isinstance(value, float)
                parts = [value, -before] if is_difference else [value]
                assert_is_sum_of(points[key].value, parts, was_real[key])
                reported[key] = value
        observed.close()


# -- attributes ----------------------------------------------------------------------------------


class Pairs(Mapping[str, object]):
    """A mapping whose items are these pairs, whatever they are."""

    def __init__(self, *pairs: tuple[Any, object]) -> None:
        self._pairs = pairs

    def __getitem__(self, key: str) -> object:
        return dict(self._pairs)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> Any:
        return self._pairs


def test_of_a_key_that_comes_twice_the_last_value_makes_the_series() -> None:
    """Also where two keys are one only as text; None is no value, not even the last."""
    with harness() as made:
        orders = made.collector.counter("orders")
        orders.add(1, Pairs(("k", 1), ("k", 2)))
        orders.add(2, {"k": 2})
        orders.add(4, Pairs(("5", 1), (5, 2)))
        orders.add(8, {"5": 2, "none": None})
        points = {point.key: point.value for point in made.collect()}
    assert points == {key_of({"k": 2}): 3, key_of({"5": 2}): 12}


# -- limits --------------------------------------------------------------------------------------

LARGEST = 2**63 - 1


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_five_thousand_sets_are_two_thousand_series_and_one_overflow(temporality: str) -> None:
    """All points together are all measurements, also in the collections after that."""
    with harness(temporality=temporality) as made:
        orders, sizes = made.collector.counter("orders"), made.collector.histogram("sizes")
        told: list[tuple[int, int]] = []
        for number in range(1, 4):
            for n in range(5000):
                orders.add(n % 7, {"n": n})
                sizes.record(n % 7, {"n": n})
            points = made.collect()
            sums = [point for point in points if point.name == "orders"]
            counts = [point for point in points if point.name == "sizes"]
            for found in (sums, counts):
                assert len(found) == 2001
                assert [point.key for point in found].count(OVERFLOW) == 1
                assert len({point.key for point in found}) == 2001
            total = (sum(p.value for p in sums), sum(p.data.count for p in counts))
            rounds = number if temporality == "cumulative" else 1
            assert total == (rounds * sum(n % 7 for n in range(5000)), rounds * 5000)
            assert sum(sum(p.data.bucket_counts) for p in counts) == total[1]
            assert sum(p.data.sum for p in counts) == total[0]
            told.append((len(sums), len(counts)))
        stats = made.collector.stats().metrics
        assert stats.emitted == stats.delivered == sum(map(sum, told))
        assert made.invalid() == 0


def test_as_many_sets_as_the_limit_says_have_no_overflow() -> None:
    """It comes with the first set beyond."""
    with harness(cardinality_limit=3) as made:
        orders = made.collector.counter("orders")
        for n in range(3):
            orders.add(1, {"n": n})
        assert OVERFLOW not in {point.key for point in made.collect()}
        orders.add(5, {"n": 3})
        assert {p.key: p.value for p in made.collect()}[OVERFLOW] == 5


def test_a_sum_that_would_wrap_is_held_and_what_is_beyond_is_counted() -> None:
    """At both ends of 64 bits; what fits again is added again."""
    with harness() as made:
        orders = made.collector.counter("orders")
        depth = made.collector.up_down_counter("depth")
        for amount in (LARGEST, 1, LARGEST):
            orders.add(amount)
        for amount in (-LARGEST, -1, -1, LARGEST, 1):
            depth.add(amount)
        assert {p.name: p.value for p in made.collect()} == {"orders": LARGEST, "depth": 0}
        assert made.invalid() == 3


@pytest.mark.parametrize("aggregation", ["explicit", "exponential"])
def test_the_ends_of_what_a_double_holds_are_measurements_and_beyond_is_none(
    aggregation: str,
) -> None:
    """Subnormal, the largest, both zeros, 2**63; NaN and the infinities are counted."""
    good = [5e-324, -5e-324, 2.0**-1022, 1.7e308, -1.7e308, 0.0, -0.0, 2**63, 2**64, 1]
    bad = [math.nan, -math.nan, math.inf, -math.inf]
    # Of an up-down counter: a histogram of its own takes nothing below zero.
    views = [View("sizes", aggregation=aggregation)]  # type: ignore[arg-type]
    with harness(views=views) as made:
        sizes = made.collector.up_down_counter("sizes")
        for value in [*good, *bad]:
            sizes.add(value)
            made.collector.counter("orders").add(value if value == 0 else math.nan)
        (orders, point) = sorted(made.collect(), key=lambda point: point.name)
        assert made.invalid() == len(bad) + len(good) + len(bad) - 2
    assert orders.value == 0
    assert point.data.count == len(good)
    assert (point.data.min, point.data.max) == (-1.7e308, 1.7e308)
    if aggregation == "explicit":
        assert sum(point.data.bucket_counts) == len(good)
        assert point.data.bucket_counts[0] == 4
    else:
        assert point.data.zero_count == 2
        assert sum(point.data.positive.bucket_counts) == 6
        assert sum(point.data.negative.bucket_counts) == 2
