"""What a full lane does to the caller of a logger."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import forebay
from tests.waiting import Turns, another_thread


@contextmanager
def full_lane(on_full: Any) -> Iterator[tuple[forebay.Collector, forebay.Logger]]:
    """A collector whose destination, backlog and queue are full."""
    collector = forebay.Collector(
        exporter=forebay.MemoryExporter(max_bytes=8192),
        lanes=[
            forebay.Lane("filler", logger="filler", queue_records=64),
            forebay.Lane("only", queue_records=64, on_full=on_full),
        ],
        batch=forebay.BatchOptions(max_records=4, max_delay=0),
        backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        retry=forebay.RetryOptions(initial=3600, max=3600),
    )
    filler, log = collector.logger("filler"), collector.logger("log")
    deadline = time.monotonic() + 30
    # Full is full when nothing moves any more, not when the drain thread is a little behind: it has
    # a batch that the backlog does not take, now and later.
    quiet, before = 0, None
    while quiet < 5:
        assert time.monotonic() < deadline, collector.stats()
        taken = sum(filler.info("x" * 1000) for _ in range(1000))
        held = collector.stats().lanes["filler"].held_by_place
        is_still = taken == 0 and held == before and held["in_batch"] > 0
        quiet, before = quiet + 1 if is_still else 0, held
        time.sleep(0.02)
    try:
        yield collector, log
    finally:
        collector.shutdown(timeout=0)
        assert collector.audit().balanced
        stats = collector.stats()
        assert (stats.difference, stats.held) == (0, 0)


def until_not_accepted(log: forebay.Logger) -> float:
    """Emit until a record is not accepted; how long that last call took."""
    return until_refused_beside(log, Turns())[0]


def until_refused_beside(log: forebay.Logger, turns: Turns) -> tuple[float, int]:
    """The same, and how many turns another thread had within that last call."""
    for _ in range(100_000):
        begin, before = time.monotonic(), turns.count
        if not log.info("x" * 1000):
            return time.monotonic() - begin, turns.count - before
    raise AssertionError("never full")


def test_block_waits_its_timeout_with_the_gil_released_and_then_refuses() -> None:
    """Other threads go on; the caller is told, and the ledger has it."""
    with full_lane(forebay.Block(timeout=0.5)) as (collector, log):
        with another_thread() as turns:
            took, had = until_refused_beside(log, turns)
        assert 0.45 < took < 5
        # Of some 400. One that is taken between two calls would be no proof; nor is a busy machine
        # to give all of them.
        assert had >= 5
        assert collector.stats().refused_by_reason["block_timeout"] == 1


def test_after_block_comes_the_next_policy() -> None:
    """[Block, drop_newest] drops, and counts it as a drop."""
    with full_lane([forebay.Block(timeout=0.05), "drop_newest"]) as (collector, log):
        assert until_not_accepted(log) >= 0.04
        lane = collector.stats().lanes["only"]
        assert lane.dropped_by_reason == {"queue_full_newest": 1}
        assert lane.refused == 0


def test_on_an_event_loop_block_does_not_wait() -> None:
    """It goes on to what comes next: the loop must not stand still."""
    with full_lane([forebay.Block(timeout=30), "drop_newest"]) as (collector, log):

        async def main() -> float:
            return until_not_accepted(log)

        assert asyncio.run(main()) < 1
        assert collector.stats().lanes["only"].dropped_by_reason == {"queue_full_newest": 1}


def test_on_an_event_loop_block_waits_where_it_is_told_to() -> None:
    """on_event_loop=True is for who knows what that means."""
    with full_lane(forebay.Block(timeout=0.3, on_event_loop=True)) as (_, log):

        async def main() -> float:
            return until_not_accepted(log)

        assert asyncio.run(main()) > 0.25


def test_drop_oldest_accepts_the_new_record() -> None:
    """And says what it cost."""
    with full_lane("drop_oldest") as (collector, log):
        refused = [n for n in range(1000) if not log.info("x" * 1000)]
        lane = collector.stats().lanes["only"]
        assert refused == [], lane
        assert lane.emitted == 1000
        assert lane.dropped_by_reason.get("queue_full_oldest", 0) > 0
        assert lane.difference == 0


def test_queue_full_names_the_lane() -> None:
    """The caller can tell its own caller which data it is about, and when to come again."""
    with full_lane("fail") as (collector, log):
        with pytest.raises(forebay.QueueFull, match="'only'") as caught:
            until_not_accepted(log)
        full = caught.value
        assert full.lane == "only"
        # Nothing was drained lately; or it was, and a small record would find room.
        assert full.retry_after is None or full.retry_after >= 0
        copy = pickle.loads(pickle.dumps(full))
        assert (copy.lane, str(copy)) == (full.lane, str(full))
        assert collector.stats().lanes["only"].refused_by_reason["queue_full"] == 1


def test_a_blocked_main_thread_hears_signals() -> None:
    """Ctrl-C ends a wait that would have no end; the record that waited never was."""

    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with full_lane("block") as (collector, log):
            timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            accepted = 0

            def emit_for_ever() -> None:
                nonlocal accepted
                while log.info("x" * 1000):
                    accepted += 1

            with pytest.raises(Stop):
                emit_for_ever()
            timer.join()
            assert accepted > 0
            assert collector.stats().lanes["only"].emitted == accepted
    finally:
        signal.signal(signal.SIGUSR1, before)
