"""Several runs of one simulation, which differ by chance alone: how far apart their answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .simulate_report import LaneReport, Report, percent

Number = Callable[[LaneReport], float | None]

# What chance may change: name on the terminal, name in JSON, the number, how it is written.
_NUMBERS: tuple[tuple[str, str, Number, Callable[[float], str]], ...] = (
    ("lost", "lost", lambda lane: lane.counts.lost, lambda n: f"{n:,.0f}"),
    ("callers waited", "waited_s", lambda lane: lane.waited, lambda n: f"{n:,.1f} s"),
    ("queue, peak", "peak_queue", lambda lane: lane.peak_queue, lambda n: percent(n, 1)),
    ("backlog, peak", "peak_backlog", lambda lane: lane.peak_backlog, lambda n: percent(n, 1)),
    ("first loss at", "first_loss_at_s", lambda lane: lane.first_loss_at, lambda n: f"{n:,.1f} s"),
    ("recovery", "recovery_s", lambda lane: lane.recovery, lambda n: f"{n:,.1f} s"),
)


@dataclass(frozen=True)
class Spread:
    """A number over all runs in which there is one."""

    median: float
    low: float
    high: float
    runs: int

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return {"median": self.median, "min": self.low, "max": self.high, "runs": self.runs}


def spread(values: Sequence[float | None]) -> Spread | None:
    """Median and range; None where no run has the number."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(median(known), min(known), max(known), len(known))


def typical(reports: Sequence[Report]) -> Report:
    """The run in the middle, by what was lost and then by how long recovery took."""

    def badness(report: Report) -> tuple[int, float]:
        recovery = report.total.recovery
        return report.total.counts.lost, float("inf") if recovery is None else recovery

    return sorted(reports, key=badness)[(len(reports) - 1) // 2]


def seeds_as_object(reports: Sequence[Report]) -> dict[str, Any]:
    """For JSON: by lane, and in sum."""

    def numbers(lanes: Sequence[LaneReport]) -> dict[str, Any]:
        found = {key: spread([number(lane) for lane in lanes]) for _, key, number, _ in _NUMBERS}
        return {key: None if s is None else s.as_object() for key, s in found.items()}

    return {
        "runs": len(reports),
        "first": reports[0].asked.seed,
        "lanes": {
            name: numbers([report.lanes[name] for report in reports]) for name in reports[0].lanes
        },
        "total": numbers([report.total for report in reports]),
        "balanced": all(report.balanced for report in reports),
    }


def seeds_table(reports: Sequence[Report]) -> Iterator[str]:
    """A row a lane and number: the median, and from where to where."""
    first, last = reports[0].asked.seed, reports[-1].asked.seed
    yield f"Over {len(reports)} runs (seeds {first} to {last}): median, and the range"
    lanes = [(name, [report.lanes[name] for report in reports]) for name in reports[0].lanes]
    if len(lanes) > 1:
        lanes.append(("in sum", [report.total for report in reports]))
    rows = []
    for name, runs in lanes:
        shown = name
        if not any(run.counts.emitted for run in runs):
            continue
        for label, _, number, text in _NUMBERS:
            found = spread([number(run) for run in runs])
            if found is None or found.high == 0:
                continue
            span = f"{text(found.low)} … {text(found.high)}"
            if found.runs < len(runs):
                span += f"  (in {found.runs} of {len(runs)} runs)"
            rows.append((shown, label, text(found.median), span))
            shown = ""
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    for lane, label, middle, span in rows:
        yield f"{lane:<{widths[0]}}  {label:<{widths[1]}}  {middle:>{widths[2]}}  {span}"
