"""The reader of stats files, on images that are built from docs/ledger.md alone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay._stats_file import (
    StatsFileError,
    list_stats_files,
    prune,
    read_stats_file,
    run_directory,
)
from tests.python.stats_file_image import (
    DAY,
    INFO,
    Image,
    a_busy_ledger,
    own_start_ticks,
    with_points,
)
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def dead_pid() -> Iterator[int]:
    """The pid of a process that has ended, and whose number is not used again meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    yield process.pid  # a zombie until the tests are done
    process.wait()


def test_every_name_is_worked_out_as_the_core_does(tmp_path: Path) -> None:
    """Plain names, reasons, severity classes, lanes, routes: the dotted names of the core."""
    file = read_stats_file(a_busy_ledger().write(tmp_path))
    expected = {
        "emitted": 100,
        "refused": 10,
        "refused.queue_full": 10,
        "dropped": 5,
        "dropped.early_drop": 5,
        "dropped.memory": 0,
        "delivered": 40,
        "batched": 60,
        "in_queue": 15,
        "in_batch": 10,
        "in_flight": 12,
        "in_backlog": 8,
        "held": 45,
        "lanes.normal.emitted": 100,
        "lanes.urgent.emitted": 0,
        "lanes.normal.refused.queue_full": 10,
        "by_severity.error.emitted": 10,
        "by_severity.error.held": 10,
        "by_severity.info.dropped.early_drop": 5,
        "routes.main.delivered": 40,
        "routes.main.batched": 60,
        "routes.main.held": 20,
        "notes.retries": 0,
    }
    assert {name: file.numbers.get(name) for name in expected} == expected
    assert "lanes.urgent.refused.queue_full" not in file.numbers
    assert "routes.main.emitted" not in file.numbers
    assert file.balanced
    assert [(law.route, law.lane, law.difference) for law in file.laws] == [
        *((None, "urgent", 0), (None, "normal", 0)),
        *(("main", "urgent", 0), ("main", "normal", 0)),
    ]
    assert (file.instance_id, file.service_name, file.lanes) == ("i-1", "checkout", file.lanes)
    assert file.state == "running"
    assert file.alive is True
    assert (file.lost_in_crash, file.lost_in_crash_margin) == (None, None)


def test_what_sampled_records_stand_for_is_in_no_law(tmp_path: Path) -> None:
    """What was emitted is delivered, lost or pending, a sampled record with its weight."""
    image = a_busy_ledger()
    image.put("emit", 1, "emitted", 1090).put("emit", 1, "sampled_out", 1000)
    image.put("emit", 1, "rate_limited", 0)
    image.put("emit", 1, "excess_queued", 900).put("emit", 1, "excess_evicted", 30)
    # Delivered 40 that stand for 600; a remainder of 100 that is still inside.
    image.put_note("represented_delivered", 600).put_note("represented_remainders", 100)
    file = read_stats_file(image.write(tmp_path))
    assert file.balanced
    assert file.numbers["in_queue"] == 15
    assert "excess_queued" not in file.numbers
    assert file.numbers["represented.delivered"] == 600
    assert file.numbers["represented.lost"] == 10 + 5 + 30
    assert file.numbers["represented.pending"] == 1100 - 600 - 45


def test_slots_of_all_groups_and_the_shared_one_are_summed(tmp_path: Path) -> None:
    """A count is found wherever its thread had its slot."""
    image = Image(groups=3)
    for severity, slot in enumerate([0, 15, 16, 47, -1]):
        image.put("emit", 0, "emitted", 10**severity, severity)
        image.slot_of["emit", 0, "emitted", severity] = slot
    file = read_stats_file(image.write(tmp_path))
    assert file.numbers["emitted"] == 11_111
    assert file.slots == 48


def test_a_difference_of_the_second_law_is_shown(tmp_path: Path) -> None:
    """A ledger that was kept wrongly does not look right."""
    image = a_busy_ledger().put("main", 1, "delivered", 43)
    file = read_stats_file(image.write(tmp_path))
    assert not file.balanced
    (law,) = [law for law in file.laws if not law.holds]
    assert (law.route, law.lane, law.difference) == ("main", "normal", -3)


def test_a_killed_process_lost_what_it_held_in_memory(tmp_path: Path, dead_pid: int) -> None:
    """The spool's part is left for the next process; the uncertainty is one a thread."""
    image = a_busy_ledger(pid=dead_pid, start_ticks=own_start_ticks(dead_pid), leased=3)
    image.put("main", 1, "in_backlog", 2).put("main", 1, "in_spool", 6)
    file = read_stats_file(image.write(tmp_path))
    assert (file.state, file.alive) == ("killed", False)
    assert file.numbers["held"] == 45
    assert file.lost_in_crash == 39
    assert file.lost_in_crash_margin == 3


@pytest.mark.parametrize(
    "other",
    [{"start_ticks": 1}, {"boot_id": "00000000-0000-4000-8000-000000000000"}, {"pid": 2**22 + 1}],
)
def test_a_pid_alone_does_not_make_a_process(tmp_path: Path, other: dict[str, object]) -> None:
    """Another process with the same pid, another boot, no such pid: it is gone."""
    assert read_stats_file(a_busy_ledger(**other).write(tmp_path)).state == "killed"


# Ends its main thread alone; another waits for standard input to be closed.
WITHOUT_A_MAIN_THREAD = """
import ctypes, os, platform, sys, threading
def rest():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=rest).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_a_process_whose_main_thread_has_ended_still_lives(tmp_path: Path) -> None:
    """It looks like a zombie, and its other threads emit."""
    command = [sys.executable, "-c", WITHOUT_A_MAIN_THREAD]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        assert wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", 30)
        ticks = own_start_ticks(process.pid)
        path = a_busy_ledger(pid=process.pid, start_ticks=ticks).write(tmp_path)
        assert read_stats_file(path).state == "running"
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert read_stats_file(path).state == "killed"


def test_of_another_pid_namespace_nothing_is_claimed(tmp_path: Path) -> None:
    """A container's process cannot be looked up by its pid."""
    file = read_stats_file(a_busy_ledger(pid_namespace=1).write(tmp_path))
    assert (file.state, file.alive, file.lost_in_crash) == ("unknown", None, None)


def test_a_clean_end_is_no_crash(tmp_path: Path, dead_pid: int) -> None:
    """What a process still held when it ended was told by it, and is no news."""
    file = read_stats_file(a_busy_ledger(pid=dead_pid, state=2, ended=1_060.5).write(tmp_path))
    assert (file.state, file.ended_wall_ns) == ("ended", 1_060_500_000_000)
    assert file.lost_in_crash is None


def test_a_step_that_was_cut_short_is_made_by_the_reader(tmp_path: Path, dead_pid: int) -> None:
    """Killed between taking 12 out of flight and adding them to delivered: neither is lost."""
    image = a_busy_ledger(pid=dead_pid, start_ticks=1, sequence=7)
    image.put("main", 1, "in_flight", 0)  # this half was made
    image.journal = [
        (("main", 1, "in_flight", INFO), [0] * 8),
        (("main", 1, "delivered", INFO), [0, 0, 52, 0, 0, 0, 0, 0]),
    ]
    file = read_stats_file(image.write(tmp_path))
    assert file.cut_short
    assert file.numbers["delivered"] == 52
    assert file.balanced


def test_a_step_that_is_only_written_down_was_not_made(tmp_path: Path, dead_pid: int) -> None:
    """The journal counts while the sequence is odd, and at no other time."""
    image = a_busy_ledger(pid=dead_pid, start_ticks=1, sequence=6)
    image.journal = [(("main", 1, "delivered", INFO), [0, 0, 999, 0, 0, 0, 0, 0])]
    file = read_stats_file(image.write(tmp_path))
    assert not file.cut_short
    assert file.numbers["delivered"] == 40


def test_a_record_seen_to_leave_first_never_makes_a_negative_number(tmp_path: Path) -> None:
    """Drained 7, emitted 5 so far: two are ahead, the queue is empty, the law holds."""
    image = Image().put("emit", 0, "emitted", 5).put("intake", 0, "drained", 7)
    file = read_stats_file(image.write(tmp_path))
    assert (file.ahead, file.numbers["in_queue"], file.numbers["emitted"]) == (2, 0, 7)
    assert file.balanced


def test_a_move_that_was_under_way_is_told(tmp_path: Path) -> None:
    """Its batch id is what settles where the batch is."""
    file = read_stats_file(a_busy_ledger(pending=[(1, 0, 1, "i-1-42.0", 8)]).write(tmp_path))
    (move,) = file.pending_moves
    assert (move.route, move.lane, move.batch_id) == ("main", "normal", "i-1-42.0")
    assert (move.from_place, move.to_place, move.records) == ("in_backlog", "in_spool", 8)


@pytest.mark.parametrize("order", ["<", ">"])
def test_how_each_lane_was_is_read_where_the_file_says_it(tmp_path: Path, order: str) -> None:
    """Files of 0.1's first weeks have no such part; a time that is none is left out."""
    gauges = {"urgent": [0, 4, 0], "normal": [2, 1000, 1]}
    read = read_stats_file(a_busy_ledger(order=order, gauges=gauges).write(tmp_path))
    assert read.gauges == {
        "lanes.urgent.state": 0,
        "lanes.urgent.fill_permille": 4,
        "lanes.normal.state": 2,
        "lanes.normal.fill_permille": 1000,
        "lanes.normal.ms_to_full": 1,
    }
    older = read_stats_file(a_busy_ledger(order=order).write(tmp_path))
    assert older.gauges == {}
    assert older.numbers == read.numbers


def test_a_file_of_the_other_byte_order_reads_the_same(tmp_path: Path) -> None:
    """A file may have come from another machine."""
    little = read_stats_file(a_busy_ledger().write(tmp_path))
    big = read_stats_file(a_busy_ledger(order=">").write(tmp_path))
    assert big.numbers == little.numbers


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut off"),
        (b"\0" * 49_152, "not ready"),
        (b"PK\3\4" + b"x" * 5000, "not a stats file"),
        (Image(version=9).bytes(), "format 9"),
        (Image(log_lanes=3).bytes(), "3 of 2 lanes are of logs"),
        (Image().bytes()[:300], "too soon|cut off"),
        (Image().bytes()[:9000], "cut off"),
        (Image().bytes()[:-1], "cut off"),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong(tmp_path: Path, content: bytes, says: str) -> None:
    """Zero, foreign, newer and truncated files are an error in words that names the file."""
    path = tmp_path / "x.forebay"
    path.write_bytes(content)
    with pytest.raises(StatsFileError, match=says) as caught:
        read_stats_file(path)
    assert str(path) in str(caught.value)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(8, 1500), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 40_000)),
)
def test_damage_anywhere_is_an_error_in_words(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int | None
) -> None:
    """Whatever the bytes are: a ledger or a StatsFileError; no other exception, and no hang."""
    data = bytearray(with_points(sequence=1).bytes())
    for at, value in changes:
        data[at] = value
    path = tmp_path / "damaged.forebay"
    path.write_bytes(data[:cut])
    with contextlib.suppress(StatsFileError):
        assert read_stats_file(path).lanes


def test_a_directory_is_listed_by_name(tmp_path: Path) -> None:
    """Whatever is in them: who reads them says what is wrong with which."""
    for name in ("b.forebay", "a.forebay", "other.txt"):
        (tmp_path / name).write_bytes(b"no")
    assert list_stats_files(tmp_path) == [tmp_path / "a.forebay", tmp_path / "b.forebay"]
    assert list_stats_files(tmp_path / "missing") == []


def test_the_dead_are_kept_for_seven_days(tmp_path: Path, dead_pid: int) -> None:
    """The living stay however old they are; what cannot be read is left alone."""
    now = 100.0 * DAY
    ages = {"fresh": 6.9, "stale": 7.1}
    for name, days in ages.items():
        seen = now - days * DAY
        Image(instance_id=name, pid=dead_pid, start_ticks=1, heartbeat=seen).write(tmp_path)
    Image(instance_id="ended", pid=dead_pid, state=2, ended=now - 8 * DAY).write(tmp_path)
    Image(instance_id="alive").write(tmp_path)
    Image(instance_id="elsewhere", pid_namespace=1, heartbeat=now - DAY).write(tmp_path)
    (tmp_path / "bad.forebay").write_bytes(b"no")
    assert {path.stem for path in prune(tmp_path, now=now)} == {"stale", "ended"}
    left = {path.stem for path in tmp_path.iterdir()}
    assert left == {"fresh", "alive", "elsewhere", "bad"}


def test_one_that_ran_long_and_died_just_now_is_kept(tmp_path: Path, dead_pid: int) -> None:
    """Its age is that of its last sign of life, which on a disk is also when it last stored."""
    now = 100.0 * DAY
    path = Image(instance_id="old", pid=dead_pid, start_ticks=1).write(tmp_path)
    os.utime(path, (now - 60, now - 60))
    assert prune(tmp_path, now=now) == []
    assert prune(tmp_path, now=now + 7 * DAY) == [path]


def test_of_another_pid_namespace_only_a_heartbeat_that_stopped_is_an_end(tmp_path: Path) -> None:
    """One that never gave another sign than its start may live for years."""
    now = 100.0 * DAY
    Image(instance_id="silent", pid_namespace=1).write(tmp_path)
    Image(instance_id="beats", pid_namespace=1, heartbeat=now - 60).write(tmp_path)
    stopped = Image(instance_id="stopped", pid_namespace=1, heartbeat=now - 8 * DAY).write(tmp_path)
    assert prune(tmp_path, now=now) == [stopped]


def test_of_the_dead_at_most_64_are_kept(tmp_path: Path, dead_pid: int) -> None:
    """The youngest stay."""
    now = 100.0 * DAY
    for i in range(67):
        seen = now - i * 60
        Image(instance_id=f"i{i}", pid=dead_pid, start_ticks=1, heartbeat=seen).write(tmp_path)
    assert {path.stem for path in prune(tmp_path, now=now)} == {"i64", "i65", "i66"}


def test_the_run_directory_is_looked_for_as_the_core_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """$FOREBAY_RUN_DIR, then the user's runtime directory, then /tmp."""
    monkeypatch.setenv("FOREBAY_RUN_DIR", "/a/b")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert run_directory() == Path("/a/b")
    monkeypatch.setenv("FOREBAY_RUN_DIR", "")
    assert run_directory() == Path("/run/user/7/forebay")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert run_directory() == Path(f"/tmp/forebay-{os.getuid()}")
