"""``forebay doctor`` as the tests of it call it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from forebay import _warnings
from forebay.cli import main

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]


def clean(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """No variable of anybody's, and places of this test's own."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "FOREBAY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FOREBAY_RUN_DIR", str(directory / "run"))
    monkeypatch.setenv("FOREBAY_DIR", str(directory / "records"))
    _warnings._said.clear()


def findings(capsys: Capture, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and all findings."""
    code = main(["doctor", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is (code == 0)
    return code, found["checks"]


def examine(capsys: Capture, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the last finding of each subject."""
    code, found = findings(capsys, *arguments)
    return code, {check["subject"]: check for check in found}
