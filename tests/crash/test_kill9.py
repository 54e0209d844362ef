"""SIGKILL, and other ends without a word: what the file that is left tells is true."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay._stats_file import StatsFile, list_stats_files, read_stats_file
from forebay.testing import Receiver
from tests.crash.emitting_process import EmittingProcess
from tests.integration.otelcol_process import free_addresses
from tests.waiting import wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(keep=False) as running:
        yield running
        running.clear()


@pytest.fixture
def start(tmp_path: Path, receiver: Receiver) -> Iterator[Callable[..., EmittingProcess]]:
    """Starts emitting processes that report to the receiver, and returns when they emit."""
    started: list[EmittingProcess] = []

    def begin(endpoint: str | None = None, **options: Any) -> EmittingProcess:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        process = EmittingProcess(folder, endpoint or receiver.endpoint, **options)
        started.append(process)
        process.wait_until_it_emits()
        return process

    yield begin
    for process in started:
        process.clean_up()


def stats_command(process: EmittingProcess, *arguments: str) -> list[dict[str, Any]]:
    """``python -m forebay stats --json``, which finds the laws kept, or ends with 1."""
    command = [sys.executable, "-m", "forebay", "stats", "--json", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"FOREBAY_RUN_DIR": str(process.run_directory)},
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def left_by(process: EmittingProcess) -> StatsFile:
    (path,) = list_stats_files(process.run_directory)
    return read_stats_file(path)


def settled_count(receiver: Receiver) -> int:
    """The receiver's unique records, when it has read all that the dead process had written."""
    assert wait_until(lambda: receiver.open_connections() == 0, timeout=20)
    return receiver.counts().unique_records


def assert_true(file: StatsFile, process: EmittingProcess, arrived: int) -> None:
    """The file of a killed process against the witness and the receiver, which know better."""
    assert file.state == "killed"
    assert file.exact
    numbers, lost, margin = file.numbers, file.lost_in_crash, file.lost_in_crash_margin
    assert lost is not None
    assert margin is not None
    assert 1 <= margin <= process.threads
    # The second law is exact at any time: one writer, and steps that are made or not made.
    assert all(law.difference == 0 for law in file.laws if law.route is not None)
    assert file.balanced
    # What was emitted, but for the record that each thread was within.
    witness = process.witness()
    assert witness <= numbers["emitted"] <= witness + margin
    # What arrived, but for the batches whose answer was still to come.
    assert numbers["delivered"] <= arrived <= numbers["delivered"] + numbers["in_flight"]
    # So what was lost in truth is what the file says that it is.
    ended = numbers["dropped"] + numbers["rejected"] + numbers["unknown"] + numbers["refused"]
    least = witness - ended - arrived
    assert least <= lost <= least + numbers["in_flight"] + margin


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest", "block"])
@pytest.mark.parametrize("destination", ["up", "hangs", "down"])
def test_after_sigkill_the_file_tells_what_was_emitted_delivered_and_lost(
    start: Callable[..., EmittingProcess], receiver: Receiver, policy: str, destination: str
) -> None:
    """Four threads, killed at a moment of chance, whatever the destination did meanwhile."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    (nobody,) = free_addresses(1)
    process = start(
        f"http://{nobody}" if destination == "down" else receiver.endpoint, policy=policy
    )
    if destination == "hangs":
        receiver.wait_for(lambda counts: counts.records > 0)
        receiver.stall()
        assert wait_until(lambda: receiver.open_connections() > 0, timeout=10)
    if policy != "block" or destination == "up":
        process.wait_for_records(draw.randrange(20_000))
    process.send_signal(signal.SIGKILL)
    receiver.clear()
    file = left_by(process)
    assert_true(file, process, settled_count(receiver))
    # It may have been killed at a moment of rest, but not where nothing could leave.
    if destination != "up":
        assert file.lost_in_crash
    (told,) = stats_command(process)
    assert told["numbers"] == dict(file.numbers)
    assert (told["state"], told["balanced"], told["exact"]) == ("killed", True, True)
    assert told["lost_in_crash"] == file.lost_in_crash
    assert told["lost_in_crash_margin"] == file.lost_in_crash_margin


def test_the_text_states_the_loss_and_its_bound(
    start: Callable[..., EmittingProcess], receiver: Receiver
) -> None:
    """For people: the number, and how far it may be off."""
    receiver.stall()
    process = start(threads=3)
    process.send_signal(signal.SIGKILL)
    file = left_by(process)
    command = [sys.executable, "-m", "forebay", "stats", "--directory", str(process.run_directory)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    margin = file.lost_in_crash_margin
    assert f"lost_in_crash {file.lost_in_crash:,} (up to {margin:,} more or less)" in text
    assert "balanced" in text


def test_thirty_kills_never_leave_a_file_that_is_off(
    start: Callable[..., EmittingProcess],
) -> None:
    """Killed in the middle of everything: each time the file reads, and the second law holds."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    cut_short = 0
    # A receiver each: what is counted at it belongs to one process.
    for _ in range(30):
        with Receiver(keep=False) as receiver:
            policy = draw.choice(["drop_newest", "drop_oldest", "block"])
            process = start(receiver.endpoint, threads=draw.randrange(1, 5), policy=policy)
            process.wait_for_records(draw.randrange(3000))
            process.send_signal(signal.SIGKILL)
            file = left_by(process)
            assert_true(file, process, settled_count(receiver))
            cut_short += file.cut_short
    print(f"{cut_short} of 30 were killed within a step")


@pytest.mark.parametrize("how", [signal.SIGTERM, "abort", "_exit"])
def test_any_end_without_a_word_is_a_kill(
    start: Callable[..., EmittingProcess], receiver: Receiver, how: signal.Signals | str
) -> None:
    """SIGTERM without a handler, abort, os._exit: the file tells the same as after SIGKILL."""
    process = start(end=str(how))
    process.wait_for_records(1000)
    if isinstance(how, signal.Signals):
        process.send_signal(how)
    else:
        assert process.end_itself() == (-signal.SIGABRT if how == "abort" else 0)
    assert_true(left_by(process), process, settled_count(receiver))


@pytest.mark.parametrize("how", ["shutdown", "return"])
def test_a_process_that_ended_in_good_order_lost_nothing_in_a_crash(
    start: Callable[..., EmittingProcess], receiver: Receiver, how: str
) -> None:
    """Shut down, or only returned from main while daemon threads went on: no loss is claimed."""
    process = start(end=how, policy="block")
    process.wait_for_records(1000)
    assert process.end_itself() == 0
    file = left_by(process)
    assert (file.state, file.lost_in_crash, file.lost_in_crash_margin) == ("ended", None, None)
    assert file.balanced
    assert file.numbers["held"] == 0
    assert file.numbers["delivered"] == settled_count(receiver)
    witness = process.witness()
    # Threads that went on were refused, and that is counted; a refusal at exit may be the last.
    ended = file.numbers["delivered"] + file.numbers["refused"] + file.numbers["dropped"]
    assert file.numbers["emitted"] == ended
    if how == "shutdown":
        assert file.numbers["emitted"] == file.numbers["delivered"] == witness
    # A process that ended well is not listed unasked; by pid it is.
    (told,) = stats_command(process, "--pid", str(process.pid))
    assert (told["state"], told["lost_in_crash"]) == ("ended", None)


def test_a_living_process_is_read_by_pid_and_by_service_while_it_emits(
    start: Callable[..., EmittingProcess], receiver: Receiver
) -> None:
    """Again and again under load: between two looks at the witness, both laws kept."""
    process = start()
    assert stats_command(process, "--service", "crashing")[0]["pid"] == process.pid
    before = 0
    for _ in range(5):
        low = process.witness()
        (told,) = stats_command(process, "--pid", str(process.pid))
        high = process.witness()
        assert (told["state"], told["lost_in_crash"]) == ("running", None)
        assert low - process.threads <= told["numbers"]["emitted"] <= high + process.threads
        assert told["numbers"]["emitted"] > before
        before = told["numbers"]["emitted"]
    for _ in range(300):
        file = left_by(process)
        if file.exact:
            assert all(law.difference == 0 for law in file.laws if law.route is not None), file.laws
            assert file.numbers["in_queue"] >= 0
    assert process.end_itself() == 0
    assert left_by(process).numbers["delivered"] == settled_count(receiver)
