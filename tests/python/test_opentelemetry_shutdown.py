"""What exporters for the SDK cost the end of a program: Forebay's own times, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

import forebay
from forebay.opentelemetry import ForebayLogExporter, ForebayMetricExporter
from forebay.testing import Receiver
from tests.ports import free_port
from tests.python.in_memory import run_python, start_python

# Half of what the SDK gives a shutdown; a busy machine is slow, too. Unit: s.
MUCH_LESS_THAN_THE_SDK = 15


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
        running.clear()


@pytest.fixture
def answered(receiver: Receiver) -> Iterator[forebay.Collector]:
    """A collector whose destination has answered, and stands still since; it holds a record."""
    made = forebay.Collector(exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    log = made.logger("test")
    log.info("first")
    assert made.flush(30).complete
    receiver.stall()
    log.info("second")
    yield made
    receiver.clear()
    made.shutdown(30)
    assert made.audit().balanced


def seconds_of(call: Callable[[], Any]) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def test_the_sdk_s_shutdown_does_not_wait_for_a_destination_that_is_away() -> None:
    """Half a second, although it has 30 s; the collector goes on."""
    collector = forebay.Collector(
        exporter=forebay.OtlpHttpExporter(f"http://127.0.0.1:{free_port()}")
    )
    exporter = ForebayMetricExporter(collector)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)
    provider.get_meter("test").create_counter("orders").add(1)
    assert 0.4 < seconds_of(provider.shutdown) < 5
    collector.logger("test").info("m")
    assert 0.4 < seconds_of(ForebayLogExporter(collector).shutdown) < 5
    assert not collector.is_shut_down
    collector.shutdown(0)
    assert collector.stats().metrics.dropped_by_reason["shutdown"] >= 1
    assert collector.audit().balanced


def test_a_shutdown_waits_no_longer_than_it_is_told(answered: forebay.Collector) -> None:
    """By either name of it; nor than 5 s where it is told more."""
    metrics, logs = ForebayMetricExporter(answered), ForebayLogExporter(answered)
    for shutdown in (
        lambda: metrics.shutdown(200),
        lambda: metrics.shutdown(timeout_millis=200),
        lambda: metrics.shutdown(timeout=200),
        lambda: metrics.shutdown(200, timeout=30_000),
        lambda: logs.shutdown(200),
        lambda: logs.shutdown(timeout_millis=200),
    ):
        assert 0.15 < seconds_of(shutdown) < 4
    assert seconds_of(lambda: metrics.shutdown(timeout=-1)) < 4
    assert 4.9 < seconds_of(lambda: metrics.shutdown(timeout=30_000)) < MUCH_LESS_THAN_THE_SDK


def test_a_forced_flush_waits_as_long_as_it_is_told(answered: forebay.Collector) -> None:
    """Who asks for that wants to know."""
    for exporter in (ForebayMetricExporter(answered), ForebayLogExporter(answered)):
        answers: list[bool] = []
        assert seconds_of(lambda: answers.append(exporter.force_flush(1000))) > 0.9  # noqa: B023
        assert answers == [False]


def test_at_the_end_of_the_program_exporters_do_not_wait(receiver: Receiver) -> None:
    """The collector ships there, in its own time: it is not to come on top of theirs."""
    process = start_python(
        """
        import atexit, sys, time
        import forebay
        from forebay.opentelemetry import ForebayLogExporter, ForebayMetricExporter

        forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
        log = forebay.get_logger("test")
        log.info("first")
        assert forebay.get_collector().flush(30).complete

        def end():
            begun = time.monotonic()
            ForebayMetricExporter().shutdown(timeout=30_000)
            ForebayLogExporter().shutdown()
            print(time.monotonic() - begun, flush=True)

        atexit.register(end)
        print("answered", flush=True)
        sys.stdin.readline()
        log.info("second")
        """,
        receiver.endpoint,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "answered\n"
    receiver.stall()
    process.stdin.write("\n")
    process.stdin.flush()
    waited = float(process.stdout.readline())
    receiver.clear()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    assert waited < 2
    assert receiver.counts().unique_records == 2


def test_a_program_on_the_sdk_ends_soon_where_its_destination_is_away() -> None:
    """By the SDK's own handlers at exit, as a program has them."""
    done = run_python(
        """
        import atexit, sys, time

        atexit.register(lambda: print(time.monotonic() - begun))  # after all others
        import forebay
        from forebay.opentelemetry import ForebayLogExporter, ForebayMetricExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
        meters = MeterProvider([PeriodicExportingMetricReader(ForebayMetricExporter())])
        meters.get_meter("test").create_counter("orders").add(1)
        loggers = LoggerProvider()
        loggers.add_log_record_processor(BatchLogRecordProcessor(ForebayLogExporter()))
        loggers.get_logger("test").emit(body="m")
        begun = time.monotonic()
        """,
        f"http://127.0.0.1:{free_port()}",
    )
    assert float(done.stdout) < 5
    assert "1 record was let go at exit" in done.stderr
