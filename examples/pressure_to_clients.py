"""A service whose audit data must not be lost: while there is no room for it, clients are told so.

    python examples/pressure_to_clients.py

A client posts orders to an ASGI service (without a server between: one call a request), before a
destination that stands still for a while. Orders are answered 503 with Retry-After then; all else
goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import forebay
from forebay.asgi import PressureMiddleware
from forebay.testing import Receiver


async def service(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/orders":
        log = forebay.get_logger("audit.orders")
        await log.ainfo("order taken", items=["a"] * 50)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


app = PressureMiddleware(service, lane="audit", routes=["/orders"], methods=["POST"])


async def ask(method: str, path: str) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    await app({"type": "http", "method": method, "path": path}, receive, send)
    return int(sent[0]["status"])


async def main() -> None:
    with Receiver() as receiver:
        receiver.stall()
        collector = forebay.start(
            service_name="shop",
            exporter=forebay.OtlpHttpExporter(receiver.endpoint, compression="none"),
            lanes=[
                forebay.Lane("audit", logger="audit.*", queue_records=256, on_full="block"),
                forebay.Lane("normal"),
            ],
            batch=forebay.BatchOptions(max_records=64, max_delay=0.05),
            backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        )
        answers: Counter[tuple[str, int]] = Counter()
        waiting = set()
        # Orders that were let in before the lane was full wait for their audit record; none after.
        while answers["/orders", 503] < 100:
            answers["/status", await ask("GET", "/status")] += 1
            order = asyncio.create_task(ask("POST", "/orders"))
            done, _ = await asyncio.wait([order], timeout=0.02)
            waiting.add(order)
            if done:
                answers["/orders", order.result()] += 1
                waiting.discard(order)
        print(f"stands still: {dict(answers)}, {len(waiting)} waiting")
        assert answers["/orders", 200] > 0
        assert answers["/status", 503] == 0

        receiver.clear()
        assert set(await asyncio.gather(*waiting)) <= {200}
        while await ask("POST", "/orders") == 503:
            await asyncio.sleep(0.02)
        print("goes on: orders are taken again")

        receipt = await collector.ashutdown()
        assert receipt.complete
        assert collector.stats().lost == 0


if __name__ == "__main__":
    asyncio.run(main())
