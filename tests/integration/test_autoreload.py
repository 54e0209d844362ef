"""Development servers that start the application anew when its source changes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forebay._stats_file import list_stats_files, read_stats_file
from forebay.testing import Receiver
from tests.ports import free_port
from tests.waiting import wait_until

UVICORN = """
import logging, os
import forebay

forebay.start(
    service_name="reloaded", exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"]),
    capture_logging="INFO", console="off", install_sigterm=True,
)
log = logging.getLogger("app")
VERSION = "1"

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    log.info("served by %s", VERSION)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": VERSION.encode()})
"""

DJANGO = """
import logging, os, sys
import forebay
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

VERSION = "1"
log = logging.getLogger("app")

def view(request):
    log.info("served by %s", VERSION)
    return HttpResponse(VERSION)

urlpatterns = [path("", view)]
settings.configure(
    DEBUG=True, SECRET_KEY="x", ROOT_URLCONF="served", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None,
    INSTALLED_APPS=[], DATABASES={},
)
forebay.start(
    service_name="reloaded", exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"]),
    capture_logging="INFO", console="off", install_sigterm=True,
)
if __name__ == "__main__":
    sys.modules["served"] = sys.modules["__main__"]
    execute_from_command_line(["served.py", "runserver", os.environ["ADDRESS"]])
"""


@contextmanager
def server(
    folder: Path, receiver: Receiver, command: list[str], port: int
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **os.environ,
                "RECEIVER": receiver.endpoint,
                "ADDRESS": f"127.0.0.1:{port}",
                "FOREBAY_RUN_DIR": str(folder / "run"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def ask(port: int) -> str:
    """What it answers; empty while nobody is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except (OSError, urllib.error.URLError):
        return ""


Command = Callable[[int], list[str]]


def uvicorn_command(port: int) -> list[str]:
    arguments = ["--reload", "--port", str(port), "--lifespan", "off"]
    return [sys.executable, "-m", "uvicorn", "served:app", *arguments]


def django_command(port: int) -> list[str]:
    return [sys.executable, "served.py"]


@pytest.mark.parametrize(
    ("source", "command", "end"),
    [
        (UVICORN, uvicorn_command, signal.SIGINT),
        (UVICORN, uvicorn_command, signal.SIGTERM),
        # Not by SIGTERM: Django's reloader answers it with SIGKILL for the process that serves.
        (DJANGO, django_command, signal.SIGINT),
    ],
    ids=["uvicorn-int", "uvicorn-term", "django-int"],
)
def test_a_reload_loses_nothing_and_doubles_nothing(
    tmp_path: Path, receiver: Receiver, source: str, command: Command, end: signal.Signals
) -> None:
    """Both incarnations deliver what they logged; the server ends as it does without Forebay."""
    module = tmp_path / "served.py"
    module.write_text(source)
    port = free_port()
    with server(tmp_path, receiver, command(port), port) as process:
        log = tmp_path / "server.log"
        asked = {"1": 0, "2": 0}

        def answers(version: str) -> bool:
            got = ask(port)
            if got:
                asked[got] += 1
            return got == version

        assert wait_until(lambda: answers("1"), timeout=30), log.read_text()
        module.write_text(source.replace('VERSION = "1"', 'VERSION = "2"'))
        written = module.stat().st_mtime
        for later in range(5, 60, 5):
            # Again, where the reloader had not looked at the file before it was changed.
            os.utime(module, (written + later, written + later))
            if wait_until(lambda: answers("2"), timeout=3):
                break
        assert answers("2")
        os.killpg(process.pid, end)  # as a terminal does, or a supervisor
        process.wait(20)

    ledgers = [read_stats_file(path) for path in list_stats_files(tmp_path / "run")]
    assert len(ledgers) >= 2
    # Django's threads go on serving while the interpreter ends, with Forebay shut down already.
    refused = sum(int(ledger.numbers["refused.shutdown"]) for ledger in ledgers)
    assert refused == 0 or command is django_command
    expected = Counter({f"served by {version}": times for version, times in asked.items()})

    def missing() -> int:
        return (expected - bodies()).total()

    def bodies() -> Counter[str]:
        return Counter(str(r.record.body) for r in receiver.records() if r.scope.name == "app")

    assert wait_until(lambda: missing() <= refused, timeout=10), (bodies(), expected, refused)
    assert bodies() <= expected
    for ledger in ledgers:
        assert ledger.balanced
        assert ledger.numbers["held"] == 0, log.read_text()
    assert not re.findall(r"Traceback", log.read_text()), log.read_text()
