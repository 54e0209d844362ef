"""A service of several processes, and one endpoint that shows them all to Prometheus.

    python examples/prometheus_endpoint.py

Three workers count and end, as gunicorn's do; then the endpoint is scraped as a server would.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import urllib.request
import wsgiref.simple_server
from typing import Any

import forebay
from forebay.prometheus import wsgi_app

orders = forebay.counter("orders", unit="{order}", description="Orders taken")
latency = forebay.histogram("request.duration", unit="s", buckets=[0.01, 0.1, 1])


def start(directory: str) -> forebay.Collector:
    return forebay.start(
        service_name="shop",
        exporter=forebay.MemoryExporter(),  # for OTLP beside it, leave this out
        metrics=forebay.MetricsOptions(publish_directory=directory),
        console="off",
    )


def work(directory: str, count: int) -> None:
    """A worker: what it counted stays in the sum when it has ended."""
    start(directory)
    for _ in range(count):
        with latency.time({"route": "/orders"}):
            orders.add(1, {"region": "eu"})


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        collector = start(directory)
        orders.add(1, {"region": "eu"})
        workers = [
            multiprocessing.get_context("spawn").Process(target=work, args=(directory, count))
            for count in (10, 20, 30)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0

        server = wsgiref.simple_server.make_server("127.0.0.1", 0, wsgi_app(), handler_class=Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        for query in ("", "?process=each"):
            with urllib.request.urlopen(url + query, timeout=10) as answer:
                lines = answer.read().decode().splitlines()
            found = [line for line in lines if line.startswith("orders_total")]
            print("\n".join(found))
            assert sum(int(line.rpartition(" ")[2]) for line in found) == 61
        server.shutdown()
        server.server_close()
        collector.shutdown()


if __name__ == "__main__":
    main()
