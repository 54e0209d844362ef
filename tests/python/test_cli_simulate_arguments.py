"""``forebay simulate``: what it is asked, by argument and by file, and how it says no."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import forebay
from forebay.cli import main
from forebay.cli.simulate_config import LANE_OPTIONS, core_options, lane_table
from forebay.cli.simulate_options import Load, Outage, rates, read_outages


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ("10000", [Load(10_000)]),
        ("2.5k/s", [Load(2500)]),
        ("1M", [Load(1_000_000)]),
        ("info=9500,error=10", [Load(9500, "INFO"), Load(10, "ERROR")]),
        ("audit.api:info=50", [Load(50, "INFO", "audit.api")]),
        ("audit.api:50, warning=1", [Load(50, "INFO", "audit.api"), Load(1, "WARNING")]),
    ],
)
def test_a_rate_has_a_logger_and_a_level_or_the_usual_ones(text: str, loads: list[Load]) -> None:
    """INFO, and a logger that no lane asks for."""
    assert rates(text) == loads


def test_outages_without_a_start_follow_one_another() -> None:
    """10 s in, and 10 s after the one before has ended."""
    assert read_outages(["60s", "250ms", "5m@30m:main.1", "1s@1s:spare"]) == [
        Outage(1, 1, "spare"),
        Outage(10, 60),
        Outage(80, 0.25),
        Outage(1800, 300, "main", 1),
    ]


def test_a_lane_on_the_command_line_is_the_lane_in_code() -> None:
    """Each kind of value, groups, attributes and a comma within block(…)."""
    table = lane_table(
        "audit:min_level=warning,logger=audit.*,attributes.tenant=a,queue_records=16_384,"
        "queue_bytes=4M,on_full=block(5ms, on_event_loop)+drop_oldest,max_age=5m,weight=3,"
        "early_drop.start=0.5,early_drop.full=0.9,rate_limit.per_second=100,rate_limit.burst=200,"
        "gap_records=false"
    )
    lane = forebay.Lane(
        "audit",
        min_level="warning",
        logger="audit.*",
        attributes={"tenant": "a"},
        queue_records=16_384,
        queue_bytes=4 << 20,
        on_full=[forebay.Block(timeout=0.005, on_event_loop=True), "drop_oldest"],
        max_age=300,
        weight=3,
        early_drop=forebay.EarlyDrop(start=0.5, full=0.9),
        rate_limit=forebay.RateLimit(per_second=100, burst=200),
        gap_records=False,
    )
    assert core_options({"lanes": [table]}) == core_options({"lanes": [lane]})


def test_every_option_of_a_lane_can_be_given() -> None:
    """A new one must not be forgotten here."""
    named = {name.partition(".")[0] for name in LANE_OPTIONS} | {"name", "attributes"}
    assert named == {field.name for field in dataclasses.fields(forebay.Lane)}


def test_a_file_names_everything_as_the_collector_does() -> None:
    """Tables for objects, their keys for arguments, `type` for which of several classes."""
    options = dict(
        core_options(
            {
                "memory_limit": 64 << 20,
                "resource": {"region": "eu"},
                "lanes": [
                    {"name": "a", "on_full": [{"timeout": 0.5}, "fail"]},
                    {"name": "b", "on_full": "block(5ms)+fail", "early_drop": {"start": 0.5}},
                ],
                "sampling": [{"type": "ratio", "ratio": 0.5}],
                "routes": [
                    {"name": "main", "exporters": [{"type": "otlp_http", "compression": "gzip"}]},
                    {"name": "copy", "exporters": [{"type": "memory"}, {"type": "console"}]},
                ],
                "batch": {"max_delay": 0.5},
                "breaker": {"failures": 3},
                "run_directory": "/nowhere",
            }
        )
    )
    assert options["memory_limit"] == 64 << 20
    assert options["lanes[0].on_full[0].timeout"] == 0.5
    assert options["lanes[1].on_full[0].timeout"] == 0.005
    assert options["lanes[1].on_full[1]"] == "fail"
    assert options["lanes[1].early_drop.start"] == 0.5
    assert options["sampling[0].ratio"] == 0.5
    assert options["routes[0].exporters[0].compression"] == "gzip"
    assert options["routes[1].exporters[1].type"] == "console"
    assert options["batch.max_delay"] == 0.5
    assert options["breaker.failures"] == 3
    assert "run_directory" not in options


RATE = "--rate=1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rate=many"], ["--rate", "'many' is no rate"]),
        (["--rate=loud=5"], ["--rate", "LOUD", "INFO"]),
        (["--rate=0"], ["--rate", "above 0"]),
        (["--rate=99M"], ["--rate", "10000000"]),
        ([RATE, "--outage=long"], ["--outage", "'long' is no duration"]),
        ([RATE, "--outage=0s"], ["--outage", "no length"]),
        ([RATE, "--outage=5s@"], ["--outage", "LENGTH[@START]"]),
        ([RATE, "--outage=5s@1s:spare"], ["--outage", "'spare' is no route", "main"]),
        ([RATE, "--outage=5s@1s:main.1"], ["--outage", "main.1", "counted from 0"]),
        ([RATE, "--length=0"], ["--length", "0.001..86400"]),
        ([RATE, "--length=2h", "--outage=24h"], ["--outage", "a day"]),
        ([RATE, "--destination-rate=0"], ["--destination-rate", "above 0"]),
        ([RATE, "--latency=2h"], ["--latency", "0..3600"]),
        ([RATE, "--seed=0"], ["--seed", "1..4294967296"]),
        ([RATE, "--record-bytes=2M"], ["--record-bytes", "1000000"]),
        ([RATE, "--memory-limit=lots"], ["--memory-limit", "no size"]),
        ([RATE, "--memory-limit=1k"], ["--memory-limit: memory_limit", "1048576"]),
        ([RATE, "--lane=a:queue_record=9"], ["--lane", "a:", "did you mean 'queue_records'"]),
        ([RATE, "--lane=a:queue_records=x"], ["--lane", "a: queue_records", "whole number"]),
        ([RATE, "--lane=a:queue_records=1"], ["--lane", "lanes[0].queue_records", "8.."]),
        ([RATE, "--lane=a:on_full"], ["--lane", "not key=value"]),
        ([RATE, "--lane=a:on_full=panic"], ["--lane", "on_full", "'panic'", "drop_newest"]),
        ([RATE, "--lane=a:on_full=block(soon)"], ["--lane", "on_full", "'soon' is no duration"]),
        ([RATE, "--lane=a b"], ["--lane", "lanes[0].name", "'a b'"]),
        ([RATE, "--lane=a", "--lane=a"], ["--lane", "lanes[1].name"]),
        ([RATE, "--config=/nowhere.toml"], ["--config", "/nowhere.toml", "No such file"]),
        ([RATE, "--out=plot.png"], ["--out", ".svg"]),
        ([RATE, "--length=1s", "--out=/nowhere/plot.svg"], ["--out", "No such file"]),
    ],
)
def test_a_bad_argument_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    """With the value and what would be right; exit code 2."""
    code = main(["simulate", *arguments])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("forebay simulate: --")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[lanes]\n", ["line 1"]),
        ("memory = 5\n", ["memory: there is no such option", "did you mean 'memory_limit'"]),
        ("[batch]\nmax_record = 5\n", ["batch.max_record", "did you mean 'max_records'"]),
        ("batch = 5\n", ["batch: 5 is not a table"]),
        ("[batch]\nmax_records = 0\n", ["batch.max_records: 0 is not in"]),
        ("[[lanes]]\nqueue_records = 9\n", ["lanes[0].name: it must be given"]),
        ("lanes = 3\n", ["lanes: 3 is not a list"]),
        ("[exporter]\ntype = 'carrier_pigeon'\n", ["exporter.type", "carrier_pigeon"]),
        ("[[sampling]]\ntype = 'ratio'\n", ["sampling[0].ratio: it must be given"]),
    ],
)
def test_a_bad_file_is_named_with_the_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: list[str]
) -> None:
    """One line: the file, the option's path, the value."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    code = main(["simulate", RATE, f"--config={path}"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith(f"forebay simulate: --config {path}: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err
