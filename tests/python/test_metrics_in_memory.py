"""Metrics through a whole collector: options, what is delivered, and the ledger of points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

import forebay
from forebay import MetricsOptions, View
from forebay._stats_file import read_stats_file

# No collection but those of a flush.
NEVER = 86_400.0


def metrics_of(exporter: forebay.MemoryExporter) -> dict[str, Any]:
    """What was delivered, by the metric's name: the last one, decoded by the official schema."""
    found = {}
    for request in exporter.metric_requests():
        decoded = ExportMetricsServiceRequest.FromString(request)
        for resource in decoded.resource_metrics:
            for scope in resource.scope_metrics:
                found.update({metric.name: metric for metric in scope.metrics})
    return found


@pytest.fixture
def exporter() -> Iterator[forebay.MemoryExporter]:
    made = forebay.MemoryExporter()
    yield made
    if made._core is not None:
        made._core.shutdown(10)


def test_a_flush_collects_and_points_are_counted_by_themselves(
    exporter: forebay.MemoryExporter, tmp_path: Path
) -> None:
    """In stats, in the receipt, by the audit, and in the stats file: the same numbers."""
    collector = forebay.Collector(
        exporter=exporter,
        metrics=MetricsOptions(interval=NEVER, self_metrics=False),
        run_directory=tmp_path,
    )
    orders = collector.counter("orders")
    orders.add(2, {"region": "eu"})
    orders.add(3, {"region": "us"})
    orders.add(float("nan"))
    receipt = collector.flush(30)
    assert receipt.complete
    assert (receipt.metrics.emitted, receipt.metrics.delivered, receipt.emitted) == (2, 2, 0)
    points = metrics_of(exporter)["orders"].sum.data_points
    assert sorted(point.as_double or point.as_int for point in points) == [2, 3]
    stats = collector.stats()
    assert (stats.metrics.emitted, stats.metrics.delivered, stats.metrics.held) == (2, 2, 0)
    assert stats.metrics.routes["main"].delivered == 2
    assert set(stats.metrics.lanes) == {"metrics"}
    assert "metrics" not in stats.lanes
    assert stats.delivered == 0
    assert stats.notes["measurements_invalid"] == 1
    audit = collector.audit()
    assert (audit.balanced, audit.lanes["metrics"]) == (True, 0)
    file = read_stats_file(collector.stats_file)
    assert (file.lanes, file.metric_lanes) == (("urgent", "normal"), ("metrics",))
    numbers = {name: n for name, n in stats.numbers.items() if name.startswith("metrics.")}
    assert {name: file.numbers.get(name) for name in numbers} == numbers
    assert file.balanced
    collector.shutdown(10)


def test_clear_forgets_metrics_too(exporter: forebay.MemoryExporter) -> None:
    """And what comes later is there."""
    collector = forebay.Collector(
        exporter=exporter, metrics=MetricsOptions(interval=NEVER, self_metrics=False)
    )
    gauge = collector.gauge("depth")
    gauge.set(1)
    assert collector.flush(30).complete
    assert len(exporter.metric_requests()) == len(exporter.metric_requests()) == 1
    exporter.clear()
    assert exporter.metric_requests() == []
    gauge.set(2)
    collector.shutdown(30)
    (point,) = metrics_of(exporter)["depth"].gauge.data_points
    assert (point.as_double or point.as_int) == 2


def test_views_and_temporality_do_what_they_say(exporter: forebay.MemoryExporter) -> None:
    """Renamed, with fewer attributes, other buckets, or not at all."""
    collector = forebay.Collector(
        exporter=exporter,
        metrics=MetricsOptions(
            self_metrics=False,
            interval=NEVER,
            temporality="delta",
            views=[
                View("latency", name="seconds", buckets=[1, 2], keep_attributes=["route"]),
                View("noise.*", aggregation="drop"),
                View("sizes", aggregation="exponential"),
                View("all", keep_attributes=[]),
            ],
        ),
    )
    latency = collector.histogram("latency")
    for user, value in enumerate([0.5, 1.5, 5.0]):
        latency.record(value, {"route": "/x", "user": user})
        collector.counter("all").add(1, {"user": user})
    collector.counter("noise.a").add(1)
    collector.histogram("sizes").record(100)
    assert collector.flush(30).complete
    found = metrics_of(exporter)
    assert set(found) == {"seconds", "all", "sizes"}
    (point,) = found["seconds"].histogram.data_points
    assert list(point.explicit_bounds) == [1.0, 2.0]
    assert list(point.bucket_counts) == [1, 1, 1]
    assert [attribute.key for attribute in point.attributes] == ["route"]
    assert found["seconds"].histogram.aggregation_temporality == 1
    (point,) = found["all"].sum.data_points
    assert ((point.as_double or point.as_int), list(point.attributes)) == (3, [])
    assert found["sizes"].exponential_histogram.data_points[0].count == 1
    collector.shutdown(10)


def test_none_of_the_environment_is_a_view_that_drops_all(
    exporter: forebay.MemoryExporter,
) -> None:
    """What OTEL_METRICS_EXPORTER=none becomes."""
    collector = forebay.Collector(
        exporter=exporter,
        metrics=MetricsOptions(
            interval=NEVER, self_metrics=False, views=[View(aggregation="drop")]
        ),
    )
    collector.counter("orders").add(1)
    assert collector.flush(30).complete
    assert exporter.metric_requests() == []
    assert collector.stats().metrics.emitted == 0
    collector.shutdown(10)
