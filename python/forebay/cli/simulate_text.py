"""The report of a simulation on a terminal: a table, and a plot in characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from .paint import Style
from .simulate_report import LaneReport, Report, percent
from .simulate_series import binned, lost_per_second

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:-=+*#@"
_HEIGHT = 2
_LABEL = 10
_VALUE = 18


def table(report: Report) -> Iterator[str]:
    """A row a number, a column a lane, and in the end all together."""
    columns = [*report.lanes.values(), *([report.total] if len(report.lanes) > 1 else [])]
    rows: list[tuple[str, list[str]]] = [("", [lane.name for lane in columns])]

    def row(name: str, text: Callable[[LaneReport], str]) -> None:
        rows.append((name, [text(lane) for lane in columns]))

    def count(name: str, number: Callable[[LaneReport], int], *, always: bool = False) -> None:
        if always or any(number(lane) for lane in columns):
            row(name, lambda lane: f"{number(lane):,}")

    count("emitted", lambda lane: lane.counts.emitted, always=True)
    count("internal", lambda lane: lane.counts.internal)
    count("delivered", lambda lane: lane.counts.delivered, always=True)
    count("lost", lambda lane: lane.counts.lost, always=True)
    for reason in report.total.lost_by_reason:
        count(f"  {reason}", lambda lane, reason=reason: lane.lost_by_reason.get(reason, 0))  # type: ignore[misc]
    count("sampled_out", lambda lane: lane.counts.sampled_out)
    count("rate_limited", lambda lane: lane.counts.rate_limited)
    count("held at the end", lambda lane: lane.counts.held)
    row("callers waited", lambda lane: _seconds(lane.waited or None))
    count("not emitted for it", lambda lane: lane.not_emitted)
    row("queue, peak", lambda lane: percent(lane.peak_queue, 1))
    row("backlog, peak", lambda lane: percent(lane.peak_backlog, 1))
    row("time to full", lambda lane: _seconds(lane.time_to_full))
    if report.asked.outages:
        row("recovery", lambda lane: _seconds(lane.recovery, none="not seen"))
    widths = [max(len(cells[i]) for _, cells in rows) for i in range(len(columns))]
    first = max(len(name) for name, _ in rows)
    for name, cells in rows:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        yield f"{name:<{first}}  {'  '.join(padded)}".rstrip()


def _seconds(value: float | None, none: str = "-") -> str:
    return none if value is None else f"{value:,.1f} s"


def plot(report: Report, width: int, style: Style, *, blocks: bool = True) -> Iterator[str]:
    """By lane, over time: fill of the queue, its part of the backlog, losses a second."""
    columns = max(20, min(width - _LABEL - _VALUE, 200))
    edges = [report.end * i / columns for i in range(columns + 1)]
    yield f"{'':<{_LABEL}}0 s{f'{report.end:,.0f} s':>{columns - 3}}"
    if report.asked.outages:
        # By the middle of each column; a short one still shows.
        marks = [
            any(o.start < right and o.end > left for o in report.asked.outages)
            for left, right in pairwise(edges)
        ]
        line = "".join(("▒" if blocks else "x") if mark else "·" for mark in marks)
        yield f"{'outage':<{_LABEL}}{style.bad(line if blocks else line.replace('·', '.'))}"
    for lane in report.lanes.values():
        if not lane.counts.emitted:
            continue
        yield style.scope(lane.name)
        for name, values in (("queue", lane.series.queue), ("backlog", lane.series.backlog)):
            shown = binned(report.times, values, edges)
            yield from _chart(name, shown, 1.0, f"peak {percent(max(values), 1)}", blocks)
        lost = lost_per_second(report.times, lane.series.lost, edges)
        if any(lost):
            rows = _chart("lost/s", lost, max(lost), f"peak {max(lost):,.0f}/s", blocks)
            yield from (style.bad(line) for line in rows)


def _chart(
    name: str, values: Sequence[float], top: float, note: str, blocks: bool
) -> Iterator[str]:
    steps = _BLOCKS if blocks else _ASCII
    levels = [
        # What is not nothing shows.
        max(round(value / top * _HEIGHT * 8), 1 if value > 0 else 0) if top > 0 else 0
        for value in values
    ]
    for row in reversed(range(_HEIGHT)):
        line = "".join(steps[min(max(level - 8 * row, 0), 8)] for level in levels)
        if row == 0:
            yield f"{f'  {name}':<{_LABEL}}{line}  {note}"
        elif line.strip():
            yield f"{'':<{_LABEL}}{line}"
