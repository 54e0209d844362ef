"""``forebay cat`` and ``tail`` in a terminal: coloured for who reads, plain for what reads."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import forebay
from tests.python.terminal import forebay_command, in_terminal, read_until
from tests.waiting import wait_until

# The code of each level's word; see `forebay.cli.paint`.
COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
Record = tuple[str, str, dict[str, Any]]


def write(directory: Path, *records: Record) -> None:
    """Records into local files: level, message, attributes."""
    exporter = forebay.FileExporter(directory)
    with forebay.Collector(service_name="shop", exporter=exporter) as collector:
        log = collector.logger("shop.api", level="DEBUG")
        for level, message, attributes in records:
            getattr(log, level.lower())(message, **attributes)


def on_a_terminal(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """All that a command writes there, with the terminal's own ends of lines taken back."""
    with in_terminal(200, *forebay_command(*arguments), environment=environment) as (ours, process):
        text = rest_of(ours)
        assert process.wait(30) == 0, text
    return text.replace("\r\n", "\n")


def rest_of(terminal: int) -> str:
    """What it is sent until the program ends."""
    text = b""
    with suppress(OSError):  # EIO: the other side is closed
        while got := os.read(terminal, 65536):
            text += got
    return text.decode()


def in_a_pipe(*arguments: str) -> str:
    done = subprocess.run(
        forebay_command(*arguments), capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A record of each level."""
    write(tmp_path, *((level, f"at {level}", {"route": "/items"}) for level in COLOURS))
    return tmp_path


@pytest.mark.parametrize("command", ["cat", "tail"])
def test_levels_scopes_and_keys_are_coloured_on_a_terminal(files: Path, command: str) -> None:
    """Each level's word by how bad it is; the colour ends with it."""
    lines = on_a_terminal(command, str(files)).splitlines()
    assert len(lines) == len(COLOURS)
    for line, (level, code) in zip(lines, COLOURS.items(), strict=True):
        assert f"\x1b[{code}m{level:<8}\x1b[0m" in line
        assert "\x1b[36mshop.api\x1b[0m" in line
        assert "\x1b[2mroute=\x1b[0m/items" in line
        assert line.count("\x1b[") == 2 * line.count("\x1b[0m")


@pytest.mark.parametrize("command", ["cat", "tail"])
def test_without_its_colours_a_terminal_shows_what_a_pipe_gets(files: Path, command: str) -> None:
    """NO_COLOR leaves them out; a pipe has none, nor has JSON."""
    plain = in_a_pipe(command, str(files))
    assert "\x1b" not in plain
    assert _COLOUR.sub("", on_a_terminal(command, str(files))) == plain
    assert on_a_terminal(command, str(files), environment={"NO_COLOR": "1"}) == plain
    assert on_a_terminal(command, str(files), "--json") == in_a_pipe(command, str(files), "--json")


def test_a_record_cannot_colour_or_move_a_terminal(tmp_path: Path) -> None:
    """Escapes in a message, a value or a name are shown as text; only ours are there."""
    evil = "\x1b[2J\x1b]0;title\x07\r\x1b[31mred"
    write(tmp_path, ("INFO", evil, {"k": evil, evil: 1}))
    for command in ("cat", "tail"):
        shown = _COLOUR.sub("", on_a_terminal(command, str(tmp_path)))
        assert "\\x1b[2J" in shown
        assert set(re.findall(r"[\x00-\x1f\x7f]", shown)) == {"\n"}
        assert "\x1b[31m" not in on_a_terminal(command, str(tmp_path))


def test_tail_follows_on_a_terminal_in_colour_until_ctrl_c(tmp_path: Path) -> None:
    """Each record as it comes; Ctrl-C ends it without a traceback."""
    write(tmp_path, ("INFO", "before", {}))
    command = forebay_command("tail", "-f", str(tmp_path))
    with in_terminal(200, *command) as (ours, process):
        read_until(ours, "before")
        write(tmp_path, ("ERROR", "while it follows", {}))
        shown = read_until(ours, "while it follows")
        assert "\x1b[31mERROR   \x1b[0m" in shown
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        assert process.wait(20) == 130
        assert "Traceback" not in rest_of(ours)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (["--level", "error"], [1, 3, 5, 7, 9]),
        (["-a", "route=/b"], [2, 5, 8]),
        (["--text", "timeout"], [3, 7]),
        (["--level", "error", "-a", "route=/b", "--text", "refused"], [5]),
        (["--level", "error", "-a", "route=/c"], [3, 9]),
    ],
    ids=lambda each: " ".join(map(str, each)),
)
def test_filters_hold_for_what_tail_follows(
    tmp_path: Path, filters: list[str], wanted: list[int]
) -> None:
    """For the records that were there, and for those that come; in files that come, too."""

    def record(n: int) -> Record:
        text = {3: "timeout", 7: "timeout", 5: "refused"}.get(n, "done")
        level = "ERROR" if n % 2 else "INFO"
        return level, text, {"n": n, "route": "/" + "cab"[n % 3]}

    write(tmp_path, *map(record, range(5)))
    process = subprocess.Popen(
        [sys.executable, "-m", "forebay", "tail", "-f", str(tmp_path), "--json", *filters],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        there = [n for n in wanted if n < 5]
        assert wait_until(lambda: len(lines) == len(there), 20), lines
        write(tmp_path, *map(record, range(5, 10)))
        last = ("CRITICAL", "timeout, refused", {"n": -1, "route": "/b"})
        write(tmp_path, last, ("CRITICAL", last[1], {"n": -2, "route": "/c"}))
        assert wait_until(lambda: any('"n": -' in line for line in lines), 20), lines
    finally:
        process.terminate()
        process.wait(10)
        reader.join(10)
        process.stdout.close()
    numbers = [json.loads(line)["n"] for line in lines]
    assert [n for n in numbers if n >= 0] == wanted
