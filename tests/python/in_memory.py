"""Collectors for tests: one that keeps what it delivers, and scripts in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import forebay
from forebay.testing import LogRecord


class InMemory:
    """A collector with a `MemoryExporter`, read after a flush."""

    def __init__(self, **options: Any) -> None:
        self.exporter = forebay.MemoryExporter()
        options.setdefault("service_name", "test")
        self.collector = forebay.Collector(exporter=self.exporter, **options)
        self.log = self.collector.logger("test", level="TRACE")

    def records(self) -> list[LogRecord]:
        """Everything delivered since the last call."""
        receipt = self.collector.flush(timeout=30)
        assert receipt.complete
        records = self.exporter.records()
        self.exporter.clear()
        return records

    def scopes(self) -> set[str]:
        """The loggers of everything delivered since the last `records`."""
        assert self.collector.flush(timeout=30).complete
        return {scope.name for logs in self.exporter.resource_logs() for scope, _ in logs.records()}

    def record(self) -> LogRecord:
        """The one record delivered since the last call."""
        records = self.records()
        assert len(records) == 1, records
        return records[0]


@contextmanager
def in_memory(**options: Any) -> Iterator[InMemory]:
    """An `InMemory`, which is shut down and audited at the end."""
    made = InMemory(**options)
    try:
        yield made
    finally:
        made.collector.shutdown(timeout=30)
        audit = made.collector.audit()
        assert audit.balanced, audit
        assert made.collector.stats().difference == 0


def run_python(
    source: str,
    *arguments: str,
    timeout: float = 60,
    environment: dict[str, str] | None = None,
    expect: int = 0,
    before: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, and check how it ended.

    ``before``: a command that is to start it.
    """
    done = subprocess.run(
        [*before, sys.executable, "-c", textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    assert done.returncode == expect, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def start_python(source: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a script in a process of its own, with pipes to and from it."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
