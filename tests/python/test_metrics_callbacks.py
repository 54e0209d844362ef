"""Callbacks of observable instruments, and who waits for them; measurements that are none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

import forebay
from forebay.testing import Receiver
from tests.python.shown_samples import samples


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Validates what it is sent against the official schema."""
    with Receiver(validate=True) as running:
        yield running


def test_a_callback_that_hangs_leaves_a_shutdown_time_to_send(receiver: Receiver) -> None:
    """Half of it: what was measured arrives, and what hangs is left out."""
    is_over = threading.Event()
    collector = forebay.Collector(exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    collector.counter("orders").add(1)
    collector.observable_gauge("depth", lambda: is_over.wait(60))
    receipt = collector.shutdown(timeout=2)
    is_over.set()
    assert receipt.complete
    assert 0.5 < receipt.elapsed < 1.9
    assert [p.value for p in receiver.metric_points() if p.name == "orders"] == [1]
    stats = collector.stats()
    assert stats.notes["callbacks_late"] == 1
    assert stats.metrics.lanes["metrics"].delivered == stats.metrics.emitted == 1
    assert collector.audit().balanced


def test_a_scrape_asks_the_callbacks() -> None:
    """What they tell is of this moment, also where nothing was collected yet."""
    told = iter(range(1, 100))
    view = forebay.View("shares", drop_attributes=["shard"])
    options = forebay.MetricsOptions(interval=3600, views=[view], self_metrics=False)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as collector:
        collector.observable_gauge("depth", lambda: next(told))
        collector.observable_up_down_counter(
            "shares", lambda: [forebay.Observation(n, {"shard": n}) for n in (1, 2, 4)]
        )
        for depth in (1, 2):
            assert samples(collector) == {"depth": depth, "shares": 7}
        assert collector.flush(timeout=30).complete
        assert samples(collector) == {"depth": 4, "shares": 7}
    assert collector.audit().balanced


def test_a_scrape_waits_once_for_a_callback_that_hangs() -> None:
    """No longer than callback_timeout; it is not asked again until it returns."""
    is_over = threading.Event()
    options = forebay.MetricsOptions(interval=3600, callback_timeout=0.5, self_metrics=False)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as collector:
        collector.observable_gauge("hung", lambda: is_over.wait(60))
        collector.observable_gauge("depth", lambda: 7)
        waited = []
        for _ in range(3):
            begun = time.monotonic()
            assert samples(collector) == {"depth": 7}
            waited.append(time.monotonic() - begun)
        assert waited[0] >= 0.5
        assert max(waited[1:]) < 0.4
        is_over.set()
    assert collector.audit().balanced


class Pairs:
    """Like a mapping, and none."""


def test_what_is_no_mapping_costs_a_measurement_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """It counts without attributes; one line for each kind of thing says so."""
    with forebay.Collector(exporter=forebay.MemoryExporter()) as collector:
        orders = collector.counter("orders")
        for attributes in (Pairs(), Pairs(), "abc", 5, [("a", 1)]):
            orders.add(1, attributes)  # type: ignore[arg-type]
        assert samples(collector)["orders_total"] == 5
        with pytest.raises(forebay.OptionError, match="attributes: 'abc' is not a mapping"):
            orders.bind("abc")  # type: ignore[arg-type]
    lines = [line for line in capfd.readouterr().err.splitlines() if "a 'Pairs'" in line]
    assert lines == [
        "forebay: attributes: a 'Pairs' is no mapping of names to values; the measurement counts "
        "without it"
    ]
    assert collector.audit().balanced


def test_a_histogram_keeps_its_sum_whatever_is_below_zero() -> None:
    """That is no measurement, as for a counter."""
    with forebay.Collector(exporter=forebay.MemoryExporter()) as collector:
        latency = collector.histogram("latency")
        for value in (10, -1, 20, -0.5):
            latency.record(value)
        latency.bind({}).record(-3)
        text = samples(collector)
        assert (text["latency_count"], text["latency_sum"]) == (2, 30)
        assert collector.flush(timeout=30).complete
        assert collector.stats().notes["measurements_invalid"] == 3
    assert collector.audit().balanced
