"""``forebay doctor``: whether the destination can be reached, with a real receiver and without."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from forebay.cli import main
from forebay.testing import Receiver
from tests.python.doctor_command import Capture, clean, examine
from tests.tls_front import TlsFront, make_certificate, sign


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean(monkeypatch, tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class Answers(http.server.BaseHTTPRequestHandler):
    """Takes everything; a class of a test may say what else."""

    off = 0.0  # s

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def status(self) -> int:
        return 200

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.off)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@contextmanager
def serving(handler: type[Answers]) -> Iterator[str]:
    """A server; its endpoint."""
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


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


# -- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "state"), [(0, "ok"), (-3600, "fail"), (3600, "fail")])
@pytest.mark.parametrize("status", [200, 401])
def test_clocks_are_compared(capsys: Capture, off: int, state: str, status: int) -> None:
    """By the Date of the answer, whatever the answer is."""
    answers = type("Off", (Answers,), {"off": off, "status": lambda _: status})
    with serving(answers) as endpoint:
        _, found = examine(capsys, "--endpoint", endpoint)
    assert found["clock"]["state"] == state, found["clock"]
    if off:
        assert ("behind" if off > 0 else "ahead") in found["clock"]["text"]


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_clock_that_cannot_be_told_is_a_note(capsys: Capture, date: str) -> None:
    """An answer without a date, or with one that is none; or no answer."""
    answers = type("Undated", (Answers,), {"date_time_string": lambda *_: date})
    with serving(answers) as endpoint:
        code, found = examine(capsys, "--endpoint", endpoint)
    assert (code, found["clock"]["state"]) == (0, "note")
    assert "cannot be told" in found["clock"]["text"]
    _, found = examine(capsys, "--endpoint", "http://127.0.0.1:9")
    assert (found["connection"]["state"], found["clock"]["state"]) == ("fail", "note")


# -- who misbehaves -------------------------------------------------------------------------------


def test_a_receiver_that_resets_at_zstd_is_a_finding(capsys: Capture) -> None:
    """It would lose every batch, for gzip takes over only after an answer."""

    class Resets(Answers):
        def do_POST(self) -> None:
            if self.headers["Content-Encoding"] == "zstd":
                self.connection.close()
                return
            super().do_POST()

    with serving(Resets) as endpoint:
        code, found = examine(capsys, "--endpoint", endpoint)
    assert (code, found["empty batch"]["state"], found["zstd"]["state"]) == (1, "ok", "fail")
    assert "OTEL_EXPORTER_OTLP_COMPRESSION=gzip" in found["zstd"]["mend"]
    assert found["clock"]["state"] == "ok"


def test_a_receiver_that_resets_at_once_is_a_finding(capsys: Capture, receiver: Receiver) -> None:
    """At the empty batch already."""
    receiver.cut_before(times=None)
    code, found = examine(capsys, "--endpoint", receiver.endpoint)
    assert (code, found["empty batch"]["state"]) == (1, "fail")


def test_a_name_server_that_does_not_answer_takes_no_longer_than_asked(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own look-up has no limit that one could set."""
    answered = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        answered.wait(60)
        raise OSError("too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    code, found = examine(capsys, "--endpoint", "http://collector:4318", "--timeout", "0.2")
    assert time.monotonic() - begin < 10
    answered.set()
    assert (code, found["name"]["state"]) == (1, "fail")
    assert "no answer within 0.2 s" in found["name"]["text"]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_a_timeout_that_is_none_is_wrong_use(capsys: Capture, seconds: str) -> None:
    """Told in one line."""
    assert main(["doctor", "--timeout", seconds]) == 2
    assert capsys.readouterr().err.startswith("forebay doctor: --timeout: ")


def test_a_name_is_looked_up_once(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """What follows connects to what was found, so that no step waits for a name again."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def count(host: str, *rest: Any, **named: Any) -> Any:
        asked.append(host)
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", count)
    code, found = examine(capsys, "--endpoint", receiver.endpoint.replace("127.0.0.1", "localhost"))
    assert (code, found["zstd"]["state"]) == (0, "ok")
    assert asked == ["localhost"]


def test_a_name_that_is_none_is_a_finding(capsys: Capture) -> None:
    """A label of more than 63 letters cannot even be asked for."""
    code, found = examine(capsys, "--endpoint", f"http://{'x' * 64}.example:4318")
    assert (code, found["name"]["state"]) == (1, "fail")


# -- TLS ------------------------------------------------------------------------------------------


def test_a_certificate_that_is_trusted_is_fine(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, tmp_path: Path
) -> None:
    """By OTEL_EXPORTER_OTLP_CERTIFICATE; the rest goes over TLS, too."""
    certificate = make_certificate(tmp_path, "good", "IP:127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate[0]))
    with TlsFront(receiver, certificate) as front:
        code, found = examine(capsys, "--endpoint", front.endpoint)
        assert code == 0, found
        assert found["TLS"]["state"] == "ok"
        assert str(certificate[0]) in found["TLS"]["text"]
        assert found["TLS"]["text"].startswith("TLSv1.")
        for subject in ("connection", "empty batch", "zstd"):
            assert found[subject]["state"] == "ok", found[subject]
        assert set(front.first_bytes) <= {b"\x16", b""}, (
            "a handshake, or a connection that is tried"
        )


@pytest.mark.parametrize(
    ("wrong", "said", "mend"),
    [
        ("authority", "certificate verify failed", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ("host", "certificate is not valid for", "the name in the endpoint"),
        ("date", "expired", "renewed"),
    ],
)
def test_a_certificate_that_nobody_vouches_for_is_told(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    receiver: Receiver,
    tmp_path: Path,
    wrong: str,
    said: str,
    mend: str,
) -> None:
    """Of an unknown authority, for another host, of the past; each has its own way out."""
    host = "IP:127.0.0.2" if wrong == "host" else "IP:127.0.0.1"
    certificate, key = make_certificate(tmp_path, "wrong", host)
    if wrong == "date":
        sign(tmp_path / "wrong.csr", key, certificate, host, days=-1)
    if wrong != "authority":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate))
    with TlsFront(receiver, (certificate, key)) as front:
        code, found = examine(capsys, "--endpoint", front.endpoint)
    assert (code, found["TLS"]["state"]) == (1, "fail")
    assert said in found["TLS"]["text"]
    assert mend in found["TLS"]["mend"]
    assert "empty batch" not in found
    assert receiver.counts().requests == 0


def test_where_there_is_no_tls_at_the_other_end_that_is_told(
    capsys: Capture, receiver: Receiver
) -> None:
    """No certificate would help."""
    url = receiver.endpoint.replace("http://", "https://")
    code, found = examine(capsys, "--endpoint", url)
    assert (code, found["TLS"]["state"]) == (1, "fail")
    assert "http://" in found["TLS"]["mend"]
