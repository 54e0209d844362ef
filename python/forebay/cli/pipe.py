"""``forebay pipe``: each line of text becomes a log record."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO

from . import arguments, need_core

if TYPE_CHECKING:
    from .. import Collector, Logger, Stats

_DESCRIPTION = """\
Makes each line of standard input, or of the files named, a log record with the line as its body,
and sends the records to an OTLP/HTTP endpoint or into files. Without either they go where
forebay.start() sends them: OTEL_EXPORTER_OTLP_ENDPOINT, else local files. At the end it prints a
receipt: lines read, delivered, and lost by reason. It ends with 1 if some line is in none of them.

  forebay pipe /var/log/dpkg.log
  my-service 2>&1 | forebay pipe --endpoint http://127.0.0.1:4318 --service my-service
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "pipe",
        help="send each line of text as a log record, and account for it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="FILE", help="default: standard input")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--endpoint", metavar="URL", help="OTLP/HTTP, such as http://127.0.0.1:4318")
    where.add_argument("--directory", type=Path, help="write segments here")
    parser.add_argument(
        "--format", choices=("jsonl", "otlp"), default="jsonl", help="of segments (default: jsonl)"
    )
    parser.add_argument("--service", metavar="NAME", default="pipe", help="default: pipe")
    parser.add_argument("--level", default="INFO", help="of every record (default: INFO)")
    parser.add_argument(
        "--on-full",
        choices=("block", "drop_newest", "drop_oldest"),
        default="block",
        help="when records come faster than they leave (default: block, which loses none)",
    )
    parser.add_argument(
        "--queue-records", type=int, metavar="N", help="room of the queue, in slots of 128 bytes"
    )
    parser.add_argument(
        "--timeout",
        type=arguments.duration,
        metavar="TIME",
        default=30.0,
        help="how long to wait for the destination at the end (default: 30s)",
    )
    parser.add_argument("--json", action="store_true", help="print the receipt as one JSON line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send every line, and print the receipt."""
    need_core()
    import forebay
    from forebay._levels import level_number

    try:
        level = level_number(int(args.level) if args.level.isdigit() else args.level, "--level")
        collector = _collector(args)
    except forebay.OptionError as error:
        print(f"forebay pipe: {error}", file=sys.stderr)
        return 2
    lines = Lines(args.paths)
    pump = Pump(collector.logger("forebay.pipe", level=1), level, lines)
    signal.signal(signal.SIGTERM, _interrupt)
    pump.start()
    try:
        pump.done.wait()
    except KeyboardInterrupt:
        # What was read is still sent. A second interrupt ends at once.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        print("forebay pipe: interrupted; sending what was read", file=sys.stderr)
        pump.stop()
    collector.shutdown(timeout=args.timeout)
    read = pump.lines_read()
    stats = collector.stats()
    receipt = receipt_of(read, stats)
    print(json.dumps(receipt) if args.json else receipt_text(receipt))
    if not args.json:
        if isinstance(collector.exporter, forebay.FileExporter):
            directory = collector.exporter.directory
            print(f"written to {directory}; to read it: forebay cat {directory}")
        else:
            print(f"sent to {collector.exporter!r}")
    if receipt["lost"] and collector.last_error:
        print(f"forebay pipe: {collector.last_error}", file=sys.stderr)
    return 0 if receipt["balanced"] and not lines.failed else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _collector(args: argparse.Namespace) -> Collector:
    import forebay

    exporter: forebay.OtlpHttpExporter | forebay.FileExporter | None = None
    if args.endpoint is not None:
        exporter = forebay.OtlpHttpExporter(args.endpoint)
    elif args.directory is not None:
        exporter = forebay.FileExporter(args.directory, format=args.format)
    lane = forebay.Lane(
        "pipe",
        queue_records=args.queue_records,
        on_full=args.on_full,
        on_backlog_full="evict_oldest" if args.on_full == "drop_oldest" else "hold",
    )
    return forebay.start(service_name=args.service, exporter=exporter, lanes=[lane], console="off")


class Pump(threading.Thread):
    """Emits every line, in a thread of its own.

    The main thread stays free for signals: it could not take one while it waits in the core for
    room. Shutting the collector down ends such a wait.
    """

    def __init__(self, logger: Logger, level: int, lines: Lines) -> None:
        super().__init__(name="forebay-pipe", daemon=True)
        self.done = threading.Event()
        self._logger = logger
        self._level = level
        self._lines = lines
        self._read = 0
        self._stopped = False
        # Held from where a line is counted to where it was emitted.
        self._emitting = threading.Lock()

    def run(self) -> None:
        """Until the lines end, or `stop`."""
        emit, level, emitting = self._logger.log, self._level, self._emitting
        try:
            for text, attributes in self._lines:
                with emitting:
                    if self._stopped:
                        return
                    self._read += 1
                    emit(level, text, extra=attributes)
        finally:
            self.done.set()

    def stop(self) -> None:
        """Emit no further line. One that waits for room goes on waiting."""
        self._stopped = True

    def lines_read(self) -> int:
        """The lines that were emitted. Call it when nothing waits any more."""
        with self._emitting:
            return self._read


class Lines:
    """The lines of several files, with the attributes that say where they are from.

    Attributes:
        failed: a file could not be read (whole).
    """

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths or ["-"]
        self.failed = False

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in self._paths:
            try:
                if path == "-":
                    # Not sys.stdin: at exit the interpreter would wait for its lock, which a
                    # read that is interrupted keeps.
                    with open(0, "rb", closefd=False) as stdin:
                        yield from self._lines(stdin, {"log.iostream": "stdin"})
                else:
                    with open(path, "rb") as file:
                        yield from self._lines(file, {"log.file.path": path})
            except OSError as error:
                print(f"forebay pipe: {path}: {error.strerror}", file=sys.stderr)
                self.failed = True

    def _lines(
        self, file: BinaryIO, attributes: dict[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        readline: Callable[[], bytes] = file.readline
        while line := readline():
            if line.endswith(b"\n"):
                line = line[:-1]
                if line.endswith(b"\r"):
                    line = line[:-1]
            yield line.decode("utf-8", "replace"), attributes


def receipt_of(lines: int, stats: Stats) -> dict[str, Any]:
    """What became of the lines, out of the collector's ledger."""
    lost: dict[str, int] = {}
    for name, reasons in (
        ("refused", stats.refused_by_reason),
        ("dropped", stats.dropped_by_reason),
        ("rejected", stats.rejected_by_reason),
    ):
        lost |= {f"{name}.{reason}": n for reason, n in reasons.items() if n}
    lost |= {name: n for name in ("expired", "unknown") if (n := getattr(stats, name))}
    # Forebay's own records (about gaps) travel with the lines and end under the same names.
    accounted = (
        stats.delivered
        + stats.sampled_out
        + stats.rate_limited
        + stats.handed_over
        + stats.superseded
        + stats.held
        + stats.lost
        - stats.internal
        - stats.recovered
    )
    return {
        "lines_read": lines,
        "emitted": stats.emitted,
        "internal": stats.internal,
        "delivered": stats.delivered,
        "lost": lost,
        "held": stats.held,
        "accounted": accounted,
        "balanced": lines == stats.emitted == accounted,
    }


def receipt_text(receipt: dict[str, Any]) -> str:
    """The receipt for people."""
    rows = [("lines read", receipt["lines_read"])]
    if receipt["internal"]:
        rows.append(("+ gap records", receipt["internal"]))
    rows.append(("delivered", receipt["delivered"]))
    rows += sorted(receipt["lost"].items()) or [("lost", 0)]
    if receipt["held"]:
        rows.append(("still held", receipt["held"]))
    width = max(len(name) for name, _ in rows)
    text = "\n".join(f"{name:<{width}}  {count:>12,}" for name, count in rows)
    if receipt["balanced"]:
        return f"{text}\nbalanced: every line is accounted for"
    difference = receipt["lines_read"] - receipt["accounted"]
    return (
        f"{text}\nNOT balanced: {receipt['lines_read']} lines were read, {receipt['emitted']}"
        f" emitted and {receipt['accounted']} are accounted for (difference {difference})"
    )
