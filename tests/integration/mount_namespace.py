"""Processes with mounts of their own: small disks and read-only roots."""

from __future__ import annotations

import os
import subprocess

import pytest


def in_namespace(mounts: str, command: list[str]) -> list[str]:
    """A command for a mount namespace; in a user namespace, too, where we are not root."""
    way = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "-Urm"]
    need(way, "a mount namespace")
    return [*way, "sh", "-c", f'{mounts} && exec "$@"', "sh", *command]


def need(command: list[str], what: str) -> None:
    """Skip where the system does not let us, as inside most containers."""
    tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no {what} here: {tried.stderr.strip()}")


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {k: os.environ[k] for k in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if k in os.environ}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**kept, **environment}, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done
