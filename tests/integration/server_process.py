"""A real server with an HTTP API as a process of the test: Prometheus, VictoriaMetrics."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.integration.otelcol_process import free_addresses
from tests.waiting import wait_until

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0


class Server:
    """On a free loopback port.

    Args:
        command: ``{address}`` in it is where it is to listen.
        ready: A path that answers 200 when it is.
        folder: For its log.
    """

    def __init__(self, command: Sequence[str], ready: str, folder: Path) -> None:
        self._command = command
        self._ready = ready
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def start(self) -> None:
        """Return when it is ready. Somebody may take the port first: then others are tried."""
        attempts = 3
        for attempt in range(1, attempts + 1):
            (self.address,) = free_addresses(1)
            if self._launch():
                return
            said = self._log.read_text(errors="replace")
            if attempt == attempts or "address already in use" not in said:
                raise RuntimeError(
                    f"{self._command[0]} did not get ready; it said:\n{said[-4000:]}"
                )

    def _launch(self) -> bool:
        command = [part.replace("{address}", self.address) for part in self._command]
        with self._log.open("wb") as log:
            process = self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(lambda: process.poll() is not None or self._is_ready(), READY_TIMEOUT)
        if process.poll() is None and self._is_ready():
            return True
        process.kill()
        process.wait(STOP_TIMEOUT)
        return False

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_TIMEOUT)

    def get(self, path: str, **parameters: str) -> str:
        """What it answers."""
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            body: bytes = answer.read()
        return body.decode()

    def json(self, path: str, **parameters: str) -> Any:
        """The same, of JSON."""
        return json.loads(self.get(path, **parameters))

    def _is_ready(self) -> bool:
        try:
            self.get(self._ready)
        except (OSError, urllib.error.URLError):
            return False
        return True
