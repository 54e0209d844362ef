"""What was lost is told to the receiver, which can sum it up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import forebay
from forebay.testing import ReceivedRecord, Receiver


@contextmanager
def small_collector(receiver: Receiver, **lane: Any) -> Iterator[forebay.Collector]:
    """One lane of 64 slots, small batches, a small backlog that lets the oldest go."""
    lane.setdefault("on_backlog_full", "evict_oldest")
    collector = forebay.Collector(
        exporter=forebay.OtlpHttpExporter(receiver.endpoint, compression="none"),
        lanes=[forebay.Lane("only", queue_records=64, **lane)],
        batch=forebay.BatchOptions(max_records=50, max_delay=0.01),
        backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        retry=forebay.RetryOptions(initial=0.01, max=0.05),
    )
    try:
        yield collector
    finally:
        assert collector.shutdown(timeout=30).complete
        assert collector.audit().balanced
        assert collector.stats().difference == 0


def gaps_in(records: list[ReceivedRecord]) -> list[ReceivedRecord]:
    return [r for r in records if r.record.attributes.get("forebay.internal") == "gap"]


def sum_of(receiver: Receiver) -> int:
    """Users' records that arrived, and those of which the newest gap record tells."""
    records = receiver.records()
    gaps = gaps_in(records)
    told = max(number(g, "forebay.lost.total") + number(g, "forebay.refused.total") for g in gaps)
    return len(records) - len(gaps) + told


def number(gap: ReceivedRecord, name: str) -> int:
    value = gap.record.attributes.get(name, 0)
    assert isinstance(value, int)
    return value


def test_the_sum_at_the_receiver_is_what_was_emitted() -> None:
    """Records are lost in queue, backlog and destination, and gap records with them."""
    with Receiver() as receiver, small_collector(receiver) as collector:
        log = collector.logger("lossy")
        emitted = 0
        receiver.fail(503, times=None)
        deadline = time.monotonic() + 30
        while not collector.stats().dropped_by_reason.get("backlog_full"):
            assert time.monotonic() < deadline, collector.stats()
            for _ in range(500):
                log.info("x" * 300, n=emitted)
                emitted += 1
        receiver.clear()
        receiver.fail(400, times=1)
        collector.flush(timeout=30)
        log.info("the last one")
        emitted += 1
        assert collector.flush(timeout=30).complete
        stats = collector.stats()
        assert stats.emitted == emitted
        assert stats.rejected > 0
        assert stats.dropped_by_reason["queue_full_newest"] > 0
        assert len(gaps_in(receiver.records())) < stats.internal
        assert sum_of(receiver) == emitted


def test_a_batch_begins_with_its_gap_record() -> None:
    """It is the first record of the request, and says what, how many and when."""
    with Receiver() as receiver, small_collector(receiver) as collector:
        log = collector.logger("lossy")
        before = time.time_ns()
        receiver.fail(400)
        log.info("rejected")
        collector.flush(timeout=30)
        log.info("arrives")
        assert collector.flush(timeout=30).complete
        gap, arrived = receiver.records()
        assert arrived.record.body == "arrives"
        assert gap.scope.name == "forebay"
        assert gap.record.severity_text == "WARN"
        assert gap.record.body == "1 record lost"
        attributes = dict(gap.record.attributes)
        since, until = attributes.pop("forebay.lost.since"), attributes.pop("forebay.lost.until")
        assert isinstance(since, int)
        assert isinstance(until, int)
        assert before - 1_000_000_000 <= since <= until <= time.time_ns()
        assert attributes == {
            "forebay.internal": "gap",
            "forebay.lane": "only",
            "forebay.lost.total": 1,
            "forebay.lost.rejected.bad_request": 1,
        }


def test_refusals_are_told_apart() -> None:
    """What a caller was told of is not called lost."""
    options = {"on_full": "fail", "on_backlog_full": "hold"}
    with Receiver() as receiver, small_collector(receiver, **options) as collector:
        log = collector.logger("lossy")
        refused = 0
        for n in range(20_000):
            try:
                log.info("x", n=n)
            except forebay.QueueFull:
                refused += 1
        assert refused > 0
        collector.flush(timeout=30)
        log.info("the last one")
        assert collector.flush(timeout=30).complete
        # By its time: two requests are under way at once, and the later one may come in first.
        newest = max(gaps_in(receiver.records()), key=lambda gap: gap.record.time_unix_nano)
        assert number(newest, "forebay.lost.total") == 0
        assert number(newest, "forebay.refused.total") == refused
        assert number(newest, "forebay.refused.queue_full") == refused
        assert sum_of(receiver) == 20_001


@pytest.mark.parametrize("gap_records", [True, False])
def test_they_can_be_switched_off(gap_records: bool) -> None:
    with Receiver() as receiver, small_collector(receiver, gap_records=gap_records) as collector:
        log = collector.logger("lossy")
        receiver.fail(400)
        for _ in range(2):
            log.info("one")
            collector.flush(timeout=30)
        assert collector.stats().internal == (1 if gap_records else 0)
