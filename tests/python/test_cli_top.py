"""``forebay top`` and ``stats --watch``, beside real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forebay.cli.live import Watch, losses, rate_text, short, sparkline
from forebay.cli.top import text
from tests.python.in_memory import start_python
from tests.python.stats_file_image import Image
from tests.python.terminal import forebay_command, in_terminal, read_until

# Emits so many records for each line that it reads, and says when they are in.
_SERVICE = """
import random
import sys
import forebay
collector = forebay.start(
    service_name=sys.argv[2],
    exporter=forebay.OtlpHttpExporter("http://127.0.0.1:9"),
    run_directory=sys.argv[1],
    lanes=[
        forebay.Lane("urgent", min_level="WARNING"),
        forebay.Lane("normal", queue_records=64, on_full="drop_newest"),
    ],
    backlog=forebay.BacklogOptions(max_bytes=64 << 10),
)
log = forebay.get_logger("shop")
for line in sys.stdin:
    for i in range(int(line)):
        log.info("request finished", i=i, noise=random.randbytes(300))
    log.warning("slow")
    print("done", flush=True)
"""


@contextmanager
def service(directory: Path, name: str = "shop") -> Iterator[subprocess.Popen[str]]:
    process = start_python(_SERVICE, str(directory), name)
    try:
        emit(process, 1)
        yield process
    finally:
        process.kill()
        process.communicate()


def emit(process: subprocess.Popen[str], records: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{records}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def test_what_top_prints_is_what_the_process_counts(tmp_path: Path) -> None:
    """On a pipe: text without a control character."""
    with service(tmp_path) as process:
        emit(process, 20_000)
        done = subprocess.run(
            forebay_command("top", "--directory", str(tmp_path), "--once", "--interval", "50ms"),
            capture_output=True,
            text=True,
            timeout=30,
        )
        told = json.loads(
            subprocess.run(
                forebay_command("stats", "--directory", str(tmp_path), "--json"),
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            ).stdout
        )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == f"shop  pid {process.pid}  running"
    assert [line.split()[0] for line in lines[1:]] == ["urgent", "normal", "all"]
    dropped = told["numbers"]["lanes.normal.dropped.queue_full_newest"]
    assert dropped > 0, "the lane was never full"
    assert f"lost: queue_full_newest {dropped:,}" in lines[2]
    assert "lost: nothing" in lines[1]


def test_rates_are_what_came_between_two_looks(tmp_path: Path) -> None:
    with service(tmp_path) as process:
        watch = Watch(tmp_path)
        (first,) = watch.look()
        assert first.all_lanes.emitted_rate is None
        before = time.monotonic()
        emit(process, 999)
        (second,) = watch.look()
        elapsed = time.monotonic() - before
        assert second.all_lanes.emitted_rate is not None
        assert second.all_lanes.emitted_rate >= 1000 / (elapsed + 1), "999 and the warning"
        assert len(second.all_lanes.held) == 2
        (third,) = watch.look()
        assert third.all_lanes.emitted_rate == 0


def test_the_newest_service_is_taken_and_then_kept(tmp_path: Path) -> None:
    """With all its processes, and what becomes of them."""
    with service(tmp_path, "old"), service(tmp_path, "shop") as shop:
        watch = Watch(tmp_path)
        assert [view.file.pid for view in watch.look()] == [shop.pid]
        with service(tmp_path, "newer") as newer, service(tmp_path, "shop") as second:
            assert [view.file.pid for view in watch.look()] == [shop.pid, second.pid]
            assert [v.file.pid for v in Watch(tmp_path, pid=newer.pid).look()] == [newer.pid]
            assert len(Watch(tmp_path, service="old").look()) == 1
        states = {view.file.pid: view.file.state for view in watch.look()}
        assert states == {shop.pid: "running", second.pid: "killed"}


def test_how_full_a_lane_is_comes_from_its_process(tmp_path: Path) -> None:
    """The queue of `normal` stands still once a batch of it waits for room in the backlog."""
    with service(tmp_path) as process:
        watch = Watch(tmp_path)
        for _ in range(100):
            emit(process, 2_000)
            (view,) = watch.look()
            urgent, normal = view.lanes
            if normal.state == "full" and normal.fill[-1] > 800:
                break
        assert (normal.state, normal.fill[-1] > 800) == ("full", True), view
        assert (urgent.state, urgent.fill[-1] < 100) == ("normal", True)
        assert (view.all_lanes.state, view.all_lanes.fill[-1]) == ("full", normal.fill[-1])
        assert f"fill {normal.fill[-1] / 10:.0f}% (full" in "\n".join(text([view]))


def test_metric_points_are_the_last_row_where_there_are_any(tmp_path: Path) -> None:
    """Not among the lanes, nor in their sum."""
    image = Image(lanes=("normal", "metrics"), log_lanes=1)
    image.put("emit", 0, "emitted", 5).write(tmp_path)
    (view,) = Watch(tmp_path).look()
    assert view.points is None
    assert [line.split()[0] for line in text([view])[1:]] == ["normal", "all"]
    image.put("emit", 1, "emitted", 30).put("intake", 1, "drained", 30)
    image.put("intake", 1, "batched", 30).put("main", 1, "delivered", 21)
    image.put("main", 1, "dropped.backlog_full", 9).write(tmp_path)
    (view,) = Watch(tmp_path).look()
    lines = text([view])
    assert [line.split()[0] for line in lines[1:]] == ["normal", "all", "metric"]
    assert view.all_lanes.delivered == 0
    assert "delivered 21  lost: backlog_full 9" in lines[-1]


def test_without_a_process_it_says_where_it_looked(tmp_path: Path) -> None:
    for command in (("top",), ("stats", "--watch")):
        done = subprocess.run(
            forebay_command(*command, "--directory", str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 1
        assert f"no process in {tmp_path} that runs" in done.stderr


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_top_fits_the_terminal_and_leaves_it_as_it_was(tmp_path: Path, columns: int) -> None:
    with service(tmp_path) as process:
        emit(process, 20_000)
        command = forebay_command("top", "--directory", str(tmp_path), "--interval", "100ms")
        with in_terminal(columns, *command) as (screen, top):
            text = read_until(screen, "Ctrl-C ends this")
            assert "\x1b[?1049h" in text
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
            assert all(len(line) <= columns for line in re.split(r"[\r\n]+", plain)), plain
            for word in ("urgent", "normal", "all lanes", "in/s", "queue_full_newest"):
                assert word in plain
            assert bool(re.search(r"fill.*\d+%", plain, re.DOTALL)) == (columns >= 50)
            assert bool(re.search("[▁▂▃▄▅▆▇█]", plain)) == (columns >= 72)
            process.kill()
            read_until(screen, "killed")
            read_until(screen, "nothing runs any more")
            top.send_signal(signal.SIGINT)
            assert "\x1b[?1049l" in read_until(screen, r"\x1b\[\?1049l")
            assert top.wait(20) == 130


def test_stats_watch_draws_in_place_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with service(tmp_path) as process:
        command = forebay_command("stats", "--directory", str(tmp_path), "--watch", "100ms")
        with in_terminal(60, *command) as (screen, stats):
            read_until(screen, "a second: emitted 0")
            emit(process, 500)
            text = read_until(screen, r"emitted +50[0-9] ")
            assert "\x1b[H" in text
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
            assert all(len(line) <= 60 for line in re.split(r"[\r\n]+", plain)), plain
            stats.send_signal(signal.SIGINT)
            read_until(screen, r"\x1b\[\?1049l")
            assert stats.wait(20) == 130


def test_stats_watch_on_a_pipe_is_a_block_or_an_object_a_look(tmp_path: Path) -> None:
    with service(tmp_path):
        command = forebay_command("stats", "--directory", str(tmp_path), "--watch", "50ms")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            seen = [line for line, _ in zip(watching.stdout, range(60), strict=False)]
            watching.kill()
        assert sum("a second: emitted" in line for line in seen) >= 2
        assert not any("\x1b" in line for line in seen)
        with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            told = json.loads(watching.stdout.readline())
            watching.kill()
        assert told["balanced"] is True
        assert told["per_second"] == {"emitted": 0, "delivered": 0, "lost": 0}


def test_stats_watch_without_a_choice_is_about_the_newest_service(tmp_path: Path) -> None:
    """Where `stats` alone shows all that run."""
    command = forebay_command("stats", "--directory", str(tmp_path), "--json")
    with service(tmp_path, "old"), service(tmp_path, "new") as new:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        assert [json.loads(line)["service"] for line in done.stdout.splitlines()] == ["old", "new"]
        watch = [*command, "--watch", "50ms"]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            told = [json.loads(watching.stdout.readline()) for _ in range(3)]
            watching.kill()
    assert [(one["service"], one["pid"]) for one in told] == [("new", new.pid)] * 3


def test_top_without_rich_names_the_line_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ImportError('not here')\n")
    with service(tmp_path):
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        command = forebay_command("top", "--directory", str(tmp_path))
        with in_terminal(80, *command, environment={"PYTHONPATH": path}) as (screen, top):
            text = read_until(screen, r"\(or --once\)")
            assert "python -m pip install 'forebay[cli]'" in text
            assert top.wait(20) == 3


def test_bars_are_drawn_against_the_highest() -> None:
    assert sparkline([0, 1, 4, 8], 6) == "  ▁▂▅█"
    assert sparkline([0, 0], 2) == "▁▁"
    assert sparkline([5, 5, 5], 2) == "██"
    assert sparkline([0, 7], 2, ascii_only=True) == "_#"
    assert sparkline([1], 0) == ""
    assert sparkline([0, 500, 1000, 1200], 4, highest=1000) == "▁▅██"


def test_numbers_are_short_where_there_is_little_room() -> None:
    found = [short(n) for n in (0, 999, 1000, 9949, 9951, 999_499, 999_500, 12_345_678, 5e9)]
    assert found == ["0", "999", "1.0k", "9.9k", "10k", "999k", "1.0M", "12M", "5.0G"]
    assert [rate_text(r) for r in (None, 0, 0.5, 12.4, 12345)] == ["-", "0", "0.5", "12", "12,345"]


def test_losses_have_their_reasons_and_add_up() -> None:
    numbers = {"dropped": 7, "dropped.early_drop": 5, "expired": 9, "refused": 0, "emitted": 3}
    assert losses(numbers) == {"expired": 9, "early_drop": 5, "dropped": 2}
