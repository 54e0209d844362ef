"""Where records go when nothing else was said: files of the user's own."""

from __future__ import annotations

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
    """Whether files can be made there, without making any."""
    path = directory
    while not os.path.lexists(path):
        parent = os.path.dirname(path)
        if parent == path:
            return False
        path = parent
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)


def _file_name(service_name: str) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in service_name)
    return name.lstrip(".")[:100] or "_"
