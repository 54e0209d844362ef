#!/usr/bin/env python3
"""Runs the benchmarks and says which gates are met. Method: benchmarks/README.md.

    python benchmarks/run.py [--json FILE] [--only NAME] [--repeats 5] [--write-readme]

NAME is a ratio or figure, or the beginning of some (``cpp``, ``python.emit_3attrs``). A slow figure
never makes this fail; a peer or a part that cannot run is reported as missing, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "python"))

import report  # noqa: E402
from books import Books  # noqa: E402
from command_line import CommandLine  # noqa: E402
from cpp_programs import CppPrograms  # noqa: E402
from python_subjects import PythonSubjects  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=pathlib.Path, help="where the figures are written")
    parser.add_argument("--only", metavar="NAME", help="a name, or the beginning of some")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--write-readme", action="store_true", help="replace the last table in benchmarks/README.md"
    )
    options = parser.parse_args()
    if options.write_readme and options.only is not None:
        parser.error("--write-readme needs the whole run, without --only")
    machine = report.machine(ROOT)
    books = Books(options.only, max(1, options.repeats))
    for part in (CppPrograms(books), PythonSubjects(books), CommandLine(books)):
        part.run()
    machine["load_after"] = os.getloadavg()[0]
    machine["memory_ns_after"] = report.memory_ns()
    result = books.result(machine)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if options.write_readme:
        report.write_readme(ROOT / "benchmarks" / "README.md", result)
    print(report.table({**result["ratios"], **result["figures"]}, options.only))
    for what, reason in books.missing.items():
        print(f"missing: {what}: {reason}")
    if not result["ratios"] and not result["figures"]:
        print("nothing was measured")


if __name__ == "__main__":
    main()
