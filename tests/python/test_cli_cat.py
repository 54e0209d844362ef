"""``forebay cat`` as a process of its own."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_ERROR

from forebay.cli import cat, main

TIME = 1_700_000_000_123_456_789


def run(
    *arguments: str | Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "forebay", "cat", *map(str, arguments)]
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


def request(body: str, **attributes: str) -> bytes:
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    pair = resource_logs.resource.attributes.add(key="service.name")
    pair.value.string_value = "checkout"
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "checkout.api"
    record = scope_logs.log_records.add(time_unix_nano=TIME, severity_text="ERROR")
    record.severity_number = SEVERITY_NUMBER_ERROR
    record.body.string_value = body
    record.trace_id = bytes(range(16))
    for key, value in attributes.items():
        record.attributes.add(key=key).value.string_value = value
    return bytes(message.SerializeToString())


def segment(*messages: bytes) -> bytes:
    frames = [zstandard.compress(message) for message in messages]
    return b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)


def objects(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_record_is_one_readable_line(tmp_path: Path) -> None:
    """Time, level, scope, message, key=value; no colour into a pipe."""
    path = tmp_path / "a.otlp.zst"
    path.write_bytes(segment(request("payment failed", order="42", note="two words")))
    result = run(path)
    assert result.returncode == 0
    assert result.stdout.decode() == (
        "2023-11-14T22:13:20.123Z ERROR    checkout.api payment failed order=42"
        ' note="two words" trace_id=000102030405060708090a0b0c0d0e0f\n'
    )


def test_a_record_cannot_forge_a_line_or_move_the_cursor(tmp_path: Path) -> None:
    """Control characters are shown, not sent."""
    path = tmp_path / "a.otlp"
    path.write_bytes(segment(request("one\ntwo\x1b[2J", k="\r\x07")))
    out = run(path).stdout.decode()
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert "one\\ntwo\\x1b[2J" in out
    assert "\x07" not in out
    assert "\r" not in out


def test_a_stack_trace_follows_indented(tmp_path: Path) -> None:
    """It is the one attribute that has lines of its own."""
    path = tmp_path / "a.otlp"
    stack = {"exception.stacktrace": "Traceback\n  File x\n"}
    path.write_bytes(segment(request("failed", **stack)))
    lines = run(path).stdout.decode().splitlines()
    assert lines[1:] == ["    Traceback", "      File x"]


def test_json_is_one_flat_object_a_record(tmp_path: Path) -> None:
    """Attributes under their own names, but for those that a field of the record has."""
    path = tmp_path / "a.otlp.zst"
    path.write_bytes(segment(request("hi", route="/items", level="mine", **{"a.b": "c"})))
    assert objects(run("--json", path)) == [
        {
            "time": "2023-11-14T22:13:20.123456Z",
            "time_unix_nano": TIME,
            "level": "ERROR",
            "severity_number": 17,
            "service": "checkout",
            "scope": "checkout.api",
            "message": "hi",
            "trace_id": bytes(range(16)).hex(),
            "route": "/items",
            "attributes.level": "mine",
            "a.b": "c",
        }
    ]
    assert objects(run("--json", "--resource", path))[0]["resource.service.name"] == "checkout"


def test_directories_and_standard_input_are_read(tmp_path: Path) -> None:
    """In the order in which segments were written."""
    for age, name in ((2, "b"), (1, "a")):
        path = tmp_path / f"{name}.otlp.zst"
        path.write_bytes(segment(request(name)))
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert [item["message"] for item in objects(run("--json", tmp_path))] == ["b", "a"]
    piped = run("--json", "-", stdin=segment(request("from a pipe")))
    assert [item["message"] for item in objects(piped)] == ["from a pipe"]


def test_without_arguments_it_reads_the_newest_service(tmp_path: Path) -> None:
    """Below the state directory; FOREBAY_DIR goes first."""
    for age, service in ((9, "old"), (1, "new")):
        directory = tmp_path / "forebay" / service
        directory.mkdir(parents=True)
        path = directory / "x.otlp"
        path.write_bytes(segment(request(service)))
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    state = str(tmp_path)
    result = run("--json", XDG_STATE_HOME=state, FOREBAY_DIR="")
    assert [item["message"] for item in objects(result)] == ["new"]
    assert str(tmp_path / "forebay" / "new") in result.stderr.decode()
    result = run("--json", XDG_STATE_HOME=state, FOREBAY_DIR=str(tmp_path / "forebay" / "old"))
    assert [item["message"] for item in objects(result)] == ["old"]
    result = run(XDG_STATE_HOME=state, FOREBAY_DIR=str(tmp_path / "nothing"))
    assert result.returncode == 1
    assert b"no records" in result.stderr


def test_what_cannot_be_read_is_said_and_ends_with_1(tmp_path: Path) -> None:
    """The good part is printed all the same; a half-written end alone is no failure."""
    path = tmp_path / "a.otlp.zst"
    good = segment(request("good"))
    path.write_bytes(good + good[:20])
    result = run("--json", path)
    assert result.returncode == 0
    assert b"half written" in result.stderr
    path.write_bytes(good + struct.pack(">I", 3) + b"\x0b\x0b\x0b" + good)
    result = run("--json", path)
    assert result.returncode == 1
    assert len(objects(result)) == 2
    assert b"a.otlp.zst" in result.stderr
    result = run(tmp_path / "missing.jsonl")
    assert result.returncode == 1
    assert b"No such file" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """As in `forebay cat | head -1`."""
    path = tmp_path / "a.otlp.zst"
    path.write_bytes(segment(*[request(f"line {i} " + "x" * 500) for i in range(2000)]))
    with subprocess.Popen(
        [sys.executable, "-m", "forebay", "cat", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"line 0" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def at(time: int, body: str) -> bytes:
    message = ExportLogsServiceRequest()
    message.ParseFromString(request(body))
    message.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = time
    return bytes(message.SerializeToString())


def bodies(result: subprocess.CompletedProcess[bytes]) -> list[str]:
    assert result.returncode == 0, result.stderr
    return [found["message"] for found in objects(result)]


def test_records_of_several_files_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    """Lanes and processes write side by side; equal times stay as they came."""
    (tmp_path / "a.otlp.zst").write_bytes(segment(at(3, "a3"), at(1, "a1"), at(2, "first of 2")))
    (tmp_path / "b.otlp.zst").write_bytes(segment(at(4, "b4"), at(2, "second of 2"), at(0, "b")))
    assert bodies(run("--json", tmp_path)) == ["b", "a1", "first of 2", "second of 2", "a3", "b4"]
    one_by_one = ["a3", "a1", "first of 2", "b4", "second of 2", "b"]
    files = (tmp_path / "a.otlp.zst", tmp_path / "b.otlp.zst")
    assert bodies(run("--json", "--unsorted", *files)) == one_by_one
    assert bodies(run("--json", *reversed(files)))[2] == "second of 2"


def test_standard_input_is_printed_as_it_comes(tmp_path: Path) -> None:
    """A stream has no end to wait for."""
    child = subprocess.Popen(
        [sys.executable, "-m", "forebay", "cat", "--json", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(segment(at(2, "late"), at(1, "early")))
    child.stdin.close()
    found = [json.loads(line)["message"] for line in child.stdout]
    child.stdout.close()
    assert child.wait(30) == 0
    assert found == ["late", "early"]


def test_more_than_memory_should_hold_is_printed_as_it_is_in_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost at the point where it goes over, and it is said."""
    path = tmp_path / "a.otlp.zst"
    path.write_bytes(segment(*(at(100 - i, f"number {i}") for i in range(50))))
    monkeypatch.setattr(cat._Output, "most_held", 1000)
    assert main(["cat", "--json", str(path)]) == 0
    captured = capsys.readouterr()
    numbers = [json.loads(line)["message"] for line in captured.out.splitlines()]
    assert numbers == [f"number {i}" for i in range(50)]
    assert captured.err.count("not in the order of time") == 1
