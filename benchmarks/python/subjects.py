"""What is measured: one statement for each peer, and what must be there before it.

A statement is source text and not a function, as with :mod:`timeit`, so that the call of a wrapper
is not measured with it. ``i`` is the loop's number. All take the same: the message "request
finished" (and a string, an int and a float).
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MESSAGE = '"request finished"'
KEYWORDS = 'route="/items/search", status=i, elapsed_ms=12.5'
MAPPING = '{"route": "/items/search", "status": i, "elapsed_ms": 12.5}'


def _nothing() -> None:
    return None


@dataclass
class Prepared:
    """A subject in its process, ready to be called."""

    names: dict[str, Any]
    settle: Callable[[], object] = _nothing  # waits until its consumer has taken everything
    close: Callable[[], object] = _nothing
    lost: Callable[[], int] = field(default=lambda: 0)


@dataclass(frozen=True)
class Subject:
    prepare: Callable[[], Prepared]
    statements: dict[str, str]  # by shape: "0attrs", "3attrs"


def _noop_handler() -> Any:
    import logging

    class Noop(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            pass

    return Noop()


def _stdlib(handler: Any, **more: Any) -> Prepared:
    import logging

    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    return Prepared({"logging": logging}, **more)


def _stdlib_noop() -> Prepared:
    return _stdlib(_noop_handler())


def _wait_empty(waiting: Any) -> Callable[[], None]:
    def settle() -> None:
        while not waiting.empty():
            time.sleep(0.0005)

    return settle


def _stdlib_queue() -> Prepared:
    """As the logging cookbook has it: an unbounded queue.Queue and a QueueListener."""
    import logging.handlers

    waiting: queue.Queue[Any] = queue.Queue(-1)
    listener = logging.handlers.QueueListener(waiting, _noop_handler())
    listener.start()
    handler = logging.handlers.QueueHandler(waiting)
    return _stdlib(handler, settle=_wait_empty(waiting), close=listener.stop)


def _stdlib_simple_queue() -> Prepared:
    """The same with the C queue, and with nobody who takes the GIL while it is measured."""
    import logging.handlers

    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def empty() -> None:
        while not waiting.empty():
            waiting.get()

    return _stdlib(logging.handlers.QueueHandler(waiting), settle=empty)


def _opentelemetry() -> Prepared:
    """The SDK's Logger.emit into its BatchLogRecordProcessor; the exporter discards."""
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import (
        BatchLogRecordProcessor,
        LogRecordExporter,
        LogRecordExportResult,
    )
    from opentelemetry.sdk.resources import Resource

    class Discard(LogRecordExporter):  # type: ignore[misc, unused-ignore]
        def export(self, batch: Any) -> LogRecordExportResult:
            return LogRecordExportResult.SUCCESS

        def force_flush(self, timeout_millis: int = 10_000) -> bool:
            return True

        def shutdown(self) -> None:
            pass

    provider = LoggerProvider(Resource({"service.name": "bench"}), shutdown_on_exit=False)
    processor = BatchLogRecordProcessor(Discard())
    provider.add_log_record_processor(processor)
    names = {
        "log": provider.get_logger("bench"),
        "INFO": SeverityNumber.INFO,
        "time_ns": time.time_ns,
    }
    return Prepared(names, settle=processor.force_flush, close=provider.shutdown)


_OTEL = (
    'log.emit(timestamp=time_ns(), severity_number=INFO, severity_text="INFO", '
    'body="request finished"'
)


def _structlog() -> Prepared:
    """The set-up of structlog's own page on performance, with orjson."""
    import logging
    import os

    import orjson
    import structlog

    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=open(os.devnull, "wb")),  # noqa: SIM115
    )
    return Prepared({"log": structlog.get_logger()})


def _loguru(enqueue: bool) -> Prepared:
    from loguru import logger

    logger.remove()
    logger.add(lambda message: None, level="INFO", enqueue=enqueue)
    return Prepared({"log": logger}, settle=logger.complete if enqueue else _nothing)


def _picologging() -> Prepared:
    import picologging

    class Noop(picologging.Handler):  # type: ignore[misc, unused-ignore]
        def emit(self, record: Any) -> None:
            pass

        def handle(self, record: Any) -> None:
            pass

    log = picologging.getLogger("bench")
    log.setLevel(picologging.INFO)
    log.addHandler(Noop())
    return Prepared({"log": log})


def _logxide() -> Prepared:
    """Its own logger with its own NullHandler."""
    import os

    import logxide

    # Its Rust side prints every record as well, whatever the handlers.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    log = logxide.getLogger("bench")
    log.setLevel(logxide.INFO)
    log.addHandler(logxide.NullHandler())
    return Prepared({"log": log}, settle=logxide.flush)


def _orjson() -> Prepared:
    import orjson

    return Prepared({"dumps": orjson.dumps})


def _forebay() -> Prepared:
    import forebay_setup

    collector = forebay_setup.to_nowhere()
    return Prepared(
        {"log": collector.logger("bench")},
        settle=lambda: forebay_setup.settle(collector),
        close=lambda: collector.shutdown(timeout=5),
        lost=lambda: forebay_setup.lost(collector),
    )


def _forebay_suppressed() -> Prepared:
    """All records are sampled out."""
    import forebay_setup

    import forebay

    collector = forebay_setup.to_nowhere(sampling=[forebay.SampleRatio(0.0)])
    return Prepared({"log": collector.logger("bench")}, close=lambda: collector.shutdown(timeout=5))


def _forebay_in_context() -> Prepared:
    """Three attributes are bound around the call."""
    import forebay

    prepared = _forebay()
    forebay.context(user_id=7, tenant="acme", request_id="0123456789abcdef").__enter__()
    return prepared


def _forebay_in_trace() -> Prepared:
    """A span of OpenTelemetry's API is the current one."""
    from opentelemetry import trace

    prepared = _forebay()
    span = trace.NonRecordingSpan(trace.SpanContext(1 << 100, 1 << 50, False))
    trace.use_span(span).__enter__()
    return prepared


def _formatted(handler: Any) -> Any:
    """The handler with a formatter and a filter, as services set them."""
    import logging

    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda record: record.name != "noisy")
    return handler


def _stream_handler() -> Prepared:
    import logging
    import os

    stream = open(os.devnull, "w")  # noqa: SIM115
    return _stdlib(_formatted(logging.StreamHandler(stream)))


def _forebay_handler(*, formatted: bool = False) -> Prepared:
    import forebay_setup

    import forebay

    collector = forebay_setup.to_nowhere()
    handler = forebay.LoggingHandler(logger=collector.logger("bench"))
    return _stdlib(
        _formatted(handler) if formatted else handler,
        settle=lambda: forebay_setup.settle(collector),
        close=lambda: collector.shutdown(timeout=5),
        lost=lambda: forebay_setup.lost(collector),
    )


_LABELS = {"route": "/items/search", "status": 200, "region": "eu"}


def _forebay_counter() -> Prepared:
    """A counter, and its series of the three attributes."""
    import forebay_setup

    collector = forebay_setup.to_nowhere()
    counter = collector.counter("requests")
    return Prepared(
        {"counter": counter, "bound": counter.bind(_LABELS)},
        close=lambda: collector.shutdown(timeout=5),
        lost=lambda: sum(
            n for note, n in collector.stats().notes.items() if note.startswith("measurements_")
        ),
    )


def _opentelemetry_counter() -> Prepared:
    """The SDK's Counter with its periodic reader, which collects once a minute; cumulative."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        MetricExporter,
        MetricExportResult,
        PeriodicExportingMetricReader,
    )

    class Discard(MetricExporter):  # type: ignore[misc, unused-ignore]
        def export(self, *arguments: Any, **more: Any) -> MetricExportResult:
            return MetricExportResult.SUCCESS

        def force_flush(self, timeout_millis: float = 10_000) -> bool:
            return True

        def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
            pass

    provider = MeterProvider([PeriodicExportingMetricReader(Discard())], shutdown_on_exit=False)
    counter = provider.get_meter("bench").create_counter("requests")
    return Prepared({"counter": counter}, close=provider.shutdown)


def _prometheus_client_counter() -> Prepared:
    """Its Counter with three labels, in a registry of its own and in one process."""
    from prometheus_client import CollectorRegistry, Counter

    counter = Counter("requests", "Requests.", list(_LABELS), registry=CollectorRegistry())
    return Prepared({"counter": counter, "bound": counter.labels(*_LABELS.values())})


_COUNTER_CALL = 'counter.add(1, {"route": "/items/search", "status": 200, "region": "eu"})'
_KEYWORD_CALLS = {
    "0attrs": f"log.info({MESSAGE})",
    "3attrs": f"log.info({MESSAGE}, {KEYWORDS})",
}
_STDLIB_CALLS = {
    "0attrs": f"logging.info({MESSAGE})",
    "3attrs": f"logging.info({MESSAGE}, extra={MAPPING})",
}
# These two format %-arguments late, if at all, so only the bare message compares with the others.
_MESSAGE_ONLY = {"0attrs": f"log.info({MESSAGE})"}

SUBJECTS: dict[str, Subject] = {
    "forebay": Subject(_forebay, _KEYWORD_CALLS),
    "forebay_counter": Subject(
        _forebay_counter, {"bound": "bound.add(1)", "3attrs": _COUNTER_CALL}
    ),
    # It has nothing that is bound.
    "opentelemetry_counter": Subject(
        _opentelemetry_counter, {"bound": _COUNTER_CALL, "3attrs": _COUNTER_CALL}
    ),
    "prometheus_client_counter": Subject(
        _prometheus_client_counter,
        {"bound": "bound.inc()", "3attrs": 'counter.labels("/items/search", "200", "eu").inc()'},
    ),
    "forebay_in_context": Subject(_forebay_in_context, _KEYWORD_CALLS),
    "forebay_in_trace": Subject(_forebay_in_trace, _KEYWORD_CALLS),
    "forebay_suppressed": Subject(_forebay_suppressed, _KEYWORD_CALLS),
    "forebay_handler": Subject(_forebay_handler, _STDLIB_CALLS),
    "opentelemetry": Subject(
        _opentelemetry, {"0attrs": f"{_OTEL})", "3attrs": f"{_OTEL}, attributes={MAPPING})"}
    ),
    "structlog": Subject(_structlog, _KEYWORD_CALLS),
    "stdlib_queue": Subject(_stdlib_queue, _STDLIB_CALLS),
    "stdlib_simple_queue": Subject(_stdlib_simple_queue, _STDLIB_CALLS),
    "loguru": Subject(lambda: _loguru(enqueue=False), _KEYWORD_CALLS),
    "loguru_enqueue": Subject(lambda: _loguru(enqueue=True), _KEYWORD_CALLS),
    "picologging": Subject(_picologging, _MESSAGE_ONLY),
    "logxide": Subject(_logxide, _MESSAGE_ONLY),
    "orjson": Subject(
        _orjson,
        {
            "3attrs": 'dumps({"m": "request finished", "route": "/items/search", '
            '"status": i, "elapsed_ms": 12.5})'
        },
    ),
    "forebay_handler_formatted": Subject(lambda: _forebay_handler(formatted=True), _STDLIB_CALLS),
    "stream_handler": Subject(_stream_handler, _STDLIB_CALLS),
    "noop_handler": Subject(_stdlib_noop, _STDLIB_CALLS),
}
