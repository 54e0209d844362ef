"""A service under uvicorn: one record a request, and the request's attributes on all that is logged
in it; how long requests take, for Prometheus at /metrics. uvicorn's own logs come in, too, and
SIGTERM loses nothing.

    python examples/requests_asgi.py            # serves one request of its own, and ends
    python examples/requests_asgi.py --serve    # until Ctrl-C: curl http://127.0.0.1:8000/orders/7
"""

from __future__ import annotations

import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

import forebay
from forebay.asgi import RequestMiddleware, set_route
from forebay.prometheus import asgi_app, text

log = forebay.get_logger("shop.orders")
metrics = asgi_app()


async def shop(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/metrics":
        await metrics(scope, receive, send)
        return
    # A framework's router would tell it.
    set_route(scope, "/orders/{number}")
    log.info("order looked up", number=scope["path"].rpartition("/")[2])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here it is\n"})


app = RequestMiddleware(shop, exclude=["/healthz", "/metrics"])


def main() -> None:
    collector = forebay.start(service_name="shop", install_sigterm=True)
    serves = "--serve" in sys.argv
    config = uvicorn.Config(
        app,
        port=8000 if serves else 0,
        lifespan="off",
        log_config=forebay.uvicorn_log_config(access=False),
    )
    server = uvicorn.Server(config)
    if serves:
        server.run()
        return
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/orders/7", timeout=10) as answer:
        print(answer.read().decode(), end="")
    server.should_exit = True
    thread.join()
    shown = [line for line in text().splitlines() if "request_duration_seconds_count" in line]
    print(*shown, sep="\n")
    collector.shutdown()
    print(f"delivered {collector.stats().delivered}")


if __name__ == "__main__":
    main()
