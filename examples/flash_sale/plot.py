"""The timeline of a sale as a picture.

python plot.py timeline.json flash-sale.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

WIDTH, PANEL, GAP, LEFT, RIGHT, TOP = 760, 120, 46, 70, 20, 40
RECORDS_AN_ORDER = 20
INK, GREY, LIGHT = "#222222", "#777777", "#dddddd"
BLUE, ORANGE, RED = "#0b62a4", "#d1721a", "#b3202a"

Points = list[tuple[float, float]]


def rates(samples: list[dict[str, Any]], of: str, times: float = 1.0) -> Points:
    """Per second, of a count by sample."""
    ends = [s["at"] for s in samples[1:]] + [2 * samples[-1]["at"] - samples[-2]["at"]]
    return [
        (s["at"], s[of] * times / (end - s["at"])) for s, end in zip(samples, ends, strict=True)
    ]


def delivered(samples: list[dict[str, Any]]) -> Points:
    """Per second, over a second: batches arrive in steps."""
    width = 4
    return [
        (now["at"], (now["delivered"] - before["delivered"]) / (now["at"] - before["at"]))
        for before, now in zip(samples, samples[width:], strict=False)
    ]


class Panel:
    """One plot of the stack: lines over time, an axis with its unit, a legend."""

    def __init__(self, index: int, title: str, top: float, end: float) -> None:
        self._y0 = TOP + index * (PANEL + GAP) + PANEL
        self._top, self._end = top, end
        self._legend_x = WIDTH - RIGHT
        self.parts = [
            f'<text x="{LEFT}" y="{self._y0 - PANEL - 10}" fill="{INK}" '
            f'font-weight="bold">{title}</text>'
        ]
        for part in (0, 0.5, 1):
            y = self._y0 - part * PANEL
            self.parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{LIGHT}"/>'
                f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="{GREY}">'
                f"{top * part:,.6g}</text>"
            )

    def x(self, at: float) -> float:
        return LEFT + at / self._end * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self._y0 - min(value / self._top, 1.0) * PANEL

    def line(self, points: Points, colour: str, name: str) -> None:
        path = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
            f'<text x="{self._legend_x}" y="{self._y0 - PANEL - 10}" text-anchor="end" '
            f'fill="{colour}">{name}</text>'
        )
        self._legend_x -= 8 * len(name) + 12

    def seconds(self) -> None:
        for at in range(0, int(self._end) + 1, 2):
            self.parts.append(
                f'<text x="{self.x(at)}" y="{self._y0 + 18}" text-anchor="middle" '
                f'fill="{GREY}">{at} s</text>'
            )


def picture(timeline: dict[str, Any]) -> str:
    samples = timeline["samples"]
    end = samples[-1]["at"]
    begin_of = {s["phase"]: s["at"] for s in reversed(samples)}
    offered = rates(samples, "orders", RECORDS_AN_ORDER)
    records = Panel(0, "audit records a second", 15_000, end)
    records.line(delivered(samples), BLUE, "delivered")
    records.line(offered, ORANGE, "offered")
    held = Panel(1, "audit records in the service's memory", 12_000, end)
    held.line([(s["at"], s["held"]) for s in samples], BLUE, "held")
    answers = Panel(2, "answers a second", 600, end)
    answers.line(rates(samples, "refused"), RED, "503, come again")
    answers.line(rates(samples, "orders"), ORANGE, "orders asked for")
    status = Panel(3, "GET /status, milliseconds", 10, end)
    status.line([(s["at"], s["status_ms"]) for s in samples], BLUE, "median of 0.25 s")
    status.seconds()
    height = TOP + 4 * (PANEL + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" role="img" aria-label="A flash sale">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<rect x="{records.x(begin_of["sale"])}" y="{TOP}" '
        f'width="{records.x(begin_of["after"]) - records.x(begin_of["sale"])}" '
        f'height="{height - TOP - GAP}" fill="#f6f1e4"/>',
        f'<text x="{records.x(begin_of["sale"]) + 6}" y="{TOP + 16}" fill="{GREY}">the sale</text>',
    ]
    for panel in (records, held, answers, status):
        lines += panel.parts
    return "\n".join([*lines, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("timeline", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.write_text(picture(json.loads(arguments.timeline.read_text())))


if __name__ == "__main__":
    main()
