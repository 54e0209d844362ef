"""Metric points on the command line: ``forebay cat`` and ``forebay tail``."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from forebay._otlp import signals
from forebay.cli import main
from forebay.testing import MetricPoint, Scope
from tests.python.otlp_metrics import encoded, json_of
from tests.python.receiver_client import batch
from tests.python.test_otlp_reader import official_json, request_with
from tests.waiting import wait_until

Capture = pytest.CaptureFixture[str]

TIME = 1_700_000_000_123_456_789
ORDERS = MetricPoint(
    "orders",
    "sum",
    unit="{order}",
    description="Orders that were paid",
    resource={"service.name": "checkout"},
    scope=Scope("shop"),
    attributes={"region": "eu", "name": "two words"},
    temporality="cumulative",
    is_monotonic=True,
    start_unix_nano=TIME - 10,
    time_unix_nano=TIME,
    value=42,
)
LATENCY = MetricPoint(
    "http.server.request.duration",
    "histogram",
    unit="s",
    scope=Scope("http"),
    attributes={"http.route": "/items"},
    temporality="delta",
    time_unix_nano=TIME + 1,
    count=3,
    sum=0.6000000000000001,
    min=0.1,
    max=0.3,
    bounds=(0.1, 0.5),
    bucket_counts=(1, 2, 0),
)
SIZES = MetricPoint(
    "sizes",
    "exponential_histogram",
    time_unix_nano=TIME + 2,
    count=4,
    scale=3,
    zero_count=1,
    positive_offset=-1,
    positive_counts=(1, 2),
)
TEMPERATURE = MetricPoint("temperature", "gauge", time_unix_nano=TIME + 3, value=float("inf"))
ENDED = MetricPoint("ended", "gauge", time_unix_nano=TIME + 4, flags=1)
OLD = MetricPoint(
    "old", "summary", time_unix_nano=TIME + 5, count=2, sum=3.0, quantiles=((0.5, 1.5),)
)
ALL = (ORDERS, LATENCY, SIZES, TEMPERATURE, ENDED, OLD)
LINES = [
    '2023-11-14T22:13:20.123Z shop orders{region=eu name="two words"} [{order}] 42 cumulative',
    "2023-11-14T22:13:20.123Z http http.server.request.duration{http.route=/items} [s]"
    " count=3 sum=0.6000000000000001 min=0.1 max=0.3 delta",
    "2023-11-14T22:13:20.123Z - sizes count=4",
    "2023-11-14T22:13:20.123Z - temperature Infinity",
    "2023-11-14T22:13:20.123Z - ended -",
    "2023-11-14T22:13:20.123Z - old count=2 sum=3",
]
RECORD = request_with({}, "a record")


def frames(*messages: bytes, compressed: bool = False) -> bytes:
    packed = [zstandard.compress(m) if compressed else m for m in messages]
    return b"".join(struct.pack(">I", len(data)) + data for data in packed)


def jsonl(*points: MetricPoint) -> bytes:
    return json_of(*points).encode() + b"\n"


FORMS: dict[str, Callable[..., bytes]] = {
    "lines": jsonl,
    "frames": lambda *points: frames(encoded(*points)),
    "zstd": lambda *points: frames(encoded(*points), compressed=True),
    # What a Collector's file exporter writes with format: json and compression: zstd.
    "zstd_json": lambda *points: frames(json_of(*points).encode(), compressed=True),
}


def run(capsys: Capture, *arguments: str | Path, expect: int = 0) -> tuple[list[str], str]:
    assert main([*map(str, arguments)]) == expect
    told = capsys.readouterr()
    return told.out.splitlines(), told.err


@pytest.mark.parametrize("form", FORMS)
def test_points_are_lines_in_whatever_form_the_file_is(
    capsys: Capture, tmp_path: Path, form: str
) -> None:
    """Time, scope, name{attributes}, [unit], value, temporality; nothing on standard error."""
    path = tmp_path / "any"
    path.write_bytes(FORMS[form](*ALL[:3]) + FORMS[form](*ALL[3:]))
    assert run(capsys, "cat", path) == (LINES, "")
    assert run(capsys, "cat", "--metrics", path) == (LINES, "")
    assert run(capsys, "tail", "--metrics", path) == (LINES, "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345678901.75, "12345678901.75"),
        (1796054578.364, "1796054578.364"),
        (2**53 + 1, "9007199254740993"),
        (-0.1 + 0.3, "0.19999999999999998"),
        (3.0, "3"),
        (1e22, "1e+22"),
    ],
)
def test_a_number_is_shown_exactly(
    capsys: Capture, tmp_path: Path, value: float, text: str
) -> None:
    """In the shortest text that is it."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(MetricPoint("n", "gauge", time_unix_nano=TIME, value=value)))
    assert run(capsys, "cat", path)[0] == [f"2023-11-14T22:13:20.123Z - n {text}"]


def test_json_is_one_flat_object_a_point(capsys: Capture, tmp_path: Path) -> None:
    """What its kind has, and attributes under their own names, but for those of a field."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(*ALL))
    lines, _ = run(capsys, "cat", "--json", path)
    found = [json.loads(line) for line in lines]
    assert found[0] == {
        "time": "2023-11-14T22:13:20.123456Z",
        "time_unix_nano": TIME,
        "start_unix_nano": TIME - 10,
        "service": "checkout",
        "scope": "shop",
        "name": "orders",
        "kind": "sum",
        "unit": "{order}",
        "description": "Orders that were paid",
        "temporality": "cumulative",
        "value": 42,
        "is_monotonic": True,
        "region": "eu",
        "attributes.name": "two words",
    }
    assert (found[1]["bounds"], found[1]["bucket_counts"]) == ([0.1, 0.5], [1, 2, 0])
    assert found[1]["sum"] == 0.6000000000000001
    assert (found[2]["scale"], found[2]["positive_counts"]) == (3, [1, 2])
    assert "sum" not in found[2]
    assert found[3]["value"] == "Infinity"
    assert "value" not in found[4]
    assert found[4]["flags"] == 1
    assert found[5]["quantiles"] == [[0.5, 1.5]]
    assert run(capsys, "tail", "--metrics", "--json", path)[0] == lines
    lines, _ = run(capsys, "cat", "--json", "--resource", path)
    assert json.loads(lines[0])["resource.service.name"] == "checkout"


def test_a_point_cannot_forge_a_line_or_move_the_cursor(capsys: Capture, tmp_path: Path) -> None:
    """Whatever part of it the text stands in."""
    evil = "a\nb\x1b[2J"
    path = tmp_path / "a.jsonl"
    point = MetricPoint(
        evil, "gauge", unit=evil, scope=Scope(evil), attributes={evil: evil}, value=1
    )
    path.write_bytes(jsonl(point))
    (line,), _ = run(capsys, "cat", path)
    assert line.count("a\\nb\\x1b[2J") == 4
    assert line.isprintable()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A service's: logs and metrics in files of their own, in both forms."""
    document = json.loads(official_json(RECORD))  # without spaces it is a line as Forebay writes
    (tmp_path / "logs.jsonl").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    (tmp_path / "logs.otlp").write_bytes(frames(RECORD.SerializeToString()))
    (tmp_path / "metrics.jsonl").write_bytes(jsonl(ORDERS) + jsonl(TEMPERATURE)[:40])
    (tmp_path / "metrics.otlp").write_bytes(frames(encoded(LATENCY)))
    return tmp_path


@pytest.mark.parametrize("command", ["cat", "tail"])
def test_a_directory_shows_records_and_with_an_option_points(
    capsys: Capture, directory: Path, command: str
) -> None:
    """Without a word about the other ones, though a line of theirs is only half there."""
    lines, told = run(capsys, command, directory)
    assert len(lines) == 2
    assert all(" checkout.api [order.paid] a record " in line for line in lines)
    assert told == ""
    lines, told = run(capsys, command, "--metrics", directory)
    assert lines == LINES[:2]
    assert ("half written" in told) == (command == "cat")


def test_a_file_shows_whatever_is_in_it(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also both signals, as a Collector writes with one exporter for all; traces are told."""
    traces = TracesData()
    span = traces.resource_spans.add().scope_spans.add().spans.add(name="span")
    span.trace_id, span.span_id, span.start_time_unix_nano = b"t" * 16, b"s" * 8, 5
    mixed = tmp_path / "mixed"
    mixed.write_bytes(
        frames(batch(1), encoded(ORDERS), traces.SerializeToString(), encoded(LATENCY))
    )
    lines, told = run(capsys, "cat", mixed)
    assert lines[0].split()[3:5] == ["record", "0"]
    assert lines[1:] == LINES[:2]
    assert told == f"forebay cat: {mixed}: 1 messages of traces are not shown\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(mixed.read_bytes())))
    assert run(capsys, "cat", "--metrics", "-")[0] == LINES[:2]
    mixed.write_bytes(jsonl(ORDERS) + official_json(RECORD).encode() + b"\n")
    assert len(run(capsys, "cat", mixed)[0]) == 2


@pytest.mark.parametrize("command", ["cat", "tail"])
def test_where_there_are_only_points_the_option_is_named(
    capsys: Capture, tmp_path: Path, command: str
) -> None:
    """Rather than nothing at all."""
    (tmp_path / "metrics.otlp").write_bytes(frames(encoded(ORDERS)))
    lines, told = run(capsys, command, tmp_path)
    assert lines == []
    assert told == f"forebay {command}: no records, only metric points: see --metrics\n"


def test_damage_in_a_file_of_points_is_told_and_the_rest_is_read(
    capsys: Capture, tmp_path: Path
) -> None:
    """With its place, and with exit code 1; a reader of logs says nothing."""
    path = tmp_path / "a.jsonl"
    bad = b'{"resourceMetrics":[{"scopeMetrics":5}]}\n'
    path.write_bytes(jsonl(ORDERS) + bad + jsonl(LATENCY))
    lines, told = run(capsys, "cat", path, expect=1)
    assert lines == LINES[:2]
    assert f"{path}: line 2: scopeMetrics" in told
    assert "line 2" not in run(capsys, "cat", tmp_path)[1]
    frame = tmp_path / "b.otlp"
    frame.write_bytes(frames(encoded(ORDERS), encoded(LATENCY)[:-1], encoded(LATENCY)))
    lines, told = run(capsys, "cat", "--metrics", frame, expect=1)
    assert lines == LINES[:2]
    assert "byte" in told


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-n", "2"], LINES[4:]),
        (["-n", "0"], []),
        (["-a", "region=eu"], LINES[:1]),
        (["-a", "region=us"], []),
        (["--text", "request.dur"], LINES[1:2]),
        (["--text", "were paid"], LINES[:1]),
        (["--text", "/items"], LINES[1:2]),
    ],
)
def test_tail_filters_points_by_attribute_and_text(
    capsys: Capture, tmp_path: Path, arguments: list[str], wanted: list[str]
) -> None:
    """In the name, the description and attributes."""
    (tmp_path / "a.jsonl").write_bytes(jsonl(*ALL))
    assert run(capsys, "tail", "--metrics", tmp_path, *arguments) == (wanted, "")


def test_tail_has_no_levels_for_points(capsys: Capture, tmp_path: Path) -> None:
    """It says so, and does not ignore the option."""
    _, told = run(capsys, "tail", "--metrics", "--level", "error", tmp_path, expect=2)
    assert told.startswith("forebay tail: --level: metric points have none")


def test_tail_follows_points_as_they_are_written(tmp_path: Path) -> None:
    """Into a file that is made later, line by line."""
    child = subprocess.Popen(
        [sys.executable, "-m", "forebay", "tail", "--metrics", "-f", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    seen: list[str] = []

    def read() -> None:
        assert child.stdout is not None
        seen.extend(line.rstrip("\n") for line in iter(child.stdout.readline, ""))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with open(tmp_path / "a.jsonl", "wb", buffering=0) as file:
            for index, point in enumerate((ORDERS, LATENCY)):
                file.write(official_json(RECORD).encode() + b"\n" + jsonl(point))
                assert wait_until(partial(_is_longer, seen, index), 20)
                assert seen == LINES[: index + 1]
    finally:
        child.kill()
        child.wait(20)
        reader.join(20)
        assert child.stdout is not None
        child.stdout.close()


def _is_longer(seen: list[str], length: int) -> bool:
    return len(seen) > length


@pytest.mark.parametrize(
    ("message", "signal"),
    [
        (b"", None),
        (batch(1), "logs"),
        (RECORD.SerializeToString(), "logs"),
        *((encoded(point), "metrics") for point in ALL),
        (encoded(MetricPoint("", "sum", value=1)), "metrics"),
    ],
)
def test_a_protobuf_message_says_which_signal_it_holds(message: bytes, signal: Any) -> None:
    """By the fields of its first item."""
    assert signals.of_protobuf(message) == signal
