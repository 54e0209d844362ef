"""Runs cpython_logging.py: CPython's tests of `logging`, with our handler."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def has_tests() -> bool:
    """Debian has them in a package (libpython3.11-testsuite); other builds mostly bring them."""
    try:
        return importlib.util.find_spec("test.test_logging") is not None
    except ModuleNotFoundError:  # not even their package
        return False


@pytest.mark.skipif(not has_tests(), reason="this Python comes without its own tests")
def test_cpythons_tests_pass_with_our_handler() -> None:
    """All that apply; none is skipped."""
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-v", "tests.python.cpython_logging"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran is not None
    assert int(ran[1]) >= 60, done.stderr
    assert "skipped" not in done.stderr, done.stderr
