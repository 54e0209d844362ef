"""``forebay tail``: the last records or points of local files, and those that come."""

from __future__ import annotations

import argparse
import heapq
import io
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._errors import OptionError
from .._otlp.files import SegmentReader, holds_only_points, problems_at_begin, segments_in
from .._otlp.growing import GrowingSegment
from .._otlp.logs import LogRecord, ResourceLogs, Scope
from .._otlp.metrics import MetricPoint
from .._otlp.scan import Found, scan_line
from .._otlp.signals import Signal
from .._otlp.wire import WireError
from . import FINDING, OK, USAGE, paint
from .cat import newest_service_directory, state_directory
from .lines import Lines
from .record_filter import RecordFilter, add_arguments, filter_from
from .record_text import time_of

_DESCRIPTION = """\
Prints the last records of local files in the order of their time, and with -f those that are
written from then on, by any process, also into files that are made later. Without a path it reads
the service directory that was written to last. --metrics prints metric points instead of records.

  forebay tail -f
  forebay tail -n 100 --level error --attribute route=/orders --text timeout
  forebay tail --metrics -f --text http.server --attribute route=/orders
"""

_LOOK_EVERY = 0.2  # s


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "tail",
        help="print the last records or metric points of local files, and follow them",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file or a directory")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument(
        "-n", "--records", type=int, default=10, metavar="N", help="how many (default: 10)"
    )
    add_arguments(parser)
    parser.add_argument("--metrics", action="store_true", help="metric points, not records")
    parser.add_argument("--json", action="store_true", help="one flat JSON object a record")
    parser.add_argument("--resource", action="store_true", help="with the resource's attributes")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Record:
    time: int
    resource: ResourceLogs
    scope: Scope
    record: LogRecord


# Out of a line of JSON it is parsed when it is printed; out of anything else, when it is found.
_Item = Found | _Record | MetricPoint


def _time_of(item: _Item) -> int:
    return item.time if isinstance(item, _Record) else item.time_unix_nano


def run(args: argparse.Namespace) -> int:
    """Print, and follow."""
    try:
        wanted = filter_from(args.level, args.attribute, args.text)
        if args.records < 0:
            raise OptionError(f"-n: {args.records} is not 0 or more")
        if args.metrics and args.level is not None:
            raise OptionError("--level: metric points have none; leave it out with --metrics")
    except OptionError as error:
        print(f"forebay tail: {error}", file=sys.stderr)
        return USAGE
    paths = [Path(path) for path in args.paths]
    if not paths:
        newest = newest_service_directory()
        if newest is None and not args.follow:
            print(
                f"forebay tail: no records below {state_directory()}; name a file or a directory",
                file=sys.stderr,
            )
            return FINDING
        paths = [newest or state_directory()]
        print(f"forebay tail: {paths[0]}", file=sys.stderr)
    for path in paths:
        if args.paths and not path.exists():
            print(f"forebay tail: {path}: no such file or directory", file=sys.stderr)
            return FINDING
    tail = _Tail(paths, wanted, args)
    tail.print_last(args.records)
    while args.follow:
        time.sleep(_LOOK_EVERY)
        tail.print_new()
    return FINDING if tail.has_failed else OK


class _Tail:
    def __init__(
        self, paths: Sequence[Path], wanted: RecordFilter, args: argparse.Namespace
    ) -> None:
        self._paths = paths
        self._wanted = wanted
        self._args = args
        style = paint.for_stream(sys.stdout)
        self._lines = Lines(style, as_json=args.json, resource=args.resource)
        self._segments: dict[Path, GrowingSegment] = {}
        self._said: set[str] = set()
        self._passed_over_metrics = False
        self.has_failed = False

    def print_last(self, count: int) -> None:
        """The last records, and where each file's next one begins."""
        newest: list[tuple[int, int, _Item]] = []  # a heap; the oldest first
        order = 0
        # From the file that was written to last on: what is in one was written before.
        for path in reversed(self._files()):
            segment = self._segments[path] = GrowingSegment(path)
            written = self._modified(path)
            if len(newest) == count and (count == 0 or written < newest[0][0]):
                self._skip(segment)
                continue
            for found in self._found_in(segment):
                at = _time_of(found)
                order += 1
                if len(newest) < count:
                    heapq.heappush(newest, (at, order, found))
                elif count and at >= newest[0][0]:
                    heapq.heappushpop(newest, (at, order, found))
        self._print(found for _, _, found in sorted(newest, key=lambda each: each[:2]))
        if order == 0 and self._passed_over_metrics:
            print("forebay tail: no records, only metric points: see --metrics", file=sys.stderr)

    def print_new(self) -> None:
        """What was written since the last look."""
        found: list[_Item] = []
        for path in self._files():
            segment = self._segments.setdefault(path, GrowingSegment(path))
            found += self._found_in(segment)
        found.sort(key=_time_of)
        self._print(iter(found))

    def _files(self) -> list[Path]:
        files: list[Path] = []
        for path in self._paths:
            found = segments_in(path) if path.is_dir() else [path]
            if not self._args.metrics:
                self._passed_over_metrics |= any(map(holds_only_points, found))
                found = [each for each in found if not holds_only_points(each)]
            files += found
        for gone in self._segments.keys() - set(files):
            del self._segments[gone]  # rotated away
        return files

    @staticmethod
    def _modified(path: Path) -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0

    def _skip(self, segment: GrowingSegment) -> None:
        try:
            if not self._is_foreign(segment):
                segment.skip()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._say(f"{segment.path}: {error.strerror}")

    def _is_foreign(self, segment: GrowingSegment) -> bool:
        """Told by its first bytes: nothing in it would ever be complete, and each look would read
        it again."""
        problems = problems_at_begin(segment.path) if segment.offset == 0 else []
        for problem in problems:
            self._say(problem)
        return bool(problems)

    def _found_in(self, segment: GrowingSegment) -> Iterator[_Item]:
        while True:
            try:
                data = b"" if self._is_foreign(segment) else segment.read_new()
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    self._say(f"{segment.path}: {error.strerror}")
                return
            if not data:
                return
            if data.startswith(b"{") and not self._args.metrics:
                for part in data.splitlines(keepends=True):
                    yield from self._found_in_line(segment.path, part)
            else:
                yield from self._read(segment.path, data)

    def _found_in_line(self, path: Path, part: bytes) -> Iterator[_Item]:
        try:
            records = scan_line(part)
        except WireError as error:
            self._say(f"{path}: {error}")
            return
        if records is None:
            yield from self._read(path, part)
            return
        wanted = self._wanted
        needs_parsing = wanted.attributes or wanted.texts
        for found in records:
            if found.severity() < wanted.min_severity or not wanted.may_match(found.content):
                continue
            try:
                if needs_parsing and not wanted.matches(found.parse()):
                    continue
            except WireError as error:
                self._say(f"{path}: {error}")
                continue
            yield found

    def _read(self, path: Path, data: bytes) -> Iterator[_Record | MetricPoint]:
        reader = SegmentReader(path)
        wanted: tuple[Signal] = ("metrics",) if self._args.metrics else ("logs",)
        for item in reader.read_signals(io.BytesIO(data), wanted):
            if isinstance(item, MetricPoint):
                if self._wanted.matches_point(item):
                    yield item
                continue
            for scope, record in item.records():
                if self._wanted.matches(record):
                    yield _Record(time_of(record), item, scope, record)
        self._passed_over_metrics |= "metrics" in reader.passed_over
        for problem in reader.problems:
            self._say(problem)

    def _print(self, found: Iterator[_Item]) -> None:
        for each in found:
            try:
                sys.stdout.write(self._line(each))
            except WireError as error:
                self._say(str(error))
        sys.stdout.flush()

    def _line(self, item: _Item) -> str:
        if isinstance(item, MetricPoint):
            return self._lines.point(item)
        if isinstance(item, _Record):
            return self._lines.record(item.resource, item.scope, item.record)
        attributes, scope = item.head.parse()
        return self._lines.record(ResourceLogs(resource=attributes), scope, item.parse())

    def _say(self, problem: str) -> None:
        self.has_failed = True
        if problem not in self._said:
            self._said.add(problem)
            print(f"forebay tail: {problem}", file=sys.stderr)
