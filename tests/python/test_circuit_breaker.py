"""A destination that fails is left alone for a while, and its state shows in the stats."""

from __future__ import annotations

import forebay
from forebay._stats import Destination
from forebay.testing import Receiver
from tests.waiting import wait_until

CLOSED, OPEN, HALF_OPEN = 0, 1, 2


def destination(collector: forebay.Collector) -> Destination:
    return collector.stats().routes["main"].destinations[0]


def test_the_breaker_opens_the_backlog_takes_over_and_a_probe_closes_it() -> None:
    """While it is open next to nothing is sent; nothing is lost."""
    with Receiver() as receiver:
        receiver.fail(503, times=None)
        collector = forebay.Collector(
            resource={"service.name": "breaker"},
            exporter=forebay.OtlpHttpExporter(receiver.endpoint, max_in_flight=4),
            batch=forebay.BatchOptions(max_delay=0.01, max_records=10),
            retry=forebay.RetryOptions(initial=0.01, max=0.01),
            breaker=forebay.BreakerOptions(failures=3, open_initial=0.5, open_max=0.5),
        )
        log = collector.logger("breaker")
        for _ in range(100):
            log.info("kept")
        assert wait_until(lambda: destination(collector).breaker == OPEN, timeout=10)
        assert collector.stats().routes["main"].breaker == OPEN
        # Busy answers, then the opening: it begins again with one request.
        assert destination(collector).in_flight_limit == 1
        assert collector.stats().notes["breaker_opens"] == 1
        assert collector.stats().held == 100
        receiver.clear()
        assert wait_until(lambda: destination(collector).breaker == CLOSED, timeout=10)
        assert collector.flush(timeout=10).complete
        stats = collector.stats()
        assert stats.delivered == 100
        assert receiver.counts().unique_records == 100
        assert collector.audit().balanced
        collector.shutdown()
        assert collector.audit().balanced
