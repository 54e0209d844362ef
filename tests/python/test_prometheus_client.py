"""Forebay's series in a registry of prometheus_client's: it generates what the core writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics import parser as openmetrics_parser

import forebay
from forebay import _warnings
from forebay.prometheus import ForebayCollector, register, wsgi_app
from tests.python.in_memory import run_python

# It has no types.
generate_openmetrics: Any = exposition.generate_latest


@pytest.fixture(autouse=True)
def _fresh_warnings() -> None:
    _warnings._said.clear()


@pytest.fixture
def collector() -> Iterator[forebay.Collector]:
    with forebay.Collector(service_name="test", exporter=forebay.MemoryExporter()) as made:
        made.counter("orders", unit="{order}", description='Orders "taken"\\ \n').add(3, {"r": 1})
        made.counter("cpu.time", unit="s", description="CPU").add(0.5, {"mode": 'a"b\\\n'})
        made.up_down_counter("active").add(-4)
        made.gauge("depth", unit="By").set(17, {"queue": "a"})
        made.histogram("latency", unit="s", buckets=[0.1, 1]).record(0.25, {"route": "/x"})
        yield made


def samples(text: str, *, openmetrics: bool) -> dict[str, Any]:
    """Type, unit, help and samples by name; without start times, which are gauges in one format."""
    read: Any = (
        openmetrics_parser.text_string_to_metric_families
        if openmetrics
        else text_parser.text_string_to_metric_families
    )
    return {
        family.name: (family.type, family.unit, family.documentation, family.samples)
        for family in read(text)
        if not family.name.endswith("_created")
    }


def test_openmetrics_from_a_registry_is_the_cores_own(collector: forebay.Collector) -> None:
    """Names, suffixes, types, units, help, labels, bounds, start times."""
    registry = CollectorRegistry()
    register(registry, collector)
    generated = samples(generate_openmetrics(registry).decode(), openmetrics=True)
    written = samples(collector.prometheus_text(openmetrics=True), openmetrics=True)
    assert generated == written
    assert {"orders", "cpu_time_seconds", "active", "depth_bytes", "latency_seconds"} <= set(
        written
    )


def test_text_from_a_registry_is_the_cores_own(collector: forebay.Collector) -> None:
    """A counter's name has ``_total`` there, and an info is a gauge."""
    registry = CollectorRegistry()
    register(registry, collector)
    generated = samples(generate_latest(registry).decode(), openmetrics=False)
    written = samples(collector.prometheus_text(), openmetrics=False)
    assert generated == written
    assert "target_info" in {sample.name for sample in written["target_info"][3]}


def test_series_stand_beside_those_of_prometheus_client(collector: forebay.Collector) -> None:
    """And go with `unregister`; a later value is in the next scrape."""
    registry = CollectorRegistry()
    prometheus_client.Counter("theirs", "Another one", registry=registry).inc()
    registered = register(registry, collector)
    collector.counter("orders", unit="{order}").add(1, {"r": 1})
    text = generate_latest(registry).decode()
    assert "theirs_total 1.0" in text
    assert 'r="1"} 4.0' in text
    registry.unregister(registered)
    assert "orders" not in generate_latest(registry).decode()


def test_a_name_that_another_collector_has_is_left_out_with_one_warning(
    collector: forebay.Collector,
) -> None:
    """Registered before or after; the other families are there."""
    registry = CollectorRegistry()
    prometheus_client.Counter("orders", "Of prometheus_client", registry=registry).inc(100)
    register(registry, collector)
    prometheus_client.Gauge("latency_seconds_count", "Another one", registry=registry)
    with pytest.warns(forebay.ForebayWarning) as caught:
        text = generate_latest(registry).decode()
    assert generate_latest(registry).decode() == text  # and no more warnings
    said = sorted(str(warning.message) for warning in caught)
    assert len(said) == 2
    assert "counter 'orders' of Forebay is left out" in said[0]
    assert "'latency_seconds_count'" in said[1]
    assert text.count("# TYPE orders_total") == 1
    assert "orders_total 100.0" in text
    assert "latency_seconds_bucket" not in text
    assert "depth_bytes" in text


def test_without_a_collector_there_are_no_series() -> None:
    """A module may register before `forebay.start`."""
    registry = CollectorRegistry()
    registered = register(registry)
    assert isinstance(registered, ForebayCollector)
    assert generate_latest(registry) == b""


@pytest.mark.parametrize("shown", [None, "", "# EOF\n"])
def test_after_a_shutdown_there_are_no_series_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, shown: str | None
) -> None:
    """Whatever a collector that ends says: in a registry, and as OpenMetrics by an application."""
    collector = forebay.Collector(service_name="test", exporter=forebay.MemoryExporter())
    collector.counter("orders").add(1)
    registry = CollectorRegistry()
    prometheus_client.Counter("theirs", "Another one", registry=registry).inc()
    register(registry, collector)
    assert "orders_total" in generate_latest(registry).decode()
    collector.shutdown(30)
    if shown is not None:
        monkeypatch.setattr(forebay.Collector, "prometheus_text", lambda *_, **__: shown)
    for text in (generate_latest(registry), generate_openmetrics(registry)):
        assert "theirs_total 1.0" in text.decode()
        assert "orders" not in text.decode()
    heads: list[str] = []
    environ = {"HTTP_ACCEPT": "application/openmetrics-text", "REQUEST_METHOD": "GET"}
    body = b"".join(wsgi_app(collector)(environ, lambda status, *_: heads.append(status)))  # type: ignore[arg-type]
    assert (heads, body) == (["200 OK"], b"# EOF\n")
    assert collector.audit().balanced


def test_a_registry_shows_all_processes_of_a_directory(tmp_path: Path) -> None:
    """As the endpoint does."""
    options = forebay.MetricsOptions(publish_directory=tmp_path)
    exporter = forebay.MemoryExporter()
    with forebay.Collector(exporter=exporter, metrics=options) as first:
        first.counter("orders").add(1)
        first.gauge("depth").set(7)
        with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as second:
            second.counter("orders").add(2)
            registry = CollectorRegistry()
            register(registry, first)
            text = generate_latest(registry).decode()
    assert 'orders_total{otel_scope_name=""} 3.0' in text or "orders_total 3.0" in text
    assert "process=" in text


def test_prometheus_client_is_loaded_when_it_is_used_and_not_before() -> None:
    """It is an extra: a service without it has everything else."""
    run_python(
        """
        import sys
        import forebay
        import forebay.prometheus
        assert "prometheus_client" not in sys.modules
        forebay.prometheus.register()
        assert "prometheus_client" in sys.modules
        """
    )


@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_the_text_leaves_out_is_told_once(*, openmetrics: bool) -> None:
    """Two metrics of one name there: the later one; also where the format has no comments."""
    done = run_python(
        f"""
        import forebay
        with forebay.Collector(exporter=forebay.MemoryExporter()) as collector:
            collector.counter("items.sold").add(1)
            collector.counter("items_sold").add(2)
            for _ in range(2):
                assert "items_sold_total" in collector.prometheus_text(openmetrics={openmetrics})
        """
    )
    assert done.stderr == (
        f"forebay: prometheus_text: 1 points of items_sold{'' if openmetrics else '_total'} are "
        "left out: their labels are those of an earlier one\n"
    )
