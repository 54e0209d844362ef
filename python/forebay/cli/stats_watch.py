"""``forebay stats --watch``: the ledger again and again, with what changes in a second."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import FINDING, paint, stats
from .live import ProcessView, Watch, rate_text

_ALTERNATE, _BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def run(directory: Path, args: argparse.Namespace) -> int:
    """Until Ctrl-C."""
    watch = Watch(directory, args.pid, args.service)
    if not watch.look():
        print(f"forebay stats: no process in {directory} that runs", file=sys.stderr)
        return FINDING
    style = paint.for_stream(sys.stdout)
    on_terminal = sys.stdout.isatty() and not args.json
    with _own_screen() if on_terminal else _nothing():
        while True:
            time.sleep(args.watch)
            processes = watch.look()
            if args.json:
                for process in processes:
                    print(json.dumps(_as_object(process)), flush=True)
                continue
            lines = [line for process in processes for line in _lines(process, style)]
            if on_terminal:
                _draw(lines)
            else:
                print("\n".join(lines) + "\n", flush=True)


def _rates(process: ProcessView) -> dict[str, float | None]:
    lane = process.all_lanes
    return {
        "emitted": lane.emitted_rate,
        "delivered": lane.delivered_rate,
        "lost": lane.lost_rate,
    }


def _as_object(process: ProcessView) -> dict[str, object]:
    return {**stats.as_object(process.file), "per_second": _rates(process)}


def _lines(process: ProcessView, style: paint.Style) -> Iterator[str]:
    yield from stats.ledger_lines(process.file, style)
    rates = "  ".join(f"{name} {rate_text(rate)}" for name, rate in _rates(process).items())
    yield f"  a second: {rates}"


@contextmanager
def _own_screen() -> Iterator[None]:
    """The terminal is as it was afterwards."""
    sys.stdout.write(_ALTERNATE)
    try:
        yield
    finally:
        sys.stdout.write(_BACK)
        sys.stdout.flush()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _draw(lines: list[str]) -> None:
    """Over what is there, without a blank moment; what does not fit is left out, and said."""
    columns, rows = shutil.get_terminal_size()
    if len(lines) > rows:
        lines = [*lines[: rows - 1], f"… {len(lines) - rows + 1} more lines; --pid shows one"]
    shown = (_REST_OF_LINE + "\r\n").join(paint.cut(line, columns) for line in lines)
    text = _HOME + shown + _REST_OF_LINE + _REST_OF_SCREEN
    stream = sys.stdout
    os.write(stream.fileno(), text.encode(stream.encoding, stream.errors or "strict"))
