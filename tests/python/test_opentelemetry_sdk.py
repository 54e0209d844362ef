"""The exporter for the log records of OpenTelemetry's SDK: what is carried, and what is said."""

from __future__ import annotations

import logging
import warnings

import pytest
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import forebay
from forebay.opentelemetry import ForebayLogExporter
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
