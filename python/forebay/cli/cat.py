"""``forebay cat``: segments, readably or as one JSON object a record or point."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .._otlp.files import SegmentReader, holds_only_points, segments_in
from .._otlp.logs import ResourceLogs
from .._otlp.metrics import MetricPoint
from .._otlp.signals import Signal
from . import paint, record_text
from .lines import Lines

_DESCRIPTION = """\
Prints log records: time, level, scope, message, then attributes as key=value. Prints metric points:
time, scope, name{attributes}, [unit], value (of histograms count, sum, min and max), temporality.
Of a file or of "-", which is standard input, it prints whatever is in it; of a directory the log
records, and with --metrics the points. Without a path it reads the service directory that was
written to last.

Reads OTLP/JSON lines (.jsonl) and length-prefixed protobuf with or without zstd (.otlp, .otlp.zst),
whatever their name is, as Forebay and the OpenTelemetry Collector's file exporter write them.

What is in files is printed in the order of time: a process writes each lane for itself, and several
processes write side by side. What is too much to hold in memory, and standard input, is printed as
it comes, and --unsorted prints all of it so.

--json prints one flat object a record or point: time, scope, level and message, name and value, and
so on, and each attribute under its own name; one that is called like a field becomes
"attributes.NAME". Only points have a "kind".
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "cat",
        help="print segments of log records and metric points readably, or as JSON",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file, a directory, or -")
    parser.add_argument("--metrics", action="store_true", help="metric points only")
    parser.add_argument("--json", action="store_true", help="one flat JSON object a record")
    parser.add_argument("--unsorted", action="store_true", help="as it is in the files")
    parser.add_argument("--resource", action="store_true", help="with the resource's attributes")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what is in every path. 1 if something could not be read."""
    paths: list[str] = args.paths
    if not paths:
        newest = newest_service_directory()
        if newest is None:
            print(
                f"forebay cat: no records below {state_directory()}; name a file or a directory",
                file=sys.stderr,
            )
            return 1
        print(f"forebay cat: {newest}", file=sys.stderr)
        paths = [str(newest)]
    output = _Output(is_sorted=not args.unsorted and "-" not in paths)
    cat = _Cat(args, output)
    for path in paths:
        cat.print_path(path)
    output.end()
    if output.count == 0 and cat.passed_over_metrics:
        print("forebay cat: no records, only metric points: see --metrics", file=sys.stderr)
    return 1 if cat.has_failed else 0


class _Output:
    """Writes records in the order of their time, or as they come."""

    # Of text that is held to be sorted. Unit: characters.
    most_held = 256 << 20

    def __init__(self, *, is_sorted: bool) -> None:
        self._held: list[tuple[int, str]] | None = [] if is_sorted else None
        self._characters = 0
        self.count = 0

    def line(self, nanoseconds: int, text: str) -> None:
        self.count += 1
        if self._held is None:
            sys.stdout.write(text)
            return
        self._held.append((nanoseconds, text))
        self._characters += len(text)
        if self._characters > self.most_held:
            print(
                f"forebay cat: more than {self.most_held >> 20} MiB of text: printed as it is in"
                " the files, and not in the order of time",
                file=sys.stderr,
            )
            self._write_held()

    def end(self) -> None:
        if self._held is not None:
            self._held.sort(key=lambda line: line[0])  # stable: equal times stay as they came
            self._write_held()
        sys.stdout.flush()

    def _write_held(self) -> None:
        held, self._held = self._held or [], None
        sys.stdout.writelines(text for _, text in held)


class _Cat:
    def __init__(self, args: argparse.Namespace, output: _Output) -> None:
        self._args = args
        self._output = output
        style = paint.for_stream(sys.stdout)
        self._lines = Lines(style, as_json=args.json, resource=args.resource)
        self.has_failed = False
        self.passed_over_metrics = False

    def print_path(self, path: str) -> None:
        if path == "-":
            reader = SegmentReader("standard input")
            if sys.stdin is None:
                self._say(f"{reader.path}: it is closed")
                self.has_failed = True
                return
            wanted = self._wanted(in_directory=False)
            self._print_segment(reader, reader.read_signals(sys.stdin.buffer, wanted))
            return
        in_directory = os.path.isdir(path)
        for file in segments_in(path) if in_directory else [Path(path)]:
            wanted = self._wanted(in_directory=in_directory)
            if "metrics" not in wanted and holds_only_points(file):
                self.passed_over_metrics = True
                continue
            reader = SegmentReader(file)
            self._print_segment(reader, reader.signals(wanted))

    def _wanted(self, *, in_directory: bool) -> tuple[Signal, ...]:
        if self._args.metrics:
            return ("metrics",)
        return ("logs",) if in_directory else ("logs", "metrics")

    def _print_segment(
        self, reader: SegmentReader, source: Iterator[ResourceLogs | MetricPoint]
    ) -> None:
        for item in self._readable(reader, source):
            if isinstance(item, MetricPoint):
                self._output.line(item.time_unix_nano, self._lines.point(item))
                continue
            for scope, record in item.records():
                text = self._lines.record(item, scope, record)
                self._output.line(record_text.time_of(record), text)
        sys.stdout.flush()
        for problem in reader.problems:
            self._say(problem)
        self.has_failed |= bool(reader.problems)
        if reader.half_written:
            self._say(f"{reader.path}: the last message is only half written")
        self.passed_over_metrics |= "metrics" in reader.passed_over
        for signal in ("traces", "profiles"):
            if count := reader.passed_over.get(signal):
                self._say(f"{reader.path}: {count} messages of {signal} are not shown")

    def _readable(
        self, reader: SegmentReader, source: Iterator[ResourceLogs | MetricPoint]
    ) -> Iterator[ResourceLogs | MetricPoint]:
        """What there is until it can be read no further. An error of the output is none of its."""
        try:
            yield from source
        except OSError as error:
            self._say(f"{reader.path}: {error.strerror or error}")
            self.has_failed = True

    @staticmethod
    def _say(text: str) -> None:
        print(f"forebay cat: {text}", file=sys.stderr)


# -- where records are without a path ---------------------------------------------------------


def state_directory() -> Path:
    """Where services write by default: ``$FOREBAY_DIR``, else below the user's state directory."""
    own = os.environ.get("FOREBAY_DIR")
    if own:
        return Path(own)
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.expanduser("~/.local/state")
    return Path(state, "forebay")


def newest_service_directory() -> Path | None:
    """The directory of the segment that was written to last; None where there is none."""
    segments = segments_in(state_directory())
    return segments[-1].parent if segments else None
