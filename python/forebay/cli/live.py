"""Processes looked at again and again: what changed between two looks, and what came before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .._stats_file import StatsFile, StatsFileError, list_stats_files, read_stats_file
from . import ledger_text

# Looks that a sparkline goes back.
HISTORY = 40
BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.:-=+*#"
# As the gauge `state` counts them.
_STATES = ("normal", "pressured", "full")
# Names of the ledger under which a record is lost, with reasons below them or none.
_LOSSES = ("refused", "dropped", "rejected", "expired", "unknown")


@dataclass(frozen=True)
class LaneView:
    """A lane of a process, or all of them, at one look."""

    name: str
    in_queue: int
    # In batches, backlog, spool and on the way: what is held besides the queue.
    waiting: int
    delivered: int
    # Records a second since the look before; None at the first.
    emitted_rate: float | None
    delivered_rate: float | None
    lost_rate: float | None
    # What was lost so far: "early_drop" of "dropped.early_drop", "expired"; zeros left out.
    lost: Mapping[str, int]
    # Records held at the last looks, the newest last.
    held: Sequence[int]
    # Of the queue's room that is taken, at the last looks; of all lanes: of the fullest. Unit:
    # 1/1000. Empty where the process does not tell.
    fill: Sequence[int]
    # "normal", "pressured" or "full"; of all lanes: the worst.
    state: str
    # When the queue, or the first of them, is full at the present rates. None: it does not fill.
    seconds_to_full: float | None


@dataclass(frozen=True)
class ProcessView:
    """A process at one look."""

    file: StatsFile
    lanes: tuple[LaneView, ...]
    all_lanes: LaneView
    # Metric points as one lane; None where none was ever collected.
    points: LaneView | None


@dataclass
class _Past:
    at: float = 0.0
    numbers: Mapping[str, int] = field(default_factory=dict)
    held: dict[str, deque[int]] = field(default_factory=dict)
    fill: dict[str, deque[int]] = field(default_factory=dict)
    began: bool = False


class Watch:
    """Looks at the processes of one service, whether or not they were there at the first look."""

    def __init__(self, directory: Path, pid: int | None = None, service: str | None = None) -> None:
        """Nothing is read yet.

        Args:
            directory: Where the stats files are.
            pid: Only that process.
            service: Its processes; None, without a pid: the service whose process began last.
        """
        self._directory = directory
        self._pid = pid
        self._service = service
        self._seen: dict[Path, StatsFile] = {}
        self._past: dict[Path, _Past] = {}

    def look(self) -> list[ProcessView]:
        """All that run, and of those seen running before the last numbers, also when they ended."""
        now = time.monotonic()
        running = []
        for path in list_stats_files(self._directory):
            try:
                file = read_stats_file(path)
            except (OSError, StatsFileError):
                continue  # gone meanwhile, or not ready
            if path in self._seen or file.state in ("running", "unknown"):
                running.append(file)
        if self._pid is not None:
            running = [file for file in running if file.pid == self._pid]
        elif running and self._service is None:
            self._service = max(running, key=lambda file: file.started_wall_ns).service_name
        for file in running:
            if self._pid is not None or file.service_name == self._service:
                self._seen[file.path] = file
        files = sorted(self._seen.values(), key=lambda file: (file.started_wall_ns, file.pid))
        return [self._view(file, now) for file in files]

    def _view(self, file: StatsFile, now: float) -> ProcessView:
        past = self._past.setdefault(file.path, _Past())
        elapsed = now - past.at if past.began else None
        gauges = [ledger_text.below(file.gauges, "lanes", lane) for lane in file.lanes]
        lanes = tuple(
            _lane(
                lane,
                ledger_text.below(file.numbers, "lanes", lane),
                ledger_text.below(past.numbers, "lanes", lane),
                elapsed,
                past,
                of_lane,
            )
            for lane, of_lane in zip(file.lanes, gauges, strict=True)
        )
        total = _lane("all lanes", file.numbers, past.numbers, elapsed, past, _worst(gauges))
        points = self._points(file, elapsed, past)
        past.at, past.numbers, past.began = now, file.numbers, True
        return ProcessView(file, lanes, total, points)

    def _points(self, file: StatsFile, elapsed: float | None, past: _Past) -> LaneView | None:
        numbers = ledger_text.points(file.numbers)
        if not (numbers.get("emitted") or numbers.get("recovered")):
            return None
        before = ledger_text.points(past.numbers)
        # No lane of log records can have a name with a blank in it.
        return _lane("metric points", numbers, before, elapsed, past, {})


def _lane(
    name: str,
    numbers: Mapping[str, int],
    before: Mapping[str, int],
    elapsed: float | None,
    past: _Past,
    gauges: Mapping[str, int],
) -> LaneView:
    held = past.held.setdefault(name, deque(maxlen=HISTORY))
    held.append(numbers.get("held", 0))
    fill = past.fill.setdefault(name, deque(maxlen=HISTORY))
    if "fill_permille" in gauges:
        fill.append(gauges["fill_permille"])
    ms_to_full = gauges.get("ms_to_full")

    def rate(*names: str) -> float | None:
        if elapsed is None:
            return None
        change = sum(numbers.get(each, 0) - before.get(each, 0) for each in names)
        return max(0.0, change / max(elapsed, 1e-3))

    return LaneView(
        name=name,
        in_queue=numbers.get("in_queue", 0),
        waiting=numbers.get("held", 0) - numbers.get("in_queue", 0),
        delivered=numbers.get("delivered", 0),
        emitted_rate=rate("emitted"),
        delivered_rate=rate("delivered"),
        lost_rate=rate(*_LOSSES),
        lost=losses(numbers),
        held=tuple(held),
        fill=tuple(fill),
        state=dict(enumerate(_STATES)).get(gauges.get("state", 0), "full"),
        seconds_to_full=None if ms_to_full is None else ms_to_full / 1000,
    )


def _worst(lanes: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Of each gauge the value that there is most reason to look at."""
    worst: dict[str, int] = {}
    for gauges in lanes:
        for name, value in gauges.items():
            choose = min if name == "ms_to_full" else max
            worst[name] = choose(worst.get(name, value), value)
    return worst


def losses(numbers: Mapping[str, int]) -> dict[str, int]:
    """What was lost, by reason where there are reasons; the most first."""
    found: dict[str, int] = {}
    for name in _LOSSES:
        reasons = {
            full.removeprefix(name + "."): count
            for full, count in numbers.items()
            if full.startswith(name + ".") and count
        }
        rest = numbers.get(name, 0) - sum(reasons.values())
        if rest > 0:
            reasons[name] = rest
        for reason, count in reasons.items():
            found[reason] = found.get(reason, 0) + count
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def sparkline(
    values: Sequence[int], width: int, *, highest: int | None = None, ascii_only: bool = False
) -> str:
    """The last values as bars against the highest of them, or one given; at the right of so many
    columns."""
    bars = _ASCII_BARS if ascii_only else BARS
    shown = list(values)[-width:] if width > 0 else []
    highest = max(shown, default=0) if highest is None else highest
    if highest <= 0:
        line = bars[0] * len(shown)
    else:
        top = len(bars) - 1
        line = "".join(bars[min(top, -(-value * top // highest))] for value in shown)
    return line.rjust(width)


def rate_text(rate: float | None) -> str:
    """``1,234``; with a decimal below ten; ``-`` where it is not known yet."""
    if rate is None:
        return "-"
    return f"{rate:.1f}" if 0 < rate < 9.95 else f"{rate:,.0f}"


def whole(number: float) -> str:
    """``1,234,567``."""
    return f"{number:,.0f}"


def short(number: float) -> str:
    """Four characters at most below a thousand million: ``999``, ``1.2k``, ``29k``, ``1.2M``."""
    if number < 999.5:
        return f"{number:.0f}"
    for unit in ("k", "M", "G"):
        number /= 1000
        if number < 9.95:
            return f"{number:.1f}{unit}"
        if number < 999.5:
            return f"{number:.0f}{unit}"
    return f"{number:,.0f}G"
