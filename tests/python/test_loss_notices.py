"""Who runs the process is told of losses: a line when they begin, and one when they are over."""

from __future__ import annotations

import logging
import re

import pytest

import forebay
from forebay.testing import ManualClock
from tests.python.stalled import TEXT, Stalled, stalled

Capture = pytest.CaptureFixture[str]


class Notices:
    """The lines on standard error about one lane."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def new(self) -> list[str]:
        """Those written since the last call."""
        lines = self._capture.readouterr().err.splitlines()
        return [line for line in lines if line.startswith("forebay: lane 'only' ")]


def number_in(line: str) -> int:
    """Of records that it tells of."""
    found = re.search(r"([\d,]+) records? \((.*)\)$", line)
    assert found is not None, line
    parts = [int(text.replace(",", "")) for text in re.findall(r" ([\d,]+)(?:, |$)", found[2])]
    number = int(found[1].replace(",", ""))
    assert sum(parts) == number, line
    return number


def fill(stall: Stalled, clock: ManualClock) -> int:
    """Until nothing moves any more, also what only goes on with time; how many the lane took."""
    taken = 0
    while more := stall.fill("only"):
        taken += more
        clock.advance(0.02)
    return taken


def lose(stall: Stalled, log: logging.Logger | forebay.Logger, records: int) -> int:
    """Log into the full lane; how many records it has lost or refused so far."""
    for _ in range(records):
        log.info(TEXT)
    lane = stall.collector.stats().lanes["only"]
    return lane.dropped + lane.refused


def test_losses_are_told_when_they_begin_and_when_they_are_over_with_numbers(
    capfd: Capture,
) -> None:
    """No more than these two lines; the second tells of all that was lost meanwhile."""
    clock = ManualClock()
    notices = Notices(capfd)
    only = forebay.Lane("only", queue_records=256)
    with stalled(only, clock=clock) as stall:
        fill(stall, clock)
        clock.advance(0.1)
        (begun,) = notices.new()
        assert re.fullmatch(
            r"forebay: lane 'only' loses records: so far [\d,]+ records? "
            r"\(queue_full_newest [\d,]+\)",
            begun,
        )
        for _ in range(5):
            lost = lose(stall, stall.collector.logger("x"), 1_000)
            clock.advance(1)
        assert notices.new() == [], "it goes on: nothing new"
        clock.advance(4)
        assert notices.new() == []
        clock.advance(7)
        (over,) = notices.new()
        assert re.match(
            r"forebay: lane 'only' lost nothing in the last 1\d s; in the [4-6] s before it lost ",
            over,
        )
        assert 0 < number_in(begun) < number_in(over) == lost
        clock.advance(3600)
        assert notices.new() == []


def test_a_lane_that_loses_again_within_a_minute_is_told_of_in_sum_later(capfd: Capture) -> None:
    """A lane that goes to and fro does not fill the log of the process."""
    clock = ManualClock()
    notices = Notices(capfd)
    only = forebay.Lane("only", queue_records=256)
    with stalled(only, clock=clock) as stall:
        fill(stall, clock)
        log = stall.collector.logger("x")
        clock.advance(0.1)
        clock.advance(11)
        begun, over = notices.new()
        assert 0 < number_in(begun) <= number_in(over)
        for _ in range(3):  # each is over before the next begins
            lose(stall, log, 10)
            clock.advance(0.1)
            clock.advance(12)
        assert notices.new() == []
        lose(stall, log, 1)
        clock.advance(15)
        (again,) = notices.new()
        assert "loses records: so far" in again
        assert number_in(again) == 31


def test_refusals_of_who_logs_through_logging_are_told_of(capfd: Capture) -> None:
    """Nobody is raised anything there: this line is all that there is to be seen."""
    clock = ManualClock()
    notices = Notices(capfd)
    only = forebay.Lane("only", queue_records=256, on_full="fail")
    with stalled(only, clock=clock) as stall:
        taken = fill(stall, clock)
        assert taken > 0
        clock.advance(0.1)
        notices.new()  # of what filled the lane
        before = lose(stall, stall.collector.logger("x"), 0)
        log = logging.getLogger("tests.notices")
        log.propagate = False
        log.setLevel(logging.INFO)
        log.handlers = [forebay.LoggingHandler(logger=stall.collector.logger("logging"))]
        try:
            lost = lose(stall, log, 100)
        finally:
            log.handlers = []
        clock.advance(0.1)  # it has just been seen to lose
        clock.advance(11)
        (over,) = notices.new()
        assert "(refused queue_full " in over
        assert lost - before == 100
        assert number_in(over) == lost
