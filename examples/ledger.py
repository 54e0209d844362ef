"""The ledger while a destination is down, and after it came back.

python examples/ledger.py
"""

from __future__ import annotations

import forebay
from forebay.testing import Receiver


def show(moment: str, stats: forebay.Stats) -> None:
    places = {place: number for place, number in stats.held_by_place.items() if number}
    print(
        f"{moment}: emitted {stats.emitted} = delivered {stats.delivered} + lost {stats.lost}"
        f" + held {stats.held} {places or ''}"
    )


def main() -> None:
    receiver = Receiver()
    receiver.start()
    receiver.fail(503, times=2)
    collector = forebay.Collector(
        service_name="ledger",
        exporter=forebay.OtlpHttpExporter(receiver.endpoint),
        batch=forebay.BatchOptions(max_delay=0.05),
        retry=forebay.RetryOptions(initial=0.2),
    )
    log = collector.logger("ledger.demo")
    for number in range(10_000):
        log.info("a record", number=number)
    show("at once", collector.stats())

    receipt = collector.flush(timeout=10)
    show("flushed", collector.stats())
    print(f"complete {receipt.complete}, retries {collector.stats().notes['retries']}")

    audit = collector.audit()
    print(f"balanced {audit.balanced}, exact {audit.exact}, difference {audit.difference}")
    collector.shutdown()
    assert receiver.counts().unique_records == collector.stats().delivered
    receiver.stop()


if __name__ == "__main__":
    main()
