"""What `forebay.start` shows on the console: on a terminal, in a pipe, beside other handlers."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay.testing import Receiver
from tests.python.in_memory import run_python

SCRIPT = """
import os
import forebay
{before}
with forebay.start(service_name="shop"{arguments}) as collector:
    forebay.get_logger("shop.api").info("paid", order=42)
stats = collector.stats()
assert (stats.emitted, stats.delivered) == (1, 1), stats
assert collector.audit().balanced
"""


def script(*, before: str = "", arguments: str = "") -> str:
    return textwrap.dedent(SCRIPT).format(before=before, arguments=arguments)


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("OTEL_", "FOREBAY_")) and k not in ("NO_COLOR", "TERM")
    }
    return kept | {
        "FOREBAY_DIR": str(tmp_path / "files"),
        "FOREBAY_RUN_DIR": str(tmp_path / "run"),
        "TERM": "xterm",
        **more,
    }


def in_a_pipe(source: str, tmp_path: Path, **more: str) -> list[str]:
    """What a script writes to standard error where that is a pipe, but for where the files are."""
    done = subprocess.run(
        [sys.executable, "-c", source],
        env=environment(tmp_path, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if not line.startswith("forebay: ")]


def on_a_terminal(source: str, tmp_path: Path, **more: str) -> list[str]:
    """The same where it is a terminal."""
    parents, childs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-c", source], env=environment(tmp_path, **more), stderr=childs
    )
    os.close(childs)
    text = b""
    try:
        while got := os.read(parents, 65536):
            text += got
    except OSError:  # EIO: the other side is closed
        pass
    os.close(parents)
    assert done.wait(60) == 0, text.decode()
    return [line for line in text.decode().splitlines() if not line.startswith("forebay: ")]


def written(tmp_path: Path) -> str:
    return "".join(path.read_text() for path in (tmp_path / "files").glob("*.jsonl"))


def test_in_a_pipe_without_an_endpoint_records_are_json_lines_beside_the_files(
    tmp_path: Path,
) -> None:
    """So that the log of a container is not empty; and each record is there once."""
    (line,) = in_a_pipe(script(), tmp_path)
    shown: dict[str, Any] = json.loads(line)
    assert (shown["body"], shown["logger"], shown["severity"]) == ("paid", "shop.api", "INFO")
    assert shown["attributes"] == {"order": 42}
    assert "paid" in written(tmp_path)


def test_on_a_terminal_records_are_aligned_and_coloured_beside_the_files(tmp_path: Path) -> None:
    """For people; and plain where NO_COLOR asks for it."""
    (line,) = on_a_terminal(script(), tmp_path)
    assert "paid" in line
    assert "\x1b[" in line
    assert not line.startswith("{")
    assert "paid" in written(tmp_path)
    (plain,) = on_a_terminal(script(), tmp_path, NO_COLOR="1")
    assert "\x1b" not in plain
    assert "INFO   shop.api  paid  order=42" in plain


@pytest.mark.parametrize("run", [in_a_pipe, on_a_terminal])
def test_where_the_root_logger_has_a_stream_handler_the_console_is_silent(
    run: Any, tmp_path: Path
) -> None:
    """It would say everything twice; a handler that writes a file says nothing here."""
    before = "import logging; logging.basicConfig()"
    assert run(script(before=before), tmp_path) == []
    assert "paid" in written(tmp_path)
    to_a_file = f"import logging; logging.basicConfig(filename={str(tmp_path / 'log')!r})"
    assert len(run(script(before=to_a_file), tmp_path)) == 1


def test_with_an_endpoint_a_pipe_stays_silent_and_a_terminal_shows(tmp_path: Path) -> None:
    """Records have a place to go; a developer still sees them."""
    with Receiver() as receiver:
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        assert in_a_pipe(script(), tmp_path, **given) == []
        (line,) = on_a_terminal(script(), tmp_path, **given)
        assert "paid" in line
        in_code = f", exporter=forebay.OtlpHttpExporter({receiver.endpoint!r})"
        assert in_a_pipe(script(arguments=in_code), tmp_path) == []
        assert receiver.counts().records == 3


def test_a_format_that_is_asked_for_is_shown_everywhere(tmp_path: Path) -> None:
    """Beside any exporter, and beside a root logger that speaks."""
    before = "import logging; logging.basicConfig()"
    arguments = ", exporter=forebay.MemoryExporter(), console='{}'"
    (line,) = in_a_pipe(script(before=before, arguments=arguments.format("pretty")), tmp_path)
    assert "INFO   shop.api  paid  order=42" in line
    (line,) = on_a_terminal(script(arguments=arguments.format("json")), tmp_path)
    assert json.loads(line)["body"] == "paid"


@pytest.mark.parametrize("console", ["'off'", "None"])
def test_off_is_silent(console: str, tmp_path: Path) -> None:
    """Also on a terminal."""
    assert on_a_terminal(script(arguments=f", console={console}"), tmp_path) == []
    assert "paid" in written(tmp_path)


def test_a_memory_exporter_shows_nothing_by_itself(tmp_path: Path) -> None:
    """Tests run on terminals."""
    source = script(arguments=", exporter=forebay.MemoryExporter()")
    assert on_a_terminal(source, tmp_path) == []


def test_a_closed_standard_error_fails_nothing(tmp_path: Path) -> None:
    """The view is gone; what it showed is delivered all the same."""
    in_a_pipe(script(before="os.close(2)"), tmp_path)
    assert "paid" in written(tmp_path)


def test_a_collector_shows_beside_its_exporter() -> None:
    """The same, spelled out."""
    done = run_python(
        """
        import forebay
        collector = forebay.Collector(exporter=forebay.MemoryExporter(), console="json")
        for i in range(3):
            collector.logger("x").info("m", i=i)
            collector.flush(10)
        collector.shutdown(10)
        assert collector.audit().balanced
        """
    )
    numbers = [json.loads(line)["attributes"]["i"] for line in done.stderr.splitlines()]
    assert numbers == [0, 1, 2]


def test_bad_values_are_refused() -> None:
    """With the values that there are."""
    for bad in (True, False, "colour", 3):
        with pytest.raises(forebay.OptionError, match=r"console: .* is not one of off, auto"):
            forebay.Collector(exporter=forebay.MemoryExporter(), console=bad)  # type: ignore[arg-type]
        with pytest.raises(forebay.OptionError, match="console"):
            forebay.start(exporter=forebay.MemoryExporter(), console=bad)  # type: ignore[arg-type]
    with pytest.raises(forebay.OptionError, match="the exporter is the console itself"):
        forebay.Collector(exporter=forebay.ConsoleExporter(), console="json")
