"""From the first import to the end: loggers before the start, a flush that blocks no event loop,
SIGTERM, and what the collector has to say at the end.

python examples/lifecycle.py
"""

from __future__ import annotations

import asyncio

import forebay

# At import time, before anybody has started anything: it goes to whatever is started later.
log = forebay.get_logger("shop.orders")


async def serve(collector: forebay.Collector) -> None:
    log.info("order placed", number=1)
    receipt = await collector.aflush(timeout=5)
    print(f"flushed: complete={receipt.complete} delivered={receipt.delivered}")


def main() -> None:
    # A handler of SIGTERM that was there before is called after a flush.
    collector = forebay.start(service_name="shop", install_sigterm=True)
    asyncio.run(serve(collector))
    receipt = collector.shutdown(timeout=5)
    print(f"shut down: complete={receipt.complete}")
    log.info("too late")  # refused, and counted
    stats = collector.stats()
    print(f"emitted {stats.emitted}, delivered {stats.delivered}, refused {stats.refused}")
    assert collector.audit().balanced


if __name__ == "__main__":
    main()
