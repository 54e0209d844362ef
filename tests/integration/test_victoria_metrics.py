"""OTLP into a real VictoriaMetrics, and what it gives back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import forebay
from tests.integration.server_process import Server
from tests.waiting import wait_until


@pytest.fixture
def victoria_metrics(victoria_metrics_binary: Path, tmp_path: Path) -> Iterator[Server]:
    command = [str(victoria_metrics_binary), f"-storageDataPath={tmp_path / 'data'}"]
    server = Server([*command, "-httpListenAddr={address}"], "/health", tmp_path)
    server.start()
    yield server
    server.stop()


def exported(server: Server) -> dict[str, list[Any]]:
    """Each series' values in their order, by name and by the labels that are not the resource's."""
    found = {}
    for line in server.get("/api/v1/export", **{"match[]": '{__name__!=""}'}).splitlines():
        series = json.loads(line)
        metric = series["metric"]
        name = metric.pop("__name__")
        for key in list(metric):
            if key == "job" or key.startswith(("service.", "telemetry.", "scope.", "instance")):
                del metric[key]
        labels = ",".join(f"{key}={value}" for key, value in sorted(metric.items()))
        key = f"{name}{{{labels}}}"
        assert key not in found
        order = sorted(range(len(series["values"])), key=series["timestamps"].__getitem__)
        found[key] = [series["values"][i] for i in order]
    return found


def collector_for(server: Server, **options: Any) -> forebay.Collector:
    """One that sends there by OTLP, as the variable OTEL_EXPORTER_OTLP_ENDPOINT would say."""
    return forebay.Collector(
        service_name="shop",
        exporter=forebay.OtlpHttpExporter(f"http://{server.address}/opentelemetry"),
        metrics=forebay.MetricsOptions(**options),
    )


def test_cumulative_points_arrive_as_they_were_measured(victoria_metrics: Server) -> None:
    """Counter, up-down counter, gauge and histogram, over two collections."""
    with collector_for(victoria_metrics) as collector:
        orders = collector.counter("orders", unit="{order}")
        latency = collector.histogram("latency", unit="s", buckets=[0.1, 1])
        for number in (1, 2):
            orders.add(number, {"region": "eu"})
            collector.up_down_counter("active").add(-4)
            collector.gauge("depth").set(17 * number)
            latency.record(0.5 * number)
            assert collector.flush(timeout=30).complete
        stats = collector.stats().metrics
        assert stats.emitted == stats.lanes["metrics"].delivered == 8
    expected = {
        "orders{region=eu}": [1, 3],
        "active{}": [-4, -8],
        "depth{}": [17, 34],
        "latency_count{}": [1, 2],
        "latency_sum{}": [0.5, 1.5],
        "latency_bucket{le=1}": [1, 2],
        "latency_bucket{le=+Inf}": [1, 2],
    }

    def found() -> dict[str, list[Any]]:
        return {key: values[:2] for key, values in exported(victoria_metrics).items()}

    assert wait_until(lambda: expected.items() <= found().items(), timeout=30), found()


def test_deltas_add_up_to_what_was_measured(victoria_metrics: Server) -> None:
    """Each measurement is in one of them."""
    with collector_for(victoria_metrics, temporality="delta") as collector:
        orders = collector.counter("orders")
        latency = collector.histogram("latency", buckets=[1])
        for number in (1, 2, 4):
            orders.add(number)
            latency.record(number)
            assert collector.flush(timeout=30).complete
        assert collector.stats().metrics.lost == 0

    def sums() -> dict[str, float]:
        return {key: sum(values) for key, values in exported(victoria_metrics).items()}

    expected = {"orders{}": 7, "latency_count{}": 3, "latency_sum{}": 7}
    assert wait_until(lambda: expected.items() <= sums().items(), timeout=30), sums()
