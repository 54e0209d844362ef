"""Destinations of the benchmarks: each a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import json
import pathlib
import socket
import subprocess
import sys
import urllib.request
from types import TracebackType

MODES = ("up", "down", "hang", "reset")


class Destination:
    """``up`` takes everything, ``down`` refuses connections, ``hang`` never answers, ``reset``
    resets each connection. Use it as a context manager."""

    def __init__(self, mode: str) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._reserved: socket.socket | None = None
        if mode == "down":
            # Bound and not listening: nobody else can take the port, and every connect is refused.
            self._reserved = socket.socket()
            self._reserved.bind(("127.0.0.1", 0))
            self.port: int = self._reserved.getsockname()[1]
            return
        program = pathlib.Path(__file__).with_name("receiver.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), "--mode", mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/count", timeout=60) as answer:
            counts: dict[str, int] = json.load(answer)
            return counts

    def __enter__(self) -> Destination:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.communicate()
        if self._reserved is not None:
            self._reserved.close()
