"""What a run has measured so far: samples, figures, ratios, and what is missing."""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
from collections import defaultdict
from typing import Any

import peer_environment
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "benchmarks" / "python"

Values = dict[str, float]


class Books:
    def __init__(self, only: str | None, repeats: int) -> None:
        self.only = only
        self.repeats = repeats
        self.ratios: Values = {}
        self.figures: Values = {}
        self.missing: dict[str, str] = {}
        self.samples: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def wants(self, *names: str) -> bool:
        return any(report.matches(name, self.only) for name in names)

    def subject(self, key: str, program: str, *arguments: str) -> None:
        """One subject in a process of its own; what it measured is one sample of each figure."""
        if key in self.missing:
            return
        try:
            done = subprocess.run(
                [str(peer_environment.python()), str(PROGRAMS / program), *arguments],
                capture_output=True,
                text=True,
                timeout=300,
                env=peer_environment.variables(),
            )
        except subprocess.TimeoutExpired:
            self.missing[key] = "did not end in 300 s"
            return
        if done.returncode != 0:
            reason = peer_environment.last_line(done.stderr)
            self.missing[key] = f"ended with {done.returncode}: {reason}"
            return
        for figure, value in json.loads(peer_environment.last_line(done.stdout)).items():
            self.samples[key, figure].append(value)

    def median(self, key: str, figure: str) -> float | None:
        values = self.samples.get((key, figure))
        return statistics.median(values) if values else None

    def take(self, found: Values, theirs: str, name: str) -> None:
        self.set(name, found.get(theirs))

    def set(self, name: str, value: float | None) -> None:
        if value is not None:
            self.figures[name] = value

    def ratio(self, name: str, theirs: float | None, ours: float | None) -> None:
        if theirs is not None and ours:
            self.ratios[name] = theirs / ours

    def valid(self, found: Values, count: str, name: str) -> None:
        if found.get(count):
            self.missing[f"{name} (validity)"] = f"{count} is {found[count]:.0f} and should be 0"

    def result(self, machine: dict[str, Any]) -> dict[str, Any]:
        def chosen(values: Values) -> Values:
            return {
                name: float(f"{value:.6g}")
                for name, value in sorted(values.items())
                if self.only is None or report.matches(name, self.only)
            }

        return {
            "ratios": chosen(self.ratios),
            "figures": chosen(self.figures),
            "machine": machine,
            "missing": self.missing,
        }
