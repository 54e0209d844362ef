"""Metrics before destinations that fail: what arrives and what is counted as lost is everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest

import forebay
from forebay.testing import MetricPoint, Receiver
from tests.python.metrics_harness import NEVER
from tests.waiting import wait_until

ROUNDS = 6


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(validate=True) as running:
        yield running


def collector_of(
    endpoint: str, temporality: str, backlog_bytes: int = 1 << 20
) -> forebay.Collector:
    """It tries again at once, one request at a time, and collects where a test asks for it."""
    return forebay.Collector(
        service_name="test",
        exporter=forebay.OtlpHttpExporter(endpoint, max_in_flight=1, compression="none"),
        retry=forebay.RetryOptions(initial=0.001, max=0.02),
        breaker=forebay.BreakerOptions(failures=1000),
        backlog=forebay.BacklogOptions(max_bytes=backlog_bytes),
        metrics=forebay.MetricsOptions(
            interval=NEVER,
            self_metrics=False,
            temporality=temporality,  # type: ignore[arg-type]
        ),
    )


def collect_without_waiting(collector: forebay.Collector, points: int) -> None:
    """One more collection of so many points, whether or not they can be sent."""
    before = collector.stats().metrics.emitted
    collector.flush(timeout=0)
    assert wait_until(lambda: collector.stats().metrics.emitted == before + points, 30)


def series_of(points: Sequence[MetricPoint], name: str) -> list[MetricPoint]:
    """Those of one name, in the order of their time."""
    return sorted((p for p in points if p.name == name), key=lambda p: p.time_unix_nano)


def total(points: Sequence[MetricPoint]) -> int:
    return sum(int(point.value or 0) for point in points)


def is_contiguous(points: Sequence[MetricPoint]) -> bool:
    return all(one.time_unix_nano == other.start_unix_nano for one, other in pairwise(points))


@pytest.mark.parametrize(
    "fault",
    [
        lambda receiver: receiver.fail(503, times=3),
        lambda receiver: receiver.fail(429, retry_after=0.01),
        lambda receiver: receiver.fail(503, retry_after=0),
        lambda receiver: receiver.cut(),
        lambda receiver: receiver.cut_before(times=2),
    ],
    ids=["503", "429 with Retry-After", "503 with Retry-After", "cut", "cut before"],
)
def test_deltas_that_fail_and_then_succeed_add_up_to_the_total(
    receiver: Receiver, fault: Callable[[Receiver], None]
) -> None:
    """Each interval once, one beginning where the other ended; what came twice is one batch."""
    with collector_of(receiver.endpoint, "delta") as collector:
        orders, sizes = collector.counter("orders"), collector.histogram("sizes")
        for number in range(ROUNDS):
            fault(receiver)
            orders.add(10**number)
            sizes.record(number)
            assert collector.flush(timeout=30).complete
        stats = collector.stats()
        assert stats.metrics.delivered == stats.metrics.emitted == 2 * ROUNDS
        assert stats.metrics.lost == 0
    counts = receiver.counts()
    assert counts.requests + counts.aborted >= 2 * ROUNDS
    points = series_of(receiver.metric_points(), "orders")
    assert [point.value for point in points] == [10**number for number in range(ROUNDS)]
    assert is_contiguous(points)
    counted = series_of(receiver.metric_points(), "sizes")
    assert [(point.count, point.sum) for point in counted] == [(1, n) for n in range(ROUNDS)]
    assert is_contiguous(counted)


def test_deltas_that_are_refused_for_good_are_counted_and_leave_a_gap(receiver: Receiver) -> None:
    """No later point covers the time of one that is lost."""
    with collector_of(receiver.endpoint, "delta") as collector:
        orders = collector.counter("orders")
        for number in range(ROUNDS):
            if number in (2, 4):
                receiver.fail(500)
            orders.add(10**number)
            assert collector.flush(timeout=30).complete
        stats = collector.stats().metrics
        assert (stats.delivered, stats.rejected, stats.emitted) == (ROUNDS - 2, 2, ROUNDS)
        assert sum(stats.rejected_by_reason.values()) == 2
    points = series_of(receiver.metric_points(), "orders")
    assert [point.value for point in points] == [1, 10, 1000, 100_000]
    gaps = [other.start_unix_nano - one.time_unix_nano for one, other in pairwise(points)]
    assert [gap > 0 for gap in gaps] == [False, True, True]
    assert gaps[0] == 0


def test_points_of_a_partial_success_are_counted_as_rejected(receiver: Receiver) -> None:
    """So many as the answer says; one that says more than there were is believed no further."""
    with collector_of(receiver.endpoint, "delta") as collector:
        orders = collector.counter("orders")
        for rejected in (1, 0, 100):
            if rejected:
                receiver.partial(rejected)
            for n in range(3):
                orders.add(1, {"n": n})
            assert collector.flush(timeout=30).complete
        stats = collector.stats().metrics
        assert stats.rejected_by_reason["partial_success"] == 1 + 3
        assert stats.delivered == 2 + 3 + 0
        assert stats.emitted == 9
    assert receiver.counts().points == 5


def test_what_a_small_backlog_lets_go_of_deltas_is_counted_point_by_point(
    receiver: Receiver,
) -> None:
    """Each point is worth one: what arrives and what is counted as lost is what was added."""
    rounds, sets = 12, 60
    receiver.stop()
    with collector_of(receiver.endpoint, "delta", backlog_bytes=64 << 10) as collector:
        orders = collector.counter("orders")
        for _ in range(rounds):
            for n in range(sets):
                orders.add(1, {"n": n, "text": "x" * 40})
            collect_without_waiting(collector, sets)
        before = collector.stats().metrics
        assert before.delivered == before.superseded == 0
        assert before.dropped_by_reason["backlog_full"] == before.lost > 0
        assert before.held > 0
        receiver.start()
        for n in range(sets):
            orders.add(1, {"n": n})
        assert collector.flush(timeout=30).complete
        stats = collector.stats().metrics
    points = receiver.metric_points()
    assert stats.emitted == (rounds + 1) * sets
    # The last collection may have needed the room of one more.
    assert stats.lost - before.lost in (0, sets)
    assert total(points) == stats.delivered == stats.emitted - stats.lost
    # Whole collections were let go, those that waited longest and were not just being tried.
    first = series_of([p for p in points if p.attributes == {"n": 0, "text": "x" * 40}], "orders")
    assert len(first) == rounds - stats.lost // sets
    assert all(one.time_unix_nano <= other.start_unix_nano for one, other in pairwise(first))


def test_cumulative_points_that_wait_give_way_to_newer_ones(receiver: Receiver) -> None:
    """None is lost by it: the last one to arrive has all, since the beginning."""
    receiver.stop()
    with collector_of(receiver.endpoint, "cumulative") as collector:
        orders, sizes = collector.counter("orders"), collector.histogram("sizes")
        depth = collector.gauge("depth")
        for number in range(ROUNDS):
            orders.add(10**number)
            sizes.record(number)
            depth.set(number)
            collect_without_waiting(collector, 3)
        waiting = collector.stats().metrics
        # The newest collection, and one that may be under way.
        assert waiting.held in (3, 6)
        assert waiting.superseded == 3 * ROUNDS - waiting.held
        receiver.start()
        assert collector.flush(timeout=30).complete
        stats = collector.stats().metrics
        assert stats.delivered + stats.superseded == stats.emitted == 3 * (ROUNDS + 1)
        assert stats.lost == 0
    points = receiver.metric_points()
    newest = {p.name: p for p in sorted(points, key=lambda p: p.time_unix_nano)}
    assert newest["orders"].value == 111_111
    assert (newest["sizes"].count, newest["sizes"].sum) == (ROUNDS, 15)
    assert newest["depth"].value == ROUNDS - 1
    starts = {(p.name, p.start_unix_nano) for p in points}
    assert len(starts) == 3


def test_a_destination_that_never_comes_costs_what_is_counted() -> None:
    """At the end all is under a name; nothing was delivered."""
    with Receiver() as gone:
        endpoint = gone.endpoint
    for temporality in ("delta", "cumulative"):
        collector = collector_of(endpoint, temporality)
        orders = collector.counter("orders")
        for _ in range(3):
            orders.add(1)
            collect_without_waiting(collector, 1)
        collector.shutdown(timeout=0.1)
        stats = collector.stats().metrics
        assert (stats.delivered, stats.held) == (0, 0)
        assert stats.lost + stats.superseded == stats.emitted
        assert stats.lost > 0
        assert (stats.superseded > 0) == (temporality == "cumulative")
        assert collector.audit().balanced
