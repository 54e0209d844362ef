"""What every record has from where it is logged: attributes bound for a block or to a logger, the
trace of the current span, and a request's own by the WSGI middleware.

python examples/context_and_traces.py
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from wsgiref.handlers import SimpleHandler
from wsgiref.util import setup_testing_defaults

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import forebay
from forebay.testing import memory_collector
from forebay.wsgi import RequestMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = forebay.get_logger("shop.orders")


async def order(number: int) -> None:
    """Each task has its own; a library that logs through `logging` knows nothing of it."""
    with forebay.context(order=number):
        await asyncio.sleep(0)
        log.info("placed")
        logging.getLogger("some.library").warning("slow answer")
        await asyncio.to_thread(log.info, "charged")


async def orders() -> None:
    with forebay.context(customer="c-1"):
        await asyncio.gather(order(1), order(2))


def in_a_pool() -> None:
    """A pool's thread has the context only where it is handed over."""
    with ThreadPoolExecutor(1) as pool, forebay.context(customer="c-2"):
        pool.submit(contextvars.copy_context().run, log.info, "packed").result()
        pool.submit(log.info, "swept the floor").result()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    log.info("looked up")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here it is\n"]


def one_request() -> None:
    """As a server does it; the trace is the caller's, by its `traceparent`."""
    environ = {
        "PATH_INFO": "/orders/7",
        "HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    setup_testing_defaults(environ)
    handler = SimpleHandler(io.BytesIO(), io.BytesIO(), io.StringIO(), environ)
    handler.run(RequestMiddleware(application))


def main() -> None:
    with memory_collector(capture_logging="INFO") as memory:
        asyncio.run(orders())
        for name in ("placed", "slow answer", "charged"):
            found = memory.records(text=name)
            assert {record.attributes["order"] for record in found} == {1, 2}
            assert {record.attributes["customer"] for record in found} == {"c-1"}
        in_a_pool()
        assert memory.record(text="packed").attributes["customer"] == "c-2"
        assert "customer" not in memory.record(text="swept").attributes

        # A logger with attributes of its own; a record's own win.
        log.bind(shop="Berlin", shelf=1).info("restocked", shelf=2)
        restocked = memory.record(text="restocked").attributes
        assert (restocked["shop"], restocked["shelf"]) == ("Berlin", 2)

        # Of OpenTelemetry's API, once somebody has imported it; the SDK makes real spans.
        span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, False, TraceFlags(1)))
        with trace.use_span(span):
            log.info("inside a span")
        assert memory.record(text="inside a span").span_id.hex() == "0000000000000def"

        one_request()
        inside, request = memory.record(text="looked up"), memory.records()[-1]
        assert inside.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
        assert request.attributes["http.response.status_code"] == 200
        for record in memory.records():
            bound = {name: v for name, v in record.attributes.items() if "." not in name}
            print(record.body, bound, record.trace_id.hex())


if __name__ == "__main__":
    main()
