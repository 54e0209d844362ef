"""``forebay demo``: it runs, its policies show, and its verdict can also be no."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forebay._stats import Audit, LaneCounts, PointCounts, Stats, stats_from
from forebay.cli import demo, demo_text, demo_view

COUNTS: dict[str, Any] = {
    "requests": 3,
    "records": 25,
    "unique_records": 20,
    "scopes": {"demo.api": 20},
}


def run(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forebay", "demo", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, "FOREBAY_RUN_DIR": str(tmp_path / "run")},
    )


def test_the_demonstration_balances_and_its_policies_show(tmp_path: Path) -> None:
    """In a few seconds, from a file of the user's, into a pipe."""
    path = tmp_path / "my.log"
    states = ("installed", "half-installed")
    lines = [f"{states[i % 2]} {os.urandom(20).hex()}\n" for i in range(3000)]
    path.write_text("".join(lines))
    result = run(tmp_path, "--seconds", "6", "--input", path)
    assert result.returncode == 0, result.stdout + result.stderr
    out = result.stdout
    assert f"real log text: 3,000 lines of {path}" in out
    assert "STALLS" in out
    assert "dropped.queue_full_newest" in out
    assert "dropped.queue_full_oldest" in out
    assert "balanced: " in out
    assert "NOT BALANCED" not in out
    # The counter, the histogram, and points that came while others were lost.
    assert 'demo_lines_total{logger="demo.api"}' in out
    assert 'demo_line_length_bytes_bucket{le="80.0"}' in out
    points = re.search(r"points: (\d+) delivered, (\d+) arrived", out)
    assert points is not None
    assert 0 < int(points[1]) == int(points[2])


@pytest.mark.parametrize(
    ("value", "arrived", "agree"), [(24, 3, True), (23, 3, False), (24, 2, False), (24, 4, False)]
)
def test_what_was_measured_has_to_agree_as_well(
    value: int, arrived: int, agree: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The series with what the threads counted, the points with the receiver."""
    series = {'demo_lines_total{logger="demo.api"}': value, "demo_line_length_bytes_count": value}
    ledger = Stats(emitted=20, delivered=20, metrics=PointCounts(emitted=3, delivered=3))
    counts = {**COUNTS, "unique_points": arrived}
    assert demo.report(ledger, Audit(True, True, 0), counts, {"demo.api": 24}, series) is agree
    assert ("NOT BALANCED" in capsys.readouterr().out) is not agree


def test_on_a_terminal_there_is_the_table_alone(tmp_path: Path) -> None:
    """No records run past it, and what the core has to say stands below it."""
    parents, childs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "forebay", "demo", "--seconds", "4"],
        stdout=childs,
        stderr=childs,
        env={**os.environ, "FOREBAY_RUN_DIR": str(tmp_path / "run"), "TERM": "xterm"},
    )
    os.close(childs)
    shown = b""
    try:
        while True:
            shown += os.read(parents, 65_536)
    except OSError:  # the other end is closed
        os.close(parents)
    assert process.wait(30) == 0, shown
    assert b"delivered" in shown
    assert shown.index(b"loses records") > shown.rindex(b"the receiver takes")
    # A record on the console has its logger and its thread.
    assert b"thread=" not in shown


def test_a_file_that_cannot_be_read_ends_with_2(tmp_path: Path) -> None:
    """Before anything is started."""
    result = run(tmp_path, "--input", tmp_path / "missing")
    assert result.returncode == 2
    assert "missing" in result.stderr


def stats(**changes: int) -> Stats:
    return stats_from({"emitted": 24, "internal": 1, "delivered": 20, "dropped": 5, **changes})


@pytest.mark.parametrize(
    ("ledger", "inside", "arrived", "agree"),
    [
        (stats(), 0, 20, True),
        (stats(), 0, 19, False),
        (stats(), 0, 21, False),
        (stats(dropped=4), 0, 20, False),
        (stats(), 1, 20, False),
        (stats(dropped=3, unknown=2), 0, 21, True),
        (stats(dropped=3, unknown=2), 0, 22, True),
        (stats(dropped=3, unknown=2), 0, 23, False),
    ],
)
def test_the_verdict_is_no_where_any_count_differs(
    ledger: Stats,
    inside: int,
    arrived: int,
    agree: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The ledger itself, what is inside, and the receiver; `unknown` is its margin."""
    audit = Audit(balanced=inside == 0, exact=True, difference=inside)
    counts = {**COUNTS, "unique_records": arrived}
    assert demo.report(ledger, audit, counts, {"demo.api": 24}) is agree
    out = capsys.readouterr().out
    assert ("\nbalanced: " in out) is agree
    assert ("NOT BALANCED" in out) is not agree


def test_losses_are_listed_by_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """In sum, and for each lane."""
    lane = LaneCounts(emitted=24, delivered=20, dropped=5)
    ledger = Stats(
        emitted=24,
        internal=1,
        delivered=20,
        dropped=5,
        dropped_by_reason={"queue_full_oldest": 5, "memory": 0},
        lanes={"urgent": lane},
    )
    demo.report(ledger, Audit(True, True, 0), COUNTS, {})
    out = capsys.readouterr().out
    assert "dropped.queue_full_oldest" in out
    assert "dropped.memory" not in out
    assert "urgent" in out


def test_the_live_table_has_a_row_a_lane(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With policy, depth and losses, and the receiver's state below."""
    monkeypatch.setenv("COLUMNS", "80")
    lane = LaneCounts(
        emitted=24,
        delivered=17,
        dropped=5,
        held=7,
        dropped_by_reason={"queue_full_oldest": 5, "memory": 0},
        held_by_place={"in_queue": 4},
    )
    ledger = Stats(lanes={"urgent": lane, "normal": LaneCounts()})
    with demo_view.RichView({"urgent": "drop_oldest"}) as view:
        view.show(ledger, "the receiver takes")
        view.show(ledger, "the receiver STALLS")
    out = capsys.readouterr().out
    [row] = [line.split() for line in out.splitlines() if "urgent" in line]
    assert row == ["urgent", "4", "3", "0", "0", "17", "5", "queue_full_oldest"]
    assert "drop_oldest" in out
    assert "memory" not in out
    assert "STALLS" in out


def test_generated_text_is_called_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only where no real text can be read."""
    monkeypatch.setattr(demo_text, "_CANDIDATES", (str(tmp_path / "*.log"),))
    text = demo_text.read_text(None)
    assert text.generated
    assert "generated" in text.source
    (tmp_path / "a.log").write_text("real\n\n")
    (tmp_path / "b.log").write_text("text\n")
    real = demo_text.read_text(None)
    assert (real.lines, real.generated) == (["real", "text"], False)
