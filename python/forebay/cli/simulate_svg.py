"""The plot of a simulation as SVG: a panel each for queues, backlog and losses, a line a lane."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from .simulate_report import LaneReport, Report, answer, percent
from .simulate_series import binned, lost_per_second

_WIDTH = 920
_LEFT = 76
_RIGHT = 24
_PANEL = 150
_GAP = 52
_BINS = 400
# Told apart also by those who do not see red and green as others do (Okabe and Ito's colours); then
# the same again, dashed.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DASHES = ("", "6 3", "2 2")
_INK = "#222222"
_FAINT = "#d9d9d9"


@dataclass(frozen=True)
class _Panel:
    title: str
    lines: list[tuple[LaneReport, list[float]]]
    ticks: list[float]
    labels: list[str]


def svg(report: Report) -> str:
    """The whole document."""
    edges = [report.end * i / _BINS for i in range(_BINS + 1)]
    lanes = [lane for lane in report.lanes.values() if lane.counts.emitted]
    head = textwrap.wrap(answer(report), 128)
    top = 52 + 17 * len(head)
    panels = list(_panels(report, lanes, edges))
    height = top + 30 + len(panels) * (_PANEL + _GAP) + 18
    body = [
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(_LEFT, 30, title(report), size=16, weight="bold"),
        *(_text(_LEFT, 52 + 17 * i, line, size=12.5) for i, line in enumerate(head)),
        *_legend(report, lanes, top + 6),
    ]
    for number, panel in enumerate(panels):
        y = top + 46 + number * (_PANEL + _GAP)
        body += _draw(report, panel, y, edges, last=number + 1 == len(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="system-ui, sans-serif" role="img">\n'
        f"<title>{escape(title(report))}</title>\n" + "\n".join(body) + "\n</svg>\n"
    )


def title(report: Report) -> str:
    """What was asked, in one line."""
    asked = report.asked
    rate = sum(load.rate for load in asked.loads)
    text = f"{rate:,.0f} records/s for {asked.length:g} s"
    if asked.destination_rate:
        text += f", destination takes {asked.destination_rate:,.0f}/s"
    if len(asked.outages) > 3:
        return f"{text}, {len(asked.outages)} outages"
    for outage in asked.outages:
        who = f" of {outage.route}" if outage.route else ""
        who += f".{outage.exporter}" if outage.exporter is not None else ""
        text += f", outage{who} of {outage.length:g} s from {outage.start:g} s"
    return text


def _panels(
    report: Report, lanes: Sequence[LaneReport], edges: Sequence[float]
) -> Iterator[_Panel]:
    quarters = [0, 0.25, 0.5, 0.75, 1.0]
    labels = [percent(tick) for tick in quarters]
    times = report.times
    yield _Panel(
        "Queue in use, of the lane's slots",
        [(lane, binned(times, lane.series.queue, edges)) for lane in lanes],
        quarters,
        labels,
    )
    yield _Panel(
        "Backlog in use, of all its bytes",
        [(lane, binned(times, lane.series.backlog, edges)) for lane in lanes],
        quarters,
        labels,
    )
    lost = [(lane, lost_per_second(times, lane.series.lost, edges)) for lane in lanes]
    ticks = nice_ticks(max((max(values) for _, values in lost), default=0.0))
    yield _Panel("Lost, records a second", lost, ticks, [f"{tick:,.10g}" for tick in ticks])


def nice_ticks(most: float, about: int = 4) -> list[float]:
    """From 0 up to at least ``most``, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


def _legend(report: Report, lanes: Sequence[LaneReport], y: float) -> Iterator[str]:
    x = float(_LEFT)
    for lane in lanes:
        yield (
            f'<line x1="{x:.1f}" y1="{y - 4:.1f}" x2="{x + 24:.1f}" y2="{y - 4:.1f}" '
            f'{_stroke(report, lane)} stroke-width="2.5"/>'
        )
        yield _text(x + 30, y, lane.name, size=12.5)
        x += 30 + 7.5 * len(lane.name) + 26
        if x > _WIDTH - 220:
            x, y = float(_LEFT), y + 16
    if report.asked.outages:
        yield f'<rect x="{x:.1f}" y="{y - 11:.1f}" width="24" height="13" fill="{_FAINT}"/>'
        yield _text(x + 30, y, "outage", size=12.5)


def _stroke(report: Report, lane: LaneReport) -> str:
    index = list(report.lanes).index(lane.name)
    dash = _DASHES[index // len(_COLOURS) % len(_DASHES)]
    colour = _COLOURS[index % len(_COLOURS)]
    return f'stroke="{colour}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _draw(
    report: Report, panel: _Panel, y: float, edges: Sequence[float], *, last: bool
) -> Iterator[str]:
    across = _WIDTH - _LEFT - _RIGHT
    most = panel.ticks[-1]

    def at(time: float) -> float:
        return _LEFT + across * time / report.end

    def up(value: float) -> float:
        return y + _PANEL * (1 - value / most)

    yield _text(_LEFT, y - 9, panel.title, size=13, weight="600")
    for outage in report.asked.outages:
        left, right = at(min(outage.start, report.end)), at(min(outage.end, report.end))
        yield (
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{right - left:.1f}" height="{_PANEL}" '
            f'fill="{_FAINT}" fill-opacity="0.6"/>'
        )
    for tick, label in zip(panel.ticks, panel.labels, strict=True):
        yield _line(_LEFT, up(tick), _WIDTH - _RIGHT, up(tick), _FAINT)
        yield _text(_LEFT - 8, up(tick) + 4, label, size=11, anchor="end")
    for tick in nice_ticks(report.end, about=8):
        if tick > report.end:
            break
        yield _line(at(tick), y + _PANEL, at(tick), y + _PANEL + 4, _INK)
        yield _text(at(tick), y + _PANEL + 17, f"{tick:,.10g}", size=11, anchor="middle")
    if last:
        yield _text(_LEFT + across / 2, y + _PANEL + 34, "Time, s", size=12, anchor="middle")
    yield _line(_LEFT, y, _LEFT, y + _PANEL, _INK)
    yield _line(_LEFT, y + _PANEL, _WIDTH - _RIGHT, y + _PANEL, _INK)
    middles = [(left + right) / 2 for left, right in pairwise(edges)]
    for lane, values in panel.lines:
        points = " ".join(
            f"{at(time):.1f},{up(value):.1f}" for time, value in _corners(middles, values)
        )
        yield (
            f'<polyline points="{points}" fill="none" {_stroke(report, lane)} '
            'stroke-width="1.8" stroke-linejoin="round"/>'
        )


def _corners(times: Sequence[float], values: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Without the points of a level stretch that lie between others."""
    last = len(values) - 1
    for i, value in enumerate(values):
        if i in (0, last) or not values[i - 1] == value == values[i + 1]:
            yield times[i], value


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="1"/>'
    )


def _text(x: float, y: float, text: str, *, size: float, weight: str = "", anchor: str = "") -> str:
    more = f' font-weight="{weight}"' if weight else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{_INK}"{more}>'
        f"{escape(text)}</text>"
    )
