"""A destination that misbehaves: what it counted is what the ledger says, each time."""

from __future__ import annotations

import email.utils
import socket
import threading
import time
from collections.abc import Callable

import pytest

import forebay
from forebay.testing import Receiver
from tests.integration.reporting import assert_same, emit, reporting_to, uids
from tests.waiting import wait_until


def wait_for_answer(receiver: Receiver, collector: forebay.Collector) -> None:
    """One record there and back, so that a kept connection is open."""
    emit(collector, 1, start=1_000_000)
    assert collector.flush(timeout=10).complete
    assert receiver.open_connections() >= 1


# -- no answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [False, True], ids=["first_request", "kept_connection"])
def test_a_cut_answer_makes_a_duplicate_that_the_ledger_foretells(
    receiver: Receiver, kept: bool
) -> None:
    """Five batches taken, each answer reset: sent again, and known to be sent again."""
    with reporting_to(receiver.endpoint) as collector:
        if kept:
            wait_for_answer(receiver, collector)
        receiver.cut(times=5)
        emit(collector, 1000)
        assert collector.flush(timeout=20).complete
        stats, counts = assert_same(collector, receiver)
        assert counts.cut == 5
        assert counts.batches - counts.unique_batches == 5
        assert stats.notes["ambiguous_attempts"] == 5
        assert stats.delivered == stats.emitted
        assert stats.unknown == 0
        assert sorted(uids(receiver))[:1000] == list(range(1000))
        twice = len(uids(receiver, unique=False)) - len(uids(receiver))
        assert twice == counts.records - counts.unique_records > 0


def test_a_request_that_is_cut_before_its_body_makes_no_duplicate(receiver: Receiver) -> None:
    """The receiver has nothing of it; the sender cannot know, and sends it again."""
    with reporting_to(receiver.endpoint) as collector:
        receiver.cut_before(times=5)
        emit(collector, 1000)
        assert collector.flush(timeout=20).complete
        stats, counts = assert_same(collector, receiver)
        assert counts.records == counts.unique_records == stats.emitted == 1000
        assert counts.aborted == 5


def test_a_stall_past_the_timeout_is_sent_again_until_it_is_over(receiver: Receiver) -> None:
    """The requests that were given up arrive all the same, later: as many as are ambiguous."""
    with reporting_to(receiver.endpoint, exporter_timeout=0.3) as collector:
        receiver.stall(1.0)
        emit(collector, 500)
        assert collector.flush(timeout=20).complete
        stats, _ = assert_same(collector, receiver)
        assert stats.delivered == 500
        ambiguous = stats.notes["ambiguous_attempts"]
        assert ambiguous > 0
        # The receiver answers what it had read when the stall ended, to nobody.
        counts = receiver.wait_for(lambda c: c.batches == c.unique_batches + ambiguous)
        assert counts.unique_records == 500


def test_what_has_no_answer_at_the_end_is_unknown_and_not_lost(receiver: Receiver) -> None:
    """Shut down in the middle of a stall, in its time: it may have arrived, and it had."""
    with reporting_to(
        receiver.endpoint, batch=forebay.BatchOptions(max_records=1000, max_delay=0.0)
    ) as collector:
        receiver.stall()
        emit(collector, 1)
        assert wait_until(lambda: collector.stats().held_by_place["in_flight"] == 1, timeout=10)
        started = time.monotonic()
        collector.shutdown(timeout=0.5)
        assert time.monotonic() - started < 2.0
        stats = collector.stats()
        assert (stats.emitted, stats.unknown, stats.delivered) == (1, 1, 0), stats
        receiver.stall(0)
        assert receiver.wait_for(lambda c: c.records == 1).unique_records == 1


def test_a_flush_into_a_stall_returns_in_its_time(receiver: Receiver) -> None:
    """SPEC: flush(2) is back within 2 s and a little, and says that it is not complete."""
    with reporting_to(receiver.endpoint) as collector:
        receiver.stall()
        emit(collector, 10)
        started = time.monotonic()
        receipt = collector.flush(timeout=0.5)
        assert 0.45 <= time.monotonic() - started < 1.5
        assert not receipt.complete
        assert collector.stats().held == 10
        receiver.clear()
        assert collector.flush(timeout=20).complete
        assert_same(collector, receiver)


# -- an answer that says no -----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept_to(receiver: Receiver, form: str) -> None:
    """Nothing is sent before the time that the destination asked for, though backoff is short."""
    with reporting_to(receiver.endpoint) as collector:
        wait_for_answer(receiver, collector)
        # A date has whole seconds: 2 s from now is 1 to 2 s away.
        retry_after = (
            "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
        )
        receiver.fail(503, retry_after=retry_after)
        before = receiver.counts()
        emit(collector, 1)
        refused_at = time.monotonic()
        receiver.wait_for(lambda c: c.refused_batches > before.refused_batches)
        counts = receiver.wait_for(lambda c: c.records > before.records)
        assert time.monotonic() - refused_at > 0.9
        assert counts.requests - before.requests == 2
        assert collector.flush(timeout=10).complete
        stats, _ = assert_same(collector, receiver)
        assert stats.notes["retries"] == 1
        assert stats.notes["ambiguous_attempts"] == 0


@pytest.mark.parametrize("value", ["-1", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_a_retry_after_that_makes_no_sense_is_not_kept_to(receiver: Receiver, value: str) -> None:
    """Negative, garbage, past: the own backoff holds."""
    with reporting_to(receiver.endpoint) as collector:
        receiver.fail(429, retry_after=value)
        emit(collector, 10)
        assert collector.flush(timeout=5).complete
        assert_same(collector, receiver)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_storm_of_refusals_loses_nothing_and_doubles_nothing(
    receiver: Receiver, status: int
) -> None:
    """Thirty refusals: every one counted as a retry, and each record there exactly once."""
    # The breaker would ask ever more rarely, and thirty refusals last for minutes.
    breaker = forebay.BreakerOptions(failures=1000)
    with reporting_to(receiver.endpoint, breaker=breaker) as collector:
        receiver.fail(status, times=30)
        emit(collector, 2000)
        assert collector.flush(timeout=30).complete
        stats, counts = assert_same(collector, receiver)
        assert counts.statuses[str(status)] == counts.refused_batches == 30
        assert stats.notes["retries"] == 30
        assert counts.records == counts.unique_records == 2000
        assert sorted(uids(receiver)) == list(range(2000))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "other"),
        (408, "other"),
        (500, "other"),
        (301, "other"),
    ],
)
def test_a_refusal_for_good_is_asked_once_and_counted(
    receiver: Receiver, status: int, reason: str
) -> None:
    """After a first success, so that 400 is not taken for a refusal of zstd."""
    with reporting_to(receiver.endpoint) as collector:
        wait_for_answer(receiver, collector)
        before = receiver.counts()
        receiver.fail(status)
        emit(collector, 100)
        assert collector.flush(timeout=10).complete
        stats, counts = assert_same(collector, receiver)
        assert counts.requests - before.requests == 1
        assert stats.rejected == stats.rejected_by_reason[reason] == 100
        assert stats.notes["retries"] == 0
        assert collector.last_error.startswith(str(status))


def test_a_body_that_is_too_large_is_split_until_it_fits(receiver: Receiver) -> None:
    """413 above 4,000 bytes: halves, and their halves; what is too large alone is dropped."""
    with reporting_to(receiver.endpoint, exporter_compression="none") as collector:
        receiver.max_body(4000)
        log = collector.logger("integration")
        for uid in range(400):
            # Four that fit into no request; the others are about 140 bytes.
            assert log.info("record", uid=uid, text="x" * (5000 if uid % 100 == 50 else 60))
        assert collector.flush(timeout=30).complete
        stats, counts = assert_same(collector, receiver)
        assert stats.dropped == stats.dropped_by_reason["too_large"] == 4
        assert stats.notes["splits"] > 0
        assert counts.statuses["413"] == stats.notes["splits"] + 4
        assert sorted(uids(receiver)) == [u for u in range(400) if u % 100 != 50]
        assert counts.records == counts.unique_records


@pytest.mark.parametrize(
    ("said", "meant"), [(3, 3), (10, 10), (0, 0), (11, 10), (2**63 - 1, 10), (-1, 0)]
)
def test_a_partial_success_is_counted_as_it_was_said(
    receiver: Receiver, said: int, meant: int
) -> None:
    """So many rejected, the rest delivered, nothing sent again; nonsense is clamped and noted."""
    with reporting_to(receiver.endpoint) as collector:
        wait_for_answer(receiver, collector)
        before = receiver.counts()
        receiver.partial(said)
        emit(collector, 10)
        assert collector.flush(timeout=10).complete
        stats = collector.stats()
        assert stats.delivered == 1 + 10 - meant
        assert stats.rejected == stats.rejected_by_reason.get("partial_success", 0) == meant
        assert stats.by_severity["unattributed"].rejected == (meant if meant < 10 else 0)
        assert receiver.counts().requests - before.requests == 1
        assert stats.notes["responses_malformed"] == (0 if 0 <= said <= 10 else 1)


def test_zstd_that_is_refused_falls_back_to_gzip_once_and_loudly(
    receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first batch goes again as gzip, then all do; one warning, one count, nothing lost."""
    for status in (415, 400):
        receiver.refuse_codec("zstd", status)
        before = receiver.counts()
        with reporting_to(receiver.endpoint, exporter_max_in_flight=1) as collector:
            emit(collector, 2000)
            assert collector.flush(timeout=20).complete
            stats, counts = collector.stats(), receiver.counts()
            assert stats.delivered == 2000 == counts.unique_records - before.unique_records
            assert counts.refused_batches - before.refused_batches == 1
            assert stats.notes["encoding_fallbacks"] == 1
            assert stats.notes["retries"] == 0
            assert set(counts.codecs) == {"gzip"}
    warnings = [line for line in capfd.readouterr().err.splitlines() if "refused zstd" in line]
    assert len(warnings) >= 1
    assert all("gzip" in line for line in warnings)


# -- the connection -------------------------------------------------------------------------------


def test_a_destination_that_comes_up_late_gets_everything() -> None:
    """Connection refused is retried, and can be no duplicate."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with reporting_to(f"http://127.0.0.1:{port}") as collector:
        emit(collector, 1000)
        assert not collector.flush(timeout=0.3).complete
        stats = collector.stats()
        assert (stats.held, stats.delivered) == (1000, 0)
        assert not stats.destination_answered
        assert stats.notes["retries"] >= 1
        with Receiver(port=port) as receiver:
            assert collector.flush(timeout=20).complete
            stats, counts = assert_same(collector, receiver)
            assert counts.records == counts.unique_records == 1000
            assert stats.notes["ambiguous_attempts"] == 0


def test_a_body_that_is_read_slowly_arrives_once(receiver: Receiver) -> None:
    """Some hundred milliseconds a request, within the timeout: slow is not failed."""
    with reporting_to(receiver.endpoint, exporter_compression="none") as collector:
        receiver.slow_body(40_000)
        emit(collector, 500)
        assert collector.flush(timeout=30).complete
        stats, counts = assert_same(collector, receiver)
        assert stats.notes["retries"] == 0
        assert counts.records == counts.unique_records == 500


def test_a_body_that_is_read_too_slowly_times_out_and_is_sent_again(receiver: Receiver) -> None:
    """The attempt ends at the timeout, and the receiver has nothing of what broke off."""
    with reporting_to(
        receiver.endpoint,
        exporter_timeout=0.3,
        exporter_compression="none",
        batch=forebay.BatchOptions(max_records=1000, max_delay=0.05),
    ) as collector:
        # More than the sockets' buffers hold: the sender sees that it is slow.
        log = collector.logger("integration")
        receiver.slow_body(100_000)
        for uid in range(20):
            assert log.info("record", uid=uid, text="x" * 200_000)
        assert wait_until(lambda: collector.stats().notes["ambiguous_attempts"] >= 1, timeout=20)
        receiver.slow_body(None)
        assert collector.flush(timeout=30).complete
        stats, counts = assert_same(collector, receiver)
        assert stats.delivered == 20
        assert stats.notes["ambiguous_attempts"] >= counts.batches - counts.unique_batches


def test_a_kept_connection_that_was_closed_costs_no_attempt(receiver: Receiver) -> None:
    """Closed between two requests, ten times: connected anew at once, nothing retried."""
    with reporting_to(receiver.endpoint) as collector:
        for turn in range(10):
            emit(collector, 10, start=turn * 10)
            assert collector.flush(timeout=10).complete
            receiver.stop()
            receiver.start()
        stats, counts = assert_same(collector, receiver)
        assert counts.records == counts.unique_records == 100
        assert stats.notes["retries"] == 0


def test_a_destination_that_is_killed_and_comes_back_again_and_again(receiver: Receiver) -> None:
    """Six restarts under load: every record there, duplicates only from ambiguous batches."""
    with reporting_to(receiver.endpoint) as collector:
        stop = threading.Event()
        emitted = [0, 0]

        def work(thread: int) -> None:
            log = collector.logger("integration")
            while not stop.is_set():
                assert log.info("record", uid=emitted[thread] * 2 + thread)
                emitted[thread] += 1

        threads = [threading.Thread(target=work, args=(n,)) for n in (0, 1)]
        for thread in threads:
            thread.start()
        for _ in range(6):
            seen = receiver.counts().batches
            receiver.wait_for(lambda c, seen=seen: c.batches > seen + 2)  # type: ignore[misc]
            receiver.stop()
            receiver.start()
        stop.set()
        for thread in threads:
            thread.join()
        assert collector.flush(timeout=60).complete
        stats, counts = assert_same(collector, receiver)
        assert stats.delivered == stats.emitted == sum(emitted) == counts.unique_records


# -- the application ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["up", "hangs", "refuses", "resets"])
def test_emit_does_not_feel_the_destination(
    receiver: Receiver, how: str, record_property: Callable[[str, object], None]
) -> None:
    """Fifty thousand calls beside a destination in trouble: none takes as long as a tenth second.

    The times go into the report as figures; what they are worth depends on the machine.
    """
    if how == "hangs":
        receiver.stall()
    elif how == "refuses":
        receiver.stop()
    elif how == "resets":
        receiver.cut_before(times=None)
    with reporting_to(
        receiver.endpoint,
        lanes=[
            forebay.Lane("only", queue_records=16_384, on_full="drop_newest", gap_records=False)
        ],
        backlog=forebay.BacklogOptions(max_bytes=1 << 20),
    ) as collector:
        log = collector.logger("integration")
        times = []
        clock = time.perf_counter_ns
        for uid in range(50_000):
            before = clock()
            log.info("record", uid=uid, route="/items", elapsed_ms=12.5)
            times.append(clock() - before)
        times.sort()
        figures = {"p50": times[25_000], "p99": times[49_500], "max": times[-1]}
        record_property(f"emit_ns_{how}", figures)
        print(f"emit with a destination that {how}: {figures} ns")
        assert times[-1] < 100_000_000
        stats = collector.stats()
        assert stats.emitted == 50_000
        assert stats.difference == 0
        if how != "up":
            assert stats.delivered == 0
        collector.shutdown(timeout=10 if how == "up" else 0)
        stats = collector.stats()
        assert stats.held == 0
        if how == "up":
            assert stats.delivered == receiver.counts().unique_records
        assert stats.delivered + stats.dropped + stats.unknown == 50_000
