"""OpenTelemetry's logs API over Forebay: what a record is, and where it belongs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import Logger as ApiLogger
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context, attach, detach
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider as SdkLoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import forebay
from forebay.opentelemetry import LoggerProvider
from forebay.testing import MemoryCollector, forebay_collector, memory_collector

__all__ = ["forebay_collector"]  # the fixture


def in_span(trace_id: int, span_id: int) -> Context:
    """A context whose span has these ids, and is sampled."""
    span = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(1))
    return trace.set_span_in_context(NonRecordingSpan(span), Context())


def test_a_record_of_keywords_keeps_what_it_says(forebay_collector: MemoryCollector) -> None:
    """Time, severity, body, attributes, the event's name, and the scope."""
    log = LoggerProvider().get_logger("library", "1.2", attributes={"team": "shop"})
    assert isinstance(log, ApiLogger)
    log.emit(
        timestamp=1_700_000_000_000_000_123,
        severity_number=SeverityNumber.INFO3,
        severity_text="notice",
        body={"order": [1, None, {"paid": True}]},
        attributes={"raw": b"\x00\xff", "lines": ("a", "b"), "none": None, "nested": {"a": 1.5}},
        event_name="order.placed",
    )
    ((scope, record),) = forebay_collector._all()
    assert (scope.name, scope.version, scope.attributes) == ("library", "1.2", {"team": "shop"})
    assert record.time_unix_nano == 1_700_000_000_000_000_123
    assert record.observed_time_unix_nano > record.time_unix_nano
    assert (record.severity_number, record.severity_text) == (11, "notice")
    assert record.body == {"order": [1, None, {"paid": True}]}
    assert record.attributes == {
        "raw": b"\x00\xff",
        "lines": ["a", "b"],
        "none": None,
        "nested": {"a": 1.5},
        "otel.event.name": "order.placed",
    }


@pytest.mark.parametrize("severity", list(SeverityNumber))
def test_every_severity_arrives_as_it_is(
    forebay_collector: MemoryCollector, severity: SeverityNumber
) -> None:
    """All 24 and unspecified, although `logging` has fewer."""
    LoggerProvider().get_logger("severities").emit(severity_number=severity, body="x")
    ((_, record),) = forebay_collector._all()
    assert record.severity_number == severity.value


@pytest.mark.parametrize(
    "body",
    ["text", "ä\ud800", 7, 2.5, True, b"raw", None, [1, "a", [2.5]], {"a": {"b": None}}, "", ()],
)
def test_any_value_is_a_body(forebay_collector: MemoryCollector, body: Any) -> None:
    """With its type."""
    LoggerProvider().get_logger("bodies").emit(body=body)
    ((_, record),) = forebay_collector._all()
    expected = {"ä\ud800": "ä\ufffd", (): []}.get(body, body) if body.__hash__ else body
    assert record.body == expected
    assert type(record.body) is type(expected)


def test_mappings_and_sequences_of_any_class_are_values(forebay_collector: MemoryCollector) -> None:
    """The API asks for no more than the abstract classes."""
    LoggerProvider().get_logger("classes").emit(
        body=MappingProxyType({"a": 1}),
        attributes=MappingProxyType({"queue": range(1, 3), "map": MappingProxyType({"b": 2})}),
    )
    ((_, record),) = forebay_collector._all()
    assert record.body == {"a": 1}
    assert record.attributes == {"queue": [1, 2], "map": {"b": 2}}


def test_an_exception_adds_what_the_attributes_do_not_say(
    forebay_collector: MemoryCollector,
) -> None:
    """As the SDK does: the record's own attributes win."""
    log = LoggerProvider().get_logger("exceptions")
    try:
        int("twelve")
    except ValueError as error:
        log.emit(body="failed", exception=error, attributes={"exception.message": "mine"})
    ((_, record),) = forebay_collector._all()
    assert record.attributes["exception.type"] == "ValueError"
    assert record.attributes["exception.message"] == "mine"
    assert 'int("twelve")' in str(record.attributes["exception.stacktrace"])


def test_a_record_belongs_to_the_span_that_it_was_made_in(
    forebay_collector: MemoryCollector,
) -> None:
    """The current one, that of a context, or that which a record has of its own."""
    log = LoggerProvider().get_logger("traces")
    current, other = in_span(1, 2), in_span(3, 4)
    token = attach(current)
    try:
        log.emit(body="current")
        log.emit(body="given", context=other)
        made_here = LogRecord(body="made here")
        made_there = LogRecord(body="made there", context=other)
        log.emit(made_here)
        log.emit(made_there)
        log.emit(LogRecord(body="no span", context=in_span(0, 0)))
    finally:
        detach(token)
    log.emit(made_here)
    found = [
        (record.body, int.from_bytes(record.trace_id), int.from_bytes(record.span_id), record.flags)
        for _, record in forebay_collector._all()
    ]
    assert sorted(found, key=str) == sorted(
        [
            ("current", 1, 2, 1),
            ("given", 3, 4, 1),
            ("made here", 1, 2, 1),
            ("made here", 1, 2, 1),
            ("made there", 3, 4, 1),
            ("no span", 0, 0, 0),
        ],
        key=str,
    )


def test_what_forebay_binds_is_in_the_records_of_libraries_too(
    forebay_collector: MemoryCollector,
) -> None:
    """`forebay.context` holds for whoever logs there."""
    log = LoggerProvider().get_logger("library", "1")
    with forebay.context(request="r1"):
        log.emit(body="x", attributes={"own": 1})
    assert forebay_collector.record().attributes == {"own": 1, "request": "r1"}


def test_a_record_without_a_time_has_that_at_which_it_was_seen(
    forebay_collector: MemoryCollector,
) -> None:
    """And what is no time counts as none."""
    log = LoggerProvider().get_logger("times")
    log.emit(body="seen", observed_timestamp=1_700_000_000_000_000_000)
    bad: Any = "yesterday"
    log.emit(body="bad", timestamp=bad)
    log.emit(body="negative", timestamp=-5)
    seen, bad_one, negative = forebay_collector.records()
    assert (seen.body, seen.time_unix_nano) == ("seen", 1_700_000_000_000_000_000)
    for record in (bad_one, negative):
        assert record.time_unix_nano == record.observed_time_unix_nano


@pytest.mark.parametrize(
    "wrong",
    [
        {"severity_number": 77},
        {"severity_number": "INFO"},
        {"severity_text": 7},
        {"attributes": 17},
        {"attributes": {5: "five"}},
        {"event_name": 7},
        {"exception": "no exception"},
    ],
)
def test_what_is_wrong_never_raises(forebay_collector: MemoryCollector, wrong: Any) -> None:
    """An error in a library's telemetry costs the program nothing, and the record is not lost."""
    LoggerProvider().get_logger("wrong").emit(body="x", **wrong)
    assert forebay_collector.record().body == "x"


@pytest.mark.parametrize("name", ["", None, "ä", 7])
def test_any_name_of_a_logger_will_do(forebay_collector: MemoryCollector, name: Any) -> None:
    """What is no text is an empty one."""
    LoggerProvider().get_logger(name).emit(body="x")
    ((scope, record),) = forebay_collector._all()
    assert (scope.name, record.body) == (name if isinstance(name, str) else "", "x")


def test_enabled_says_whether_a_record_would_be_taken() -> None:
    """Not where Forebay is disabled; every severity where it is on."""
    provider = LoggerProvider()
    log = provider.get_logger("library", "2")
    with memory_collector():
        assert log.enabled()
        assert log.enabled(severity_number=SeverityNumber.TRACE)
        log.emit(body="x", severity_number=SeverityNumber.TRACE)
    with forebay.Collector(disabled=True) as collector:
        disabled = LoggerProvider(collector).get_logger("library")
        assert not disabled.enabled()
        disabled.emit(body="x")
        assert not disabled.enabled(severity_number=SeverityNumber.FATAL)


def test_the_level_of_an_application_s_logger_is_none_of_the_library_s(
    forebay_collector: MemoryCollector,
) -> None:
    """Both have the same name, and each decides for itself."""
    mine = forebay.get_logger("shop.same_name", level="ERROR")
    theirs = LoggerProvider().get_logger("shop.same_name")
    theirs.emit(body="theirs", severity_number=SeverityNumber.DEBUG)
    mine.info("mine")
    assert forebay_collector.messages() == ["theirs"]


@pytest.fixture
def root_handler(forebay_collector: MemoryCollector) -> Iterator[LoggingHandler]:
    """OpenTelemetry's handler of `logging`, over Forebay's provider."""
    handler = LoggingHandler(level=logging.DEBUG, logger_provider=LoggerProvider())
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_opentelemetry_s_handler_of_logging_works_unchanged(
    forebay_collector: MemoryCollector, root_handler: LoggingHandler
) -> None:
    """It needs no more than the API; the record is what it makes of it."""
    try:
        raise KeyError("k")
    except KeyError:
        logging.getLogger("shop.orders").warning(
            "order %s failed", 7, exc_info=True, extra={"number": 7, "otel.event.name": "failed"}
        )
    (found,) = [pair for pair in forebay_collector._all() if pair[0].name == "shop.orders"]
    record = found[1]
    assert (record.body, record.severity_number) == ("order 7 failed", 13)
    assert record.attributes["number"] == 7
    assert record.attributes["otel.event.name"] == "failed"
    assert record.attributes["exception.type"] == "KeyError"
    root_handler.flush()


def test_the_same_records_as_the_sdk_s(forebay_collector: MemoryCollector) -> None:
    """Body, severity, attributes, time and trace, of the same calls."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    sdk = SdkLoggerProvider(shutdown_on_exit=False)
    sdk.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for provider in (sdk, LoggerProvider()):
        log = provider.get_logger("compared", "1", attributes={"a": "b"})
        for number, severity in enumerate(SeverityNumber):
            log.emit(
                timestamp=1_700_000_000_000_000_000 + number,
                context=in_span(number + 1, number + 1),
                severity_number=severity,
                body=[number, "text", {"nested": [True]}],
                attributes={"number": number, "list": ["a", "b"], "map": {"deep": {"er": 1}}},
            )
    theirs = [
        (
            each.log_record.timestamp,
            each.log_record.trace_id,
            each.log_record.span_id,
            each.log_record.severity_number.value if each.log_record.severity_number else 0,
            each.log_record.body,
            {**(each.log_record.attributes or {}), "list": ["a", "b"]},
        )
        for each in exporter.get_finished_logs()
    ]
    ours = [
        (
            record.time_unix_nano,
            int.from_bytes(record.trace_id),
            int.from_bytes(record.span_id),
            record.severity_number,
            record.body,
            record.attributes,
        )
        for record in forebay_collector.records()
    ]
    assert ours == theirs
    assert len(ours) == 25
    sdk.shutdown()
