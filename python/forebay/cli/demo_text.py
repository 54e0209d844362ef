"""Real log text for the demonstration: the machine's own package log, or the user's file."""

from __future__ import annotations

import glob
import logging
import os
from dataclasses import dataclass
from pathlib import Path

_CANDIDATES = ("/var/log/dpkg.log*", "/var/log/apt/history.log*", "/var/log/apt/term.log*")
_MOST_BYTES = 8 << 20


@dataclass(frozen=True)
class Text:
    """Lines with where they come from."""

    lines: list[str]
    source: str
    generated: bool = False


def read_text(chosen: str | None) -> Text:
    """The lines of the file that was chosen, else of the package logs, else made-up ones.

    Raises:
        OSError: the chosen file cannot be read.
        ValueError: it has no line of text.
    """
    if chosen is not None:
        lines = _lines_of(Path(chosen))
        if not lines:
            raise ValueError("no line of text in it")
        return Text(lines, chosen)
    lines, sources = [], []
    for pattern in _CANDIDATES:
        for path in sorted(glob.glob(pattern)):
            if path.endswith((".gz", ".xz", ".zst")):
                continue
            try:
                found = _lines_of(Path(path))
            except OSError:
                continue
            if found:
                lines += found
                sources.append(path)
    if lines:
        return Text(lines, ", ".join(sources))
    return Text(_generated(), "generated text (no package log can be read here)", generated=True)


def _lines_of(path: Path) -> list[str]:
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES)
    return [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]


def _generated() -> list[str]:
    actions = ("configure", "unpack", "status installed", "status half-installed", "upgrade")
    return [
        f"{i:06} {action} package-{i % 97}:amd64 {i % 7}.{i % 13}-{os.getpid() % 10}"
        for i in range(2000)
        for action in actions
    ]


def level_of(line: str) -> int:
    """A level that the text itself suggests, as a number of `logging`."""
    lowered = line.lower()
    if "error" in lowered or "fail" in lowered:
        return logging.ERROR
    if "warn" in lowered or "half-" in lowered or "remove" in lowered:
        return logging.WARNING
    return logging.INFO
