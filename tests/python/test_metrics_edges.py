"""What metrics come to where numbers end, views fold attributes, or the collector ends."""

from __future__ import annotations

import math
import time

import pytest

import forebay
from forebay import Observation, View
from tests.python.metrics_harness import OVERFLOW, harness
from tests.python.metrics_model import key_of


def test_a_shutdown_beside_periodic_collections_ships_everything() -> None:
    """A collection that begins between the last flush and the end would come too late."""
    incomplete = []
    for i in range(60):
        options = forebay.MetricsOptions(interval=0.01)
        made = forebay.Collector(
            service_name="s", exporter=forebay.MemoryExporter(), metrics=options
        )
        counters = [made.counter(f"o{k}") for k in range(20)]
        for k in range(50):
            for counter in counters:
                counter.add(1, {"k": k})
        made.flush(20)
        until = time.monotonic() + 0.02 * i / 60
        while time.monotonic() < until:
            counters[0].add(1, {"k": 0})
        receipt = made.shutdown(20)
        if not receipt.complete:
            incomplete.append(receipt.metrics)
        assert made.audit().balanced
    assert incomplete == []


def test_the_last_collection_of_a_shutdown_asks_the_callbacks() -> None:
    """Also where nobody flushed, and no interval was ever over."""
    options = forebay.MetricsOptions(interval=3600, self_metrics=False)
    made = forebay.Collector(service_name="s", exporter=forebay.MemoryExporter(), metrics=options)
    made.observable_gauge("depth", lambda: 5)
    receipt = made.shutdown(20)
    assert receipt.complete
    assert receipt.metrics.delivered == 1
    assert made.audit().balanced


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_what_a_view_leaves_out_of_observed_sums_is_added_up(temporality: str) -> None:
    """Whole and other numbers; each round anew; a scrape never sees half of a round."""
    told: list[float] = [1, 2]
    with harness(views=[View("o", keep_attributes=[])], temporality=temporality) as made:
        made.collector.observable_counter(
            "o", lambda: [Observation(v, {"a": n}) for n, v in enumerate(told)]
        )
        (point,) = made.collect()
        assert point.value == 3
        told[:] = [4, 2, 0.5]
        (point,) = made.collect()
        assert point.value == (3.5 if temporality == "delta" else 6.5)
        assert " 6.5" in made.collector.prometheus_text()


def test_a_view_of_an_observed_gauge_keeps_one_of_its_values() -> None:
    """Their sum is no reading of anything."""
    with harness(views=[View("g", keep_attributes=[])]) as made:
        made.collector.observable_gauge("g", lambda: [Observation(v, {"a": v}) for v in (1, 2)])
        (point,) = made.collect()
        assert point.value == 2


def test_the_overflow_of_observations_adds_integers_and_others() -> None:
    """1 has a series of its own; 2 + 0.5 + 4 are the overflow's."""
    with harness(cardinality_limit=1) as made:
        made.collector.observable_counter(
            "o", lambda: [Observation(v, {"a": n}) for n, v in enumerate([1, 2, 0.5, 4])]
        )
        found = {point.key: point.value for point in made.collect()}
        assert found == {key_of({"a": 0}): 1, OVERFLOW: 6.5}


def test_a_counter_below_zero_is_none_also_where_a_view_makes_a_histogram() -> None:
    """What a counter takes does not depend on who looks at it."""
    with harness(views=[View("c", aggregation="explicit")]) as made:
        made.collector.counter("c").add(-5)
        made.collector.counter("c").add(5)
        (point,) = made.collect()
        assert (point.data.count, point.data.min, made.invalid()) == (1, 5, 1)


def test_a_measurement_that_is_none_is_counted_once_however_many_views() -> None:
    """The count is of measurements."""
    with harness(views=[View("c", name="a"), View("c", name="b")]) as made:
        made.collector.counter("c").add(math.nan)
        made.collector.counter("c").bind({}).add(-1)
        made.collect()
        assert made.invalid() == 2


def test_an_observed_counter_below_zero_is_none() -> None:
    """A monotonic sum of -5 would be a lie."""
    with harness() as made:
        made.collector.observable_counter("o", lambda: -5)
        made.collector.observable_up_down_counter("u", lambda: -5)
        assert [(point.name, point.value) for point in made.collect()] == [("u", -5)]
        assert made.invalid() == 1


def test_an_observed_counter_that_goes_down_by_one_beyond_2_53_began_anew() -> None:
    """Integers are compared as integers."""
    told = [2**60]
    with harness(temporality="delta") as made:
        made.collector.observable_counter("o", lambda: told[0])
        made.collect()
        told[0] -= 1
        (point,) = made.collect()
        assert point.value == 2**60 - 1


@pytest.mark.parametrize(("temporality", "lost"), [("cumulative", 1), ("delta", 0)])
def test_what_a_total_cannot_hold_is_counted_by_the_collection_that_cuts_it(
    temporality: str, lost: int
) -> None:
    """With deltas nothing is: only a scrape's total is cut."""
    with harness(temporality=temporality) as made:
        counter = made.collector.counter("o")
        counter.add(2**63 - 1)
        made.collect()
        counter.add(5)
        (point,) = made.collect()
        assert point.value == (5 if temporality == "delta" else 2**63 - 1)
        assert made.invalid() == lost


def test_a_sum_of_floats_stays_a_number() -> None:
    """One addition too many is left out, or the sum of two intervals cut; both are counted."""
    with harness() as made:
        counter = made.collector.up_down_counter("d")
        counter.add(1.7e308)
        counter.add(1.7e308)
        (point,) = made.collect()
        assert point.value == 1.7e308
        assert made.invalid() == 1
        counter.add(1.7e308)
        (point,) = made.collect()
        assert math.isfinite(point.value)
        assert made.invalid() == 2


@pytest.mark.parametrize("histogram", ["explicit", "exponential"])
def test_a_histogram_whose_sum_has_to_be_cut_still_has_every_value(histogram: str) -> None:
    """Those of the interval that cut it are counted."""
    with harness(histogram=histogram) as made:
        instrument = made.collector.histogram("d")
        for invalid in (2, 3):
            instrument.record(1.7e308)
            if invalid == 2:
                instrument.record(1.7e308)
            (point,) = made.collect()
            assert point.data.count == invalid
            assert math.isfinite(point.data.sum)
            assert made.invalid() == invalid


def test_lanes_that_take_the_whole_backlog_leave_room_for_points() -> None:
    """With nothing of their own and nothing in common, none would ever be sent."""
    lanes = [
        forebay.Lane("audit", logger="audit", backlog_share=0.6),
        forebay.Lane("normal", backlog_share=0.4),
    ]
    made = forebay.Collector(service_name="s", exporter=forebay.MemoryExporter(), lanes=lanes)
    made.counter("orders").add(1)
    points = made.shutdown(20).metrics
    assert points.lanes["metrics"].delivered == 1
    assert points.lanes["forebay"].delivered > 1
    assert made.audit().balanced
