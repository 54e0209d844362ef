"""A producer that asks before it makes more, and so loses nothing to a slow destination.

    python examples/cooperative_producer.py

Both producers emit the same records into lanes of the same size. One asks for room first.
"""

from __future__ import annotations

import forebay
from forebay.testing import Receiver

RECORDS = 3_000


def main() -> None:
    with Receiver() as receiver:
        receiver.slow_body(1_000_000)
        collector = forebay.Collector(
            service_name="import",
            exporter=forebay.OtlpHttpExporter(receiver.endpoint, compression="none"),
            lanes=[
                forebay.Lane(name, logger=name, queue_records=512) for name in ("asks", "hurries")
            ],
            batch=forebay.BatchOptions(max_records=64, max_delay=0.05),
            backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        )
        log = collector.logger("asks")
        sent = 0
        while sent < RECORDS:
            wanted = min(100, RECORDS - sent)
            with collector.request("asks", wanted, record_bytes=512, timeout=10) as granted:
                for number in range(granted):
                    log.info("x" * 300, number=sent + number)
                sent += granted

        log = collector.logger("hurries")
        for number in range(RECORDS):
            log.info("x" * 300, number=number)

        receiver.clear()
        collector.shutdown(timeout=30)
        for name, counts in collector.stats().lanes.items():
            print(f"{name:8} emitted {counts.emitted}, lost {counts.lost}")
        assert collector.stats().lanes["asks"].lost == 0
        assert collector.stats().lanes["hurries"].lost > 0


if __name__ == "__main__":
    main()
