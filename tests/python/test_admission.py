"""Sampling, rate limits and lanes by attribute, as Python code has them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import forebay
from forebay.testing import LogRecord
from tests.python.in_memory import InMemory, in_memory


def weight(record: LogRecord) -> int:
    """How many records one stands for, by the rule that the documents tell receivers."""
    adjusted = record.attributes.get("forebay.adjusted_count")
    if adjusted is None:
        return 0 if "forebay.internal" in record.attributes else 1
    assert isinstance(adjusted, int)
    return adjusted


def weights(memory: InMemory) -> Counter[int]:
    """The sum of weights for each severity number."""
    result: Counter[int] = Counter()
    for record in memory.records():
        result[record.severity_number] += weight(record)
    return result


def test_a_ratio_keeps_a_part_whose_weights_add_up_to_what_was_emitted() -> None:
    """Exactly, once everything is flushed; other levels are not touched."""
    with in_memory(sampling=[forebay.SampleRatio(0.1, max_level="DEBUG")]) as memory:
        for n in range(1003):
            assert memory.log.debug("d", n=n) is True
        for n in range(7):
            memory.log.info("i", n=n)
        assert weights(memory) == {5: 1003, 9: 7}
        stats = memory.collector.stats()
        assert stats.emitted == 1010
        assert 890 < stats.sampled_out < 910
        assert stats.lost == 0
        assert stats.represented == {"delivered": 1010, "lost": 0, "pending": 0}


def test_a_burst_keeps_the_first_of_each_call_site() -> None:
    """And then every so many."""
    rule = forebay.SampleBurst(first=5, then_every=10, interval=3600, logger="test")
    with in_memory(sampling=[rule]) as memory:
        for n in range(100):
            memory.log.error("one", n=n)
            memory.log.error("other", n=n)
        records = memory.records()
        kept = Counter(r.body for r in records if r.body is not None)
        assert 5 < kept["one"] < 20
        assert kept["one"] == kept["other"]
        assert sum(weight(r) for r in records) == 200


def test_rules_are_asked_by_attribute_too() -> None:
    """What no rule is about is kept."""
    rules = [forebay.SampleRatio(0, attributes={"user": "bot"}), forebay.SampleRatio(1)]
    with in_memory(sampling=rules) as memory:
        for user in ("bot", "ann", "bot"):
            memory.log.info("hello", user=user)
        users = [r.attributes["user"] for r in memory.records() if r.body is not None]
        assert users == ["ann"]
        assert memory.collector.stats().sampled_out == 2


@pytest.mark.parametrize("by", ["lane", "logger", "site"])
def test_a_rate_limit_lets_the_burst_through_and_tells_of_the_rest(by: Any) -> None:
    """Each lane, logger or call site for itself."""
    limit = forebay.RateLimit(per_second=0.001, burst=10, by=by)
    lanes = [forebay.Lane("only", rate_limit=limit)]
    with in_memory(lanes=lanes, limits=forebay.LimitOptions(summary_interval=0.05)) as memory:
        loggers = [memory.collector.logger(name) for name in ("a", "b")]
        answers = []
        for _ in range(50):
            for log in loggers:
                answers += [log.info("one"), log.info("other")]
        limits = {"lane": 1, "logger": 2, "site": 4}[by]
        # A limit is nobody's fault: the call says that nothing went wrong.
        assert all(answers)
        stats = memory.collector.stats()
        assert stats.emitted == 200
        assert stats.rate_limited == 200 - 10 * limits
        records = memory.records()
        assert sum("forebay.internal" not in r.attributes for r in records) == 10 * limits
        told = [
            r.attributes["forebay.suppressed.count"]
            for r in records
            if r.attributes.get("forebay.internal") == "suppressed"
        ]
        assert sum(n for n in told if isinstance(n, int)) == stats.rate_limited


def test_a_lane_takes_records_by_attribute() -> None:
    """Texts, numbers and booleans."""
    lanes = [
        forebay.Lane("paid", attributes={"paid": True, "tenant": 7}),
        forebay.Lane("rest"),
    ]
    with in_memory(lanes=lanes) as memory:
        memory.log.info("x", paid=True, tenant=7)
        memory.log.info("x", paid=True, tenant=8)
        memory.log.info("x", tenant=7)
        memory.records()
        counts = {name: lane.emitted for name, lane in memory.collector.stats().lanes.items()}
        assert counts == {"paid": 1, "rest": 2}


def test_early_drop_lets_records_go_before_the_lane_is_full() -> None:
    """Counted under its own name, and none while there is plenty of room."""
    lanes = [
        forebay.Lane("only", queue_records=4096, early_drop=forebay.EarlyDrop(0.2, 0.6)),
    ]
    exporter = forebay.MemoryExporter(max_bytes=8192)
    collector = forebay.Collector(
        exporter=exporter,
        lanes=lanes,
        batch=forebay.BatchOptions(max_records=4, max_delay=0),
        backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        retry=forebay.RetryOptions(initial=3600, max=3600),
    )
    log = collector.logger("x")
    for n in range(100):
        assert log.info("begin", n=n)
    for _ in range(20_000):
        log.info("x" * 200)
    lane = collector.stats().lanes["only"]
    assert lane.dropped_by_reason["early_drop"] > 0
    assert lane.dropped_by_reason.get("queue_full_newest", 0) == 0
    collector.shutdown(timeout=0)
    assert collector.audit().balanced
