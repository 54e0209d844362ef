"""Audit records that may not be lost, from coroutines: each waits for room, and the loop goes on.

    python examples/asyncio_orders.py

The destination is a receiver in this process that holds its answers back for half a second, before
a lane that is far too small.
"""

from __future__ import annotations

import asyncio

import forebay
from forebay.testing import Receiver

ORDERS = 2_000


async def take_order(log: forebay.Logger, number: int) -> None:
    assert await log.ainfo("order taken", number=number, note="x" * 300)


async def main() -> None:
    with Receiver() as receiver:
        receiver.stall(0.5)
        collector = forebay.Collector(
            service_name="orders",
            exporter=forebay.OtlpHttpExporter(receiver.endpoint, compression="none"),
            lanes=[forebay.Lane("audit", queue_records=256, on_full="block")],
            batch=forebay.BatchOptions(max_records=64, max_delay=0.05),
            backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        )
        async with collector:
            log = collector.logger("orders")
            turns = 0

            async def other_work() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0.005)
                    turns += 1

            other = asyncio.create_task(other_work())
            await asyncio.gather(*(take_order(log, number) for number in range(ORDERS)))
            other.cancel()
        stats = collector.stats()
        print(f"delivered {stats.delivered}, lost {stats.lost}; other work went on: {turns > 10}")
        assert receiver.counts().unique_records == ORDERS
        assert (stats.delivered, stats.lost) == (ORDERS, 0)
        assert turns > 10


if __name__ == "__main__":
    asyncio.run(main())
