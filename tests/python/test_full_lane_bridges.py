"""A full lane and who never chose its policy: who logs through another library's API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from loguru import logger as of_loguru
from opentelemetry._logs import SeverityNumber

import forebay
from forebay.loguru import sink
from forebay.opentelemetry import LoggerProvider
from forebay.structlog import LoggerFactory, to_forebay
from tests.python.stalled import TEXT, stalled
from tests.waiting import another_thread

RECORDS = 50

Log = Callable[[str], object]
Attach = Callable[[forebay.Collector], Log]


def by_logging(collector: forebay.Collector, formatter: logging.Formatter | None = None) -> Log:
    log = logging.getLogger("tests.full")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = forebay.LoggingHandler(logger=collector.logger("logging", level=1))
    handler.setFormatter(formatter)
    log.handlers = [handler]
    return log.info


def by_logging_the_long_way(collector: forebay.Collector) -> Log:
    return by_logging(collector, logging.Formatter("%(message)s"))


def by_structlog(collector: forebay.Collector) -> Log:
    log = structlog.wrap_logger(LoggerFactory(collector)("full"), processors=[to_forebay])
    info: Log = log.info
    return info


def by_loguru(collector: forebay.Collector) -> Log:
    of_loguru.remove()
    # With catch=True, as by default, loguru itself would hide what the sink raises.
    of_loguru.add(sink(collector), catch=False)
    return of_loguru.info


def by_opentelemetry(collector: forebay.Collector) -> Log:
    log = LoggerProvider(collector).get_logger("full")
    return lambda text: log.emit(body=text, severity_number=SeverityNumber.INFO)


@pytest.fixture(
    params=[by_logging, by_logging_the_long_way, by_structlog, by_loguru, by_opentelemetry],
    ids=lambda each: each.__name__,
)
def attach(request: pytest.FixtureRequest) -> Iterator[Attach]:
    """A library's way to log into a collector."""
    made: Attach = request.param
    yield made
    logging.getLogger("tests.full").handlers = []
    of_loguru.remove()


def full(on_full: object) -> forebay.Lane:
    return forebay.Lane("only", queue_records=256, on_full=on_full)  # type: ignore[arg-type]


def test_fail_refuses_each_record_counts_it_and_raises_nothing(attach: Attach) -> None:
    """Library code never asked for an exception."""
    with stalled(full("fail")) as stall:
        log = attach(stall.collector)
        stall.fill("only")
        lane = stall.collector.stats().lanes["only"]
        for _ in range(RECORDS):
            log(TEXT)
        after = stall.collector.stats().lanes["only"]
        reason = after.refused_by_reason["queue_full"] - lane.refused_by_reason["queue_full"]
        assert (reason, after.refused - lane.refused) == (RECORDS, RECORDS)
        assert (after.emitted, after.dropped) == (lane.emitted + RECORDS, 0)


def test_block_does_not_wait_on_an_event_loop_and_goes_on_to_what_comes_next(
    attach: Attach,
) -> None:
    """A coroutine that calls a library which logs must not stop every other one."""
    with stalled(full([forebay.Block(timeout=60), "drop_newest"])) as stall:
        log = attach(stall.collector)
        stall.fill("only")
        before = stall.collector.stats().lanes["only"].dropped_by_reason

        async def main() -> float:
            begin = time.monotonic()
            for _ in range(RECORDS):
                log(TEXT)
            return time.monotonic() - begin

        assert asyncio.run(main()) < 30, "one alone would wait for a minute"
        after = stall.collector.stats().lanes["only"].dropped_by_reason
        name = "queue_full_newest"
        assert after[name] - before.get(name, 0) == RECORDS


def test_block_waits_elsewhere_with_the_gil_released_and_then_refuses(attach: Attach) -> None:
    """As it does for Forebay's own loggers."""
    with stalled(full(forebay.Block(timeout=0.3))) as stall:
        log = attach(stall.collector)
        stall.fill("only")
        begin = time.monotonic()
        with another_thread() as turns:
            log(TEXT)
            had = turns.count
        assert time.monotonic() - begin > 0.25
        assert had >= 5
        assert stall.collector.stats().refused_by_reason["block_timeout"] == 1


def test_drop_oldest_takes_every_record_and_names_what_it_cost(attach: Attach) -> None:
    """The newest are in the queue; the ones before are counted."""
    with stalled(full("drop_oldest")) as stall:
        log = attach(stall.collector)
        for _ in range(5_000):
            log(TEXT)
        lane = stall.collector.stats().lanes["only"]
        assert (lane.emitted, lane.refused) == (5_000, 0)
        assert lane.dropped_by_reason["queue_full_oldest"] > 0
