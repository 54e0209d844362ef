"""Real instrumentation packages of OpenTelemetry over Forebay, by way of OTLP to a receiver."""

from __future__ import annotations

from forebay.testing import MetricPoint, Receiver
from tests.python.in_memory import run_python

PROGRAM = """
import asyncio
import logging
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import fastapi
import httpx
import requests
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

import forebay
import forebay.opentelemetry

# As `opentelemetry-instrument` does it: nobody is handed a provider.
RequestsInstrumentor().instrument()
HTTPXClientInstrumentor().instrument()
LoggingInstrumentor().instrument()
SystemMetricsInstrumentor(
    config={"process.memory.usage": None, "process.cpu.time": ["user", "system"]}
).instrument()
assert forebay.opentelemetry.install()
collector = forebay.start(
    service_name="shop", exporter=forebay.OtlpHttpExporter(sys.argv[1]), console="off"
)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


server = make_server("127.0.0.1", 0, OpenTelemetryMiddleware(hello), handler_class=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/hello"
for _ in range(3):
    assert requests.get(url, timeout=30).text == "hello"
for _ in range(2):
    assert httpx.get(url, timeout=30).text == "hello"
server.shutdown()
server.server_close()

app = fastapi.FastAPI()


@app.get("/orders/{number}")
async def order(number: int):
    logging.getLogger("shop.orders").warning("order %d", number, extra={"number": number})
    return {"number": number}


FastAPIInstrumentor.instrument_app(app)


async def ask():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        for number in (1, 2):
            assert (await client.get(f"/orders/{number}")).json() == {"number": number}


asyncio.run(ask())
receipt = collector.flush(30)
assert receipt.complete, receipt
print(collector.stats().metrics.delivered)
assert collector.shutdown(30).complete
audit = collector.audit()
assert audit.balanced, audit
"""


def test_instrumented_libraries_report_unchanged() -> None:
    """Clients, servers, the process's own numbers and `logging`, by the global providers alone."""
    with Receiver(validate=True) as receiver:
        done = run_python(
            PROGRAM, receiver.endpoint, environment={"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}
        )
        # Of the flush: what the end collects once more is the same.
        points = receiver.metric_points()[: int(done.stdout)]
        records = receiver.records()
    by_name: dict[str, list[MetricPoint]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)

    clients = {p.scope.name: p for p in by_name["http.client.request.duration"]}
    assert {name: point.count for name, point in clients.items()} == {
        "opentelemetry.instrumentation.requests": 3,
        "opentelemetry.instrumentation.httpx": 2,
    }
    servers = {p.scope.name: p for p in by_name["http.server.request.duration"]}
    assert {name: point.count for name, point in servers.items()} == {
        "opentelemetry.instrumentation.wsgi": 5,
        "opentelemetry.instrumentation.fastapi": 2,
    }
    for point in (*clients.values(), *servers.values()):
        assert (point.kind, point.unit, point.temporality) == ("histogram", "s", "cumulative")
        # What the semantic conventions advise, by way of the API.
        assert point.bounds[:3] == (0.005, 0.01, 0.025)
        assert len(point.bucket_counts) == len(point.bounds) + 1
        assert sum(point.bucket_counts) == point.count
        assert point.attributes["http.request.method"] == "GET"
        assert point.attributes["http.response.status_code"] == 200
        assert point.scope.version
    fastapi = servers["opentelemetry.instrumentation.fastapi"]
    assert fastapi.attributes["http.route"] == "/orders/{number}"

    active = by_name["http.server.active_requests"]
    assert {point.value for point in active} == {0}
    assert {(point.kind, point.is_monotonic) for point in active} == {("sum", False)}

    (memory,) = by_name["process.memory.usage"]
    assert memory.value is not None
    assert memory.value > 1 << 20
    times = by_name["process.cpu.time"]
    assert {point.attributes["type"] for point in times} == {"user", "system"}
    assert all(point.is_monotonic for point in times)

    orders = [each for each in records if each.scope.name == "shop.orders"]
    assert [each.record.body for each in orders] == ["order 1", "order 2"]
    assert [each.record.attributes["number"] for each in orders] == [1, 2]
