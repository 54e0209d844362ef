"""``forebay simulate``: what would be lost, under virtual time, before it is."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from . import FINDING, OK, USAGE, need_core, paint

if TYPE_CHECKING:
    from .simulate_options import Question
    from .simulate_report import Report

_MOST_SEEDS = 100

_DESCRIPTION = """\
Runs the collector's real stages (queues and their policies, batches, encoding, compression,
backlog, retry, breaker, ledger) against a modelled load and destination, with a clock that is moved
by hand: minutes take about a second. Answers what you would lose, by lane and reason, how full
everything gets, and how long it takes until all is normal again.

Each --rate is one thread that emits steadily. What a lane that blocks holds up is emitted later, as
fast as the lane lets it. The destination refuses connections during an outage.
"""

_EPILOG = """\
durations: 60s, 5m, 250ms, 1h, or seconds. sizes: 65536, 64k, 4M, 1G. rates: 9500, 2.5k, 1M.

a lane:  --lane 'audit:logger=audit.*,queue_records=16384,on_full=block(50ms)+drop_oldest'
         Options are those of forebay.Lane: min_level, logger, attributes.KEY, queue_records,
         queue_bytes, on_full, on_backlog_full, backlog_share, max_age, weight, priority,
         early_drop.start, early_drop.full, rate_limit.per_second, rate_limit.burst,
         rate_limit.by, high_watermark, low_watermark, gap_records. on_full is drop_newest,
         drop_oldest, fail, block, block(TIME), or block(TIME)+ one of the first three.

a file:  memory_limit = 67108864
         [[lanes]]
         name = "audit"
         on_full = "block(50ms)+fail"
         [backlog]
         max_bytes = 33554432

examples:
  forebay simulate --rate 10000 --outage 60s
  forebay simulate --rate info=9500,error=10 --outage 5m@30s --destination-rate 20k --out loss.svg
  forebay simulate --rate 10k --outage 60s --config forebay.toml --json
  forebay simulate --rate 10k --outage 60s --seeds 20

Ends with 0; with 1 if the simulated ledger does not balance; with 2 for a bad argument.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "simulate",
        help="tell what a rate and an outage would lose, with your options",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    load = parser.add_argument_group("the load")
    load.add_argument(
        "--rate",
        action="append",
        required=True,
        metavar="[[LOGGER:]LEVEL=]RATE,…",
        help="records/s, 10000, or by level, info=9500,error=10; repeatable",
    )
    load.add_argument(
        "--record-bytes",
        default="200",
        metavar="SIZE",
        help="of each record's message, up to 1000000 (default: 200)",
    )
    load.add_argument(
        "--length",
        metavar="TIME",
        help="of the load (default: until 60s after the last outage)",
    )
    load.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="of chance, 1 and up: the pauses before retries are random (default: 1)",
    )
    load.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="run it N times, with N seeds from --seed on: shows medians and ranges, and the run in"
        " the middle (1..100; default: 1)",
    )
    destination = parser.add_argument_group("the destination")
    destination.add_argument(
        "--outage",
        action="append",
        default=[],
        metavar="LENGTH[@START][:ROUTE[.N]]",
        help="of all destinations, of a route's, or of its exporter N (from 0); repeatable (default"
        " start: 10s in, or 10s after the outage before)",
    )
    destination.add_argument(
        "--destination-rate",
        metavar="RATE",
        help="most records/s that it takes (default: all that come)",
    )
    destination.add_argument(
        "--latency",
        default="5ms",
        metavar="TIME",
        help="from a request to its answer (default: 5ms)",
    )
    collector = parser.add_argument_group("the collector")
    collector.add_argument(
        "--lane",
        action="append",
        default=[],
        metavar="NAME:KEY=VALUE,…",
        help="a lane; repeatable, highest priority first; in place of the file's",
    )
    collector.add_argument(
        "--config",
        metavar="FILE",
        help="TOML with the options of forebay.Collector by their own names",
    )
    collector.add_argument("--memory-limit", metavar="SIZE", help="in place of the file's")
    parser.add_argument("--json", action="store_true", help="one JSON object, with every sample")
    parser.add_argument("--out", metavar="FILE.svg", type=Path, help="also write the plot as SVG")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate, and report."""
    need_core()
    from .._errors import OptionError
    from .simulate_options import UsageError, question, with_source
    from .simulate_report import build_report
    from .simulate_seeds import seeds_as_object, seeds_table, typical

    try:
        if args.out is not None and args.out.suffix.lower() != ".svg":
            raise UsageError(f"--out: {args.out} does not end in .svg; that is what is written")
        if not 1 <= args.seeds <= _MOST_SEEDS:
            raise UsageError(f"--seeds: {args.seeds} is not in 1..{_MOST_SEEDS}")
        first = question(args)
        reports = []
        for seed in range(first.seed, first.seed + args.seeds):
            asked = dataclasses.replace(first, seed=seed)
            reports.append(build_report(asked, _simulate(asked)))
        report = typical(reports)
        if args.out is not None:
            _write_svg(args.out, report)
    except UsageError as error:
        print(f"forebay simulate: {error}", file=sys.stderr)
        return USAGE
    except OptionError as error:  # what the core alone knows
        print(f"forebay simulate: {with_source(error, args)}", file=sys.stderr)
        return USAGE
    if args.json:
        seeds = {"seeds": seeds_as_object(reports)} if len(reports) > 1 else {}
        print(json.dumps({**report.as_object(), **seeds}))
    else:
        _print(report)
        if len(reports) > 1:
            print()
            for line in seeds_table(reports):
                print(line)
        if args.out is not None:
            print(f"\nThe plot is in {args.out}")
    if not all(report.balanced for report in reports):
        print("forebay simulate: the simulated ledger does NOT BALANCE", file=sys.stderr)
        return FINDING
    return OK


def _simulate(asked: Question) -> list[dict[str, int]]:
    from .. import _core

    with _interruptible():
        return _core.simulate(asked.options, asked.scenario())


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the process at once: Python's own handler would wait for the core to return."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_svg(path: Path, report: Report) -> None:
    from .simulate_options import UsageError
    from .simulate_svg import svg

    try:
        path.write_text(svg(report), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}") from None


def _print(report: Report) -> None:
    from .simulate_report import answer
    from .simulate_svg import title
    from .simulate_text import plot, table

    style = paint.for_stream(sys.stdout)
    width = shutil.get_terminal_size((100, 24)).columns
    print(f"{title(report)}\n")
    for line in table(report):
        print(line)
    print()
    for line in plot(report, width, style, blocks=_shows_blocks()):
        print(line)
    print()
    verdict = style.bad if report.total.counts.lost else style.good
    for line in textwrap.wrap(answer(report), width - 1):
        print(verdict(line))


def _shows_blocks() -> bool:
    return paint.shows(sys.stdout, "▁█▒·")
