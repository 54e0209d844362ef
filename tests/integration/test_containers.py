"""What a container does to a service: little memory, no disk, no home, nobody's uid."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forebay._stats_file import StatsFileError, list_stats_files, read_stats_file
from tests.integration.gunicorn_process import Gunicorn
from tests.integration.mount_namespace import in_namespace, need, run
from tests.waiting import wait_until

WORKERS = 8
MEMORY_LIMIT = 16 << 20

APPLICATION = """
import os
import forebay

forebay.start(
    service_name="shop",
    exporter=forebay.OtlpHttpExporter(os.environ["DESTINATION"], timeout=2.0),
    memory_limit=int(os.environ["MEMORY_LIMIT"]),
    lanes=[forebay.Lane("all", queue_records=16_384, on_full="drop_oldest")],
    backlog=forebay.BacklogOptions(max_bytes=10 << 20),
    batch=forebay.BatchOptions(max_records=512),
)
log = forebay.get_logger("shop")

def application(environ, start_response):
    for i in range(4_000):
        log.info("request finished", i=i, noise=os.urandom(160).hex())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"taken"]
"""


@contextmanager
def nobody_listens() -> Iterator[str]:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@contextmanager
def nobody_answers() -> Iterator[str]:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1024)
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def private_bytes(pid: int) -> int:
    """What a process has for itself alone."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) << 10 for kib in re.findall(r"Private_\w+: +(\d+) kB", text))


class Load:
    """Eight clients that ask until they are told to stop; every answer must be 200."""

    def __init__(self, server: Gunicorn) -> None:
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(WORKERS)]
        self.statuses: list[object] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self.statuses.append(self._server.ask().status)
            except OSError as error:
                self.statuses.append(error)


def served(folder: Path, destination: str, environment: dict[str, str]) -> Gunicorn:
    folder.mkdir()
    settings = {"DESTINATION": destination, "MEMORY_LIMIT": str(MEMORY_LIMIT), **environment}
    server = Gunicorn(folder, APPLICATION, settings, workers=WORKERS)
    server.wait_for_boots(WORKERS)
    return server


def workers_of(server: Gunicorn) -> list[int]:
    return [int(pid) for pid in server.said(r"Booting worker with pid: (\d+)")]


def memory_without_telemetry(folder: Path) -> int:
    """Of all workers together, under the same requests."""
    server = served(folder, "http://127.0.0.1:9", {"OTEL_SDK_DISABLED": "true"})
    try:
        with Load(server) as load:
            assert wait_until(lambda: len(load.statuses) >= 5 * WORKERS, timeout=60)
        used = sum(private_bytes(pid) for pid in workers_of(server))
        assert set(load.statuses) == {200}, load.statuses
        server.end()
    finally:
        server.kill()
    return used


@pytest.mark.parametrize("destination", [nobody_listens, nobody_answers], ids=lambda d: d.__name__)
def test_eight_workers_before_a_dead_destination_stay_within_their_memory_limits(
    tmp_path: Path, destination: object
) -> None:
    """All of them full, and losing records; every request is answered."""
    plain = memory_without_telemetry(tmp_path / "plain")
    assert callable(destination)
    with destination() as url:
        server = served(tmp_path / "dead", url, {})
        try:

            def all_lose() -> bool:
                try:
                    ledgers = server.ledgers().values()
                except StatsFileError:
                    return False  # a worker is just making its own
                losing = [f for f in ledgers if f.numbers.get("dropped", 0) > 20_000]
                return len(losing) == WORKERS

            with Load(server) as load:
                assert wait_until(all_lose, timeout=90), server.ledgers()
                used = sum(private_bytes(pid) for pid in workers_of(server))
            assert set(load.statuses) == {200}, load.statuses
            assert used - plain <= WORKERS * MEMORY_LIMIT, (used, plain)
            assert used - plain > WORKERS * (4 << 20), "it held too little to say anything"
            server.end()
        finally:
            server.kill()
        ledgers = server.ledgers()
        assert set(ledgers) == set(workers_of(server))
        for file in ledgers.values():
            assert file.balanced
            assert file.state == "ended"
            assert file.numbers["held"] == 0


# -- where nothing can be written ---------------------------------------------------------------

_SCRIPT = """
import sys
import forebay
collector = forebay.start(service_name="shop")
log = forebay.get_logger("shop")
for i in range(1000):
    log.info("order placed", number=i)
collector.shutdown(10)
stats = collector.stats()
print(f"emitted {stats.emitted} delivered {stats.delivered} balanced {collector.audit().balanced}")
"""


def test_on_a_read_only_root_without_a_home_records_go_to_the_console() -> None:
    """With one line that says so; the ledger is kept in memory."""
    script = [sys.executable, "-B", "-c", textwrap.dedent(_SCRIPT)]
    read_only = "mount --make-rprivate / && mount -o remount,bind,ro /"
    done = run(in_namespace(read_only, script), {})
    assert done.stdout.splitlines()[-1] == "emitted 1000 delivered 1000 balanced True"
    lines = done.stderr.splitlines()
    assert sum('"body":"order placed"' in line for line in lines) == 1000
    others = [line for line in lines if not line.startswith("{")]
    assert len([line for line in others if "console" in line]) == 1, others


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_under_a_uid_that_nobody_has_records_go_to_the_console() -> None:
    """A user without a name, a home or a directory to write to."""
    # It may read everything, wherever the interpreter is installed, and write nothing of root's.
    nobody = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    nobody += ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    need(nobody, "process of another user")
    script = [sys.executable, "-B", "-c", textwrap.dedent(_SCRIPT)]
    done = run([*nobody, *script], {"HOME": "/nonexistent"})
    assert done.stdout.splitlines()[-1] == "emitted 1000 delivered 1000 balanced True"
    assert done.stderr.count('"body":"order placed"') == 1000


_FILLS_THE_DISK = """
import os, sys
import forebay
directory = sys.argv[1]
collector = forebay.Collector(
    service_name="shop",
    exporter=forebay.FileExporter(directory),
    run_directory=sys.argv[2],
    retry=forebay.RetryOptions(initial=0.01, max=0.05),
    batch=forebay.BatchOptions(max_records=500, max_delay=0.01),
    breaker=forebay.BreakerOptions(open_initial=0.05, open_max=0.1),
    backlog=forebay.BacklogOptions(max_bytes=128 << 10),
    lanes=[forebay.Lane("all", queue_records=1024, on_backlog_full="evict_oldest")],
)
log = collector.logger("shop")
for i in range(30_000):
    log.info("order placed", number=i, noise=os.urandom(50).hex())
collector.flush(1)
stats = collector.stats()
assert stats.lost > 0, "the disk was never full"
for name in os.listdir(directory):
    os.remove(os.path.join(directory, name))  # somebody makes room
log.info("there is room again")
receipt = collector.shutdown(20)
stats, audit = collector.stats(), collector.audit()
assert receipt.complete, receipt
assert any("there is room again" in open(f"{directory}/{name}").read()
           for name in os.listdir(directory)), "it was written to a file that is gone"
assert stats.emitted + stats.internal == stats.delivered + stats.lost, stats
print("balanced", audit.balanced, "held", stats.held, "delivered", stats.delivered > 0)
"""


def test_a_full_disk_costs_counted_records_and_nothing_else(tmp_path: Path) -> None:
    """A real file system of a megabyte; when there is room again it goes on."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=1m none {tmp_path}/disk"
    arguments = [f"{tmp_path}/disk", f"{tmp_path}/run"]
    script = [sys.executable, "-c", textwrap.dedent(_FILLS_THE_DISK), *arguments]
    done = run(in_namespace(mount, script), {})
    assert done.stdout.splitlines()[-1] == "balanced True held 0 delivered True"
    said = [line for line in done.stderr.splitlines() if "No space left" in line]
    assert len(said) <= 2, done.stderr


_WRITES_MUCH = """
import sys
import forebay
collector = forebay.Collector(
    service_name="shop",
    exporter=forebay.FileExporter(sys.argv[1], max_file_bytes=32 << 10, max_total_bytes=256 << 10),
    run_directory=sys.argv[2],
    batch=forebay.BatchOptions(max_records=50),
    lanes=[forebay.Lane("all", on_full="block")],
)
log = collector.logger("shop")
for i in range(10_000):
    log.info("order placed", number=i)
collector.shutdown(30)
assert collector.audit().balanced
print(collector.stats().delivered)
"""


def test_workers_in_one_directory_keep_its_cap_together(tmp_path: Path) -> None:
    """Each has files of its own, and all of them count."""
    files, runs = tmp_path / "files", tmp_path / "run"
    command = [sys.executable, "-c", textwrap.dedent(_WRITES_MUCH), str(files), str(runs)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for worker in workers:
        assert worker.communicate(timeout=60)[0] == "10000\n"
        assert worker.returncode == 0
    written = [path for path in files.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in written)
    # The file that each of them is writing comes on top.
    assert total <= (256 << 10) + 4 * (32 << 10), {p.name: p.stat().st_size for p in written}
    assert total >= 128 << 10
    ledgers = [read_stats_file(path) for path in list_stats_files(runs)]
    assert [file.balanced for file in ledgers] == [True] * 4
