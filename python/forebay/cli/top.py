"""``forebay top``: a service's lanes, live; of processes that it did not start."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._stats_file import run_directory
from . import FINDING, OK, MissingError, paint
from .arguments import interval
from .live import BARS, HISTORY, LaneView, ProcessView, Watch, rate_text, short, sparkline, whole

if TYPE_CHECKING:
    from rich.console import RenderableType

_DESCRIPTION = """\
Shows what the processes of a service hold, send and lose, lane by lane, without asking them: their
stats files are read. Without --pid and --service it is the service whose process began last.

"fill" is how much of a lane's queue is taken: bars for the last looks, and now. Yellow: the lane is
pressured; red: it is full, or loses records. A lane that fills says when it will be full. (For a
process with an older Forebay the bars are what is held, against the most of it.) Where metrics
are collected, the last row counts their points. Not on a terminal, or with --once, it is text, a
block a look.

Ends with 1 if no process is found.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "top",
        help="watch a service's lanes: what they hold, send and lose",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pid", type=int, help="only this process")
    parser.add_argument("--service", metavar="NAME", help="the processes of this service")
    parser.add_argument(
        "--interval",
        type=interval,
        default=1.0,
        metavar="SECONDS",
        help="between two looks (default: 1)",
    )
    parser.add_argument("--once", action="store_true", help="two looks, one block of text, and end")
    parser.add_argument(
        "--directory", type=Path, help="of stats files (default: $FOREBAY_RUN_DIR, else the user's)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look until Ctrl-C, or once."""
    directory = args.directory or run_directory()
    watch = Watch(directory, args.pid, args.service)
    on_terminal = sys.stdout.isatty() and not args.once
    if on_terminal:
        _need_rich()
    if not watch.look():
        print(f"forebay top: no process in {directory} that runs", file=sys.stderr)
        return FINDING
    if on_terminal:
        _live(watch, args.interval)
        return OK
    while True:
        time.sleep(args.interval)
        print("\n".join(text(watch.look())), flush=True)
        if args.once:
            return OK
        print()


def _need_rich() -> None:
    try:
        importlib.import_module("rich")
    except ImportError:
        raise MissingError(
            "rich is not installed; run: python -m pip install 'forebay[cli]' (or --once)"
        ) from None


def _title(process: ProcessView) -> str:
    file = process.file
    return f"{file.service_name}  pid {file.pid}  {file.state}"


def _lost(lane: LaneView) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in lane.lost.items()) or "nothing"


def _percent(lane: LaneView) -> str:
    return f"{lane.fill[-1] / 10:.0f}%" if lane.fill else ""


def _fill_text(lane: LaneView) -> str:
    if not lane.fill:
        return ""
    soon = lane.seconds_to_full
    when = "" if soon is None else f", full in {_duration(soon)}"
    return f"fill {_percent(lane)} ({lane.state}{when})  "


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def text(processes: list[ProcessView]) -> list[str]:
    """The same as lines without colours."""
    lines = []
    for process in processes:
        lines.append(_title(process))
        points = () if process.points is None else (process.points,)
        for lane in (*process.lanes, process.all_lanes, *points):
            lines.append(
                f"  {lane.name:<12} {_fill_text(lane)}"
                f"queue {lane.in_queue:,}  waiting {lane.waiting:,}"
                f"  in/s {rate_text(lane.emitted_rate)}  out/s {rate_text(lane.delivered_rate)}"
                f"  lost/s {rate_text(lane.lost_rate)}  delivered {lane.delivered:,}"
                f"  lost: {_lost(lane)}"
            )
    return lines


# -- on a terminal, with rich -----------------------------------------------------------------

# From this width on a column is shown, and numbers are whole; what is not there is in
# `forebay stats`.
_BARS_FROM = 72
_MORE_FROM = 50
_DELIVERED_FROM = 92
_WHOLE_FROM = 72


def _live(watch: Watch, interval: float) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    ascii_only = not paint.shows(sys.stdout, BARS)
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            shown = picture(watch.look(), console.width, ascii_only=ascii_only)
            live.update(shown, refresh=True)
            time.sleep(interval)


def picture(processes: list[ProcessView], width: int, *, ascii_only: bool) -> RenderableType:
    """All processes as tables for so many columns."""
    from rich.console import Group
    from rich.text import Text

    ended = [process for process in processes if process.file.state in ("killed", "ended")]
    parts: list[Any] = [_table(process, width, ascii_only) for process in processes]
    if len(ended) == len(processes):
        parts.append(Text("nothing runs any more; Ctrl-C ends this", style="yellow"))
    else:
        parts.append(Text("Ctrl-C ends this", style="dim"))
    return Group(*parts)


def _table(process: ProcessView, width: int, ascii_only: bool) -> Any:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    state = process.file.state
    title = Text.assemble(
        (process.file.service_name, "bold"),
        f"  pid {process.file.pid}  ",
        (state, {"running": "green", "killed": "bold red"}.get(state, "yellow")),
    )
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("lane", no_wrap=True, min_width=6, overflow="ellipsis")
    fills = any(lane.fill for lane in process.lanes)
    if width >= _BARS_FROM:
        table.add_column("fill" if fills else "held", no_wrap=True, width=_bars(width))
    if fills and width >= _MORE_FROM:
        table.add_column("" if width >= _BARS_FROM else "fill", justify="right", no_wrap=True)
    table.add_column("queue", justify="right", no_wrap=True)
    if width >= _MORE_FROM:
        table.add_column("waiting", justify="right", no_wrap=True)
    for heading in ("in/s", "out/s", "lost/s"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=5)
    if width >= _DELIVERED_FROM:
        table.add_column("delivered", justify="right", no_wrap=True)
        table.add_column("lost", justify="right", no_wrap=True)
    for lane in process.lanes:
        table.add_row(*_cells(lane, width, fills, ascii_only))
    if len(process.lanes) > 1:
        table.add_section()
        table.add_row(*_cells(process.all_lanes, width, fills, ascii_only), style="bold")
    if process.points is not None:
        table.add_section()
        table.add_row(*_cells(process.points, width, fills, ascii_only))
    soon = [
        Text(f"  {lane.name} is full in {_duration(lane.seconds_to_full)} at this rate", "yellow")
        for lane in process.lanes
        if lane.seconds_to_full is not None and lane.state != "full"
    ]
    lost = [
        Text.assemble((f"  {lane.name} lost ", "red"), _lost(lane))
        for lane in (*process.lanes, *([] if process.points is None else [process.points]))
        if lane.lost
    ]
    return Group(title, table, *soon, *lost, "")


def _bars(width: int) -> int:
    return min(HISTORY, 14 + (width - _BARS_FROM) // 4)


def _cells(lane: LaneView, width: int, fills: bool, ascii_only: bool) -> list[Any]:
    from rich.text import Text

    number = whole if width >= _WHOLE_FROM else short
    loses = lane.lost_rate is not None and lane.lost_rate > 0

    def rate(value: float | None) -> str:
        return rate_text(value) if value is None or width >= _WHOLE_FROM else short(value)

    cells: list[Any] = [lane.name]
    style = {"pressured": "yellow", "full": "red"}.get("full" if loses else lane.state, "cyan")
    if width >= _BARS_FROM:
        values, highest = (lane.fill, 1000) if fills else (lane.held, None)
        bars = sparkline(values, _bars(width), highest=highest, ascii_only=ascii_only)
        cells.append(Text(bars, style=style))
    if fills and width >= _MORE_FROM:
        cells.append(Text(_percent(lane), style=style))
    cells.append(number(lane.in_queue))
    if width >= _MORE_FROM:
        cells.append(number(lane.waiting))
    cells += [rate(lane.emitted_rate), rate(lane.delivered_rate)]
    cells.append(Text(rate(lane.lost_rate), style="bold red" if loses else ""))
    if width >= _DELIVERED_FROM:
        cells.append(number(lane.delivered))
        cells.append(number(sum(lane.lost.values())))
    return cells
