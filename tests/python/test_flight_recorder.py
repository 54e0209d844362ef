"""The flight recorder, as Python code has it."""

from __future__ import annotations

from typing import Any

import pytest

import forebay
from tests.python.in_memory import in_memory
from tests.python.stalled import until


def bodies(memory: Any) -> list[Any]:
    return [record.body for record in memory.records()]


def test_an_error_brings_what_was_below_the_level_before_it() -> None:
    """Marked, and counted as emitted then; without an error nothing is sent."""
    with in_memory(flight_recorder=forebay.FlightRecorder(records=1024)) as memory:
        log = memory.collector.logger("shop", level="INFO")
        assert log.debug("cart has %d items", 3, user="u") is True
        log.log(5, "below the recorder's level")
        log.info("sent at once")
        assert bodies(memory) == ["sent at once"]
        assert memory.collector.stats().recorder["recorded"] == 1
        log.error("failed")
        until(lambda: memory.collector.stats().recorder["released"] == 1)
        records = {record.body: record for record in memory.records()}
        assert set(records) == {"failed", "cart has 3 items"}
        assert records["cart has 3 items"].attributes["user"] == "u"
        assert "forebay.flight_recorder" in records["cart has 3 items"].attributes
        assert memory.collector.stats().emitted == 3


def test_dump_recorder_releases_on_request() -> None:
    """Also where no level does."""
    recorder = forebay.FlightRecorder(level="TRACE", trigger=None)
    with in_memory(flight_recorder=recorder) as memory:
        log = memory.collector.logger("shop", level="INFO")
        assert memory.collector.dump_recorder() is False
        log.debug("recorded")
        log.critical("no trigger")
        assert bodies(memory) == ["no trigger"]
        assert memory.collector.dump_recorder(seconds=60) is True
        until(lambda: memory.collector.stats().recorder["released"] == 1)
        assert bodies(memory) == ["recorded"]


def test_what_is_overwritten_is_counted_apart() -> None:
    """It was never emitted, so it is no loss."""
    with in_memory(flight_recorder=forebay.FlightRecorder(records=64)) as memory:
        log = memory.collector.logger("shop", level="INFO")
        for n in range(1000):
            log.debug("recorded", n=n)
        stats = memory.collector.stats()
        assert stats.recorder["recorded"] == 1000
        assert stats.recorder["overwritten"] >= 1000 - 64
        assert (stats.emitted, stats.lost) == (0, 0)


def test_without_a_recorder_there_is_nothing_to_dump() -> None:
    """An error, as it can only be a mistake."""
    with in_memory() as memory:
        with pytest.raises(forebay.OptionError, match=r"^flight_recorder: None"):
            memory.collector.dump_recorder()
        untyped: Any = memory.collector
        with pytest.raises(forebay.OptionError, match=r"^seconds: -1 is not in 0\.\."):
            untyped.dump_recorder(-1)
