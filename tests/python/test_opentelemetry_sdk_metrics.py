"""The exporter for the SDK's metrics: what arrives is what OpenTelemetry's own encoder makes."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

import forebay
from forebay import _core
from forebay.opentelemetry import ForebayMetricExporter
from forebay.testing import MemoryCollector, Receiver, forebay_collector, memory_collector
from tests.waiting import wait_until

__all__ = ["forebay_collector"]  # the fixture

SAME = Resource({"service.name": "test"})


class Sdk:
    """The SDK's pipeline with Forebay's exporter at its end."""

    def __init__(self) -> None:
        self.exporter = ForebayMetricExporter()
        reader = PeriodicExportingMetricReader(self.exporter, export_interval_millis=math.inf)
        self.provider = MeterProvider(
            [reader],
            resource=SAME,
            shutdown_on_exit=False,
            views=[
                View(instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation())
            ],
        )


@pytest.fixture
def sdk(forebay_collector: MemoryCollector) -> Iterator[Sdk]:
    made = Sdk()
    yield made
    made.provider.shutdown()


def test_every_kind_of_point_arrives_as_the_sdk_has_it(
    forebay_collector: MemoryCollector, sdk: Sdk
) -> None:
    """Over several exports: what arrives is what OpenTelemetry's own encoder makes of them."""
    seconds = iter([10, 25, 25])

    def cpu(options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(next(seconds), {"cpu": "0"})

    exported: list[bytes] = []
    export = sdk.exporter.export

    def telling(data: MetricsData, timeout_millis: float = 1) -> MetricExportResult:
        exported.append(encode_metrics(data).SerializeToString())
        return export(data, timeout_millis)

    sdk.exporter.export = telling  # type: ignore[assignment,method-assign]
    meter = sdk.provider.get_meter("shop", "1.2", attributes={"team": "shop"})
    orders = meter.create_counter("orders", "{order}", "Orders taken")
    active = meter.create_up_down_counter("active")
    depth = meter.create_gauge("depth")
    latency = meter.create_histogram("latency", "s")
    sizes = meter.create_histogram("sizes")
    meter.create_observable_counter("cpu.time", [cpu], "s")
    for number in (1, 2, 3):
        orders.add(number, {"region": "eu"})
        active.add(-number)
        depth.set(number * 1.5)
        latency.record(number / 4, {"route": "/x"})
        sizes.record(number * 1000)
        assert sdk.provider.force_flush()
    assert len(exported) == 3
    memory = forebay_collector._exporter
    assert [request for request in memory.metric_requests() if b"\x05sizes" in request] == exported
    point = forebay_collector.metric_point("latency")
    assert (point.kind, point.count, point.sum, point.min, point.max) == (
        "histogram",
        3,
        1.5,
        0.25,
        0.75,
    )
    assert forebay_collector.metric_point("sizes").kind == "exponential_histogram"
    assert forebay_collector.metric_point("cpu.time").value == 25
    assert forebay_collector.metric_point("orders").scope.attributes == {"team": "shop"}
    assert forebay_collector.collector.stats().metrics.emitted == 3 * 6


def test_what_cannot_go_on_is_a_failure_and_is_counted() -> None:
    """Before there is a collector, and after its end."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=SAME, shutdown_on_exit=False)
    counter = provider.get_meter("library").create_counter("orders")
    counter.add(5, {"region": "eu"})
    counter.add(5, {"region": "us"})
    data = reader.get_metrics_data()
    assert data is not None
    exporter = ForebayMetricExporter()
    assert exporter.export(data) is MetricExportResult.FAILURE
    with memory_collector() as memory:
        assert memory.collector.stats().notes["measurements_not_started"] >= 2
        assert exporter.export(data) is MetricExportResult.SUCCESS
        assert len(memory.metric_points("orders")) == 2
    other = forebay.Collector(service_name="other", exporter=forebay.MemoryExporter())
    of_other = ForebayMetricExporter(other)
    assert of_other.export(data) is MetricExportResult.SUCCESS
    other.shutdown(30)
    assert other.stats().metrics.lanes["metrics"].delivered == 2
    assert of_other.export(data) is MetricExportResult.FAILURE
    assert other.stats().notes["measurements_shutdown"] == 2
    assert other.audit().balanced
    provider.shutdown()


def test_what_cannot_be_encoded_costs_the_others_nothing(
    forebay_collector: MemoryCollector, sdk: Sdk, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told once, with its name, and each such export is a failure."""
    answers: list[MetricExportResult] = []
    export = sdk.exporter.export

    def telling(data: MetricsData, timeout_millis: float = 1) -> MetricExportResult:
        answers.append(export(data, timeout_millis))
        return answers[-1]

    sdk.exporter.export = telling  # type: ignore[assignment,method-assign]
    orders = sdk.provider.get_meter("shop").create_counter("orders")
    huge = sdk.provider.get_meter("library").create_counter("huge")
    sdk.provider.get_meter("library").create_gauge("depth").set(2)
    orders.add(1, {"region": "eu"})
    assert sdk.provider.force_flush()
    for _ in range(2):
        orders.add(1, {"region": "eu"})
        huge.add(2**70)
        assert sdk.provider.force_flush()
    failure = MetricExportResult.FAILURE
    assert answers == [MetricExportResult.SUCCESS, failure, failure]
    assert forebay_collector.metric_point("orders").value == 3
    assert len(forebay_collector.metric_points("depth")) == 3
    assert forebay_collector.metric_points("huge") == []
    assert capfd.readouterr().err.count("metric 'huge' of OpenTelemetry's SDK is left out") == 1


def test_points_of_the_sdk_wait_for_a_destination_that_is_away() -> None:
    """As all others do, within bounds; none of them is lost."""
    with Receiver(validate=True) as receiver:
        receiver.stall()
        collector = forebay.Collector(
            exporter=forebay.OtlpHttpExporter(receiver.endpoint),
            retry=forebay.RetryOptions(initial=0.01, max=0.05),
        )
        exporter = ForebayMetricExporter(
            collector, preferred_temporality={Counter: AggregationTemporality.DELTA}
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        provider = MeterProvider([reader], resource=SAME, shutdown_on_exit=False)
        counter = provider.get_meter("library").create_counter("orders")
        for _ in range(20):
            counter.add(1)
            reader.collect()
        assert collector.stats().metrics.held > 0
        receiver.clear()
        assert exporter.force_flush(30_000)
        points = [point for point in receiver.metric_points() if point.name == "orders"]
        assert [point.value for point in points] == [1] * 20
        provider.shutdown()
        collector.shutdown(30)
        assert collector.audit().balanced


def one_request(series: int) -> tuple[bytes, MetricsData]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=SAME, shutdown_on_exit=False)
    counter = provider.get_meter("library").create_counter("orders")
    for number in range(series):
        counter.add(number, {"number": number})
    data = reader.get_metrics_data()
    assert data is not None
    provider.shutdown()
    return encode_metrics(data).SerializeToString(), data


def test_a_large_export_is_cut_into_batches() -> None:
    """As Forebay's own are: of `max_batch_points` at most, in order, and none is lost."""
    memory = forebay.MemoryExporter()
    options = forebay.MetricsOptions(max_batch_points=10, self_metrics=False)
    with forebay.Collector(exporter=memory, metrics=options) as collector:
        _, data = one_request(100)
        assert ForebayMetricExporter(collector).export(data) is MetricExportResult.SUCCESS
        assert collector.flush(30).complete
        assert [point.value for point in memory.metric_points()] == list(range(100))
        assert len(memory.metric_requests()) >= 10
        assert collector.stats().metrics.delivered == 100
    assert collector.audit().balanced


def test_exports_during_a_shutdown_are_sent_or_refused() -> None:
    """Each of them wholly; nothing is held for ever."""
    request, _ = one_request(500)
    for _ in range(20):
        collector = forebay.Collector(exporter=forebay.MemoryExporter())
        outcomes: list[int] = []

        def send(to: forebay.Collector = collector, told: list[int] = outcomes) -> None:
            while not told or told[-1] == 0:
                told.append(_core.send_metrics(to._core, request))

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert wait_until(lambda told=outcomes: len(told) > 2, 30)  # type: ignore[misc]
        collector.shutdown(0)
        for thread in threads:
            thread.join()
        stats = collector.stats()
        assert stats.metrics.emitted == 500 * outcomes.count(0)
        assert stats.metrics.held == 0
        assert stats.notes["measurements_shutdown"] == 500 * outcomes.count(19)
        assert collector.audit().balanced


def test_what_is_no_request_is_not_taken() -> None:
    """Whoever hands it over."""
    with forebay.Collector(exporter=forebay.MemoryExporter()) as collector:
        assert _core.send_metrics(collector._core, b"") == 0
        assert _core.send_metrics(collector._core, b"\x0a\x05no") == 48
        assert collector.stats().metrics.emitted == 0
    assert collector.audit().balanced
