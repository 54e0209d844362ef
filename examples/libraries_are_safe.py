"""A lane whose policy is to refuse or to wait, and code that never asked for it: a library that
logs through `logging`, and a coroutine on an event loop. Both go on; only who chose is told.

python examples/libraries_are_safe.py
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

import forebay
from forebay.testing import Receiver

# Refuses what finds no room, or lets a caller of Forebay's own loggers wait for it for a minute.
REFUSES = forebay.Lane("refuses", logger="strict", queue_records=64, on_full="fail")
WAITS = forebay.Lane("waits", queue_records=64, on_full=[forebay.Block(timeout=60), "fail"])


def library() -> None:
    for number in range(2_000):
        logging.getLogger("some.library").info("x" * 400, extra={"number": number})


async def service() -> float:
    """The longest time for which the event loop stood still. Unit: s."""
    log = forebay.get_logger("on_the_loop")
    longest = 0.0
    for number in range(2_000):
        begin = time.perf_counter()
        with suppress(forebay.QueueFull):  # at once, not after a minute
            log.info("x" * 400, number=number)
        longest = max(longest, time.perf_counter() - begin)
        await asyncio.sleep(0)
    return longest


def main() -> None:
    with Receiver() as receiver:
        receiver.stall(60)
        collector = forebay.start(
            service_name="safe",
            capture_logging="INFO",
            console="off",
            exporter=forebay.OtlpHttpExporter(receiver.endpoint),
            lanes=[REFUSES, WAITS],
            batch=forebay.BatchOptions(max_records=64, max_delay=0.05),
            backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        )
        print(f"an event loop stood still for {asyncio.run(service()) * 1000:.0f} ms at most")
        refused = 0
        log = forebay.get_logger("strict")
        for number in range(2_000):
            try:
                log.info("x" * 400, number=number)
            except forebay.QueueFull:
                refused += 1
        print(f"who chose to be told was told {refused} times")
        receiver.stall(0)
        library()
        print("the library noticed nothing")
        collector.shutdown(timeout=30)
        stats = collector.stats()
        print(f"emitted {stats.emitted}, refused {stats.refused}, delivered {stats.delivered}")
        assert collector.audit().balanced


if __name__ == "__main__":
    main()
