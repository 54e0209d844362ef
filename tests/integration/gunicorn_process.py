"""A real gunicorn, on a free port, with an application that a test writes down."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay._stats_file import StatsFile, list_stats_files, read_stats_file
from tests.waiting import wait_until


@dataclass(frozen=True)
class Answer:
    """Of one request."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class Gunicorn:
    """gunicorn in the folder of a test.

    Its application finds ``RUN_DIR`` taken care of, and ``AUDITS``, a folder for a file of JSON by
    each process.

    Args:
        folder: Where everything of it goes.
        application: Source of the module, with a function ``application``.
        environment: Beside the test's own.
        workers: How many processes.
        arguments: More for the command line.
        settings: Of its configuration file.
    """

    def __init__(
        self,
        folder: Path,
        application: str,
        environment: Mapping[str, str],
        *,
        workers: int,
        arguments: Sequence[str] = (),
        settings: str = "",
    ) -> None:
        (folder / "served_application.py").write_text(application)
        self.run_directory, self.audits = folder / "run", folder / "audits"
        self.audits.mkdir()
        self._log = folder / "gunicorn.log"
        command = [sys.executable, "-m", "gunicorn", "--workers", str(workers), *arguments]
        command += ["--bind", "127.0.0.1:0", "--chdir", str(folder)]
        # In a file, where versions that do not know it pass it over: no socket in the user's home.
        (folder / "settings.py").write_text(f"control_socket_disable = True\n{settings}")
        command += ["--config", str(folder / "settings.py")]
        command += ["--worker-tmp-dir", str(folder), "served_application"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "FOREBAY_RUN_DIR": str(self.run_directory),
                    "AUDITS": str(self.audits),
                    **environment,
                },
            )

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def said(self, pattern: str) -> list[str]:
        """What matches in that."""
        return re.findall(pattern, self.log())

    def wait_for_boots(self, count: int) -> None:
        """Until so many workers have been started."""

        def booted() -> bool:
            assert self.process.poll() is None, self.log()
            return len(self.said(r"Booting worker with pid: (\d+)")) >= count

        assert wait_until(booted, timeout=30), self.log()

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """Ask once, on a connection of its own."""
        (port,) = self.said(r"Listening at: http://127\.0\.0\.1:(\d+)")
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def end(self) -> None:
        """SIGTERM; it must end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log()

    def kill(self) -> None:
        """Where a test has not ended it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def ledgers(self) -> dict[int, StatsFile]:
        """The stats file of each process that counted anything, by pid."""
        files = [read_stats_file(path) for path in list_stats_files(self.run_directory)]
        by_pid = {file.pid: file for file in files}
        assert len(by_pid) == len(files)
        return by_pid

    def read_audits(self) -> dict[int, dict[str, Any]]:
        """What each process wrote down at its end, by pid."""
        return {int(path.name): json.loads(path.read_text()) for path in self.audits.iterdir()}
