"""Exporters for the pipeline of OpenTelemetry's SDK: what is carried, and what is not is said."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import SumAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import forebay
from forebay.opentelemetry import ForebayLogExporter, ForebayMetricExporter
from forebay.testing import MemoryCollector, forebay_collector, memory_collector

__all__ = ["forebay_collector"]  # the fixture

SAME = Resource({"service.name": "test"})


def sdk_logs(exporter: ForebayLogExporter, *, batch: bool) -> LoggerProvider:
    made = LoggerProvider(resource=SAME, shutdown_on_exit=False)
    made.add_log_record_processor(
        BatchLogRecordProcessor(exporter) if batch else SimpleLogRecordProcessor(exporter)
    )
    return made


@pytest.mark.parametrize("batch", [False, True])
def test_records_of_the_sdk_s_pipeline_arrive_as_they_were_made(
    forebay_collector: MemoryCollector, batch: bool
) -> None:
    """Time, trace, severity, body, attributes and scope; also by way of a thread of the SDK's."""
    sdk = sdk_logs(ForebayLogExporter(), batch=batch)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    log = sdk.get_logger("shop.library", "1.2", attributes={"team": "shop"})
    with tracer.start_as_current_span("work") as span:
        log.emit(
            timestamp=1_700_000_000_000_000_000,
            severity_number=SeverityNumber.WARN2,
            severity_text="careful",
            body={"a": [1, {"b": None}]},
            attributes={"list": ["a", "b"], "map": {"deep": 1}, "raw": b"\x00"},
            event_name="happened",
            exception=ValueError("late"),
        )
        log.emit(body="without a time")
    sdk.force_flush()
    (scope, record), (_, without) = forebay_collector._all()
    context = span.get_span_context()
    assert (scope.name, scope.version, scope.attributes) == (
        "shop.library",
        "1.2",
        {"team": "shop"},
    )
    for each in (record, without):
        assert int.from_bytes(each.trace_id) == context.trace_id
        assert int.from_bytes(each.span_id) == context.span_id
        assert each.flags == int(context.trace_flags)
    assert record.time_unix_nano == 1_700_000_000_000_000_000
    assert 0 < without.time_unix_nano <= without.observed_time_unix_nano
    assert (record.severity_number, record.severity_text) == (14, "careful")
    assert record.body == {"a": [1, {"b": None}]}
    stack = record.attributes.pop("exception.stacktrace")
    assert "ValueError: late" in str(stack)
    assert record.attributes == {
        "list": ["a", "b"],
        "map": {"deep": 1},
        "raw": b"\x00",
        "otel.event.name": "happened",
        "exception.type": "ValueError",
        "exception.message": "late",
    }
    sdk.shutdown()
    assert not forebay_collector.collector.is_shut_down


def test_the_sdk_s_handler_of_logging_feeds_forebay(forebay_collector: MemoryCollector) -> None:
    """The pipeline of a program that is on the SDK, with another exporter at its end."""
    sdk = sdk_logs(ForebayLogExporter(), batch=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        handler = LoggingHandler(level=logging.INFO, logger_provider=sdk)
    logger = logging.getLogger("tests.sdk_handler")
    logger.addHandler(handler)
    try:
        logger.error("payment %s failed", 7, extra={"order": 42})
    finally:
        logger.removeHandler(handler)
    record = forebay_collector.record(logger="tests.sdk_handler")
    assert (record.body, record.severity_number) == ("payment 7 failed", 17)
    assert record.attributes["order"] == 42
    sdk.shutdown()


def test_an_export_fails_where_a_record_is_dropped_on_the_spot(
    forebay_collector: MemoryCollector,
) -> None:
    """The SDK is told, and the ledger has the reason."""
    results = []

    class Telling(ForebayLogExporter):
        def export(self, batch):  # type: ignore[no-untyped-def]
            results.append(super().export(batch))
            return results[-1]

    with forebay.Collector(service_name="test", exporter=forebay.MemoryExporter()) as collector:
        sdk = sdk_logs(Telling(collector), batch=False)
        log = sdk.get_logger("library")
        log.emit(body="taken")
        collector.shutdown(30)
        log.emit(body="too late")
        assert results == [LogRecordExportResult.SUCCESS, LogRecordExportResult.FAILURE]
        stats = collector.stats()
        assert (stats.delivered, stats.refused) == (1, 1)
    sdk.shutdown()


def test_a_resource_that_differs_is_said_once_and_the_collector_s_holds(
    forebay_collector: MemoryCollector,
) -> None:
    """What the SDK says of itself and of its instance is no difference."""
    differs = Resource.create({"service.name": "other", "region": "eu", "zones": ["a", "b"]})
    for resource in (differs, Resource.create({"service.name": "test"})):
        sdk = LoggerProvider(resource=resource, shutdown_on_exit=False)
        sdk.add_log_record_processor(SimpleLogRecordProcessor(ForebayLogExporter()))
        log = sdk.get_logger("library")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            log.emit(body="x")
            log.emit(body="y")
        said = [str(each.message) for each in caught]
        if resource is differs:
            assert len(said) == 1
            assert "has region, service.name, zones, and Forebay's has not" in said[0]
        else:
            assert said == []
        sdk.shutdown()


def test_the_same_resource_is_no_warning() -> None:
    """Given to both, as the warning says."""
    resource = Resource.create({"service.name": "test", "region": "eu", "zone": 3})
    with memory_collector(resource={"region": "eu", "zone": 3}):
        sdk = LoggerProvider(resource=resource, shutdown_on_exit=False)
        sdk.add_log_record_processor(SimpleLogRecordProcessor(ForebayLogExporter()))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sdk.get_logger("library").emit(body="x")
        sdk.shutdown()


def test_nothing_that_the_exporters_do_comes_back_as_a_record(
    forebay_collector: MemoryCollector, caplog: pytest.LogCaptureFixture
) -> None:
    """The root logger feeds the exporter; what goes wrong in it must not feed itself."""
    sdk = sdk_logs(ForebayLogExporter(), batch=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        handler = LoggingHandler(level=logging.DEBUG, logger_provider=sdk)
    root = logging.getLogger()
    before, root.level = root.level, logging.DEBUG
    root.addHandler(handler)
    try:
        logging.getLogger("tests.loop").info("one", extra={"bad": object()})
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert forebay_collector.messages(logger="tests.loop") == ["one"]
    assert not [r for r in caplog.records if r.name.startswith("forebay")]
    sdk.shutdown()


def test_a_warning_of_the_exporter_becomes_one_record_where_warnings_are_logged(
    forebay_collector: MemoryCollector,
) -> None:
    """`logging.captureWarnings` sends it back through the exporter, once."""
    sdk = LoggerProvider(resource=Resource({"loop": "yes"}), shutdown_on_exit=False)
    sdk.add_log_record_processor(SimpleLogRecordProcessor(ForebayLogExporter()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        handler = LoggingHandler(level=logging.WARNING, logger_provider=sdk)
    root = logging.getLogger()
    root.addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        try:
            for number in range(3):
                logging.getLogger("tests.loop").warning("number %d", number)
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)
    (said,) = forebay_collector.messages(logger="py.warnings")
    assert "SDK has loop, and Forebay's has not" in said
    assert len(forebay_collector.messages(logger="tests.loop")) == 3
    sdk.shutdown()


# -- metrics -------------------------------------------------------------------------------------


class Sdk:
    """The SDK's pipeline with Forebay's exporter at its end."""

    def __init__(self, **options: object) -> None:
        self.exporter = ForebayMetricExporter()
        reader = PeriodicExportingMetricReader(self.exporter, export_interval_millis=math.inf)
        self.provider = MeterProvider(
            [reader],
            resource=SAME,
            shutdown_on_exit=False,
            **options,  # type: ignore[arg-type]
        )


@pytest.fixture
def sdk(forebay_collector: MemoryCollector) -> Iterator[Sdk]:
    made = Sdk()
    yield made
    made.provider.shutdown()


def test_sums_and_gauges_of_the_sdk_are_added_up_to_the_same(
    forebay_collector: MemoryCollector, sdk: Sdk
) -> None:
    """Over several exports, with attributes, units, descriptions and scopes."""
    seconds = iter([10, 25, 25])

    def cpu(options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(next(seconds), {"cpu": "0"})

    meter = sdk.provider.get_meter("added.up", "1.2")
    orders = meter.create_counter("orders", "{order}", "Orders taken")
    active = meter.create_up_down_counter("active")
    depth = meter.create_gauge("depth")
    meter.create_observable_counter("cpu.time", [cpu], "s")
    for number in (1, 2, 3):
        orders.add(number, {"region": "eu"})
        active.add(-number)
        depth.set(number * 1.5)
        assert sdk.provider.force_flush()
    orders_point = forebay_collector.metric_point("orders")
    assert (orders_point.value, orders_point.attributes) == (6, {"region": "eu"})
    assert (orders_point.unit, orders_point.description) == ("{order}", "Orders taken")
    assert (orders_point.scope.name, orders_point.scope.version) == ("added.up", "1.2")
    assert (orders_point.is_monotonic, orders_point.temporality) == (True, "cumulative")
    active_point = forebay_collector.metric_point("active")
    assert (active_point.value, active_point.is_monotonic) == (-6, False)
    assert forebay_collector.metric_point("depth").value == 4.5
    assert forebay_collector.metric_point("cpu.time").value == 25
    assert sdk.exporter.points_not_carried == 0


def test_a_histogram_is_refused_said_and_counted_and_all_else_goes_on(
    forebay_collector: MemoryCollector, sdk: Sdk
) -> None:
    """Nothing is invented: what the SDK has added up has no measurements any more."""
    meter = sdk.provider.get_meter("library")
    meter.create_histogram("latency").record(0.5, {"route": "/x"})
    meter.create_histogram("latency").record(0.5, {"route": "/y"})
    meter.create_counter("orders").add(1)
    results = []
    export = sdk.exporter.export

    def telling(data: MetricsData, timeout_millis: float = 1) -> MetricExportResult:
        results.append(export(data, timeout_millis))
        return results[-1]

    sdk.exporter.export = telling  # type: ignore[assignment,method-assign]
    with pytest.warns(forebay.ForebayWarning, match=r"'latency' \(Histogram\) cannot be handed"):
        assert sdk.provider.force_flush()
    sdk.provider.force_flush()
    assert results[0] is MetricExportResult.FAILURE
    assert sdk.exporter.points_not_carried >= 2
    assert {point.name for point in forebay_collector.metric_points()} == {"orders"}


def test_a_sum_that_a_view_makes_of_a_histogram_is_carried(
    forebay_collector: MemoryCollector,
) -> None:
    """By the aggregation, not by the instrument, it is decided what can be."""
    sdk = Sdk(views=[View(instrument_name="latency", aggregation=SumAggregation())])
    meter = sdk.provider.get_meter("summed")
    for _ in range(2):
        meter.create_histogram("latency").record(0.5)
        assert sdk.provider.force_flush()
    assert forebay_collector.metric_point("latency").value == 1
    assert sdk.exporter.points_not_carried == 0
    sdk.provider.shutdown()


def test_a_name_that_no_instrument_may_have_is_refused(forebay_collector: MemoryCollector) -> None:
    """Views of the SDK take any."""
    sdk = Sdk(views=[View(instrument_name="orders", name="two words")])
    sdk.provider.get_meter("library").create_counter("orders").add(1)
    with pytest.warns(forebay.ForebayWarning, match="'two words'"):
        sdk.provider.force_flush()
    assert sdk.exporter.points_not_carried == 1
    sdk.provider.shutdown()


def test_sums_that_are_cumulative_are_not_added_up_again(
    forebay_collector: MemoryCollector,
) -> None:
    """By another reader than that which asks the exporter what it wants."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=SAME, shutdown_on_exit=False)
    provider.get_meter("library").create_counter("cumulative").add(5)
    data = reader.get_metrics_data()
    assert data is not None
    exporter = ForebayMetricExporter()
    with pytest.warns(forebay.ForebayWarning, match=r"'cumulative' \(Sum\)"):
        assert exporter.export(data) is MetricExportResult.FAILURE
    assert forebay_collector.metric_points() == []
    provider.shutdown()


def test_the_trace_of_no_record_stays_behind(forebay_collector: MemoryCollector) -> None:
    """What an export makes current is current no longer than for its record."""
    sdk = sdk_logs(ForebayLogExporter(), batch=False)
    before = trace.get_current_span()
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        context = trace.set_span_in_context(trace.INVALID_SPAN)
        sdk.get_logger("library").emit(body="x", context=context)
        assert trace.get_current_span() is span
    assert trace.get_current_span() is before
    assert forebay_collector.record().trace_id == b""
    sdk.shutdown()
