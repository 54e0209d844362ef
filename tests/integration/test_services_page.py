"""docs/services.md: its files, written down and run by the frameworks that they are for."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from forebay._stats_file import list_stats_files, read_stats_file
from forebay.testing import Receiver
from tests.ports import free_port
from tests.waiting import wait_until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "services.md"
FILE = re.compile(r"^```python\n# ([a-z_/]+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


GUNICORN = ("gunicorn", "--preload", "--logger-class", "forebay.gunicorn.Logger")


@pytest.fixture
def environment(receiver: Receiver, tmp_path: Path) -> dict[str, str]:
    """A folder with all files of the page, and what a service in it needs."""
    for name, content in FILE.findall(PAGE.read_text()):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "run").mkdir(mode=0o700)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.getenv("PYTHONPATH")])),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "FOREBAY_RUN_DIR": str(tmp_path / "run"),
    }


@contextmanager
def running(
    command: Sequence[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the folder, stopped by SIGTERM; its ledgers balance then."""
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, cwd=folder, stdout=log, stderr=log
        )
        try:
            yield server
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        finally:
            server.kill()
            server.wait()
    for path in list_stats_files(folder / "run"):
        ledger = read_stats_file(path)
        assert (ledger.state, ledger.balanced, ledger.numbers["held"]) == ("ended", True, 0)


def can_connect(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def check_one_request(receiver: Receiver, path: str, route: str) -> None:
    """The endpoint's record has what the middleware bound, and the request has one of its own."""
    records = receiver.records()
    (looked_up,) = (r.record for r in records if r.record.body == "order looked up")
    assert looked_up.attributes["number"] == 7
    assert looked_up.attributes["url.path"] == path
    finished = [r.record for r in records if "http.response.status_code" in r.record.attributes]
    (of_path,) = (r for r in finished if r.attributes["url.path"] == path)
    assert of_path.attributes["http.route"] == route
    assert {r.resource["service.name"] for r in records} == {"shop"}


@pytest.mark.parametrize(
    ("command", "route"),
    [
        (["uvicorn", "fastapi_shop:app", "--no-access-log", "--port"], "/orders/{number}"),
        ([*GUNICORN, "django_shop.wsgi", "--bind"], "/orders/<int:number>"),
        ([*GUNICORN, "flask_shop:app", "--bind"], "/orders/<int:number>"),
    ],
    ids=["fastapi", "django", "flask"],
)
def test_a_service_of_the_page_reports_its_requests(
    receiver: Receiver, environment: dict[str, str], tmp_path: Path, command: list[str], route: str
) -> None:
    port = free_port()
    address = str(port) if command[0] == "uvicorn" else f"127.0.0.1:{port}"
    with running([*command, address], environment, tmp_path):
        url = f"http://127.0.0.1:{port}/orders/7"
        assert wait_until(lambda: can_connect(port), 30), (tmp_path / "log").read_text()
        assert json.loads(fetch(url)) == {"number": 7}
    check_one_request(receiver, "/orders/7", route)


def mails(receiver: Receiver) -> list[object]:
    records = (r.record for r in receiver.records())
    return [record.attributes["order"] for record in records if record.body == "mail sent"]


def test_the_worker_of_the_page_reports_its_tasks(
    receiver: Receiver, environment: dict[str, str], tmp_path: Path
) -> None:
    for name in ("q", "control"):
        (tmp_path / name).mkdir()
    with (tmp_path / "celery_shop.py").open("a") as file:
        file.write(
            f"app.conf.broker_transport_options = {{'data_folder_in': '{tmp_path}/q',"
            f" 'data_folder_out': '{tmp_path}/q', 'control_folder': '{tmp_path}/control'}}\n"
        )
    send = "from celery_shop import send_mail; send_mail.delay(7)"
    subprocess.run([sys.executable, "-c", send], env=environment, cwd=tmp_path, check=True)
    command = ["celery", "-A", "celery_shop", "worker", "-l", "INFO", "--concurrency", "1"]
    with running(command, environment, tmp_path):
        assert wait_until(lambda: mails(receiver) == [7], 30), (tmp_path / "log").read_text()
