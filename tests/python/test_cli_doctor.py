"""``forebay doctor``: each finding, with a real receiver and without."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay import _core
from forebay.cli import main
from forebay.testing import Receiver

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    from forebay import _warnings

    for name in list(os.environ):
        if name.startswith(("OTEL_", "FOREBAY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FOREBAY_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("FOREBAY_DIR", str(tmp_path / "records"))
    _warnings._said.clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def examine(capsys: Capture, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the last finding of each subject."""
    code = main(["doctor", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is (code == 0)
    return code, {check["subject"]: check for check in found["checks"]}


def test_without_an_endpoint_local_files_are_fine(capsys: Capture, tmp_path: Path) -> None:
    """And nothing was made to find that out."""
    code, found = examine(capsys)
    assert code == 0
    assert found["destination"]["text"] == f"local files in {tmp_path / 'records'}"
    assert found["service"]["state"] == "note"
    assert list(tmp_path.iterdir()) == []


def test_a_receiver_that_is_well_is_reached(capsys: Capture, receiver: Receiver) -> None:
    """Name, connection, an empty batch and zstd; no record arrives."""
    code, found = examine(capsys, "--endpoint", receiver.endpoint)
    assert code == 0
    for subject in ("name", "connection", "empty batch", "zstd"):
        assert found[subject]["state"] == "ok", found[subject]
    assert receiver.counts().records == 0


def test_what_the_receiver_refuses_is_told(capsys: Capture, receiver: Receiver) -> None:
    """zstd costs no more than a note; a missing token does."""
    receiver.refuse_codec("zstd")
    code, found = examine(capsys, "--endpoint", receiver.endpoint)
    assert (code, found["zstd"]["state"]) == (0, "note")
    receiver.fail(401, times=1)
    code, found = examine(capsys, "--endpoint", receiver.endpoint)
    assert code == 1
    assert "401" in found["empty batch"]["text"]
    assert "OTEL_EXPORTER_OTLP_HEADERS" in found["empty batch"]["mend"]


@pytest.mark.parametrize(("off", "state"), [(0, "ok"), (-3600, "fail"), (3600, "fail")])
def test_clocks_are_compared(capsys: Capture, off: int, state: str) -> None:
    """By the Date of the answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + off)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        _, found = examine(capsys, "--endpoint", f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()
    assert found["clock"]["state"] == state, found["clock"]
    if off:
        assert ("behind" if off > 0 else "ahead") in found["clock"]["text"]


def test_nobody_there_is_told(capsys: Capture) -> None:
    """With what to look at."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    code, found = examine(capsys, "--endpoint", f"http://127.0.0.1:{port}")
    assert (code, found["connection"]["state"]) == (1, "fail")
    assert "4318" in found["connection"]["mend"]
    code, found = examine(capsys, "--endpoint", "http://no-such-host.invalid:4318")
    assert (code, found["name"]["state"]) == (1, "fail")


def test_a_certificate_that_nobody_vouches_for_is_told(capsys: Capture, tmp_path: Path) -> None:
    """Here there is not even TLS at the other end."""
    with Receiver() as receiver:
        url = receiver.endpoint.replace("http://", "https://")
        code, found = examine(capsys, "--endpoint", url)
    assert (code, found["TLS"]["state"]) == (1, "fail")
    assert "ca_file" in found["TLS"]["mend"]


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
