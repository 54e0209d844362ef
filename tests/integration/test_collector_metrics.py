"""Metrics into a real OpenTelemetry Collector: what it wrote is what was measured."""

from __future__ import annotations

import itertools
import threading

import forebay
from forebay._otlp.files import SegmentReader
from forebay.testing import MetricPoint
from tests.integration.otelcol_process import OtelCollector


def points_of(otel_collector: OtelCollector) -> list[MetricPoint]:
    """All points that it has written until now."""
    reader = SegmentReader(otel_collector.out)
    points = [each for each in reader.signals(("metrics",)) if isinstance(each, MetricPoint)]
    assert reader.problems == []
    return points


def test_every_kind_of_point_arrives_as_it_was_measured(otel_collector: OtelCollector) -> None:
    """Values, types, temporality, attributes, units and the resource."""
    options = forebay.MetricsOptions(views=[forebay.View("exponential", aggregation="exponential")])
    exporter = forebay.OtlpHttpExporter(otel_collector.endpoint)
    with forebay.Collector(service_name="shop", exporter=exporter, metrics=options) as collector:
        collector.counter("orders", unit="{order}", description="Orders taken", meter="shop").add(
            3, {"region": "eu", "paid": True, "tries": 2, "part": 0.5}
        )
        collector.counter("seconds").add(1.25)
        collector.up_down_counter("active").add(-4)
        collector.gauge("depth").set(17)
        collector.histogram("sizes", unit="By", buckets=[1, 10]).record(10)
        for value in (-2.0, 0.0, 4.0):
            collector.up_down_counter("exponential").add(value)
        collector.observable_counter("observed", lambda: 40)
        assert collector.flush(timeout=30).complete
        stats = collector.stats().metrics
        assert stats.emitted == stats.lanes["metrics"].delivered == 7
    points = {p.name: p for p in points_of(otel_collector) if p.scope.name != "forebay"}
    orders = points["orders"]
    assert (orders.value, orders.kind, orders.is_monotonic) == (3, "sum", True)
    assert isinstance(orders.value, int)
    assert orders.temporality == "cumulative"
    assert orders.attributes == {"region": "eu", "paid": True, "tries": 2, "part": 0.5}
    assert (orders.unit, orders.description, orders.scope.name) == (
        "{order}",
        "Orders taken",
        "shop",
    )
    assert orders.resource["service.name"] == "shop"
    assert 0 < orders.start_unix_nano <= orders.time_unix_nano
    assert points["seconds"].value == 1.25
    assert (points["active"].value, points["active"].is_monotonic) == (-4, False)
    assert (points["depth"].value, points["depth"].kind) == (17, "gauge")
    sizes = points["sizes"]
    assert (sizes.count, sizes.sum, sizes.min, sizes.max) == (1, 10, 10, 10)
    assert (sizes.bounds, sizes.bucket_counts) == ((1, 10), (0, 1, 0))
    exponential = points["exponential"]
    assert (exponential.kind, exponential.count) == ("exponential_histogram", 3)
    assert (exponential.zero_count, exponential.sum) == (1, None)  # one was negative
    assert sum(exponential.positive_counts) == sum(exponential.negative_counts) == 1
    assert points["observed"].value == 40


def test_deltas_of_many_threads_add_up_to_what_was_measured(otel_collector: OtelCollector) -> None:
    """Over several collections, each of which begins where the one before ended."""
    options = forebay.MetricsOptions(interval=0.05, temporality="delta")
    exporter = forebay.OtlpHttpExporter(otel_collector.endpoint)
    with forebay.Collector(service_name="shop", exporter=exporter, metrics=options) as collector:
        orders = collector.counter("orders")

        def work(number: int) -> None:
            bound = orders.bind({"who": number % 3})
            for _ in range(10_000):
                bound.add(1)

        for _ in range(2):
            threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
            for thread in threads:
                thread.start()
            assert collector.flush(timeout=30).complete  # one more, while they add
            for thread in threads:
                thread.join()
        assert collector.shutdown(timeout=30).complete
        assert collector.audit().balanced
    points = points_of(otel_collector)
    assert len({point.time_unix_nano for point in points}) > 1
    for who in range(3):
        mine = sorted(
            (p for p in points if p.attributes == {"who": who}), key=lambda p: p.time_unix_nano
        )
        assert sum(p.value or 0 for p in mine) == 40_000
        assert all(
            before.time_unix_nano <= after.start_unix_nano
            for before, after in itertools.pairwise(mine)
        )
