"""``forebay doctor``: what is in force here, and whether the machine has room."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from forebay import _core
from forebay.cli import main
from tests.python.doctor_command import ROOT, Capture, clean, examine, findings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean(monkeypatch, tmp_path)


def test_without_an_endpoint_local_files_are_fine(capsys: Capture, tmp_path: Path) -> None:
    """And nothing was made to find that out."""
    code, found = examine(capsys)
    assert code == 0
    assert found["destination"]["text"] == f"local files in {tmp_path / 'records'}"
    assert found["service"]["state"] == "note"
    assert list(tmp_path.iterdir()) == []


def test_variables_are_shown_and_bad_ones_are_to_be_mended(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a secret."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@localhost:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "soon")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "secret" not in out
    assert "OTEL_EXPORTER_OTLP_HEADERS=…" in out
    assert "OTEL_BLRP_SCHEDULE_DELAY is ignored: 'soon'" in out
    assert "gRPC" in out
    assert out.splitlines()[-1] == "2 to mend"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "and Forebay speaks http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b", "has no effect: no endpoint is set"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b;c", "is ignored: there is a ; in it"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true", "is ignored: it is for gRPC"),
        ("OTEL_LOGS_EXPORTER", "otlp,console", ": 'console' ignored beside 'otlp'"),
    ],
)
def test_what_start_would_warn_of_is_to_be_mended(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    """In the words of `forebay.start`."""
    monkeypatch.setenv(variable, value)
    assert main(["doctor"]) == 1
    (line, *_) = (line for line in capsys.readouterr().out.splitlines() if told in line)
    assert line.startswith(f"fail  variable     {variable}")


def test_a_directory_that_cannot_be_written_is_told(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For records and for the ledger."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOREBAY_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setenv("FOREBAY_RUN_DIR", str(tmp_path / "file" / "below"))
    code, found = examine(capsys)
    assert code == 1
    assert (found["destination"]["state"], found["ledger"]["state"]) == ("fail", "fail")


@pytest.mark.parametrize(
    ("limit", "state", "text"),
    [
        (None, "ok", "no container's limit; 48 MiB a process"),
        (1 << 30, "ok", "the container's limit is 1,024 MiB; 20 a process, 2 % of it"),
        (32 << 20, "fail", "the container's limit is 32 MiB; 8 a process, 25 % of it"),
    ],
)
def test_the_containers_limit_is_the_cores(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, limit: int | None, state: str, text: str
) -> None:
    """Against what a process takes by default."""
    monkeypatch.setattr(_core, "container_memory_limit", lambda: limit)
    found = examine(capsys)[1]["memory"]
    assert (found["state"], found["text"]) == (state, text)


def test_the_core_reads_this_machines_limit() -> None:
    """What cgroup v2 says of this process, where it is not in a group below another's limit."""
    found = _core.container_memory_limit()
    limits = [p.read_text().strip() for p in Path("/sys/fs/cgroup").glob("memory.max")]
    assert found is None or found > 0
    if found is None:
        assert all(text == "max" for text in limits)


# -- what is in force -----------------------------------------------------------------------------


def settings(capsys: Capture, *arguments: str) -> list[str]:
    """Of the options, what is in force and where it came from."""
    return [c["text"] for c in findings(capsys, *arguments)[1] if c["subject"] == "setting"]


def test_every_setting_is_shown_with_where_it_came_from(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Values in the units of the options; of headers the names alone."""
    monkeypatch.setattr(_core, "container_memory_limit", lambda: None)
    (tmp_path / "ca.pem").write_text("")
    for name, value in {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:secret@127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret,tenant=secret",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem"),
        "OTEL_BLRP_SCHEDULE_DELAY": "250",
        "OTEL_METRIC_EXPORT_INTERVAL": "30000",
    }.items():
        monkeypatch.setenv(name, value)
    assert settings(capsys) == [
        "endpoint = http://127.0.0.1:9 (environment: OTEL_EXPORTER_OTLP_ENDPOINT)",
        "headers = api-key, tenant (environment: OTEL_EXPORTER_OTLP_HEADERS)",
        "timeout = 2.5 s (environment: OTEL_EXPORTER_OTLP_LOGS_TIMEOUT)",
        "compression = zstd (default)",
        f"ca_file = {tmp_path / 'ca.pem'} (environment: OTEL_EXPORTER_OTLP_CERTIFICATE)",
        "batch.max_records = 8,192 (default)",
        "batch.max_bytes = 4 MiB (default)",
        "batch.max_delay = 0.25 s (environment: OTEL_BLRP_SCHEDULE_DELAY)",
        "metrics.interval = 30 s (environment: OTEL_METRIC_EXPORT_INTERVAL)",
        "metrics.temporality = cumulative (default)",
        "memory_limit = 48 MiB (default)",
        "console = auto, which here shows nothing (default)",
    ]


def test_without_a_destination_its_settings_are_not_in_force(capsys: Capture) -> None:
    """Local files have none from the environment."""
    assert [text.partition(" = ")[0] for text in settings(capsys)] == [
        "batch.max_records",
        "batch.max_bytes",
        "batch.max_delay",
        "metrics.interval",
        "metrics.temporality",
        "memory_limit",
        "console",
    ]
    assert settings(capsys, "--endpoint", "http://127.0.0.1:9")[0] == (
        "endpoint = http://127.0.0.1:9 (--endpoint)"
    )


@pytest.mark.parametrize("choice", ["console", "none"])
def test_the_console_alone_has_no_view_beside_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """Nor has nothing at all."""
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", choice)
    assert not any(text.startswith("console") for text in settings(capsys))


def test_the_defaults_that_are_shown_are_those_of_the_options_page(capsys: Capture) -> None:
    """Which is held against the core."""
    page = (ROOT / "docs" / "options.md").read_text()
    shown = re.findall(r"batch[.](\w+) = (.*) \(default\)", "\n".join(settings(capsys)))
    assert len(shown) == 3
    for name, value in shown:
        (row,) = (row for row in page.splitlines() if f"| `batch.{name}` |" in row)
        assert row.split("|")[3].strip() == value.replace(",", "")


@pytest.mark.parametrize(("free", "state"), [(3 << 20, "fail"), (5 << 20, "ok")])
def test_the_ledgers_need_room_of_their_own(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, state: str
) -> None:
    """They are often on another disk than records, a small one in memory."""
    monkeypatch.setattr(
        shutil, "disk_usage", lambda place: SimpleNamespace(free=free if place == tmp_path else 0)
    )
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "console")
    found = examine(capsys)[1]
    assert found["ledger disk"]["state"] == state, found["ledger disk"]
    assert f"{free >> 20} MiB free" in found["ledger disk"]["text"]
    assert "disk" not in found


def test_without_a_receiver_the_clock_cannot_be_told(capsys: Capture) -> None:
    """There is nothing to hold it against."""
    found = examine(capsys)[1]
    assert found["clock"]["state"] == "note"
    assert "cannot be told" in found["clock"]["text"]
