"""A collector that reports to a test's receiver, and what must hold between the two at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import forebay
from forebay._stats import Stats
from forebay.testing import Counts, Receiver

# Quick, so that a test sees several attempts within a second.
RETRY = forebay.RetryOptions(initial=0.02, max=0.2)
# Nothing is lost for want of room: what is not delivered has another reason.
# What is sent is counted to the record here: Forebay tells of no losses by records of its own.
BLOCK = (forebay.Lane("only", on_full="block", gap_records=False),)


@contextmanager
def reporting_to(endpoint: str, **options: Any) -> Iterator[forebay.Collector]:
    """A collector that never gives up and never drops, shut down and audited at the end.

    Options of the exporter are those that begin with ``exporter_``.
    """
    exporter_options = {
        name.removeprefix("exporter_"): options.pop(name)
        for name in list(options)
        if name.startswith("exporter_")
    }
    options.setdefault("lanes", BLOCK)
    options.setdefault("retry", RETRY)
    options.setdefault("batch", forebay.BatchOptions(max_records=100, max_delay=0.05))
    collector = forebay.Collector(
        service_name="integration",
        exporter=forebay.OtlpHttpExporter(endpoint, **exporter_options),
        **options,
    )
    try:
        yield collector
    finally:
        collector.shutdown(timeout=10)
        assert_at_rest(collector)


def emit(collector: forebay.Collector, count: int, start: int = 0) -> None:
    """Emit so many records with a `uid` each, every one taken."""
    log = collector.logger("integration")
    for uid in range(start, start + count):
        assert log.info("record", uid=uid)


def assert_at_rest(collector: forebay.Collector) -> Stats:
    """The ledger balances, exactly, and nothing is inside."""
    audit = collector.audit()
    assert audit.balanced, audit
    assert audit.difference == 0
    stats = collector.stats()
    assert stats.difference == 0, stats
    assert stats.held == 0, stats
    return stats


def assert_same(collector: forebay.Collector, receiver: Receiver) -> tuple[Stats, Counts]:
    """What the ledger calls delivered is what the receiver has, duplicates left out."""
    stats, counts = collector.stats(), receiver.counts()
    assert stats.held == 0, stats
    assert stats.delivered == counts.unique_records, (stats, counts)
    # Only a batch whose answer was missed comes again.
    assert stats.notes["ambiguous_attempts"] >= counts.batches - counts.unique_batches
    return stats, counts


def uids(receiver: Receiver, *, unique: bool = True) -> list[int]:
    """The uid of each record that the receiver has, in order of arrival."""
    found = []
    for received in receiver.records(unique=unique):
        uid = received.record.attributes["uid"]
        assert isinstance(uid, int)
        found.append(uid)
    return found
