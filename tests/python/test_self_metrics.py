"""What Forebay reports of itself as metrics, held against its own ledger and a receiver."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import forebay
from forebay.testing import ManualClock, MetricPoint, Receiver
from tests.python.in_memory import in_memory, run_python
from tests.python.metrics_harness import NEVER
from tests.python.own_series import OwnSeries
from tests.python.stalled import lane, stalled
from tests.waiting import wait_until

RECORDS = "forebay_ledger_records_total"
POINTS = "forebay_ledger_points_total"
COUNTS = (
    *("emitted", "internal", "recovered", "delivered", "sampled_out", "rate_limited", "refused"),
    *("dropped", "expired", "rejected", "unknown", "handed_over", "superseded"),
)
PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(validate=True) as running:
        yield running


def own(points: list[MetricPoint]) -> list[MetricPoint]:
    return [point for point in points if point.scope.name == "forebay"]


def same_as_stats(series: OwnSeries, stats: forebay.Stats) -> None:
    """Every name of the ledger, lane by lane."""
    for name, metric, lanes in (
        ("records", RECORDS, stats.lanes),
        ("points", POINTS, stats.metrics.lanes),
    ):
        for lane_name, counts in lanes.items():
            states = series.states(metric, forebay_lane=lane_name)
            expected = {state: getattr(counts, state) for state in COUNTS}
            for state in ("dropped", "refused", "rejected"):
                for reason, n in getattr(counts, f"{state}_by_reason").items():
                    expected[f"{state}.{reason}"] = n
            shown = {state: n for state, n in expected.items() if n}
            assert {s: n for s, n in states.items() if n} == shown, (name, lane_name)
    for lane_name, counts in stats.lanes.items():
        for place, n in counts.held_by_place.items():
            shown_n = series.one(
                "forebay_lane_held", forebay_lane=lane_name, forebay_place=place.removeprefix("in_")
            )
            assert shown_n == n, (lane_name, place)


# -- the ledger ----------------------------------------------------------------------------------


def test_every_name_of_the_ledger_is_a_series() -> None:
    """Of a collector that loses, refuses, rejects and holds."""
    limit = forebay.RateLimit(1, burst=1)
    lanes = [lane("a"), lane("b", on_full="fail"), lane("c", rate_limit=limit)]
    with stalled(*lanes) as s:
        s.fill("a")
        s.fill("b")
        for _ in range(5):
            s.collector.logger("c").info("x")
        s.collector.counter("orders").add(1)
        assert wait_until(lambda: s.collector.stats().lanes["a"].held_by_place["in_flight"] > 0, 30)
        stats = s.collector.stats()
        series = OwnSeries(s.collector)
        same_as_stats(series, stats)
        assert series.difference == 0
        assert stats.lanes["a"].dropped > 0
        assert stats.lanes["b"].refused > 0
        assert stats.rate_limited > 0
        assert stats.held > 0


def test_each_look_balances_while_threads_emit_and_lose() -> None:
    """All states and what is held come from one moment: the alert on the balance never lies."""
    with in_memory(lanes=[forebay.Lane("a", queue_records=256)]) as made:
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                made.log.info("x")

        threads = [threading.Thread(target=flood) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            differences = [OwnSeries(made.collector).difference for _ in range(100)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert differences == [0] * 100
        assert made.collector.stats().dropped > 0


def test_several_routes_have_their_own(tmp_path: Path) -> None:
    """With one, its part is the ledger's."""
    memory = forebay.MemoryExporter()
    routes = [
        forebay.Route("main", [memory]),
        forebay.Route("other", [forebay.FileExporter(tmp_path)]),
    ]
    with forebay.Collector(routes=routes) as collector:
        collector.logger("a").warning("x")
        assert collector.flush(30).complete
        series = OwnSeries(collector)
        for route in ("main", "other"):
            assert series.states("forebay_route_records_total", forebay_route=route) == {
                "delivered": 1
            }
    assert collector.audit().balanced
    with in_memory() as made:
        made.log.info("x")
        assert "forebay_route_records_total" not in OwnSeries(made.collector).names


def test_notes_come_with_their_first() -> None:
    """Of what is in no law."""
    with in_memory() as made:
        orders = made.collector.counter("orders")
        orders.add(1)
        assert "forebay_measurements_invalid_total" not in OwnSeries(made.collector).names
        orders.add(-1)
        assert made.collector.flush(30).complete
        assert OwnSeries(made.collector).one("forebay_measurements_invalid_total") == 1


# -- the reserved lane ---------------------------------------------------------------------------


def test_no_flood_puts_forebays_own_points_out(receiver: Receiver) -> None:
    """Records and points fill the backlog before a destination that is away; the report waits."""
    receiver.stall()
    collector = forebay.Collector(
        exporter=forebay.OtlpHttpExporter(receiver.endpoint, max_in_flight=1),
        retry=forebay.RetryOptions(initial=0.01, max=0.05),
        batch=forebay.BatchOptions(max_records=64, max_delay=0.005),
        backlog=forebay.BacklogOptions(max_bytes=256 << 10),
        lanes=[forebay.Lane("a", queue_records=1024)],
        metrics=forebay.MetricsOptions(interval=0.2, cardinality_limit=10_000),
    )
    log, orders = collector.logger("a"), collector.counter("orders")

    def flood() -> bool:
        for _ in range(500):
            log.info(secrets.token_hex(250))
            orders.add(1, {"order": secrets.token_hex(50)})
        stats = collector.stats()
        return stats.dropped > 1000 and stats.metrics.lanes["metrics"].dropped > 1000

    assert wait_until(flood, 60)
    of_forebay = collector.stats().metrics.lanes["forebay"]
    assert of_forebay.held > 0
    assert of_forebay.dropped == 0
    receiver.clear()
    assert collector.flush(60).complete
    # The flush's own report: nothing was lost after it.
    dropped = [
        point
        for point in own(receiver.metric_points())
        if point.name == "forebay.ledger.records" and point.attributes["forebay.state"] == "dropped"
    ]
    newest = max(point.time_unix_nano for point in dropped)
    told = sum(int(point.value or 0) for point in dropped if point.time_unix_nano == newest)
    assert told == collector.stats().dropped
    collector.shutdown(30)
    assert collector.stats().metrics.lanes["forebay"].dropped == 0
    assert collector.audit().balanced


def test_a_newer_report_takes_the_place_of_one_that_waits(receiver: Receiver) -> None:
    """So an outage costs the room of one; nothing of it is lost."""
    receiver.stall()
    collector = forebay.Collector(
        exporter=forebay.OtlpHttpExporter(receiver.endpoint, max_in_flight=1),
        metrics=forebay.MetricsOptions(interval=0.02, self_metrics=True),
    )
    collector.logger("a").info("x")
    assert wait_until(lambda: collector.stats().metrics.lanes["forebay"].superseded > 100, 30)
    receiver.clear()
    assert collector.flush(30).complete
    counts = collector.stats().metrics.lanes["forebay"]
    assert (counts.dropped, counts.difference) == (0, 0)
    collector.shutdown(30)
    assert collector.audit().balanced


# -- when ----------------------------------------------------------------------------------------


def points_after(collector: forebay.Collector, memory: forebay.MemoryExporter) -> set[str]:
    collector.logger("a").warning("x")
    assert collector.flush(30).complete
    return {point.name for point in own(memory.metric_points())}


@pytest.mark.parametrize(
    ("self_metrics", "without", "beside", "text"),
    [
        (None, False, True, True),
        (True, True, True, True),
        (False, False, False, False),
    ],
)
def test_who_asks_for_them_gets_them(
    self_metrics: bool | None, without: bool, beside: bool, text: bool
) -> None:
    """Sent with or without an instrument of the service; shown in texts."""
    memory = forebay.MemoryExporter()
    options = forebay.MetricsOptions(interval=NEVER, self_metrics=self_metrics)
    with forebay.Collector(exporter=memory, metrics=options) as collector:
        assert bool(points_after(collector, memory)) is without
        assert bool(OwnSeries(collector).names) is text
        collector.gauge("depth").set(1)
        assert bool(points_after(collector, memory)) is beside
        assert ("forebay" in collector.stats().metrics.lanes) is text
    assert collector.audit().balanced


def test_environment_without_metrics_has_none_of_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_METRICS_EXPORTER=none means all."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    collector = forebay.start(service_name="test", console="off")
    try:
        collector.counter("orders").add(1)
        assert OwnSeries(collector).names == set()
    finally:
        collector.shutdown(0)
    assert collector.audit().balanced


def test_each_interval_has_one_report() -> None:
    """Its points have the time of the collection, and begin with the collector."""
    clock = ManualClock()
    begun = clock.now_unix_nano
    memory = forebay.MemoryExporter()
    options = forebay.MetricsOptions(interval=10, self_metrics=True)

    def created() -> list[MetricPoint]:
        return [p for p in memory.metric_points() if p.name == "otel.sdk.log.created"]

    with forebay.Collector(exporter=memory, metrics=options, clock=clock) as collector:
        collector.logger("a").info("x")
        assert collector.flush(30).complete
        for reports in (2, 3, 4):
            clock.advance(10)
            # One that waits gives way to the next.
            assert wait_until(lambda n=reports: len(created()) == n, 30)  # type: ignore[misc]
        points = created()
    assert [point.value for point in points] == [1, 1, 1, 1]
    assert [p.time_unix_nano for p in points] == [begun + n * 10**10 for n in range(4)]
    assert {point.start_unix_nano for point in points} == {begun}


# -- deltas --------------------------------------------------------------------------------------


def test_deltas_add_up_to_the_total() -> None:
    """Of counts; what is held stays a sum, and a report without news of a count leaves it out."""
    memory = forebay.MemoryExporter()
    options = forebay.MetricsOptions(interval=NEVER, temporality="delta", self_metrics=True)
    with forebay.Collector(exporter=memory, metrics=options) as collector:
        log = collector.logger("a")
        for n in (3, 0, 5):
            for _ in range(n):
                log.info("x")
            assert collector.flush(30).complete
        points = own(memory.metric_points())
    created = [p for p in points if p.name == "otel.sdk.log.created"]
    assert [point.value for point in created] == [3, 5]
    assert {point.temporality for point in created} == {"delta"}
    first, second = created
    assert first.time_unix_nano < second.start_unix_nano < second.time_unix_nano
    held = [p for p in points if p.name == "forebay.lane.held"]
    assert {point.temporality for point in held} == {"cumulative"}
    durations = [p for p in points if p.name == "otel.sdk.exporter.operation.duration"]
    assert {point.temporality for point in durations} == {"delta"}
    assert all(point.min is None and point.max is None for point in durations)


# -- fork ----------------------------------------------------------------------------------------


def test_a_forked_child_begins_anew() -> None:
    """Another process, another ledger: it reports its own records, and no other's."""
    run_python("""
        import os, forebay
        from tests.python.own_series import OwnSeries

        collector = forebay.Collector(exporter=forebay.MemoryExporter())
        for _ in range(5):
            collector.logger("a").info("x")
        assert collector.flush(30).complete
        pid = os.fork()
        if pid == 0:
            try:
                collector.logger("a").info("x")
                assert collector.flush(30).complete
                series = OwnSeries(collector)
                assert series.one("otel_sdk_log_created_total") == 1, series.values
                assert series.difference == 0
                collector.shutdown(30)
                assert collector.audit().balanced
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert OwnSeries(collector).one("otel_sdk_log_created_total") == 5
        collector.shutdown(30)
        assert collector.audit().balanced
    """)


# -- the page ------------------------------------------------------------------------------------


def kind_of(point: MetricPoint) -> str:
    if point.kind == "sum":
        return "counter" if point.is_monotonic else "up-down counter"
    return point.kind


def points_of_all_kinds(receiver: Receiver) -> list[MetricPoint]:
    """Of a service that has some of everything: losses, rejections, retries, bad measurements."""
    receiver.fail(503, times=2)
    collector = forebay.Collector(
        exporter=forebay.OtlpHttpExporter(receiver.endpoint),
        retry=forebay.RetryOptions(initial=0.01, max=0.02),
        routes=None,
        max_record_bytes=256,
    )
    collector.logger("a").info("x" * 1000)
    collector.counter("orders").add(-1)
    for _ in range(2):
        assert collector.flush(30).complete
    collector.shutdown(30)
    assert collector.audit().balanced
    return receiver.metric_points()


def test_the_page_lists_each_metric(receiver: Receiver) -> None:
    """By the name, the unit and the kind that it has in OTLP."""
    row = re.compile(r"^\| `((?:forebay|otel)\.[a-z_.]+)` \| ([a-z -]+) \| (?:`([^`]+)` )?\|", re.M)
    rows = row.findall(PAGE.read_text())
    listed = {name: (kind, unit) for name, kind, unit in rows}
    assert len(listed) == len(rows)
    seen: dict[str, tuple[str, str]] = {}
    for point in points_of_all_kinds(receiver):
        if point.scope.name == "forebay":
            seen[point.name] = (kind_of(point), point.unit)
    assert len(seen) >= 20
    source = (PAGE.parents[1] / "cpp" / "src" / "pipeline" / "self_metric_names.h").read_text()
    assert listed.keys() == set(re.findall(r'\.name = "([^"]+)"', source))
    assert {name: listed.get(name) for name in seen} == seen
