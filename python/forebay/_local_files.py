"""Where records go when nothing else was said: files of the user's own."""

from __future__ import annotations

import contextlib
import os
import sys


def fallback_service_name() -> str:
    """What OpenTelemetry calls a service that nobody named."""
    return f"unknown_service:{os.path.basename(sys.executable or 'python')}"


def default_directory(service_name: str | None) -> str | None:
    """``$FOREBAY_DIR``, else ``forebay/<service>`` under the user's state directory.

    Returns:
        None where the user has no home either.
    """
    chosen = os.environ.get("FOREBAY_DIR")
    if chosen:
        return os.path.abspath(chosen)
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # "relative paths are invalid and to be ignored", says XDG
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    return os.path.join(state, "forebay", _file_name(service_name or fallback_service_name()))


def can_be_written(directory: str) -> bool:
    """Whether files can be made there. It is tried, and what was made for that is removed again.

    Modes and `os.access` are not enough: root may write everywhere, and yet not in /proc.
    """
    for _ in range(_TRIALS):
        try:
            _try_to_write(directory)
        except FileNotFoundError:
            continue
        except OSError:
            return False
        return True
    return False


# Where several processes try the same directory at once, one may remove what another just found.
_TRIALS = 5


def _try_to_write(directory: str) -> None:
    made: list[str] = []
    try:
        for path in _missing(directory):
            try:
                os.mkdir(path, 0o700)
                made.append(path)
            except FileExistsError:
                if not os.path.isdir(path):
                    raise
        file = os.path.join(directory, f".trial-{os.getpid()}")
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        os.unlink(file)
    finally:
        for path in reversed(made):
            with contextlib.suppress(OSError):  # somebody has written there meanwhile
                os.rmdir(path)


def _missing(directory: str) -> list[str]:
    """It and those above it that are not there, the uppermost first."""
    found: list[str] = []
    path = directory
    while path and not os.path.isdir(path):
        found.append(path)
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    return found[::-1]


def _file_name(service_name: str) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in service_name)
    return name.lstrip(".")[:100] or "_"
