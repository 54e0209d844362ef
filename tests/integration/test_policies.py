"""What a full lane does, seen from the other end: the receiver's count is the ledger's."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest

import forebay
from forebay.testing import Receiver
from tests.integration.reporting import assert_same, reporting_to
from tests.python.in_memory import run_python
from tests.waiting import wait_until

PRODUCERS = 8


def from_threads(work: Callable[[int], None], count: int) -> None:
    """Run it in so many threads, each with its number, which begin and end at the same time.

    A thread that ended hands its place in the lane on to the next one, whose own
    oldest records those left in it then are.
    """
    errors: list[BaseException] = []
    together = threading.Barrier(count)

    def run(thread: int) -> None:
        try:
            together.wait(30)
            work(thread)
            together.wait(30)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def sequences(receiver: Receiver) -> dict[int, list[int]]:
    """What arrived of each producer, in order of arrival."""
    found: dict[int, list[int]] = defaultdict(list)
    for received in receiver.records():
        producer, n = received.record.attributes["producer"], received.record.attributes["n"]
        assert isinstance(producer, int)
        assert isinstance(n, int)
        found[producer].append(n)
    return found


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest", "fail", "block"])
def test_eight_producers_on_a_full_lane_in_front_of_a_stall(
    receiver: Receiver, policy: forebay.Policy
) -> None:
    """What is missing at the receiver was counted as lost, exactly; each producer in order."""
    told = [0] * PRODUCERS  # how many calls of each said that they were taken
    last = 6000
    with reporting_to(
        receiver.endpoint,
        lanes=[forebay.Lane("only", queue_records=4096, on_full=policy, gap_records=False)],
        batch=forebay.BatchOptions(max_records=500, max_delay=0.02),
        backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        exporter_max_in_flight=1,
    ) as collector:
        log = collector.logger("producers")
        receiver.stall()

        def work(producer: int) -> None:
            for n in range(last):
                try:
                    told[producer] += log.info("record", producer=producer, n=n)
                except forebay.QueueFull:
                    assert policy == "fail"

        if policy == "block":
            ending = threading.Timer(0.3, receiver.stall, args=(0,))
            ending.start()
        from_threads(work, PRODUCERS)
        receiver.stall(0)
        assert collector.flush(timeout=30).complete
        stats, counts = assert_same(collector, receiver)
        assert stats.emitted == PRODUCERS * last
        assert stats.emitted - counts.unique_records == stats.dropped + stats.refused
        found = sequences(receiver)
        assert all(numbers == sorted(numbers) for numbers in found.values())
        if policy == "block":
            assert stats.lost == 0
        elif policy == "drop_oldest":
            assert stats.dropped == stats.dropped_by_reason["queue_full_oldest"] > 0
            assert {numbers[-1] for numbers in found.values()} == {last - 1}
            assert len(found) == PRODUCERS
        else:
            assert stats.lost > 0
            # Who was told that a record was taken has it at the receiver.
            assert {p: len(numbers) for p, numbers in found.items()} == {
                p: n for p, n in enumerate(told) if n
            }
            reason = "queue_full_newest" if policy == "drop_newest" else "queue_full"
            by_reason = {**stats.dropped_by_reason, **stats.refused_by_reason}
            assert by_reason[reason] == stats.lost


def test_a_burst_of_errors_among_a_flood_of_info_loses_no_error(receiver: Receiver) -> None:
    """With the two default lanes: INFO is dropped by the ten thousand, no ERROR is."""
    backlog = forebay.BacklogOptions(max_bytes=1 << 20)
    with reporting_to(receiver.endpoint, lanes=None, backlog=backlog) as collector:
        log = collector.logger("flood")
        receiver.stall()

        def work(thread: int) -> None:
            for n in range(60_000):
                log.info("flood", thread=thread, n=n, text="x" * 100)
                if n % 200 == 0:
                    assert log.error("burst", thread=thread, n=n)

        from_threads(work, 4)
        receiver.stall(0)
        assert collector.flush(timeout=60).complete
        stats, _ = assert_same(collector, receiver)
        assert stats.lanes["normal"].dropped > 0
        assert stats.lanes["urgent"].lost == 0
        assert stats.by_severity["error"].delivered == stats.by_severity["error"].emitted == 1200
        bodies = Counter(received.record.body for received in receiver.records())
        assert bodies["burst"] == 1200


def test_a_block_with_a_timeout_lets_other_threads_go_on(receiver: Receiver) -> None:
    """The wait is as long as asked for, is counted, and holds no GIL."""
    with reporting_to(
        receiver.endpoint,
        lanes=[
            forebay.Lane("only", queue_records=64, on_full=forebay.Block(timeout=0.1)),
        ],
        backlog=forebay.BacklogOptions(max_bytes=64 << 10),
        exporter_max_in_flight=1,
        exporter_compression="none",
    ) as collector:
        receiver.stall()
        log = collector.logger("block")
        waited: list[float] = []
        counted = 0
        stop = threading.Event()

        def count() -> None:
            nonlocal counted
            while not stop.is_set():
                counted += 1

        def fill() -> bool:
            started = time.monotonic()
            taken = log.info("record", text="x" * 2000)
            if not taken:
                waited.append(time.monotonic() - started)
            return len(waited) >= 3

        assert wait_until(fill, timeout=60)
        counter = threading.Thread(target=count)
        counter.start()
        before = counted
        while len(waited) < 5:
            fill()
        progress = counted - before
        stop.set()
        counter.join()
        assert progress > 1000
        assert min(waited) >= 0.095
        stats = collector.stats()
        assert stats.refused == stats.refused_by_reason["block_timeout"] == len(waited)
        receiver.stall(0)
        assert collector.flush(timeout=30).complete
        assert_same(collector, receiver)


@pytest.mark.parametrize("how", ["hangs", "down"])
def test_a_process_ends_in_its_time_whatever_the_destination_does(
    receiver: Receiver, how: str
) -> None:
    """Half a second where it never answered; and what it held has a name in the receipt."""
    if how == "hangs":
        receiver.stall()
    else:
        receiver.stop()
    done = run_python(
        """
        import sys, time
        import forebay
        from forebay import _exit
        collector = forebay.start(
            service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]),
        )
        log = forebay.get_logger("x")
        for n in range(5000):
            assert log.info("record", n=n)
        before = collector.stats().held
        started = time.monotonic()
        _exit.run()
        elapsed = time.monotonic() - started
        stats = collector.stats()
        assert before == stats.dropped + stats.unknown == 5000, stats
        assert stats.held == 0 and collector.audit().balanced
        print(elapsed)
        """,
        receiver.endpoint,
        timeout=30,
    )
    # Refused, it gives up after half a second; a first request under way has the 5 s of all.
    assert 0.4 < float(done.stdout) < (1.5 if how == "down" else 6.5)
    # What hangs may have arrived: that is no loss to speak of.
    assert ("5000 records were let go at exit" in done.stderr) == (how == "down")
