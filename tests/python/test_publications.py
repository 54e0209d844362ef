"""The directory of a service's processes: files as the core writes them, folded and added up.

The files are made by hand here, so that every moment at which a folder may be killed can be had;
those of real processes are in test_published_processes.py.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay import _publications, _warnings
from forebay._processes import service_text
from forebay._publications import DamagedError, fold, read_directory
from tests.python.publication_files import NAMESPACE, NOBODY, counted, files, publish, shown


@pytest.fixture(autouse=True)
def _fresh_warnings() -> None:
    _warnings._said.clear()


def test_counters_are_added_up_and_gauges_told_apart(tmp_path: Path) -> None:
    """A living process and two that ended: one said so, one was killed."""
    publish(tmp_path, "a", counted(1, depth=7), pid=os.getpid())
    publish(tmp_path, "b", counted(2, depth=8), pid=os.getpid(), ended=True)
    publish(tmp_path, "c", counted(4, depth=9))
    for _ in range(2):
        assert shown(tmp_path) == {
            "target_info{instance=1,service_name=shop}": 1,
            "orders_total{region=eu}": 7,
            "orders_created{region=eu}": 96,
            f"depth{{process={os.getpid()}}}": 7,
        }
    assert files(tmp_path) == {f"shop.{os.getpid()}.a.om", "ended.json"}


def test_each_process_is_shown_by_its_pid_and_ended_ones_together(tmp_path: Path) -> None:
    """One process alone is the same series; one that is not there is an error."""
    me = os.getpid()
    publish(tmp_path, "a", counted(1, depth=7), pid=me)
    publish(tmp_path, "b", counted(2))
    publish(tmp_path, "c", counted(4))
    each = shown(tmp_path, "each")
    assert each[f"orders_total{{region=eu,process={me}}}"] == 1
    assert each["orders_total{region=eu,process=ended}"] == 6
    assert [series for series in each if series.startswith("depth")] == [f"depth{{process={me}}}"]
    mine = shown(tmp_path, str(me))
    assert mine == {series: value for series, value in each.items() if f"process={me}" in series}
    assert len(mine) == 4
    with pytest.raises(LookupError, match="'17'"):
        shown(tmp_path, "17")


def test_two_publications_of_one_pid_are_told_apart(tmp_path: Path) -> None:
    """Two collectors in a process, or containers with a directory in common."""
    publish(tmp_path, "aaaaaaaa-1", counted(1), pid=1, namespace=NAMESPACE + 1)
    publish(tmp_path, "bbbbbbbb-2", counted(2), pid=1, namespace=NAMESPACE + 1)
    each = shown(tmp_path, "each")
    assert each["depth{process=1-aaaaaaaa}"] == each["depth{process=1-bbbbbbbb}"] == 0
    assert shown(tmp_path)["orders_total{region=eu}"] == 3


def test_of_another_pid_namespace_what_fell_silent_has_no_gauges_and_is_not_folded(
    tmp_path: Path,
) -> None:
    """Whether it is gone cannot be told: were it folded, it might come again and count twice."""
    publish(tmp_path, "a", counted(1), pid=1, namespace=NAMESPACE + 1)
    publish(tmp_path, "b", counted(2), pid=2, namespace=NAMESPACE + 1, age=3600)
    assert fold(tmp_path)
    found = shown(tmp_path)
    assert found["orders_total{region=eu}"] == 3
    assert [series for series in found if series.startswith("depth")] == ["depth{process=1}"]
    assert "ended.json" not in files(tmp_path)


HISTOGRAM = """# TYPE latency histogram
latency_bucket{le="0.1"} %d
latency_bucket{le="+Inf"} %d
latency_sum %r
latency_count %d
"""
OTHER_BUCKETS = """# TYPE latency histogram
latency_bucket{le="0.5"} 1
latency_bucket{le="1.0"} 2
latency_bucket{le="+Inf"} 3
latency_sum 3.5
latency_count 3
"""


def test_histograms_are_added_up_bucket_by_bucket(tmp_path: Path) -> None:
    """Count, sum and each bound."""
    publish(tmp_path, "a", HISTOGRAM % (1, 2, 0.1, 2), pid=os.getpid())
    publish(tmp_path, "b", HISTOGRAM % (3, 4, 0.2, 4))
    assert shown(tmp_path) == {
        "latency_bucket{le=0.1}": 4,
        "latency_bucket{le=+Inf}": 6,
        "latency_sum{}": pytest.approx(0.3),
        "latency_count{}": 6,
    }


def test_histograms_of_other_buckets_are_told_apart_also_when_folded(tmp_path: Path) -> None:
    """A view was changed while old processes ended: nothing is added up that does not belong."""
    publish(tmp_path, "old1", OTHER_BUCKETS)
    publish(tmp_path, "old2", OTHER_BUCKETS)
    publish(tmp_path, "new", HISTOGRAM % (1, 2, 0.25, 2), pid=os.getpid())
    for process in ("sum", "each"):
        found = shown(tmp_path, process)
        counts = {series: n for series, n in found.items() if series.startswith("latency_count")}
        assert sorted(counts.values()) == [2, 6]
        if process == "sum":
            assert counts["latency_count{buckets=0.5 1.0 +Inf}"] == 6
            assert found["latency_bucket{buckets=0.1 +Inf,le=0.1}"] == 1


def test_a_name_of_two_types_is_shown_with_one_and_a_note(tmp_path: Path) -> None:
    """What is left out is said, and not lost when it is folded."""
    publish(tmp_path, "a", "# TYPE x gauge\nx 1\n", pid=os.getpid())
    publish(tmp_path, "b", "# TYPE x counter\nx_total 1\n")
    publish(tmp_path, "c", '# TYPE x histogram\nx_bucket{le="+Inf"} 1\nx_count 1\n')
    text = service_text(tmp_path, "sum", openmetrics=False)
    assert text.count("# TYPE x") == 1
    assert text.count("# forebay: the ") == 2
    assert {family.type for family in read_directory(tmp_path).ended.families} == {
        "counter",
        "histogram",
    }


@pytest.mark.parametrize("at", ["_write_ended", "unlink"])
def test_a_folder_that_is_killed_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Before ``ended.json`` is in its place, and between two of the files that it then removes."""
    for number in range(5):
        publish(tmp_path, f"i{number}", counted(2**number))

    class Killed(BaseException):
        pass

    left = 2
    unlink = Path.unlink

    def die(*args: Any, **kwargs: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0 or at == "_write_ended":
            raise Killed
        unlink(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(_publications if at == "_write_ended" else Path, at, die)
        with pytest.raises(Killed):
            fold(tmp_path)
    remaining = len(list(tmp_path.glob("*.om")))
    assert remaining == (5 if at == "_write_ended" else 3)
    publish(tmp_path, "later", counted(32))
    for _ in range(2):
        assert shown(tmp_path)["orders_total{region=eu}"] == 63
    assert files(tmp_path) == {"ended.json"}


def test_a_damaged_file_of_ended_processes_is_told_and_not_written_over(tmp_path: Path) -> None:
    """Its numbers are lost as little as can be: somebody may mend it."""
    (tmp_path / "ended.json").write_text('{"format":1,"folded":[],"fam')
    publish(tmp_path, "a", counted(1))
    with pytest.warns(forebay.ForebayWarning, match=r"ended\.json"):
        assert not fold(tmp_path)
    with pytest.raises(DamagedError, match=r"ended\.json"):
        service_text(tmp_path, "sum", openmetrics=True)
    assert files(tmp_path) == {"ended.json", f"shop.{NOBODY}.a.om"}


@pytest.mark.parametrize("content", ["", "# forebay {}\n# EOF\n", "nonsense", '# forebay {"form'])
def test_what_is_no_publication_is_left_out_with_a_warning(tmp_path: Path, content: str) -> None:
    """A power failure may leave an empty file."""
    publish(tmp_path, "a", counted(1))
    (tmp_path / "shop.1.x.om").write_text(content)
    with pytest.warns(forebay.ForebayWarning, match=r"shop\.1\.x\.om is left out"):
        assert shown(tmp_path)["orders_total{region=eu}"] == 1
    assert "shop.1.x.om" in files(tmp_path)


def test_what_a_killed_process_left_beside_its_file_goes_and_what_is_being_written_stays(
    tmp_path: Path,
) -> None:
    """Neither counts: only what was moved into its place does."""
    publish(tmp_path, "a", counted(1))
    for name, age in (("old", 7200), ("new", 0)):
        beside = tmp_path / f"shop.{NOBODY}.{name}.om.tmp"
        beside.write_text("half of")
        os.utime(beside, (time.time() - age,) * 2)
    assert shown(tmp_path)["orders_total{region=eu}"] == 1
    assert files(tmp_path) == {"ended.json", f"shop.{NOBODY}.new.om.tmp"}


def test_while_another_one_folds_nobody_waits_and_nothing_is_lost(tmp_path: Path) -> None:
    """A folder that was stopped holds the lock; the sums are right all the same."""
    publish(tmp_path, "a", counted(1))
    publish(tmp_path, "b", counted(2))
    with _publications._lock(tmp_path) as is_mine:
        assert is_mine
        assert not fold(tmp_path)
        assert shown(tmp_path)["orders_total{region=eu}"] == 3
    assert "ended.json" not in files(tmp_path)
    assert fold(tmp_path)
    assert files(tmp_path) == {"ended.json"}


def test_a_directory_that_is_not_there_shows_nothing(tmp_path: Path) -> None:
    """It is made by the first process that publishes."""
    assert service_text(tmp_path / "none", "sum", openmetrics=True) == "# EOF\n"
    assert not fold(tmp_path / "none")
