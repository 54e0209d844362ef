"""The virtual environment of the peers, and where the measured ``forebay`` comes from."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".cache" / "bench-venv"
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def _lines() -> list[str]:
    lines = (line.strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def make() -> dict[str, str]:
    """Make the environment where it is not there yet; returns what could not be installed, and why.

    One line of the requirements at a time, so that one peer without a wheel takes no other along.
    """
    stamp = ENVIRONMENT / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return {}
    print(f"bench: making {ENVIRONMENT.relative_to(ROOT)} with the peers", flush=True)
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    failed: dict[str, str] = {}
    for line in _lines():
        done = subprocess.run(
            [str(python()), "-m", "pip", "install", "--quiet", "--only-binary=:all:", line],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            failed[line] = last_line(done.stderr)
    if not failed:
        stamp.write_text(wanted)
    return failed


def python() -> pathlib.Path:
    return ENVIRONMENT / "bin" / "python"


def _package_folder() -> pathlib.Path:
    """The running interpreter's ``forebay``, else the source tree's."""
    spec = importlib.util.find_spec("forebay")
    if spec is not None and spec.origin is not None:
        return pathlib.Path(spec.origin).resolve().parent
    return ROOT / "python" / "forebay"


def variables() -> dict[str, str]:
    """The environment variables of a subject's process: it finds ``forebay`` and nothing else of
    the interpreter that runs us."""
    links = ENVIRONMENT / "forebay-only"
    links.mkdir(exist_ok=True)
    link = links / "forebay"
    link.unlink(missing_ok=True)
    link.symlink_to(_package_folder())
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOREBAY_", "OTEL_"))}
    return {**kept, "PYTHONPATH": str(links)}
