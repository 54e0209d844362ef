"""``forebay pipe`` as a process of its own, into a receiver or files that are read back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from forebay._stats_file import StatsFileError, list_stats_files, read_stats_file
from forebay.testing import Receiver


def environment(tmp_path: Path, **changes: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    own = {"XDG_STATE_HOME": str(tmp_path / "state"), "FOREBAY_RUN_DIR": str(tmp_path / "run")}
    return {**kept, **own, **changes}


def run(
    tmp_path: Path, *arguments: str | Path, stdin: bytes = b"", command: str = "pipe"
) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "forebay", command, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env=environment(tmp_path),
    )
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
    )


def receipt_of(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    receipt: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return receipt


def test_every_line_of_a_file_arrives_in_order(tmp_path: Path) -> None:
    """With the file's path, at the level that was asked for, and the receipt says so."""
    path = tmp_path / "some.log"
    lines = [f"2026-11-24 status installed package-{i}:amd64 100% %s" for i in range(5000)]
    path.write_text("\n".join(lines) + "\n")
    with Receiver() as receiver:
        endpoint = ("--endpoint", receiver.endpoint, "--service", "apt", "--level", "WARNING")
        result = run(tmp_path, path, *endpoint, "--json")
        assert result.returncode == 0, result.stderr
        receipt = receipt_of(result)
        assert receipt["balanced"] is True
        assert (receipt["lines_read"], receipt["delivered"]) == (5000, 5000)
        assert receipt["lost"] == {}
        received = receiver.records()
    assert [item.record.body for item in received] == lines
    first = received[0]
    assert first.record.attributes["log.file.path"] == str(path)
    assert first.record.severity_text == "WARNING"
    assert first.scope.name == "forebay.pipe"
    assert first.resource["service.name"] == "apt"


def test_lines_of_any_form_are_counted_and_sent(tmp_path: Path) -> None:
    """Empty ones, ends of Windows, bytes that are no UTF-8, and a last line without an end."""
    with Receiver() as receiver:
        text = b"one\r\n\n \xff\xfe\nlast"
        result = run(tmp_path, "--endpoint", receiver.endpoint, "--json", stdin=text)
        assert result.returncode == 0, result.stderr
        assert receipt_of(result)["lines_read"] == 4
        bodies = [item.record.body for item in receiver.records()]
    assert bodies == ["one", "", " \ufffd\ufffd", "last"]


@pytest.mark.parametrize("form", ["jsonl", "otlp"])
def test_what_is_written_to_a_directory_cat_reads_back(tmp_path: Path, form: str) -> None:
    """In both forms of segments."""
    directory = tmp_path / "segments"
    text = b"".join(b"line %d\n" % i for i in range(300))
    result = run(tmp_path, "--directory", directory, "--format", form, stdin=text)
    assert result.returncode == 0, result.stderr
    assert "balanced" in result.stdout
    shown = run(tmp_path, directory, "--json", command="cat")
    assert shown.returncode == 0, shown.stderr
    messages = [json.loads(line)["message"] for line in shown.stdout.splitlines()]
    assert messages == [f"line {i}" for i in range(300)]


def test_without_a_destination_lines_go_to_local_files(tmp_path: Path) -> None:
    """Where `cat` without arguments finds them."""
    result = run(tmp_path, "--service", "notes", stdin=b"remember\n")
    assert result.returncode == 0, result.stderr
    shown = run(tmp_path, "--json", command="cat")
    assert shown.returncode == 0, shown.stderr
    record = json.loads(shown.stdout)
    assert (record["message"], record["service"]) == ("remember", "notes")


def test_lines_that_are_not_delivered_are_accounted_for_by_reason(tmp_path: Path) -> None:
    """A destination that refuses for good."""
    with Receiver() as receiver:
        receiver.fail(400, times=None)
        result = run(tmp_path, "--endpoint", receiver.endpoint, "--json", stdin=b"a\nb\nc\n")
    receipt = receipt_of(result)
    assert receipt["balanced"] is True
    assert receipt["delivered"] == 0
    assert receipt["lost"] == {"rejected.bad_request": 3}
    assert result.returncode == 0


def test_a_destination_that_is_away_costs_the_timeout_and_is_said(tmp_path: Path) -> None:
    """The lines are lost at shutdown, and counted there."""
    with Receiver() as receiver:
        endpoint = receiver.endpoint
    result = run(
        tmp_path, "--endpoint", endpoint, "--timeout", "300ms", "--json", stdin=b"a\nb\nc\n"
    )
    receipt = receipt_of(result)
    assert receipt["balanced"] is True
    assert sum(receipt["lost"].values()) == 3
    assert result.stderr != ""


def test_a_full_queue_drops_by_policy_and_every_line_is_accounted_for(tmp_path: Path) -> None:
    """With the receiver stalled, a small queue keeps some lines and names the others."""
    lines = 2000
    # More than queue and backlog hold, also when compressed.
    text = b"".join(b"%06d %s\n" % (i, os.urandom(30_000).hex().encode()) for i in range(lines))
    with Receiver(keep=False) as receiver:
        receiver.stall(4.0)
        result = run(
            tmp_path,
            *("--endpoint", receiver.endpoint, "--on-full", "drop_newest"),
            *("--queue-records", "16384", "--json"),
            stdin=text,
        )
        counts = receiver.counts()
    receipt = receipt_of(result)
    assert result.returncode == 0, receipt
    assert receipt["balanced"] is True
    assert receipt["lost"]["dropped.queue_full_newest"] > 0
    assert 0 < receipt["delivered"] == counts.unique_records
    assert receipt["delivered"] + sum(receipt["lost"].values()) == lines + receipt["internal"]


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_sent(tmp_path: Path) -> None:
    """The exit code is 1."""
    good = tmp_path / "good.log"
    good.write_text("line\n")
    with Receiver() as receiver:
        arguments = (tmp_path / "missing.log", good, "--endpoint", receiver.endpoint)
        result = run(tmp_path, *arguments)
        assert result.returncode == 1
        assert "missing.log" in result.stderr
        assert receiver.counts().unique_records == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--level", "LOUD"),
        ("--queue-records", "1"),
        ("--endpoint", "ftp://x"),
        ("--endpoint", "http://127.0.0.1:1", "--directory", "x"),
    ],
)
def test_wrong_use_ends_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """And nothing is read."""
    result = run(tmp_path, *arguments)
    assert result.returncode == 2
    assert result.stderr != ""


def test_an_interrupt_sends_what_was_read(tmp_path: Path) -> None:
    """Standard input that does not end: the lines before the interrupt arrive."""
    # A run in the background of a shell ignores SIGINT, and so would its child.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Receiver() as receiver:
        process = subprocess.Popen(
            [sys.executable, "-m", "forebay", "pipe", "--endpoint", receiver.endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
        )
        signal.signal(signal.SIGINT, before)
        try:
            assert process.stdin is not None
            process.stdin.write(b"one\ntwo\n")
            process.stdin.flush()
            receiver.wait_for(lambda counts: counts.unique_records == 2)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert b"balanced" in out
    assert b"interrupted" in err


def test_an_interrupt_ends_a_wait_for_room(tmp_path: Path) -> None:
    """A destination that never answers, a full queue, and the policy block: it still ends."""
    path = tmp_path / "large.log"
    line = "x" * 2000
    path.write_text("".join(f"{line} {os.urandom(1000).hex()}\n" for i in range(40_000)))
    with Receiver(keep=False) as receiver:
        receiver.stall()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "forebay", "pipe", "--endpoint", receiver.endpoint),
                *("--queue-records", "1024", "--timeout", "500ms", "--json", str(path)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
        )
        try:
            wait_until_it_blocks(tmp_path / "run")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    receipt = json.loads(out)
    assert process.returncode == 0, err
    assert receipt["balanced"] is True
    assert 0 < receipt["lines_read"] < 40_000
    assert sum(receipt["lost"].values()) == receipt["lines_read"] + receipt["internal"]


def wait_until_it_blocks(run_directory: Path) -> None:
    """Until the ledger of the one process there stands still, with something in its queue.

    A third of a second is what standing still means here. A process that was only slow would end as
    well, with fewer lines read: so a look that came too early fails nothing.
    """
    deadline = time.monotonic() + 60
    last = -1
    while time.monotonic() < deadline:
        time.sleep(0.3)
        for path in list_stats_files(run_directory):
            with contextlib.suppress(StatsFileError):
                numbers = read_stats_file(path).numbers
                if numbers["in_queue"] > 0 and numbers["emitted"] == last:
                    return
                last = numbers["emitted"]
    pytest.fail(f"it never blocked; {last} records were emitted")
