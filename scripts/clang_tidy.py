"""Runs clang-tidy over cpp/src, two folders at once, and again only over what has changed.

A folder's files are looked at as the one that FOREBAY_UNITY makes of them: what they include takes
most of the time, and is read once. A folder counts as unchanged while its preprocessed text with
comments, the checks and clang-tidy are the same as when it was last found clean: .cache/clang-tidy
holds an empty file for each such state.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = "forebay_core.dir"  # the target of cpp/src
BUILD = ROOT / "build" / "asan"  # a clang build: gcc's flags would be unknown to clang-tidy
CLEAN = ROOT / ".cache" / "clang-tidy"
# Its own headers come from clang 14 too; a sanitizer changes nothing that a check looks at.
DROP = ("-fsanitize=", "-fno-sanitize-recover=")
# Each line of the file that is made is one.
ARGUMENTS = (
    "--quiet",
    "--checks=-bugprone-suspicious-include",
    f"--config-file={ROOT}/.clang-tidy",
)


def state_of(entry: dict[str, str], salt: bytes) -> str:
    """A name for what clang-tidy would look at for this folder."""
    words = [word for word in shlex.split(entry["command"]) if not word.startswith(DROP)]
    if os.path.basename(words[0]) == "ccache":
        words = words[1:]
    output = words.index("-o")
    del words[output : output + 2]
    text = subprocess.run(
        [*words, "-E", "-P", "-CC"], cwd=entry["directory"], stdout=subprocess.PIPE, check=True
    ).stdout
    return hashlib.sha256(salt + text).hexdigest()


def check(entry: dict[str, str], salt: bytes) -> str:
    """What clang-tidy has to say about the folder; nothing when it is clean."""
    state = CLEAN / state_of(entry, salt)
    if state.exists():
        return ""
    run = subprocess.run(
        ["clang-tidy", *ARGUMENTS, "-p", str(BUILD), entry["file"]],
        capture_output=True,
        text=True,
    )
    if run.returncode == 0:
        state.touch()
        return ""
    return run.stdout + run.stderr


def main() -> int:
    entries = [
        entry
        for entry in json.loads((BUILD / "compile_commands.json").read_text())
        if {CORE, "Unity"} <= set(Path(entry["file"]).parts)
    ]
    if not entries:
        print(f"no folder of cpp/src is in {BUILD}/compile_commands.json", file=sys.stderr)
        return 1
    CLEAN.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        reports = [r for r in pool.map(lambda entry: check(entry, salt), entries) if r]
    sys.stdout.writelines(reports)
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main())
