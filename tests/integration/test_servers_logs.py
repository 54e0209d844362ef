"""The logs of real servers, and SIGTERM as orchestrators send it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest

from forebay._stats_file import list_stats_files, read_stats_file
from forebay.testing import Receiver
from tests.integration.gunicorn_process import Gunicorn
from tests.waiting import wait_until


def bodies(receiver: Receiver, scope: str) -> list[str]:
    """Of the records of one logger."""
    return [str(r.record.body) for r in receiver.records() if r.scope.name == scope]


def started(source: str, receiver: Receiver) -> subprocess.Popen[str]:
    """A program that finds the receiver in its arguments."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), receiver.endpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


UVICORN = """
    import sys
    import uvicorn
    import forebay

    forebay.start(
        service_name="served", exporter=forebay.OtlpHttpExporter(sys.argv[1]), console="off",
        install_sigterm=True,
    )
    log = forebay.get_logger("app")

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        log.info("served")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, port=0, log_config=forebay.uvicorn_log_config(), lifespan="off")
    server = uvicorn.Server(config)
    original = server.startup

    async def startup(sockets=None):
        await original(sockets)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)

    server.startup = startup
    server.run()
"""


def test_uvicorns_logs_come_in_and_sigterm_loses_nothing(receiver: Receiver) -> None:
    """Each record once; the last one that uvicorn writes has arrived, too."""
    process = started(UVICORN, receiver)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    for _ in range(3):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/x", timeout=10).close()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM), (out, err)
    access = bodies(receiver, "uvicorn.access")
    assert len(access) == 3
    assert all(re.search(r'"GET /x HTTP/1.1" 204', line) for line in access)
    said = bodies(receiver, "uvicorn.error")
    assert any(line.startswith("Started server process") for line in said)
    assert any(line.startswith("Finished server process") for line in said)
    assert bodies(receiver, "app") == ["served"] * 3
    assert not any("color_message" in r.record.attributes for r in receiver.records())


@pytest.mark.parametrize("own_handler", [False, True])
def test_sigterm_delivers_what_is_held(receiver: Receiver, own_handler: bool) -> None:
    """The process ends by the signal, as it would have; or the handler that was there goes on."""
    process = started(
        f"""
        import signal, sys, time
        import forebay

        if {own_handler}:
            def handler(number, frame):
                log.info("in the application's handler")
                sys.exit(7)
            signal.signal(signal.SIGTERM, handler)
        forebay.start(
            service_name="ends", exporter=forebay.OtlpHttpExporter(sys.argv[1]), console="off",
            batch=forebay.BatchOptions(max_delay=60), install_sigterm=True,
        )
        log = forebay.get_logger("app")
        for n in range(100):
            log.info("held", n=n)
        print("ready", flush=True)
        while True:
            time.sleep(1)
        """,
        receiver,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (7 if own_handler else -signal.SIGTERM), err
    expected = ["held"] * 100 + (["in the application's handler"] if own_handler else [])
    assert sorted(bodies(receiver, "app")) == sorted(expected)


IMPORTED = """
import logging, os, threading, time
import forebay

forebay.start(
    service_name="imported", exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"]),
    capture_logging="INFO", console="off", install_sigterm=True,
)
log = logging.getLogger("app")
# Nobody waits for it: SIGTERM ends the process.
threading.Thread(target=time.sleep, args=(60,)).start()

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    while True:
        stage = (await receive())["type"]
        log.info(stage)
        await send({"type": stage + ".complete"})
        if stage == "lifespan.shutdown":
            return
"""


def test_what_is_logged_while_uvicorn_stops_arrives_where_it_imports_the_application(
    tmp_path: Path, receiver: Receiver
) -> None:
    """It puts the system's handler back and raises the signal again, which ends the process."""
    (tmp_path / "imported.py").write_text(IMPORTED)
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "imported:app", "--port", "0", "--lifespan", "on"],
        cwd=tmp_path,
        env={**os.environ, "RECEIVER": receiver.endpoint, "FOREBAY_RUN_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "running on" not in (line := process.stderr.readline()):
        assert line, process.wait(10)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM, err
    assert time.monotonic() - began < 20, "it waited for a thread that the signal would have ended"
    assert bodies(receiver, "app") == ["lifespan.startup", "lifespan.shutdown"]
    (ledger,) = map(read_stats_file, list_stats_files(tmp_path))
    assert ledger.balanced
    assert ledger.numbers["held"] == 0


def test_the_applications_handler_sees_each_sigterm(receiver: Receiver) -> None:
    """The second is often the order to stop at once; and children are born as they would be."""
    process = started(
        """
        import os, signal, subprocess, sys, time
        import forebay

        seen = []
        signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
        forebay.start(
            service_name="ends", exporter=forebay.OtlpHttpExporter(sys.argv[1]), console="off",
            install_sigterm=True,
        )
        log = forebay.get_logger("app")
        print("ready", flush=True)
        for told in (1, 2):
            while len(seen) < told:
                time.sleep(0.01)
            print(told, flush=True)
        child = os.fork()
        if not child:
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
            os._exit(signal.SIGTERM in blocked)
        assert os.waitpid(child, 0)[1] == 0
        log.info("stopped")
        """,
        receiver,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for number in (1, 2):
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == f"{number}\n"
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert bodies(receiver, "app") == ["stopped"]


APPLICATION = """
import os
import forebay

def post_fork():
    forebay.start(
        service_name="served", exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"]),
        console="off",
    )

def application(environ, start_response):
    forebay.get_logger("app").info("served")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""


def test_gunicorns_logs_come_in_by_its_logger_class(tmp_path: Path, receiver: Receiver) -> None:
    """The access log as records with attributes; what the master says stays on standard error."""
    server = Gunicorn(
        tmp_path,
        APPLICATION,
        {"RECEIVER": receiver.endpoint},
        workers=1,
        arguments=["--logger-class", "forebay.gunicorn.Logger", "--access-logfile", "-"],
        settings="def post_worker_init(worker):\n"
        "    import served_application\n    served_application.post_fork()\n",
    )
    try:
        server.wait_for_boots(1)
        assert wait_until(lambda: server.ask("/orders/1").status == 200, timeout=20)
        server.end()
    finally:
        server.kill()
    (access,) = [r.record for r in receiver.records() if r.scope.name == "gunicorn.access"]
    assert access.body == "GET /orders/1 200"
    assert access.attributes["http.response.status_code"] == 200
    assert access.attributes["url.path"] == "/orders/1"
    assert isinstance(access.attributes["http.server.request.duration"], float)
    assert bodies(receiver, "app") == ["served"]
    assert any(line.startswith("Worker exiting") for line in bodies(receiver, "gunicorn.error"))
    assert server.said("Listening at")
