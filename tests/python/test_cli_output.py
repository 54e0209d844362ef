"""The command line where standard output takes nothing, or has not every character."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import forebay
from forebay.testing import memory_collector
from tests.python.terminal import forebay_command, in_terminal, read_until

_BODY = "Käse für 5 € 😀"
# An encoding that has none of it, in both ways in which a machine comes to it.
_POOR = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


def run(
    *arguments: str, to: str = "", environment: dict[str, str] | None = None, unbuffered: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command, with standard output as the shell's redirection ``to`` has it."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"}
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {to}', "sh", *forebay_command(*arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**kept, "PYTHONUNBUFFERED": unbuffered, **(environment or {})},
    )


@pytest.fixture
def files(tmp_path: Path) -> str:
    """Records in a file, more than a buffer holds, with characters that ASCII has not."""
    with forebay.Collector(exporter=forebay.FileExporter(tmp_path / "logs")) as collector:
        log = collector.logger("shop")
        for n in range(200):
            log.info(_BODY, n=n)
    return str(tmp_path / "logs")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["cat", "cat --unsorted", "tail", "tail -n 200"])
def test_a_full_disk_is_one_line_and_1(files: str, command: str, unbuffered: str) -> None:
    """Also where the failure comes at the end, out of a buffer."""
    done = run(*command.split(), files, to="> /dev/full", unbuffered=unbuffered)
    assert done.stderr == "forebay: standard output: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", ["--version", "--help", "stats --help"])
def test_what_the_parser_prints_may_fail_too(arguments: str) -> None:
    done = run(*arguments.split(), to="> /dev/full")
    assert done.stderr == "forebay: standard output: No space left on device\n"
    assert done.returncode == 1


def test_counts_of_processes_may_fail_too(tmp_path: Path) -> None:
    """`stats --all` is more than a buffer at once."""
    with memory_collector(run_directory=tmp_path) as memory:
        memory.collector.logger("shop").info("one")
        done = run("stats", "--all", "--directory", str(tmp_path), to="> /dev/full")
    assert done.stderr == "forebay: standard output: No space left on device\n"
    assert done.returncode == 1


def test_a_closed_output_is_told(files: str) -> None:
    """Before anything is opened, which would get its number. Without both there is only the 1."""
    for arguments in (["cat", files], ["tail", files], ["--help"]):
        done = run(*arguments, to=">&-")
        assert (done.returncode, done.stderr) == (1, "forebay: standard output is closed\n")
    done = run("cat", files, to=">&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_a_closed_input_is_told() -> None:
    done = run("cat", "-", to="<&-")
    assert done.stderr == "forebay cat: standard input: it is closed\n"
    assert done.returncode == 1


@pytest.mark.parametrize("environment", _POOR, ids=["encoding", "locale"])
@pytest.mark.parametrize("command", ["cat", "tail"])
def test_what_the_output_cannot_show_is_escaped(
    files: str, command: str, environment: dict[str, str]
) -> None:
    """As in JSON, so that JSON stays what it is."""
    done = run(command, files, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"K\u00e4se f\u00fcr 5 \u20ac \ud83d\ude00 n=199" in done.stdout
    done = run(command, "--json", files, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["message"] == _BODY


def test_an_error_handler_that_was_asked_for_holds(files: str) -> None:
    done = run("tail", "-n", "1", files, environment={"PYTHONIOENCODING": "ascii:replace"})
    assert "K?se f?r 5 ? ? n=199" in done.stdout


@pytest.mark.parametrize("environment", _POOR, ids=["encoding", "locale"])
def test_top_shows_a_service_with_any_name(tmp_path: Path, environment: dict[str, str]) -> None:
    """Once as text, and in a terminal, where bars that it cannot show are made of ASCII."""
    command = ["top", "--directory", str(tmp_path), "--interval", "50ms"]
    with memory_collector(service_name="Käserei", run_directory=tmp_path) as memory:
        memory.collector.logger("shop").info("one")
        done = run(*command, "--once", environment=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(rf"K\u00e4serei  pid {os.getpid()}")
        with in_terminal(100, *forebay_command(*command), environment=environment) as (ours, _):
            shown = read_until(ours, "Ctrl-C ends this|Traceback")
    assert "Traceback" not in shown
    assert r"K\u00e4serei" in shown
    assert r"\u2" not in shown, "bars or lines that were escaped"
