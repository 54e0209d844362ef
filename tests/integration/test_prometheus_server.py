"""A real Prometheus server scrapes Forebay, in both formats, and is asked what it understood."""

from __future__ import annotations

import socketserver
import threading
import wsgiref.simple_server
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay.prometheus import wsgi_app
from tests.integration.server_process import Server
from tests.waiting import wait_until


class Target:
    """An endpoint that is scraped: of one collector after another, in the formats as jobs."""

    def __init__(self) -> None:
        self.collector: forebay.Collector | None = None
        self.errors: list[str] = []
        self.types: set[str] = set()
        app = self._app

        class Quiet(wsgiref.simple_server.WSGIRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

        class Threading(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
            daemon_threads = True

        self._server = wsgiref.simple_server.make_server(
            "127.0.0.1", 0, app, server_class=Threading, handler_class=Quiet
        )
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _app(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/text":
            environ.pop("HTTP_ACCEPT")  # as of a server that knows no OpenMetrics

        def note(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self.types.add(dict(headers)["Content-Type"].partition(";")[0])
            return start_response(status, headers, *rest)

        return wsgi_app(self.collector)(environ, note)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()


CONFIGURATION = """
global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
  - {{job_name: openmetrics, static_configs: [{{targets: ["{address}"]}}]}}
  - {{job_name: text, metrics_path: /text, static_configs: [{{targets: ["{address}"]}}]}}
"""


@pytest.fixture
def prometheus(target: Target, tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Starts a server that scrapes the target ten times a second."""
    running = []

    def begin() -> Server:
        (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(address=target.address))
        command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}"]
        command += [f"--storage.tsdb.path={tmp_path / 'data'}", "--web.listen-address={address}"]
        server = Server(command, "/-/ready", tmp_path)
        running.append(server)
        server.start()
        return server

    yield begin
    for server in running:
        server.stop()


JOBS = ("openmetrics", "text")


def values(server: Server, query: str) -> dict[str, float]:
    """By job, of a query that gives one series for each."""
    answer = server.json("/api/v1/query", query=query)
    assert answer["status"] == "success"
    found = {}
    for each in answer["data"]["result"]:
        assert each["metric"]["job"] not in found
        found[each["metric"]["job"]] = float(each["value"][1])
    return found


def becomes(server: Server, query: str, value: float) -> bool:
    """Whether both jobs say so before long."""
    return wait_until(lambda: values(server, query) == dict.fromkeys(JOBS, value), timeout=60)


def test_a_real_server_understands_names_types_units_and_values(
    target: Target, prometheus: Callable[[], Server]
) -> None:
    """In both formats the same series; its metadata are what the instruments said."""
    exporter = forebay.MemoryExporter()
    with forebay.Collector(service_name="shop", exporter=exporter) as collector:
        target.collector = collector
        orders = collector.counter("orders", unit="{order}", description='Orders "taken"')
        orders.add(3, {"region": 'e"u\\'})
        collector.counter("cpu.time", unit="s").add(1.25)
        collector.up_down_counter("active").add(-4)
        collector.gauge("depth", unit="By").set(17)
        latency = collector.histogram("latency", unit="s", buckets=[0.1, 1], description="Time")
        for value in (0.05, 0.5, 0.5, 2):
            latency.record(value)
        server = prometheus()
        assert becomes(server, r'orders_total{region="e\"u\\"}', 3)
        for query, value in (
            ("cpu_time_seconds_total", 1.25),
            ("active", -4),
            ("depth_bytes", 17),
            ("latency_seconds_count", 4),
            ("latency_seconds_sum", 3.05),
            ('latency_seconds_bucket{le="1.0"}', 3),
            ('latency_seconds_bucket{le="+Inf"}', 4),
            ('target_info{service_name="shop"}', 1),
            ("up", 1),
        ):
            assert becomes(server, query, value), (query, values(server, query))
        # The start times are OpenMetrics's alone.
        assert set(values(server, "orders_created")) == {"openmetrics"}
        metadata = {
            (each["target"]["job"], each["metric"]): (each["type"], each["unit"], each["help"])
            for each in server.json("/api/v1/targets/metadata")["data"]
        }
        for metric, kind, unit, said in (
            ("orders", "counter", "", 'Orders "taken"'),
            ("cpu_time_seconds", "counter", "seconds", ""),
            ("active", "gauge", "", ""),
            ("depth_bytes", "gauge", "bytes", ""),
            ("latency_seconds", "histogram", "seconds", "Time"),
        ):
            assert metadata["openmetrics", metric] == (kind, unit, said)
            in_text = f"{metric}_total" if kind == "counter" else metric
            assert metadata["text", in_text] == (kind, "", said)
        assert metadata["openmetrics", "target"][0] == "info"
        assert target.types == {"text/plain", "application/openmetrics-text"}
        for each in server.json("/api/v1/targets")["data"]["activeTargets"]:
            assert (each["health"], each["lastError"]) == ("up", "")


def test_a_new_process_is_a_reset_and_nothing_is_counted_twice(
    target: Target, prometheus: Callable[[], Server]
) -> None:
    """A server adds up what came before and after."""
    with forebay.Collector(exporter=forebay.MemoryExporter()) as first:
        target.collector = first
        first.counter("orders").add(0)
        server = prometheus()
        assert becomes(server, "orders_total", 0)
        first.counter("orders").add(10)
        assert becomes(server, "orders_total", 10)
    with forebay.Collector(exporter=forebay.MemoryExporter()) as second:
        second.counter("orders").add(4)
        target.collector = second
        assert becomes(server, "orders_total", 4)
        assert becomes(server, "resets(orders_total[5m])", 1)
        # increase() extrapolates; this is what it begins with.
        raw = "sum by (job) (orders_total + max_over_time(orders_total[5m]))"
        assert becomes(server, raw, 14)
        increase = values(server, "increase(orders_total[5m])")
        assert all(14 <= value < 2 * 14 for value in increase.values()), increase


def test_quantiles_of_a_histogram_are_near_the_true_ones(
    target: Target, prometheus: Callable[[], Server]
) -> None:
    """Within the bucket that the true quantile is in, by rates as a dashboard would ask."""
    with forebay.Collector(exporter=forebay.MemoryExporter()) as collector:
        target.collector = collector
        bounds = [n / 10 for n in range(1, 11)]
        latency = collector.histogram("latency", unit="s", buckets=bounds)
        latency.record(0.001)
        server = prometheus()
        assert becomes(server, "latency_seconds_count", 1)
        for number in range(1000):
            latency.record(number / 1000)
        assert becomes(server, "latency_seconds_count", 1001)
        for quantile in (0.5, 0.95):
            by_rate = f"histogram_quantile({quantile}, rate(latency_seconds_bucket[5m]))"
            found = values(server, by_rate)
            assert set(found) == set(JOBS)
            assert all(abs(value - quantile) <= 0.01 for value in found.values()), found


def test_the_sum_of_several_processes_is_scraped_and_each_of_them_by_its_label(
    target: Target, prometheus: Callable[[], Server], tmp_path: Path
) -> None:
    """The merged text is as good as the core's own."""
    options = forebay.MetricsOptions(publish_directory=tmp_path / "series")
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as first:
        first.counter("seconds", unit="s", description='In "all"\\').add(0.25)
        first.histogram("latency", unit="s", buckets=[1]).record(0.5)
        first.gauge("depth").set(1)
        with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as second:
            target.collector = second
            second.counter("seconds", unit="s").add(0.5)
            second.histogram("latency", unit="s", buckets=[1]).record(0.5)
            second.gauge("depth").set(2)
            server = prometheus()
            assert becomes(server, "seconds_total", 0.75)
            assert becomes(server, 'latency_seconds_bucket{le="1.0"}', 2)
            assert becomes(server, "sum by (job) (depth)", 3)
            types = {
                each["metric"]: each["type"]
                for each in server.json("/api/v1/targets/metadata")["data"]
            }
            assert types["seconds"] == types["seconds_total"] == "counter"
            assert types["latency_seconds"] == "histogram"
