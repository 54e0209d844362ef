"""``forebay receive`` as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData

from forebay._otlp.files import SegmentReader
from forebay.testing import MetricPoint, Scope
from tests.python.in_memory import run_python
from tests.python.otlp_metrics import encoded
from tests.waiting import wait_until


class Process:
    """The command, running."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "forebay", "receive", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first.startswith("listening on http://127.0.0.1:"), first
        self.port = int(first.rsplit(":", 1)[1])

    def post(self, body: bytes, path: str = "/v1/logs", batch_id: str = "") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/x-protobuf"}
        if batch_id:
            headers["Forebay-Batch-Id"] = batch_id
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        assert err == ""
        return out


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Process] = []

    def begin(*arguments: str) -> Process:
        running.append(Process(*arguments))
        return running[-1]

    yield begin
    for process in running:
        if process.process.poll() is None:
            process.process.kill()
            process.process.communicate()


def logs_of(*bodies: str) -> bytes:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = "shop"
    for text in bodies:
        scope_logs.log_records.add(time_unix_nano=7).body.string_value = text
    return bytes(request.SerializeToString())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_counts_as_json_at_a_signal(start: Start, number: signal.Signals) -> None:
    """With what came twice, and without."""
    process = start("--json")
    for batch_id in ("a", "b", "b"):
        assert process.post(logs_of("one", "two"), batch_id=batch_id) == 200
    counts = json.loads(process.end(number))
    assert (counts["records"], counts["unique_records"], counts["requests"]) == (6, 4, 3)
    assert counts["scopes"] == {"shop": 4}


def test_it_prints_its_counts_for_people(start: Start) -> None:
    """Without --json."""
    process = start()
    process.post(logs_of("one", "two"))
    out = process.end()
    assert "2 records in 1 batches" in out
    assert "1 requests: 1 with 200, 0 cut" in out


ORDERS = MetricPoint("orders", "sum", scope=Scope("shop"), time_unix_nano=7, value=5)


def test_the_counts_for_people_tell_records_from_points(start: Start) -> None:
    """Each with its batches, those that came twice, and its scopes."""
    process = start()
    process.post(logs_of("one", "two"))
    for batch_id in ("m", "m"):
        process.post(encoded(ORDERS, ORDERS, ORDERS), "/v1/metrics", batch_id)
    assert process.end().splitlines() == [
        "2 records in 1 batches (2 and 1 with what came twice)",
        "3 metric points in 1 batches (6 and 2 with what came twice)",
        "3 requests: 3 with 200, 0 cut",
        "           2  shop",
        "           3  shop (metric points)",
    ]


def test_it_prints_records_and_points_as_they_come(start: Start) -> None:
    """Before the answer, as cat does; with --json in its form, and then the counts."""
    process = start("--print")
    assert process.process.stdout is not None
    process.post(logs_of("one"))
    assert process.process.stdout.readline() == "1970-01-01T00:00:00.000Z -        shop one\n"
    process.post(encoded(ORDERS), "/v1/metrics")
    assert process.process.stdout.readline() == "1970-01-01T00:00:00.000Z shop orders 5\n"
    process = start("--print", "--json")
    process.post(encoded(ORDERS), "/v1/metrics")
    point, counts = map(json.loads, process.end().splitlines())
    assert (point["name"], point["value"], counts["points"]) == ("orders", 5, 1)


def test_a_signal_ends_it_wherever_it_finds_it() -> None:
    """At each step of the main thread: none of them may be one that the end has to wait for."""
    run_python(
        """
        import os, signal, sys, threading
        from forebay.cli import main

        class Output:
            heard = False

            def write(self, text):
                if text.startswith("listening on"):
                    late.start()
                    self.heard = True

            def flush(self):
                pass

        def step(frame, event, argument):
            global left
            if output.heard and (left := left - 1) == 0:
                signal.raise_signal(signal.SIGTERM)
            return step

        for at in range(1, 101):
            left, output = at, Output()
            sys.stdout = output
            # For those that have fewer steps until they wait.
            late = threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGTERM))
            sys.settrace(step)
            status = main(["receive", "--port", "0"])
            sys.settrace(None)
            late.cancel()
            late.join()
            assert status == 0, status
        """
    )


def test_what_cannot_be_printed_is_taken_and_told(start: Start) -> None:
    """A bad record behind a good one: only printing looks at it. The next batch is printed."""
    good, bad = b"\x12\x02\x10\x09", b"\x12\x02\x12\x09"
    resource = b"\x12" + bytes([len(good + bad)]) + good + bad
    process = start("--print")
    assert process.post(b"\x0a" + bytes([len(resource)]) + resource) == 200
    assert process.post(logs_of("next")) == 200
    process.process.send_signal(signal.SIGTERM)
    out, err = process.process.communicate(timeout=20)
    assert " next\n3 records in 2 batches" in out
    assert err.startswith("forebay receive: not printed: ")
    assert err.count("\n") == 1


def test_it_writes_otlp_json_lines_that_the_official_library_reads(
    start: Start, tmp_path: Path
) -> None:
    """A file for logs, another one for metrics, a line for each request."""
    process = start("--directory", str(tmp_path / "new"))
    process.post(logs_of("one", "zwei\n"))
    process.post(logs_of("three"))
    metrics = MetricsData()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="orders")
    metric.sum.data_points.add(as_int=5)
    process.post(metrics.SerializeToString(), "/v1/metrics")
    out = process.end()
    [logs_file] = (tmp_path / "new").glob("logs-*.jsonl")
    [metrics_file] = (tmp_path / "new").glob("metrics-*.jsonl")
    assert f"written: {logs_file}" in out
    parsed = [json_format.Parse(line, LogsData()) for line in logs_file.read_text().splitlines()]
    bodies = [
        record.body.string_value
        for message in parsed
        for record in message.resource_logs[0].scope_logs[0].log_records
    ]
    assert bodies == ["one", "zwei\n", "three"]
    assert json_format.Parse(metrics_file.read_text(), MetricsData()) == metrics


def test_it_writes_length_prefixed_protobuf(start: Start, tmp_path: Path) -> None:
    """As the Collector's file exporter does."""
    process = start("--directory", str(tmp_path), "--format", "otlp")
    process.post(logs_of("one"))
    process.post(logs_of("two"))
    process.end()
    [path] = tmp_path.glob("logs-*.otlp")
    data = path.read_bytes()
    size = int.from_bytes(data[:4], "big")
    assert data[4 : 4 + size] == logs_of("one")
    reader = SegmentReader(path)
    records = [record.body for resource in reader for _, record in resource.records()]
    assert records == ["one", "two"]


def test_count_only_writes_nothing(start: Start, tmp_path: Path) -> None:
    """Whatever the directory."""
    process = start("--directory", str(tmp_path / "x"), "--count-only")
    process.post(logs_of("one"))
    process.end()
    assert not (tmp_path / "x").exists()


def test_faults_come_from_the_command_line(start: Start) -> None:
    """The statuses, in the order of the options' documentation."""
    process = start("--status", "503", "--retry-after", "2", "--times", "2", "--max-body", "1k")
    statuses = [process.post(logs_of("one")) for _ in range(3)]
    statuses.append(process.post(logs_of("x" * 2000)))
    assert statuses == [503, 503, 200, 413]
    cut = start("--cut", "--times", "1", "--json")
    with pytest.raises(ConnectionResetError):
        cut.post(logs_of("one"), batch_id="a")
    assert cut.post(logs_of("one"), batch_id="a") == 200
    counts = json.loads(cut.end())
    assert (counts["cut"], counts["records"], counts["unique_records"]) == (1, 2, 1)


def test_a_stall_from_the_command_line_holds_the_first_answer_back(start: Start) -> None:
    """Until a script ends it."""
    process = start("--stall", "1h")
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=0.3)
    headers = {"Content-Type": "application/x-protobuf"}
    connection.request("POST", "/v1/logs", logs_of("one"), headers)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    assert process.post(b'{"stall": 0}', "/control") == 200
    assert process.post(logs_of("two")) == 200


def test_a_port_that_is_taken_is_said_in_one_line(start: Start) -> None:
    """And the exit code is 1."""
    process = start()
    command = [sys.executable, "-m", "forebay", "receive", "--port", str(process.port)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert str(process.port) in second.stderr


def test_it_ends_with_its_parent_when_asked_to() -> None:
    """So that a demonstration that is killed leaves no process behind."""
    code = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-m', 'forebay', 'receive', '--port', '0', '--with-parent']\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        "print(child.stdout.readline().strip().rpartition(':')[2], flush=True)\n"
        "sys.stdin.readline()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    parent.kill()
    parent.communicate(timeout=10)

    def is_gone() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return True
        return False

    assert wait_until(is_gone, timeout=10), "the receiver outlived its parent"


def run(*arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forebay", *arguments]
    environment = {**os.environ, **changes}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env=environment
    )


def test_without_a_command_it_prints_help() -> None:
    """All commands are listed, and that is no error."""
    result = run()
    assert result.returncode == 0
    for command in ("demo", "stats", "cat", "receive", "pipe"):
        assert command in result.stdout


@pytest.mark.parametrize("command", ["demo", "stats", "cat", "receive", "pipe"])
def test_every_command_explains_itself(command: str) -> None:
    """With its options."""
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"usage: forebay {command}" in result.stdout


def test_a_wrong_command_or_value_ends_with_2() -> None:
    """And says what is possible."""
    for arguments in (["explode"], ["receive", "--stall", "soon"], ["receive", "--status", "200"]):
        result = run(*arguments)
        assert result.returncode == 2
        assert "usage:" in result.stderr


def test_the_version_is_one_line() -> None:
    """It names the program."""
    result = run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("forebay ")
