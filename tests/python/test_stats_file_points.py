"""Metric points in stats files: beside the records, and never among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay._stats_file import read_stats_file
from tests.python.stats_file_image import a_busy_ledger, with_points


@pytest.mark.parametrize("order", ["<", ">"])
def test_metric_points_have_numbers_and_laws_of_their_own(tmp_path: Path, order: str) -> None:
    """They are in no number of the records, and their lane is none of theirs."""
    records = read_stats_file(a_busy_ledger().write(tmp_path)).numbers
    file = read_stats_file(with_points(order=order).write(tmp_path))
    assert (file.lanes, file.metric_lanes) == (("urgent", "normal"), ("metrics",))
    assert {name: file.numbers[name] for name in records} == {**records, "notes.callbacks_late": 3}
    points = {n: v for n, v in file.numbers.items() if n.startswith("metrics.") and v}
    lane = {"emitted": 30, "superseded": 8, "delivered": 20, "batched": 30}
    lane |= {"in_flight": 2, "held": 2}
    route = {name: n for name, n in lane.items() if name != "emitted"}
    assert points == {
        **{f"metrics.{name}": n for name, n in lane.items()},
        **{f"metrics.lanes.metrics.{name}": n for name, n in lane.items()},
        **{f"metrics.routes.main.{name}": n for name, n in route.items()},
    }
    assert "metrics.dropped.backlog_full" in file.numbers, "in sum zeros are there"
    assert file.balanced
    assert ("main", "metrics", 0) in [(law.route, law.lane, law.difference) for law in file.laws]
    assert not read_stats_file(
        with_points(order=order).put("main", 2, "in_flight", 3).write(tmp_path)
    ).balanced


def test_gauges_are_of_the_lanes_of_log_records(tmp_path: Path) -> None:
    """A lane of points has no queue that fills."""
    gauges = {"urgent": [0, 4, 0], "normal": [2, 1000, 1], "metrics": [0, 0, 0]}
    file = read_stats_file(with_points(gauges=gauges).write(tmp_path))
    assert {name.split(".")[1] for name in file.gauges} == {"urgent", "normal"}


def test_points_of_a_killed_process_are_lost_besides_its_records(tmp_path: Path) -> None:
    """Records and points are never added up."""
    file = read_stats_file(with_points(start_ticks=1).write(tmp_path))
    assert (file.lost_in_crash, file.points_lost_in_crash) == (45, 2)
    older = read_stats_file(a_busy_ledger(start_ticks=1).write(tmp_path))
    assert (older.lost_in_crash, older.points_lost_in_crash, older.metric_lanes) == (45, 0, ())


def test_in_an_older_file_all_lanes_are_of_log_records(tmp_path: Path) -> None:
    """One of them may be called as the lane of points is now."""
    lanes = ("urgent", "metrics")
    for gauges in ({}, {"urgent": [0, 4, 0], "metrics": [0, 0, 0]}):
        file = read_stats_file(a_busy_ledger(lanes=lanes, gauges=gauges).write(tmp_path))
        assert (file.lanes, file.metric_lanes) == (lanes, ())
        assert file.numbers["lanes.metrics.emitted"] == file.numbers["emitted"] == 100
