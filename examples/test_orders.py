"""How a service tests what it logs: a collector in memory, and a clock that the test moves.

pytest examples/test_orders.py
"""

from __future__ import annotations

import sys

import pytest

import forebay
from forebay.testing import ManualClock, MemoryCollector, forebay_clock, forebay_collector

__all__ = ["forebay_clock", "forebay_collector"]

log = forebay.get_logger("shop.orders")


def place_order(number: int) -> None:
    """The code under test."""
    log.info("order placed", number=number)
    if number < 0:
        log.error("no such order", number=number)


def test_an_order_is_logged(forebay_collector: MemoryCollector) -> None:
    place_order(7)
    assert forebay_collector.record(logger="shop", number=7).body == "order placed"
    assert forebay_collector.records(level="ERROR") == []


def test_a_bad_order_is_an_error(forebay_collector: MemoryCollector) -> None:
    place_order(-1)
    assert forebay_collector.messages(level="ERROR") == ["no such order"]


def test_records_have_the_time_that_the_test_says(
    forebay_collector: MemoryCollector, forebay_clock: ManualClock
) -> None:
    place_order(1)
    forebay_clock.advance(3600)
    place_order(2)
    first, second = forebay_collector.records()
    assert second.time_unix_nano - first.time_unix_nano == 3600 * 10**9


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
