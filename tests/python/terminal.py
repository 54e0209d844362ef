"""The command line in a terminal: a pseudoterminal, and what was sent to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager


def forebay_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "forebay", *arguments]


def read_until(descriptor: int, pattern: str, seconds: float = 20.0) -> str:
    """What a terminal was sent, up to the pattern."""
    text = ""
    end = time.monotonic() + seconds
    while re.search(pattern, text) is None:
        assert time.monotonic() < end, text
        if select.select([descriptor], [], [], 0.2)[0]:
            text += os.read(descriptor, 65536).decode()
    return text


@contextmanager
def in_terminal(
    columns: int, *command: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A program in a terminal of so many columns: its other end, and the program."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**kept, "TERM": "xterm-256color", **(environment or {})},
    )
    os.close(theirs)
    try:
        yield ours, process
    finally:
        process.kill()
        process.wait()
        os.close(ours)
