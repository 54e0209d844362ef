#!/usr/bin/env python3
"""Counts the instructions of a call, which are the same on a busy machine as on a quiet one.

    python benchmarks/instructions.py [CASE ...]

Each case runs twice under callgrind, with few calls and with more; the difference is a call's. Only
the calling thread counts. The loop and the interpreter are in it, so that two builds, or two cases,
are to be compared, and not one number with a time. Needs valgrind; the ``forebay`` that is measured
is the running interpreter's, so build it as a wheel is (``pip install .``).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FEW, MORE = 3_000, 9_000

_LOGS = """
log = forebay.get_logger("instructions")
def run(calls):
    for i in range(calls):
        log.{method}("request finished", route="/items/search", status=i, elapsed_ms=1.5)
"""
_INFO = _LOGS.format(method="info")
# What is done before `run`, and `run`.
CASES = {
    "emit_3attrs": _INFO,
    "emit_3attrs_in_context": """
forebay.context(user_id=7, tenant="acme", request_id="0123456789abcdef").__enter__()
"""
    + _INFO,
    "emit_3attrs_sampled": "options['sampling'] = [forebay.SampleRatio(0.5)]\n" + _INFO,
    "emit_3attrs_rate_limit": """
options["lanes"] = [forebay.Lane("default", rate_limit=forebay.RateLimit(1e8, burst=1_000_000))]
"""
    + _INFO,
    "debug_below_level": _LOGS.format(method="debug"),
    "counter_bound": """
add = forebay.counter("instructions").bind({"route": "/x", "method": "GET", "status": 200}).add
def run(calls):
    for _ in range(calls):
        add(1)
""",
    "counter_3attrs": """
add = forebay.counter("instructions").add
def run(calls):
    for _ in range(calls):
        add(1, {"route": "/x", "method": "GET", "status": 200})
""",
    "histogram_bound": """
record = forebay.histogram("instructions").bind({"route": "/x"}).record
def run(calls):
    for i in range(calls):
        record(i)
""",
}
_PROGRAM = """
import os, sys
import forebay
options = {{}}
{case}
forebay.start(exporter=forebay.MemoryExporter(), console="off", **options)
run(int(sys.argv[1]))
os._exit(0)  # the end is another matter
"""


def count(case: str, calls: int, directory: pathlib.Path) -> int:
    """The main thread's instructions, from the beginning of the process."""
    out = directory / "callgrind.out"
    subprocess.run(
        (
            "valgrind", "--quiet", "--tool=callgrind", "--separate-threads=yes",
            f"--callgrind-out-file={out}",
            sys.executable, "-c", _PROGRAM.format(case=CASES[case]), str(calls),
        ),
        check=True,
        cwd=directory,
        # Of the same hashes, dictionaries have the same collisions.
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    totals = re.findall(r"^totals: (\d+)", (directory / "callgrind.out-01").read_text(), re.M)
    return int(totals[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    wanted = parser.parse_args().cases or list(CASES)
    if unknown := [case for case in wanted if case not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed")
    print("| call | instructions |")
    print("| --- | ---: |")
    for case in wanted:
        with tempfile.TemporaryDirectory() as directory:
            few, more = (count(case, calls, pathlib.Path(directory)) for calls in (FEW, MORE))
        print(f"| {case} | {(more - few) / (MORE - FEW):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
