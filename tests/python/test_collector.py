"""The collector: its life, its ledger as Python objects, and the process default."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import threading
import time
from pathlib import Path

import pytest

import forebay
from forebay import _collector, _stats
from forebay.testing import Receiver
from tests.python.in_memory import in_memory
from tests.waiting import another_thread


def test_stats_have_every_name_of_the_ledger() -> None:
    """Plain, by reason, by place, by lane, by severity, by route."""
    with in_memory() as memory:
        memory.log.info("a")
        memory.log.info("b")
        memory.log.error("c")
        memory.collector.flush(timeout=30)
        stats = memory.collector.stats()
        assert (stats.emitted, stats.delivered, stats.held, stats.lost) == (3, 3, 0, 0)
        assert stats.difference == 0
        assert set(stats.lanes) == {"urgent", "normal"}
        assert (stats.lanes["normal"].emitted, stats.lanes["urgent"].emitted) == (2, 1)
        assert stats.lanes["normal"].slots >= stats.lanes["normal"].room > 0
        assert (stats.by_severity["info"].delivered, stats.by_severity["error"].delivered) == (2, 1)
        assert stats.routes["main"].delivered == 3
        places = {"in_queue", "in_batch", "in_backlog", "in_spool", "in_flight"}
        assert set(stats.held_by_place) == places
        assert {"queue_full_newest", "shutdown", "retry_exhausted"} <= set(stats.dropped_by_reason)
        assert {"not_started", "shutdown", "reentrant"} <= set(stats.refused_by_reason)
        assert {"bad_request", "partial_success"} <= set(stats.rejected_by_reason)
        assert sum(stats.dropped_by_reason.values()) == stats.dropped
        assert sum(stats.held_by_place.values()) == stats.held
        assert stats.destination_answered
        assert 0.0 <= stats.fill <= 1.0
        assert stats.pressure == 0
        assert stats.memory_bytes > 0
        assert stats.notes["truncated_records"] == 0
        assert stats.numbers["lanes.normal.emitted"] == 2


def test_stats_are_built_from_flat_names() -> None:
    """No name is lost, and one that a later core has is still in numbers."""
    flat = {
        "emitted": 9,
        "dropped": 3,
        "dropped.memory": 1,
        "dropped.queue_full_newest": 2,
        "in_queue": 4,
        "held": 4,
        "lanes.a-b.emitted": 9,
        "lanes.a-b.dropped.memory": 1,
        "lanes.a-b.slots": 64,
        "by_severity.info.emitted": 9,
        "routes.main.delivered": 2,
        "notes.truncated_records": 5,
        "fill_permille": 250,
        "of_a_later_version": 1,
    }
    stats = _stats.stats_from(flat)
    assert stats.dropped_by_reason == {"memory": 1, "queue_full_newest": 2}
    assert stats.held_by_place == {"in_queue": 4}
    assert stats.lanes["a-b"] == forebay.LaneCounts(
        emitted=9, dropped_by_reason={"memory": 1}, slots=64
    )
    assert stats.by_severity["info"].emitted == 9
    assert stats.routes["main"].delivered == 2
    assert stats.notes == {"truncated_records": 5}
    assert stats.fill == 0.25
    assert stats.numbers == flat
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.emitted = 1  # type: ignore[misc]


def test_metric_points_have_a_ledger_of_their_own() -> None:
    """They are in no number of the log records, nor those in theirs."""
    flat = {
        "emitted": 9,
        "lanes.normal.emitted": 9,
        "metrics.emitted": 70,
        "metrics.superseded": 20,
        "metrics.dropped": 3,
        "metrics.dropped.backlog_full": 3,
        "metrics.delivered": 40,
        "metrics.held": 7,
        "metrics.in_flight": 7,
        "metrics.lanes.metrics.emitted": 70,
        "metrics.routes.main.delivered": 40,
        "notes.callbacks_late": 2,
    }
    stats = _stats.stats_from(flat)
    assert (stats.emitted, stats.metrics.emitted) == (9, 70)
    assert stats.metrics.dropped_by_reason == {"backlog_full": 3}
    assert stats.metrics.held_by_place == {"in_flight": 7}
    assert (stats.metrics.lost, stats.metrics.difference) == (3, 0)
    assert set(stats.lanes) == {"normal"}
    assert stats.routes == {}
    assert stats.metrics.lanes["metrics"].emitted == 70
    assert stats.metrics.routes["main"].delivered == 40
    assert stats.notes["callbacks_late"] == 2
    assert "metrics=PointCounts(emitted=70, delivered=40" in repr(stats)
    assert "metrics" not in repr(_stats.stats_from({"emitted": 1, "metrics.emitted": 0}))
    receipt = _stats.receipt_from({"metrics.delivered": 5, "metrics.held": -5, "complete": 1})
    assert (receipt.metrics.delivered, receipt.metrics.held, receipt.delivered) == (5, -5, 0)


def test_audit_and_receipt_are_built_from_flat_names() -> None:
    """Numbers become what they mean."""
    audit = _stats.audit_from(
        {
            "balanced": 1,
            "exact": 0,
            "difference": -1,
            "lanes.a.difference": -2,
            "metrics.lanes.metrics.difference": 1,
        }
    )
    assert audit == forebay.Audit(
        balanced=True, exact=False, difference=-1, lanes={"a": -2, "metrics": 1}
    )
    receipt = _stats.receipt_from(
        {"delivered": 5, "held": -5, "complete": 1, "elapsed_ns": 1_500_000_000}
    )
    assert (receipt.delivered, receipt.held) == (5, -5)
    assert receipt.complete is True
    assert receipt.elapsed == 1.5
    assert "complete" not in receipt.numbers


def test_a_receipt_is_the_difference_between_call_and_return() -> None:
    """What a flush delivered, and that it is all."""
    with in_memory(batch=forebay.BatchOptions(max_delay=3600)) as memory:
        for _ in range(10):
            memory.log.info("m")
        receipt = memory.collector.flush(timeout=30)
        assert (receipt.complete, receipt.delivered, receipt.held) == (True, 10, -10)
        assert 0 < receipt.elapsed < 30
        assert memory.collector.flush(timeout=30).delivered == 0


def test_audit_counts_what_is_inside() -> None:
    """At rest it is exact, and there is no difference."""
    with in_memory(batch=forebay.BatchOptions(max_delay=3600)) as memory:
        for _ in range(100):
            memory.log.info("m")
        audit = memory.collector.audit()
        assert (audit.balanced, audit.exact, audit.difference) == (True, True, 0)
        assert set(audit.lanes) == {"urgent", "normal", "metrics", "forebay"}
        assert memory.collector.stats().held == 100


def test_the_resource_names_service_instance_and_sdk() -> None:
    """Given attributes arrive; what describes Forebay is added."""
    with in_memory(service_name="shop", resource={"zone": "eu", "replica": 2}) as memory:
        assert memory.collector.service_name == "shop"
        memory.log.info("m")
        memory.collector.flush(timeout=30)
        resource = memory.exporter.resource_logs()[0].resource
        assert resource["service.name"] == "shop"
        assert (resource["zone"], resource["replica"]) == ("eu", 2)
        assert resource["telemetry.sdk.language"] == "python"
        assert resource["service.instance.id"] == memory.collector.instance_id
        assert len(memory.collector.instance_id) == 36


def test_an_unnamed_service_has_the_name_that_opentelemetry_gives_it() -> None:
    """unknown_service and the executable."""
    with in_memory(service_name=None) as memory:
        assert memory.collector.service_name.startswith("unknown_service:python")


def test_shutdown_is_idempotent() -> None:
    """A second call returns the first one's receipt, at once."""
    with in_memory() as memory:
        memory.log.info("m")
        first = memory.collector.shutdown(timeout=30)
        assert first.complete
        assert first.delivered == 1
        assert memory.collector.is_shut_down
        assert memory.collector.shutdown() is first
        assert memory.collector.flush(timeout=30).complete
        assert "shut down" in repr(memory.collector)


def test_shutdown_from_many_threads_at_once_happens_once() -> None:
    """All get a receipt, and nothing is counted twice."""
    with in_memory() as memory:
        for _ in range(1000):
            memory.log.info("m")
        receipts: list[forebay.Receipt] = []
        threads = [
            threading.Thread(target=lambda: receipts.append(memory.collector.shutdown(30)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(receipts) == 8
        assert memory.collector.stats().delivered == 1000


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", 1e9])
def test_a_bad_timeout_is_an_option_error(timeout: float) -> None:
    """Before anything is waited for."""
    with in_memory() as memory:
        for call in (memory.collector.flush, memory.collector.shutdown):
            with pytest.raises(forebay.OptionError, match=r"^timeout: "):
                call(timeout)
        assert not memory.collector.is_shut_down


def test_flush_lets_other_threads_run_and_keeps_its_timeout() -> None:
    """The GIL is released while a destination does not answer."""
    with Receiver() as receiver:
        receiver.stall()
        collector = forebay.Collector(exporter=forebay.OtlpHttpExporter(receiver.endpoint))
        collector.logger("x").info("m")
        with another_thread() as turns:
            begin, before = time.monotonic(), turns.count
            receipt = collector.flush(timeout=0.5)
            elapsed, had = time.monotonic() - begin, turns.count - before
        assert not receipt.complete
        assert 0.4 < elapsed < 5
        # Of some 400; a busy machine does not give all of them.
        assert had >= 5
        receiver.stall(0)
        assert collector.shutdown(timeout=30).complete
        assert collector.audit().balanced


def test_with_shuts_down() -> None:
    """Also when the body raises."""
    exporter = forebay.MemoryExporter()
    collector = forebay.Collector(exporter=exporter, service_name="s")

    def body() -> None:
        with collector:
            collector.logger("x").info("m")
            raise KeyError

    with pytest.raises(KeyError):
        body()
    assert collector.is_shut_down
    assert [record.body for record in exporter.records()] == ["m"]


def test_async_with_and_aflush_leave_the_loop_running() -> None:
    """Other tasks go on while a destination does not answer."""

    async def main(receiver: Receiver) -> None:
        exporter = forebay.OtlpHttpExporter(receiver.endpoint)
        async with forebay.Collector(exporter=exporter) as collector:
            collector.logger("x").info("m")
            receiver.stall()
            flush = asyncio.create_task(collector.aflush(timeout=20))
            for _ in range(20):
                await asyncio.sleep(0)  # a turn of the loop: it would hang here, were it held up
            assert not flush.done()
            receiver.stall(0)
            assert (await flush).complete
            with pytest.raises(forebay.OptionError):
                await collector.aflush(timeout=-1)
        assert collector.is_shut_down
        assert (await collector.ashutdown()).complete
        assert collector.audit().balanced

    with Receiver() as receiver:
        asyncio.run(main(receiver))
        assert receiver.counts().unique_records == 1


def test_ashutdown_leaves_the_loop_running() -> None:
    """A service that ends answers its last requests while its records leave."""

    async def main(receiver: Receiver) -> int:
        exporter = forebay.OtlpHttpExporter(receiver.endpoint)
        collector = forebay.Collector(exporter=exporter)
        collector.logger("x").info("m")
        receiver.stall()
        shutdown = asyncio.create_task(collector.ashutdown(timeout=20))
        turns = 0
        while not receiver.open_connections() or turns < 100:
            assert not shutdown.done(), "nobody else had a turn meanwhile"
            await asyncio.sleep(0.001)
            turns += 1
        receiver.stall(0)
        assert (await shutdown).complete
        assert collector.is_shut_down
        assert collector.audit().balanced
        return receiver.counts().unique_records

    with Receiver() as receiver:
        assert asyncio.run(main(receiver)) == 1


def test_aflush_can_be_cancelled() -> None:
    """The waiting task ends at once."""

    async def main(collector: forebay.Collector) -> float:
        begin = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(collector.aflush(timeout=3), timeout=0.05)
        return time.monotonic() - begin

    with Receiver() as receiver:
        receiver.stall()
        exporter = forebay.OtlpHttpExporter(receiver.endpoint)
        with forebay.Collector(exporter=exporter) as collector:
            collector.logger("x").info("m")
            assert asyncio.run(main(collector)) < 2
            receiver.stall(0)


def test_a_collector_lives_until_it_is_shut_down() -> None:
    """A logger that is still held must not lose its records because nobody kept the collector."""
    exporter = forebay.MemoryExporter()
    log = forebay.Collector(exporter=exporter, service_name="s").logger("x")
    gc.collect()
    assert log.info("m")
    (collector,) = [c for c in _collector._open if c.exporter is exporter]
    assert collector.shutdown(timeout=30).complete
    assert [record.body for record in exporter.records()] == ["m"]
    assert collector in _collector._live
    assert collector not in _collector._open


def test_two_collectors_are_apart() -> None:
    """The same name, two ledgers."""
    with in_memory() as one, in_memory() as two:
        one.collector.logger("same").info("1")
        two.collector.logger("same").info("2")
        assert one.record().body == "1"
        assert two.record().body == "2"


def test_a_memory_exporter_belongs_to_one_collector() -> None:
    """Or nobody could tell whose records they are."""
    with in_memory() as memory, pytest.raises(forebay.OptionError, match=r"^exporter: "):
        forebay.Collector(exporter=memory.exporter)


def test_a_memory_exporter_keeps_what_was_read_until_clear() -> None:
    """Reading twice shows it twice."""
    with in_memory() as memory:
        memory.log.info("m")
        memory.collector.flush(timeout=30)
        assert len(memory.exporter.records()) == len(memory.exporter.records()) == 1
        memory.exporter.clear()
        assert memory.exporter.records() == []


def test_the_stats_file_is_named() -> None:
    """With the first record there is one."""
    with in_memory() as memory:
        memory.log.info("m")
        assert memory.collector.stats_file
        assert memory.collector.instance_id in memory.collector.stats_file
        assert Path(memory.collector.stats_file).exists()


def test_a_destination_that_is_down_is_told_in_last_error() -> None:
    """And its records are held, not lost."""
    with Receiver() as receiver:
        endpoint = receiver.endpoint
    collector = forebay.Collector(exporter=forebay.OtlpHttpExporter(endpoint))
    collector.logger("x").info("m")
    assert not collector.flush(timeout=0.3).complete
    assert collector.last_error
    assert collector.stats().held == 1
    assert not collector.stats().destination_answered
    receipt = collector.shutdown(timeout=0)
    assert not receipt.complete
    stats = collector.stats()
    assert (stats.held, stats.difference) == (0, 0)
    assert stats.dropped_by_reason["shutdown"] + stats.unknown == 1
    assert collector.audit().balanced
