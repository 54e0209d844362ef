"""``forebay stats``: ledgers read from outside, of processes that run, ended, or were killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay._stats_file import read_stats_file
from forebay.cli import ledger_text, paint
from forebay.cli.stats import as_object, ledger_lines
from forebay.testing import Receiver
from tests.python.stats_file_image import Image

# Emits 1,000 records, 100 of them WARNING, says so, and waits to be told to end.
SERVICE = """
import sys, forebay
endpoint, run_directory, name = sys.argv[1:]
collector = forebay.Collector(
    service_name=name,
    exporter=forebay.OtlpHttpExporter(endpoint),
    batch=forebay.BatchOptions(max_delay=0.05),
    run_directory=run_directory,
)
log = collector.logger("shop")
for i in range(1000):
    (log.warning if i % 10 == 0 else log.info)("record", number=i)
if collector.flush(timeout=float(sys.stdin.readline())).complete:
    print("flushed", flush=True)
else:
    print("holding", flush=True)
sys.stdin.readline()
collector.shutdown(timeout=5)
"""


class Service:
    """A process with a collector."""

    def __init__(self, receiver: Receiver, directory: Path, name: str = "checkout") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, receiver.endpoint, str(directory), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def emit(self, flush_timeout: float) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{flush_timeout}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=30)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(keep=False) as running:
        yield running


def stats(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forebay", "stats", "--directory", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def ledgers(directory: Path, *arguments: str) -> list[dict[str, Any]]:
    result = stats(directory, "--json", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_running_process_is_read_and_both_laws_hold(tmp_path: Path, receiver: Receiver) -> None:
    """By lane and in sum, without asking the process."""
    service = Service(receiver, tmp_path)
    try:
        assert service.emit(10) == "flushed"
        [ledger] = ledgers(tmp_path)
        assert ledger["pid"] == service.process.pid
        assert ledger["service"] == "checkout"
        assert ledger["state"] == "running"
        numbers = ledger["numbers"]
        assert (numbers["emitted"], numbers["delivered"], numbers["held"]) == (1000, 1000, 0)
        assert numbers["lanes.urgent.emitted"] == 100
        assert numbers["lanes.normal.emitted"] == 900
        assert ledger["balanced"] is True
        assert ledger["differences"] == {"intake": 0, "route main": 0}
        out = stats(tmp_path).stdout
        assert "checkout" in out
        assert f"pid {service.process.pid}" in out
        assert "emitted 1,000 = batched 1,000" in out
        assert "batched 1,000 = delivered 1,000" in out
        assert out.count("balanced") == 2
    finally:
        service.kill()


def test_after_kill_9_the_last_numbers_are_there(tmp_path: Path, receiver: Receiver) -> None:
    """What was held is lost_in_crash, with the margin that the file leaves."""
    receiver.stall()
    service = Service(receiver, tmp_path)
    assert service.emit(0.3) == "holding"
    service.kill()
    [ledger] = ledgers(tmp_path)
    assert ledger["state"] == "killed"
    numbers = ledger["numbers"]
    assert numbers["emitted"] == 1000
    assert numbers["delivered"] == 0
    assert ledger["lost_in_crash"] == numbers["held"] == 1000
    assert ledger["lost_in_crash_margin"] <= 1
    out = stats(tmp_path).stdout
    assert "lost_in_crash" in out
    assert "killed" in out


def test_a_process_that_ended_well_is_shown_on_request(tmp_path: Path, receiver: Receiver) -> None:
    """With --all, and where it is named by pid or service."""
    service = Service(receiver, tmp_path)
    assert service.emit(10) == "flushed"
    service.end()
    assert stats(tmp_path).returncode == 1
    for arguments in (["--all"], ["--pid", str(service.process.pid)], ["--service", "checkout"]):
        [ledger] = ledgers(tmp_path, *arguments)
        assert ledger["state"] == "ended"
        assert ledger["numbers"]["delivered"] == 1000
        assert ledger["lost_in_crash"] is None


def test_processes_are_chosen_by_pid_and_by_service(tmp_path: Path, receiver: Receiver) -> None:
    """And without a choice all that run are shown."""
    services = [Service(receiver, tmp_path, name) for name in ("one", "two")]
    try:
        for service in services:
            assert service.emit(10) == "flushed"
        assert {item["service"] for item in ledgers(tmp_path)} == {"one", "two"}
        [by_pid] = ledgers(tmp_path, "--pid", str(services[1].process.pid))
        assert by_pid["service"] == "two"
        [by_name] = ledgers(tmp_path, "--service", "one")
        assert by_name["pid"] == services[0].process.pid
        missing = stats(tmp_path, "--pid", "1")
        assert missing.returncode == 1
        assert "pid 1" in missing.stderr
    finally:
        for service in services:
            service.kill()


def test_the_run_directory_comes_from_the_environment(tmp_path: Path) -> None:
    """And one without ledgers is said."""
    result = subprocess.run(
        [sys.executable, "-m", "forebay", "stats"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "FOREBAY_RUN_DIR": str(tmp_path / "nowhere")},
    )
    assert result.returncode == 1
    assert str(tmp_path / "nowhere") in result.stderr


def test_a_damaged_file_is_said_and_the_others_are_read(tmp_path: Path, receiver: Receiver) -> None:
    """The exit code is 1."""
    service = Service(receiver, tmp_path)
    try:
        assert service.emit(10) == "flushed"
        [good] = tmp_path.glob("*.forebay")
        data = good.read_bytes()
        (tmp_path / "short.forebay").write_bytes(data[:100])
        result = stats(tmp_path, "--json")
        assert result.returncode == 1
        assert "short.forebay" in result.stderr
        assert len(result.stdout.splitlines()) == 1
    finally:
        service.kill()


# -- the laws ---------------------------------------------------------------------------------

NUMBERS = {
    "emitted": 100,
    "internal": 1,
    "refused": 2,
    "dropped": 13,
    "expired": 3,
    "in_queue": 5,
    "in_batch": 4,
    "batched": 78,
    "delivered": 60,
    "in_backlog": 7,
    "held": 16,
    "routes.main.delivered": 60,
    "routes.main.dropped": 10,
    "routes.main.expired": 1,
    "routes.main.in_backlog": 7,
}


def test_what_a_route_drops_is_not_counted_at_the_intake() -> None:
    """Plain totals are sums of both; the laws take them apart."""
    intake, route = ledger_text.laws({**NUMBERS, "batched": 87}, ["main"])
    assert intake.right["dropped"] == 3
    assert intake.right["expired"] == 2
    assert intake.difference == -2
    assert route.difference == 87 - 78
    assert [law.difference for law in ledger_text.laws(NUMBERS, ["main"])] == [7, 0]


@pytest.mark.parametrize("name", ["emitted", "delivered", "in_queue", "in_backlog", "dropped"])
def test_a_single_record_too_many_is_seen(name: str) -> None:
    """In whichever name it is, a law differs, and says by how much."""
    good = {**NUMBERS, "in_queue": 12}
    assert [law.verdict for law in ledger_text.laws(good, ["main"])] == ["balanced"] * 2
    bad = dict(good)
    for key in (name, f"routes.main.{name}"):
        if key in bad:
            bad[key] += 1
    if name == "dropped":
        bad["dropped"] += 1
    verdicts = [law.verdict for law in ledger_text.laws(bad, ["main"])]
    assert any(verdict.startswith("DIFFERS by") and verdict[-1] == "1" for verdict in verdicts)


def test_metric_points_are_shown_by_their_laws_beside_the_records(tmp_path: Path) -> None:
    """Their lane is no column; a law of theirs that differs is an error as any other."""
    image = Image(lanes=("normal", "metrics"), log_lanes=1)
    image.put("emit", 0, "emitted", 5)
    image.put("emit", 1, "emitted", 30).put("intake", 1, "drained", 30)
    image.put("intake", 1, "batched", 30).put("main", 1, "delivered", 21)
    image.put("main", 1, "dropped.backlog_full", 9)
    lines = ledger_lines(read_stats_file(image.write(tmp_path)), paint.Style(coloured=False))
    assert lines[1].split() == ["all", "lanes", "normal"]
    assert "  metric points, intake: emitted 30 = batched 30  balanced" in lines
    law = "  metric points, route main: batched 30 = delivered 21 + dropped 9  balanced"
    assert law in lines
    assert "  metric points lost: backlog_full 9" in lines
    told = as_object(read_stats_file(image.write(tmp_path)))
    assert (told["lanes"], told["metric_lanes"], told["balanced"]) == (
        ["normal"],
        ["metrics"],
        True,
    )
    image.put("main", 1, "delivered", 20)
    told = as_object(read_stats_file(image.write(tmp_path)))
    assert (told["balanced"], told["differences"]["metric points, route main"]) == (False, 1)
    image = Image(lanes=("normal", "metrics"), log_lanes=1).put("emit", 0, "emitted", 5)
    lines = ledger_lines(read_stats_file(image.write(tmp_path)), paint.Style(coloured=False))
    assert "metric" not in "\n".join(lines[1:]), "none was ever collected"


def test_the_table_has_a_column_a_lane() -> None:
    """Rows without a number anywhere are left out."""
    numbers = {**NUMBERS, "lanes.urgent.emitted": 30, "dropped.memory": 13, "dropped.shutdown": 0}
    lines = ledger_text.table(numbers, ["urgent"])
    assert lines[0].split() == ["all", "lanes", "urgent"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert rows["emitted"] == ["100", "30"]
    assert rows["memory"] == ["13", "0"]
    assert "shutdown" not in rows
    assert "rejected" not in rows
