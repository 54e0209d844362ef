"""A clock that a test moves: what goes by it, and the fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import forebay
from forebay.testing import (
    ManualClock,
    Receiver,
    forebay_clock,
    forebay_collector,
    memory_collector,
)

__all__ = ["forebay_clock", "forebay_collector"]

MINUTE = 60.0

LOG = forebay.get_logger("clock")


def test_a_record_has_the_time_that_the_test_says() -> None:
    clock = ManualClock(1_000_000_000.5)
    with memory_collector(clock=clock) as memory:
        LOG.info("first")
        clock.advance(90)
        LOG.info("second")
        assert clock.now == 1_000_000_090.5
        times = [record.time_unix_nano for record in memory.records()]
        assert times == [1_000_000_000_500_000_000, clock.now_unix_nano]


def kept(memory: forebay.testing.MemoryCollector, records: int) -> int:
    """How many of so many records arrive."""
    memory.clear()
    for i in range(records):
        LOG.info("poll", i=i)
    return len(memory.records())


def test_a_limit_lets_records_through_again_when_its_time_has_passed() -> None:
    clock = ManualClock()
    lane = forebay.Lane("all", rate_limit=forebay.RateLimit(1 / MINUTE, burst=2))
    with memory_collector(clock=clock, lanes=[lane]) as memory:
        assert kept(memory, 4) == 2
        clock.advance(MINUTE - 1)
        assert kept(memory, 1) == 0
        clock.advance(1)
        assert kept(memory, 3) == 1
        clock.advance(60 * MINUTE)
        assert kept(memory, 5) == 2, "the burst, not more"
        assert memory.collector.stats().rate_limited == 2 + 1 + 2 + 3


def test_a_burst_begins_anew_with_the_next_interval() -> None:
    clock = ManualClock()
    burst = forebay.SampleBurst(1, then_every=0, interval=MINUTE)
    with memory_collector(clock=clock, sampling=[burst]) as memory:
        for _ in range(3):
            assert kept(memory, 3) == 1
            assert kept(memory, 3) == 0
            clock.advance(MINUTE)


def test_a_record_expires_by_the_clock() -> None:
    """While the destination does not answer; in the backlog, then."""
    clock = ManualClock()
    with (
        Receiver() as receiver,
        forebay.Collector(
            exporter=forebay.OtlpHttpExporter(receiver.endpoint),
            lanes=[forebay.Lane("all", max_age=MINUTE)],
            batch=forebay.BatchOptions(max_records=1),
            clock=clock,
        ) as collector,
    ):
        receiver.stall()
        log = collector.logger("old")
        for i in range(20):
            log.info("waits", i=i)
        # No clock moves by itself: nothing expires until it is told to.
        assert not collector.flush(0.3).complete
        assert collector.stats().expired == 0
        clock.advance(2 * MINUTE)
        collector.flush(0.3)
        expired = collector.stats().expired
        assert expired >= 10, "all but those that are under way"
        collector.shutdown(0.1)
        assert collector.audit().balanced


def test_collectors_share_a_clock_and_an_ended_one_is_left_alone() -> None:
    clock = ManualClock()
    with memory_collector(clock=clock) as first:
        LOG.info("in the first")
        assert len(first.records()) == 1
    clock.advance(5)
    with memory_collector(clock=clock) as second:
        LOG.info("in the second")
        assert second.record().time_unix_nano == clock.now_unix_nano


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_time_passes_forwards_only(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds: "):
        ManualClock().advance(seconds)


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match="start: -1"):
        ManualClock(-1)
    with pytest.raises(forebay.OptionError, match="clock: 7 is not a"):
        forebay.Collector(clock=7)  # type: ignore[arg-type]


def test_the_fixtures_belong_together(
    forebay_collector: forebay.testing.MemoryCollector, forebay_clock: ManualClock
) -> None:
    forebay_clock.advance(0.25)
    LOG.warning("late")
    assert forebay_collector.record().time_unix_nano == 1_800_000_000_250_000_000


def test_without_the_clock_the_collector_has_the_systems(tmp_path: Path) -> None:
    """In a pytest of its own: the fixture is not asked for there."""
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            import time
            import forebay
            from forebay.testing import forebay_collector

            def test_it(forebay_collector):
                forebay.get_logger("clock").info("now")
                written = forebay_collector.record().time_unix_nano
                assert abs(written - time.time_ns()) < 30e9
        """)
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stdout
