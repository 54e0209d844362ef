"""A real OpenTelemetry Collector that refuses: each answer becomes what the ledger has for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import forebay
from forebay.testing import Receiver
from tests.integration.otelcol_process import OtelCollector
from tests.integration.reporting import emit, reporting_to, uids
from tests.waiting import wait_until

TOKEN = {"Authorization": "Bearer test-token"}


@dataclass
class Chain:
    """A Collector that refuses, and the receiver behind it."""

    collector: OtelCollector
    backend: Receiver


@pytest.fixture
def chain(otel_collector_binary: Path, tmp_path: Path) -> Iterator[Chain]:
    """The Collector of config-faults.yaml, in front of a receiver of ours."""
    with Receiver() as backend:
        collector = OtelCollector(
            otel_collector_binary,
            tmp_path,
            config="config-faults.yaml",
            endpoint_names=(
                "OTELCOL_QUEUE_ENDPOINT",
                "OTELCOL_MEMORY_ENDPOINT",
                "OTELCOL_SMALL_ENDPOINT",
                "OTELCOL_DIRECT_ENDPOINT",
            ),
            environment={"OTELCOL_BACKEND": backend.endpoint},
        )
        collector.start()
        try:
            yield Chain(collector, backend)
        finally:
            backend.clear()
            collector.stop()


def test_a_queue_that_is_full_is_asked_again_until_it_has_room(chain: Chain) -> None:
    """503 "sending queue is full", without Retry-After: nothing lost, nothing doubled."""
    chain.backend.stall()
    endpoint = chain.collector.endpoint_of("OTELCOL_QUEUE_ENDPOINT")
    with reporting_to(endpoint) as collector:
        emit(collector, 2000)
        assert wait_until(lambda: "sending queue is full" in collector.last_error, timeout=20)
        stats = collector.stats()
        # One with the consumer and two in its queue, of 100 records each.
        assert 0 < stats.delivered <= 300
        assert stats.delivered + stats.held == 2000
        chain.backend.stall(0)
        assert collector.flush(timeout=30).complete
        stats = collector.stats()
        assert stats.delivered == 2000
        assert stats.notes["retries"] > 0
        assert stats.notes["ambiguous_attempts"] == 0
        chain.backend.wait_for(lambda counts: counts.records == 2000, timeout=20)
        assert sorted(uids(chain.backend)) == list(range(2000))


def test_a_memory_limit_is_waited_for_and_at_the_end_counted(
    refusing_otel_collector: OtelCollector,
) -> None:
    """503 for ever: held, retried, and with the end of the process dropped{shutdown}."""
    endpoint = refusing_otel_collector.endpoint_of("OTELCOL_MEMORY_ENDPOINT")
    with reporting_to(endpoint) as collector:
        # The limiter measures every 100 ms, and takes what comes before.
        uid = 0

        def is_refused() -> bool:
            nonlocal uid
            emit(collector, 1, start=uid)
            uid += 1
            return "memory" in collector.last_error

        assert wait_until(is_refused, timeout=20)
        assert not collector.flush(timeout=0.3).complete
        collector.shutdown(timeout=0)
        stats = collector.stats()
        # An attempt that was under way when the time was over ends as unknown.
        assert stats.emitted == uid == stats.delivered + stats.dropped + stats.unknown
        assert stats.dropped == stats.dropped_by_reason["shutdown"]
        assert stats.dropped + stats.unknown > 0
        assert len(refusing_otel_collector.wait_for_records(stats.delivered)) == stats.delivered


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_no_token_is_rejected_for_good(
    refusing_otel_collector: OtelCollector, headers: dict[str, str]
) -> None:
    """401 is asked once, and is rejected{unauthorized}; the token is in no message."""
    endpoint = refusing_otel_collector.endpoint_of("OTELCOL_SMALL_ENDPOINT")
    with reporting_to(endpoint, exporter_headers=headers) as collector:
        emit(collector, 10)
        assert collector.flush(timeout=10).complete
        stats = collector.stats()
        assert stats.rejected == stats.rejected_by_reason["unauthorized"] == 10
        assert stats.notes["retries"] == 0
        assert collector.last_error.startswith("401")
        assert "wrong" not in collector.last_error
        assert refusing_otel_collector.records() == []


def test_the_token_goes_with_every_request(refusing_otel_collector: OtelCollector) -> None:
    """Batches under the limit, each with the header: all there."""
    endpoint = refusing_otel_collector.endpoint_of("OTELCOL_SMALL_ENDPOINT")
    small = forebay.BatchOptions(max_records=10, max_delay=0.02)
    with reporting_to(endpoint, exporter_headers=TOKEN, batch=small) as collector:
        emit(collector, 200)
        assert collector.flush(timeout=10).complete
        records = refusing_otel_collector.wait_for_records(200)
        assert collector.stats().delivered == len(records) == 200
        assert {record.attributes["uid"] for record in records} == set(range(200))


def test_a_body_over_its_limit_is_rejected_as_it_says(
    refusing_otel_collector: OtelCollector,
) -> None:
    """It answers 400, not 413: the batch is rejected{bad_request} once, and the next goes on."""
    endpoint = refusing_otel_collector.endpoint_of("OTELCOL_SMALL_ENDPOINT")
    with reporting_to(endpoint, exporter_headers=TOKEN) as collector:
        emit(collector, 1)
        assert collector.flush(timeout=10).complete
        assert collector.logger("integration").info("record", uid=1, text="x" * 8192)
        assert collector.flush(timeout=10).complete
        emit(collector, 1, start=2)
        assert collector.flush(timeout=10).complete
        stats = collector.stats()
        assert stats.rejected == stats.rejected_by_reason["bad_request"] == 1
        assert stats.notes["encoding_fallbacks"] == 0  # zstd had been taken: 400 is about the body
        assert stats.notes["splits"] == 0
        records = refusing_otel_collector.wait_for_records(2)
        assert [record.attributes["uid"] for record in records] == [0, 2]
        assert stats.delivered == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_its_backend_wants_retried_is_retried(chain: Chain, status: int) -> None:
    """Without a queue the backend's answer comes through, as 429 or 503."""
    endpoint = chain.collector.endpoint_of("OTELCOL_DIRECT_ENDPOINT")
    with reporting_to(endpoint) as collector:
        chain.backend.fail(status, times=5)
        emit(collector, 1000)
        assert collector.flush(timeout=20).complete
        stats, counts = collector.stats(), chain.backend.counts()
        assert stats.delivered == counts.records == 1000
        assert stats.notes["retries"] == counts.refused_batches == 5


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "bad_request"), (401, "unauthorized"), (404, "other")]
)
def test_what_its_backend_refuses_for_good_is_rejected(
    chain: Chain, status: int, reason: str
) -> None:
    """One batch of it; those before and after arrive."""
    endpoint = chain.collector.endpoint_of("OTELCOL_DIRECT_ENDPOINT")
    with reporting_to(endpoint) as collector:
        emit(collector, 1)
        assert collector.flush(timeout=10).complete
        chain.backend.fail(status)
        emit(collector, 50, start=1)
        assert collector.flush(timeout=10).complete
        stats, counts = collector.stats(), chain.backend.counts()
        assert stats.rejected == stats.rejected_by_reason[reason] == 50
        assert stats.delivered == counts.records == 1
