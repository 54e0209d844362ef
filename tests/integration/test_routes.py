"""Several destinations: failover to files and back, round robin, fan-out, over real connections."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay._otlp.files import SegmentReader, segments_in
from forebay.testing import Receiver
from tests.integration.reporting import BLOCK, RETRY, assert_at_rest, emit, uids
from tests.waiting import wait_until


class ReceiverProcess:
    """``forebay receive`` as a process, which writes what it takes; it can be killed and come back.

    Always on the same port, each time with a directory of its own.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None
        self._lives = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._lives += 1
        directory = self._directory / str(self._lives)
        command = [sys.executable, "-m", "forebay", "receive", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [*command, "--directory", str(directory)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("listening on")

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()
        self._process = None

    def uids(self) -> list[int]:
        """Of all its lives."""
        return [uid for life in self._directory.iterdir() for uid in uids_in(life)]


def uids_in(directory: Path) -> list[int]:
    found = []
    for segment in segments_in(directory):
        for resource in SegmentReader(segment):
            for _, record in resource.records():
                uid = record.attributes["uid"]
                assert isinstance(uid, int)
                found.append(uid)
    return found


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ReceiverProcess]:
    receiver = ReceiverProcess(tmp_path / "received")
    receiver.start()
    yield receiver
    receiver.kill()


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    running = [Receiver().start() for _ in range(3)]
    yield running
    for receiver in running:
        receiver.stop()


def collector_with(routes: Sequence[forebay.Route], **options: Any) -> forebay.Collector:
    options.setdefault("lanes", BLOCK)
    options.setdefault("retry", RETRY)
    options.setdefault("batch", forebay.BatchOptions(max_records=100, max_delay=0.05))
    return forebay.Collector(service_name="integration", routes=routes, **options)


def to(receiver: Receiver | ReceiverProcess) -> forebay.OtlpHttpExporter:
    return forebay.OtlpHttpExporter(receiver.endpoint)


def _until_raises(function: Callable[[], None], times: int) -> None:
    for _ in range(times):
        function()


def test_a_receiver_that_is_killed_is_stood_in_for_by_files_until_it_is_back(
    process: ReceiverProcess, tmp_path: Path
) -> None:
    """Every record is in one of its lives, or in the files; none is missing."""
    files = tmp_path / "files"
    route = forebay.Route("main", [to(process), forebay.FileExporter(files)])
    with collector_with([route]) as collector:

        def delivered() -> list[int]:
            return [each.delivered for each in collector.stats().routes["main"].destinations]

        emit(collector, 1000)
        assert collector.flush(timeout=20).complete
        assert delivered() == [1000, 0]

        process.kill()
        emit(collector, 2000, start=1000)
        assert wait_until(lambda: delivered() == [1000, 2000], 20), delivered()

        process.start()
        emitted = 3000
        deadline = time.monotonic() + 20
        while delivered()[0] == 1000 and time.monotonic() < deadline:
            emit(collector, 10, start=emitted)
            emitted += 10
            assert wait_until(lambda: collector.stats().held == 0, 20)
        in_files = delivered()[1]
        emit(collector, 1000, start=emitted)
        emitted += 1000
        assert collector.flush(timeout=20).complete
        assert delivered() == [emitted - in_files, in_files], "back for good"
        collector.shutdown(timeout=20)
        stats = assert_at_rest(collector)
        assert stats.delivered == stats.routes["main"].delivered == emitted
    in_both = Counter(process.uids()) + Counter(uids_in(files))
    assert set(in_both) == set(range(emitted))
    assert sum(in_both.values()) - emitted <= 100 * stats.notes["ambiguous_attempts"]


def test_a_service_that_ends_during_an_outage_empties_into_the_files(tmp_path: Path) -> None:
    """Long before the primary would be called away: whoever flushes cannot wait for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    route = forebay.Route(
        "main", [forebay.OtlpHttpExporter(nobody), forebay.FileExporter(tmp_path)]
    )
    collector = collector_with([route], retry=forebay.RetryOptions(initial=30, max=60))
    emit(collector, 500)
    assert collector.shutdown(timeout=10).complete
    assert assert_at_rest(collector).delivered == 500
    assert sorted(uids_in(tmp_path)) == list(range(500))


def test_round_robin_shares_and_goes_round_one_that_stalls(receivers: list[Receiver]) -> None:
    """The one that stalls gets what it can hold and no more; the others have the rest."""
    route = forebay.Route("main", [to(each) for each in receivers], order="round_robin")
    with collector_with([route]) as collector:
        emit(collector, 3000)
        assert collector.flush(timeout=20).complete
        shares = [each.counts().unique_records for each in receivers]
        assert sum(shares) == 3000
        assert min(shares) > 0  # how much each has depends on how quick it is
        receivers[1].stall(3600)
        before = receivers[1].counts().unique_records
        emit(collector, 3000, start=3000)
        others = receivers[0], receivers[2]

        def by_others() -> int:
            return sum(each.counts().unique_records for each in others)

        # It holds at most what may be under way: a few requests of up to 100 records.
        assert wait_until(lambda: by_others() >= 6000 - before - 400, 20)
        receivers[1].stall(0)
        assert collector.flush(timeout=20).complete
        assert sorted(uid for each in receivers for uid in uids(each)) == list(range(6000))


def test_fan_out_gives_everything_to_both_though_one_is_gone_meanwhile(
    receivers: list[Receiver],
) -> None:
    """What its backlog keeps arrives late; the other one never waits."""
    one, other, _ = receivers
    routes = [forebay.Route("one", [to(one)]), forebay.Route("other", [to(other)])]
    with collector_with(routes) as collector:
        emit(collector, 1000)
        assert collector.flush(timeout=20).complete
        other.stop()
        emit(collector, 1000, start=1000)
        assert one.wait_for(lambda c: c.unique_records == 2000).unique_records == 2000
        assert collector.stats().routes["other"].held_by_place["in_backlog"] > 0
        assert not collector.flush(timeout=0.2).complete, "flush waits for both"
        other.start()
        assert collector.flush(timeout=20).complete
        assert sorted(uids(one)) == sorted(uids(other)) == list(range(2000))
        stats = collector.stats()
        for route in stats.routes.values():
            assert route.batched == route.delivered == 2000
            assert route.held == 0


def test_a_route_that_is_gone_for_good_loses_its_oldest_and_only_its_own(
    receivers: list[Receiver],
) -> None:
    """Its line of the ledger says how many; the first route's says that nothing was lost."""
    one, gone, _ = receivers
    gone.stop()
    routes = [forebay.Route("one", [to(one)]), forebay.Route("gone", [to(gone)])]
    backlog = forebay.BacklogOptions(max_bytes=256 << 10)
    with collector_with(routes, backlog=backlog) as collector:
        log = collector.logger("integration")
        for uid in range(20_000):
            assert log.info(f"record {uid} {hash(str(uid))} {hash(str(uid) + 'x')}", uid=uid)
        assert one.wait_for(lambda c: c.unique_records == 20_000).unique_records == 20_000
        assert wait_until(lambda: collector.stats().delivered == 20_000, 20)
        stats = collector.stats()
        assert stats.lost == 0
        assert stats.routes["gone"].dropped_by_reason["backlog_full"] > 0
        collector.shutdown(timeout=0.2)
        stats = assert_at_rest(collector)
        route = stats.routes["gone"]
        assert route.held == 0
        assert route.dropped + route.unknown == route.batched == 20_000


def test_where_every_destination_is_away_the_pressure_reaches_the_caller(
    receivers: list[Receiver],
) -> None:
    """The queue fills, `fail` answers, and when one is back nothing that was taken is missing."""
    first, second, _ = receivers
    first.stop()
    second.stop()
    route = forebay.Route("main", [to(first), to(second)])
    lane = forebay.Lane("only", queue_records=4096, on_full="fail", gap_records=False)
    backlog = forebay.BacklogOptions(max_bytes=64 << 10)
    with collector_with([route], lanes=[lane], backlog=backlog) as collector:
        log = collector.logger("integration")
        taken: list[int] = []

        def emit_one() -> None:
            log.info(f"record {len(taken)} {hash(str(len(taken)))}", uid=len(taken))
            taken.append(len(taken))

        def is_refused_and_full() -> bool:
            with pytest.raises(forebay.QueueFull):
                _until_raises(emit_one, times=1_000_000)
            return collector.stats().fill > 0.9

        # A refusal may also mean that the drain thread is a little behind.
        assert wait_until(is_refused_and_full, 30)
        second.start()
        assert collector.flush(timeout=30).complete
        assert sorted(uids(second)) == taken
        assert collector.stats().fill < 0.5
