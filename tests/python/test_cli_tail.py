"""``forebay tail``: the last records, filters, and following over rotation."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay.cli import main
from tests.waiting import wait_until

Capture = pytest.CaptureFixture[str]


def write(directory: Path, *records: tuple[str, str, dict[str, Any]], **options: Any) -> None:
    """Records into local files: level, message, attributes."""
    exporter = forebay.FileExporter(directory, **options)
    with forebay.Collector(service_name="shop", exporter=exporter) as collector:
        log = collector.logger("shop.api", level="TRACE")
        for level, message, attributes in records:
            getattr(log, level)(message, **attributes)


def tail(capsys: Capture, *arguments: str | Path) -> list[str]:
    assert main(["tail", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.fixture(params=["jsonl", "otlp"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Fifty records in two lanes, in files of both kinds."""
    records = [
        ("error" if n % 10 == 9 else "info", f"message {n}", {"n": n, "route": f"/items/{n % 5}"})
        for n in range(50)
    ]
    write(tmp_path, *records, format=request.param)
    return tmp_path


def test_the_last_records_come_in_the_order_of_their_time(capsys: Capture, files: Path) -> None:
    """Over the lanes, which are written each for itself. Ten, unless asked otherwise."""
    messages = [line.split(" message ")[1].split()[0] for line in tail(capsys, files)]
    assert messages == [str(n) for n in range(40, 50)]
    assert len(tail(capsys, files, "-n", "50")) == 50
    assert tail(capsys, files, "-n", "0") == []
    (line,) = tail(capsys, files, "-n", "1")
    assert line.endswith("ERROR    shop.api message 49 n=49 route=/items/4")


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--level", "error"], [9, 19, 29, 39, 49]),
        (["--level", "40", "-n", "2"], [39, 49]),
        (["-a", "route=/items/3"], [3, 8, 13, 18, 23, 28, 33, 38, 43, 48]),
        (["-a", "route=/items/4", "-a", "n=14"], [14]),
        (["-a", "n=20"], [20]),
        (["--text", "message 4"], [4, *range(40, 50)]),
        (["--text", "/items/0", "--text", "message 1"], [10, 15]),
        (["--text", "no such thing"], []),
        (["-a", "none=1"], []),
    ],
)
def test_filters_by_level_attribute_and_text(
    capsys: Capture, files: Path, arguments: list[str], numbers: list[int]
) -> None:
    """All that are given must be met."""
    lines = tail(capsys, files, "--json", "-n", "20", *arguments)
    if "-n" in arguments:
        lines = tail(capsys, files, "--json", *arguments)
    assert [json.loads(line)["n"] for line in lines] == numbers


def test_types_of_values_are_compared_as_what_they_are(capsys: Capture, tmp_path: Path) -> None:
    """Numbers as numbers, flags as flags, texts with anything in them."""
    values: list[Any] = [100000.0, True, 'say "ä"\n', 0.5, None, [1], "100000"]
    write(tmp_path, *(("info", "x", {"i": i, "v": value}) for i, value in enumerate(values)))
    found = {
        text: [
            json.loads(line)["i"] for line in tail(capsys, tmp_path, "--json", "-a", f"v={text}")
        ]
        for text in ("100000", "1e5", "true", 'say "ä"\n', ".5", "None")
    }
    assert found == {
        "100000": [0, 6], "1e5": [0], "true": [1], 'say "ä"\n': [2], ".5": [3], "None": [],
    }  # fmt: skip
    assert len(tail(capsys, tmp_path, "--text", 'y "ä"')) == 1


def test_text_that_looks_like_structure_is_text(capsys: Capture, tmp_path: Path) -> None:
    """A line is cut at its records by bytes: no text can pretend to be one."""
    nasty = '{"timeUnixNano":"1"},"scope":{"name":"forged"},"severityNumber":21'
    write(tmp_path, ("info", nasty, {"a": nasty}), ("info", "plain", {nasty: 1}))
    lines = [json.loads(line) for line in tail(capsys, tmp_path, "--json")]
    assert [(r["message"], r["scope"], r["severity_number"]) for r in lines] == [
        (nasty, "shop.api", 9), ("plain", "shop.api", 9),
    ]  # fmt: skip
    assert lines[1][nasty] == 1
    assert tail(capsys, tmp_path, "--level", "error") == []


def test_files_of_the_collector_are_read_too(capsys: Capture, tmp_path: Path) -> None:
    """Several resources in a line, records without a time, names in another order."""
    record = {"observedTimeUnixNano": "5", "body": {"stringValue": "odd"}, "severityNumber": 17}
    document = {
        "resourceLogs": [
            {"resource": {}, "scopeLogs": [{"scope": {"name": name}, "logRecords": [record]}]}
            for name in ("a", "b")
        ]
    }
    (tmp_path / "x.jsonl").write_text(json.dumps(document) + "\n")
    lines = [json.loads(line) for line in tail(capsys, tmp_path, "--json", "--level", "error")]
    assert [(line["scope"], line["time_unix_nano"]) for line in lines] == [("a", 5), ("b", 5)]


def test_without_a_path_the_service_that_was_written_last_is_read(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And standard error says which. Where there is none, it says where it looked."""
    monkeypatch.delenv("FOREBAY_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state = tmp_path / "forebay"
    assert main(["tail"]) == 1
    assert str(state) in capsys.readouterr().err
    for service in ("shop", "other", "shop"):
        write(state / service, ("info", f"of the {service}", {}))
    assert main(["tail"]) == 0
    told = capsys.readouterr()
    assert [line.split(" of the ")[1] for line in told.out.splitlines()] == ["shop", "shop"]
    assert told.err == f"forebay tail: {state / 'shop'}\n"


def test_bad_arguments_are_told(capsys: Capture, tmp_path: Path) -> None:
    """In one line, with the argument."""
    for arguments, told in (
        (["--level", "loud"], "--level: 'loud' is not one of"),
        (["-a", "route"], "--attribute: 'route' is not KEY=VALUE"),
        (["-n", "-1"], "-n: -1 is not 0 or more"),
    ):
        assert main(["tail", str(tmp_path), *arguments]) == 2
        assert capsys.readouterr().err.startswith(f"forebay tail: {told}")
    assert main(["tail", str(tmp_path / "none")]) == 1
    assert "no such file" in capsys.readouterr().err


# Of another kind: what is in the file, and what is told of it.
_FOREIGN = (
    ("not otlp\n", "no file of Forebay's"),
    ("[1, 2]\n", "no file of Forebay's"),
    ("no", "no file of Forebay's"),
    ("  two words\n", "no file of Forebay's"),
    ('{"level": "info", "resource": 1}\n' * 3, "JSON, but no OTLP"),
)


@pytest.mark.parametrize(("content", "told"), _FOREIGN)
def test_a_file_of_another_kind_is_told(
    capsys: Capture, tmp_path: Path, content: str, told: str
) -> None:
    """In one line, as `cat` tells it; what else is there is printed."""
    write(tmp_path, ("info", "ours", {}))
    path = tmp_path / "other.jsonl"
    path.write_text(content)
    for command in ("tail", "cat"):
        for where in (path, tmp_path):
            assert main([command, str(where)]) == 1
            out, err = capsys.readouterr()
            assert ("ours" in out) == (where == tmp_path)
            assert err.startswith(f"forebay {command}: {path}: ")
            assert told in err
            assert err.count("\n") == 1


def test_a_batch_of_nothing_and_an_empty_file_are_in_order(capsys: Capture, tmp_path: Path) -> None:
    """Collectors write such."""
    path = tmp_path / "a.jsonl"
    for content in ("", "\n", "{}\n", '{"resourceLogs":[]}\n', '{"a":1,"resourceLogs":[]}\n'):
        path.write_text(content)
        for command in ("tail", "cat"):
            assert main([command, str(path)]) == 0
            assert capsys.readouterr() == ("", "")


def test_who_follows_is_told_once_of_a_file_of_another_kind(tmp_path: Path) -> None:
    """And what comes into other files is printed."""
    (tmp_path / "other.jsonl").write_text("not otlp\n")
    with subprocess.Popen(
        [sys.executable, "-m", "forebay", "tail", "-f", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "no file of Forebay's" in process.stderr.readline()
        for text in ("one", "two"):
            write(tmp_path, ("info", text, {}))
            assert text in process.stdout.readline()
        process.terminate()
        assert process.stderr.read() == ""


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """`tail -f` in a process of its own; its lines as they come."""
    running: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []

    def start(*arguments: str) -> list[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "forebay", "tail", "-f", str(tmp_path), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        lines: list[str] = []
        stdout = process.stdout
        assert stdout is not None

        def read() -> None:
            lines.extend(iter(stdout.readline, ""))

        readers.append(threading.Thread(target=read))
        readers[-1].start()
        return lines

    yield start
    for process in running:
        process.terminate()
        process.wait(10)
    for reader in readers:
        reader.join(10)


@pytest.mark.parametrize("format", ["jsonl", "otlp"])
def test_it_follows_into_files_that_are_made_later(
    follow: Callable[..., list[str]], tmp_path: Path, format: str
) -> None:
    """Each record once, over rotation, and while old files are deleted."""
    write(tmp_path, ("info", "before", {"n": -1}), format=format)
    lines = follow("--json", "-n", "1")
    assert wait_until(lambda: len(lines) == 1, 10)
    exporter = forebay.FileExporter(tmp_path, format=format, max_file_bytes=4096)
    batch = forebay.BatchOptions(max_records=20, max_delay=0.01)
    with forebay.Collector(service_name="shop", exporter=exporter, batch=batch) as collector:
        log = collector.logger("shop.api")
        for n in range(400):
            log.info("x" * 50, n=n)
            if n % 100 == 0:
                collector.flush(10)
    assert wait_until(lambda: len(lines) >= 401, 20)
    assert len(list(tmp_path.iterdir())) > 2
    numbers = [json.loads(line)["n"] for line in lines]
    assert sorted(numbers) == list(range(-1, 400))


def test_a_half_written_line_is_waited_for(
    follow: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Until the rest of it comes."""
    write(tmp_path, ("info", "one", {}))
    (path,) = tmp_path.iterdir()
    whole = path.read_text()
    lines = follow("-n", "5")
    assert wait_until(lambda: len(lines) == 1, 10)
    with path.open("a") as file:
        file.write(whole[:100])
        file.flush()
        assert not wait_until(lambda: len(lines) > 1, 0.6)
        file.write(whole[100:])
    assert wait_until(lambda: len(lines) == 2, 10)
