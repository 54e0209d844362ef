"""``forebay stats``: the ledgers of living and dead processes, from outside."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from .._stats_file import (
    StatsFile,
    StatsFileError,
    list_stats_files,
    prune,
    read_stats_file,
    run_directory,
)
from . import ledger_text, live, paint
from .arguments import interval
from .record_text import time_text

_DESCRIPTION = """\
Reads the stats files that every collector keeps, without asking the process: each name of the
ledger by lane, then the two laws with their numbers, and whether they hold; then the laws of metric
points, where there are any. Shows what runs and what was killed; --all adds what has ended in good
order. Of a killed process, what it still held is lost_in_crash.

Ends with 1 if a law does not hold, or if nothing is found.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "stats",
        help="print the ledgers of running and of killed processes",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pid", type=int, help="only this process")
    parser.add_argument("--service", metavar="NAME", help="only this service")
    parser.add_argument("--all", action="store_true", help="also those that have ended")
    parser.add_argument("--json", action="store_true", help="one JSON object a process")
    parser.add_argument(
        "--watch",
        type=interval,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="again and again, with rates, until Ctrl-C (default: every 2); without --pid and"
        " --service the service whose process began last",
    )
    parser.add_argument(
        "--directory", type=Path, help="of stats files (default: $FOREBAY_RUN_DIR, else the user's)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every ledger that is asked for."""
    if args.directory is None:
        directory = run_directory()
        # Somebody has to tidy up after processes that cannot any more. A directory that was named
        # may be a copy that somebody keeps.
        prune(directory)
    else:
        directory = args.directory
    if args.watch is not None:
        from . import stats_watch

        return stats_watch.run(directory, args)
    files, failed = _wanted(directory, args)
    style = paint.for_stream(sys.stdout)
    balanced = True
    for number, file in enumerate(files):
        balanced &= _holds(file)
        if args.json:
            print(json.dumps(as_object(file)))
        else:
            if number:
                print()
            print("\n".join(ledger_lines(file, style)))
    if not files:
        print(f"forebay stats: no ledger in {directory} {_wish(args)}", file=sys.stderr)
    return 0 if files and balanced and not failed else 1


def _wish(args: argparse.Namespace) -> str:
    if args.pid is not None:
        return f"of pid {args.pid}"
    if args.service is not None:
        return f"of service {args.service}"
    return "" if args.all else "of a process that runs or was killed (--all shows ended ones)"


def _wanted(directory: Path, args: argparse.Namespace) -> tuple[list[StatsFile], bool]:
    """The ledgers asked for, those that began last at the end; and whether a file is damaged."""
    files: list[StatsFile] = []
    damaged = False
    named = args.pid is not None or args.service is not None
    for path in list_stats_files(directory):
        try:
            file = _read_settled(path)
        except FileNotFoundError:
            continue  # tidied away meanwhile
        except (StatsFileError, OSError) as error:
            print(f"forebay stats: {_with_path(path, error)}", file=sys.stderr)
            damaged = True
            continue
        if (
            (args.pid is None or file.pid == args.pid)
            and (args.service is None or file.service_name == args.service)
            and (file.state != "ended" or named or args.all)
        ):
            files.append(file)
    return sorted(files, key=lambda file: file.started_wall_ns), damaged


def _with_path(path: Path, error: Exception) -> str:
    text = str(error)
    return text if path.name in text else f"{path}: {text}"


_ATTEMPTS = 5


def _read_settled(path: Path) -> StatsFile:
    """Read again where a law differs: a process that runs may have been read in mid-step."""
    file = read_stats_file(path)
    for _ in range(_ATTEMPTS):
        if file.state != "running" or _holds(file):
            break
        time.sleep(0.01)
        file = read_stats_file(path)
    return file


def _holds(file: StatsFile) -> bool:
    return file.balanced and not any(law.difference for law in _laws(file))


def _laws(file: StatsFile) -> list[ledger_text.Law]:
    """Those of records, then those of metric points where there ever were any."""
    laws = ledger_text.laws(file.numbers, list(file.routes))
    points = ledger_text.points(file.numbers)
    if points.get("emitted") or points.get("recovered"):
        laws += ledger_text.laws(points, list(file.routes), "metric points, ")
    return laws


def as_object(file: StatsFile) -> dict[str, Any]:
    """Everything that is known of a process, for JSON."""
    return {
        "service": file.service_name,
        "pid": file.pid,
        "instance_id": file.instance_id,
        "state": file.state,
        "started": time_text(file.started_wall_ns),
        "path": str(file.path),
        "lanes": list(file.lanes),
        "metric_lanes": list(file.metric_lanes),
        "routes": list(file.routes),
        "numbers": dict(file.numbers),
        "balanced": _holds(file),
        "differences": {law.name: law.difference for law in _laws(file)},
        "exact": file.exact,
        "lost_in_crash": file.lost_in_crash,
        "lost_in_crash_margin": file.lost_in_crash_margin,
        "points_lost_in_crash": file.points_lost_in_crash,
    }


def ledger_lines(file: StatsFile, style: paint.Style) -> list[str]:
    """A process's ledger, its laws and what is wrong with it."""
    state = style.bad(file.state) if file.state == "killed" else file.state
    lines = [
        f"{file.service_name}  pid {file.pid}  {state}  since"
        f" {time_text(file.started_wall_ns, spec='seconds')}  {style.dim(str(file.path))}"
    ]
    lines += [f"  {line}" for line in ledger_text.table(file.numbers, list(file.lanes))]
    for total in _laws(file):
        paint_verdict = style.good if total.difference == 0 else style.bad
        lines.append(f"  {total.text()}  {paint_verdict(total.verdict)}")
    for law in file.laws:
        if not law.holds:
            place = "intake" if law.route is None else f"route {law.route}"
            lines.append(style.bad(f"  {place}, lane {law.lane}: DIFFERS by {law.difference:+,}"))
    lost = live.losses(ledger_text.points(file.numbers))
    if lost:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in lost.items())
        lines.append(f"  metric points lost: {reasons}")
    lines += [f"  {count:,} {note}" for note, count in _notes(file).items()]
    if file.lost_in_crash is not None:
        margin = file.lost_in_crash_margin
        between = f" (up to {margin:,} more or less)" if margin else ""
        lines.append(f"  {style.bad('lost_in_crash')} {file.lost_in_crash:,}{between}")
    if file.points_lost_in_crash:
        lines.append(f"  {style.bad('lost_in_crash')} {file.points_lost_in_crash:,} metric points")
    if not file.exact:
        lines.append("  it wrote too fast to be read between two steps; the numbers may mix them")
    return lines


def _notes(file: StatsFile) -> dict[str, int]:
    return {
        name.removeprefix("notes."): value
        for name, value in file.numbers.items()
        if name.startswith("notes.") and value
    }
