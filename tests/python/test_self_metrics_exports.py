"""Forebay's own metrics under OpenTelemetry's names: they mean exactly what its conventions say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

import forebay
from forebay.testing import Receiver
from tests.python.own_series import OwnSeries
from tests.python.stalled import lane, stalled


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(validate=True) as running:
        yield running


def test_created_and_queue_are_what_opentelemetry_means_by_them() -> None:
    """Created: all that came, also what was lost afterwards."""
    with stalled(lane("a")) as s:
        s.fill("a")
        stats = s.collector.stats()
        series = OwnSeries(s.collector)
        assert stats.dropped > 0
        assert series.one("otel_sdk_log_created_total") == stats.emitted
        component = {
            "otel_component_type": "batching_log_processor",
            "otel_component_name": "batching_log_processor/a",
        }
        queued = stats.lanes["a"].held_by_place["in_queue"]
        assert queued > 0
        assert series.one("otel_sdk_processor_log_queue_size", **component) == queued
        capacity = series.one("otel_sdk_processor_log_queue_capacity", **component)
        assert capacity == stats.lanes["a"].slots


ENDS: dict[str, tuple[Callable[[Receiver], None], dict[str, int]]] = {
    "delivered": (lambda _: None, {"": 3}),
    "rejected": (lambda r: r.fail(400, times=1), {"bad_request": 3}),
    "partly rejected": (lambda r: r.partial(1), {"": 2, "rejected": 1}),
    "unauthorized": (lambda r: r.fail(401, times=1), {"unauthorized": 3}),
    "tried again": (lambda r: r.fail(503, times=2), {"": 3}),
}


@pytest.mark.parametrize(("fault", "expected"), ENDS.values(), ids=ENDS.keys())
def test_exported_is_told_once_at_the_end(
    receiver: Receiver, fault: Callable[[Receiver], None], expected: dict[str, int]
) -> None:
    """By what it came to; a batch that was taken in part is no success."""
    collector = forebay.Collector(
        exporter=forebay.OtlpHttpExporter(receiver.endpoint, compression="none"),
        retry=forebay.RetryOptions(initial=0.01, max=0.02),
    )
    fault(receiver)
    log = collector.logger("a")
    for _ in range(3):
        log.info("x")
    collector.flush(30)
    series = OwnSeries(collector)
    component = {
        "otel_component_type": "otlp_http_log_exporter",
        "otel_component_name": "otlp_http_log_exporter/main",
    }
    host, port = receiver.endpoint.removeprefix("http://").split(":")
    component |= {"server_address": host, "server_port": port}
    for error, records in expected.items():
        labels = component | ({"error_type": error} if error else {})
        assert series.one("otel_sdk_exporter_log_exported_total", **labels) == records
    assert series.sum("otel_sdk_exporter_log_exported_total") == 3
    assert series.sum("otel_sdk_exporter_operation_duration_seconds_count") == 1
    error = max(expected)
    labels = component | ({"error_type": error} if error else {})
    assert series.one("otel_sdk_exporter_operation_duration_seconds_count", **labels) == 1
    assert series.one("otel_sdk_exporter_operation_duration_seconds_sum", **labels) > 0
    collector.shutdown(30)
    assert collector.audit().balanced


def test_the_duration_goes_from_the_first_attempt_on(receiver: Receiver) -> None:
    """With every wait between attempts."""
    receiver.fail(503, retry_after=0.2, times=2)
    collector = forebay.Collector(exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    collector.logger("a").info("x")
    assert collector.flush(30).complete
    series = OwnSeries(collector)
    assert series.sum("otel_sdk_exporter_operation_duration_seconds_count") == 1
    assert series.sum("otel_sdk_exporter_operation_duration_seconds_sum") > 0.4
    collector.shutdown(30)
    assert collector.audit().balanced


@pytest.mark.parametrize("error", ["", "callback_failed", "callback_late"])
def test_a_collection_that_lacks_what_a_callback_gives_is_no_success(error: str) -> None:
    """Each is told with the reports after it; callbacks that are waited for are in its duration."""
    is_over = threading.Event()

    def depth() -> float:
        if error == "callback_failed":
            raise RuntimeError("on purpose")
        if error == "callback_late":
            is_over.wait(30)
        return 1

    timeout = 0.2 if error == "callback_late" else 30
    options = forebay.MetricsOptions(interval=3600, callback_timeout=timeout)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as collector:
        collector.observable_gauge("depth", depth)
        assert collector.flush(30).complete
        series = OwnSeries(collector)
        is_over.set()
    labels = {
        "otel_component_type": "periodic_metric_reader",
        "otel_component_name": "periodic_metric_reader/metrics",
    } | ({"error_type": error} if error else {})
    name = "otel_sdk_metric_reader_collection_duration_seconds"
    assert series.one(f"{name}_count", **labels) == series.sum(f"{name}_count") == 1
    least = 0.2 if error == "callback_late" else 0
    assert series.one(f"{name}_sum", **labels) > least
    assert collector.audit().balanced
