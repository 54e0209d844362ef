"""What each policy does when a destination stands still: four lanes, 1,000 records each.

    python examples/policies.py

The destination is a receiver in this process that holds its answers back for a second. Batches and
backlog are small, so that the queues fill; the ledger says what became of every record.
"""

from __future__ import annotations

import forebay
from forebay.testing import Receiver

RECORDS = 1_000


LANES = [
    # Keep what was accepted.
    forebay.Lane("newest", logger="newest", queue_records=256, on_full="drop_newest"),
    # Keep what is fresh.
    forebay.Lane("oldest", logger="oldest", queue_records=256, on_full="drop_oldest"),
    # Tell the caller.
    forebay.Lane("fail", logger="fail", queue_records=256, on_full="fail"),
    # Wait for room.
    forebay.Lane(
        "patient",
        logger="patient",
        queue_records=256,
        on_full=[forebay.Block(timeout=30.0), "drop_newest"],
    ),
]


def main() -> None:
    with Receiver() as receiver:
        receiver.stall(1.0)
        collector = forebay.Collector(
            service_name="policies",
            exporter=forebay.OtlpHttpExporter(receiver.endpoint),
            lanes=LANES,
            batch=forebay.BatchOptions(max_records=64, max_delay=0.05),
            backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        )
        refused = 0
        for lane in LANES:
            log = collector.logger(lane.name)
            for number in range(RECORDS):
                try:
                    log.info("x" * 400, number=number)
                except forebay.QueueFull:
                    refused += 1
        receiver.stall(0.0)
        collector.shutdown(timeout=30)

        stats = collector.stats()
        for name, counts in stats.lanes.items():
            losses = {**counts.dropped_by_reason, **counts.refused_by_reason}
            print(f"{name:8} emitted {counts.emitted}, delivered {counts.delivered}, lost {losses}")
        assert refused == stats.lanes["fail"].refused
        assert receiver.counts().unique_records == stats.delivered
        print(f"difference {stats.difference}, balanced {collector.audit().balanced}")


if __name__ == "__main__":
    main()
