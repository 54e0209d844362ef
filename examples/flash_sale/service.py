"""A shop whose orders must be audited, as a pure ASGI application.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 uvicorn service:app

POST /orders writes 20 audit records. They must not be lost, so while their lane is pressed clients
are told to come again (503 with Retry-After). GET /status has nothing to do with it, and goes on.
GET /forebay shows the lane. At the end a line of JSON on standard output says what became of the
audit records.
"""

from __future__ import annotations

import json
from typing import Any

import forebay
from forebay.asgi import PressureMiddleware

RECORDS_AN_ORDER = 20

collector: forebay.Collector
audit: forebay.Logger
requests: forebay.Logger


def start() -> None:
    """Start the collector; the destination is OTEL_EXPORTER_OTLP_ENDPOINT's."""
    global collector, audit, requests
    collector = forebay.start(
        service_name="shop",
        console="off",
        lanes=[
            forebay.Lane(
                "audit", logger="audit.*", queue_records=8192, on_full="block", backlog_share=0.5
            ),
            forebay.Lane("normal", queue_records=8192),
        ],
        # Small, so that seconds of a sale are enough to fill it.
        backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        batch=forebay.BatchOptions(max_records=512, max_delay=0.1),
    )
    audit = collector.logger("audit.orders")
    requests = collector.logger("shop.requests")


def shown() -> dict[str, Any]:
    """The audit lane, as GET /forebay and the last line of the process tell it."""
    stats = collector.stats()
    lane = stats.lanes["audit"]
    return {
        "state": lane.state.name.lower(),
        "held": lane.held,
        "emitted": lane.emitted,
        "delivered": lane.delivered,
        "lost": lane.lost,
        "refused": lane.refused,
        "difference": lane.difference,
    }


async def shop(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    body = b"{}"
    if scope["path"] == "/orders":
        number = scope["query_string"].decode()
        for line in range(RECORDS_AN_ORDER):
            await audit.ainfo("order line", order=number, line=line, price=9.99)
    elif scope["path"] == "/forebay":
        body = json.dumps(shown()).encode()
    requests.info("request", path=scope["path"])
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Any, send: Any) -> None:
    """Start and end with the server."""
    await receive()
    start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await collector.ashutdown(timeout=30)
    print(json.dumps({**shown(), "balanced": collector.audit().balanced}), flush=True)
    await send({"type": "lifespan.shutdown.complete"})


app = PressureMiddleware(shop, lane="audit", routes=["/orders"], at="pressured")
