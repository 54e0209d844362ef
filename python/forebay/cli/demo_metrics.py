"""What the demonstration measures beside its records, and whether the counts agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .. import Collector, Stats

_BUCKETS = (40, 80, 160, 320)
_SCOPE_LABEL = re.compile(r'otel_scope_[a-z_]+="[^"]*",?')


class Instruments:
    """A counter and a histogram, of the lines that Python's threads log."""

    def __init__(self, collector: Collector) -> None:
        self._lines = collector.counter("demo.lines", description="lines logged", meter="demo")
        self._length = collector.histogram(
            "demo.line.length", unit="By", buckets=_BUCKETS, meter="demo"
        )

    def of(self, logger: str) -> Measure:
        """Bound to the series of one logger."""
        return Measure(self._lines.bind({"logger": logger}), self._length.bind({}))


class Measure:
    """What one thread measures for each line."""

    def __init__(self, lines: Any, length: Any) -> None:
        self._add, self._record = lines.add, length.record

    def line(self, text: str) -> None:
        """One more."""
        self._add(1)
        self._record(len(text))


def series_of(exposition: str) -> dict[str, float]:
    """``name{labels}`` of the demonstration's own series, without the scope, and their values."""
    found = {}
    for line in exposition.splitlines():
        if line.startswith("demo_"):
            series, _, value = line.rpartition(" ")
            series = _SCOPE_LABEL.sub("", series).replace(",}", "}").replace("{}", "")
            found[series] = float(value)
    return found


def report(
    series: Mapping[str, float],
    stats: Stats,
    counts: Mapping[str, Any],
    emitted_by_python: Mapping[str, int],
) -> bool:
    """Print the series as a scrape has them, and what became of the points. True if they agree."""
    if not series:
        return True
    print("\nMETRICS, as Prometheus would scrape them                  counted by the threads")
    agree = True
    for name, value in series.items():
        wanted = _wanted(name, emitted_by_python)
        agree &= wanted is None or value == wanted
        beside = "" if wanted is None else f"{wanted:>12,}"
        print(f"  {name:<42}{value:>12,.0f}  {beside}".rstrip())
    points, arrived = stats.metrics, counts.get("unique_points", 0)
    agree &= bool(points.delivered <= arrived <= points.delivered + points.unknown)
    print(f"  points: {points.delivered:,} delivered, {arrived:,} arrived at the receiver")
    return agree


def _wanted(series: str, emitted: Mapping[str, int]) -> int | None:
    """What the threads counted themselves, of the series that says the same."""
    if series == "demo_line_length_bytes_count":
        return sum(emitted.values())
    for logger, count in emitted.items():
        if series == f'demo_lines_total{{logger="{logger}"}}':
            return count
    return None
