"""``forebay receive``: an OTLP/HTTP receiver that counts, writes, and misbehaves on request."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .._otlp import answers, schema
from .._otlp.wire import WireError
from ..testing import Counts, Receiver, TakenBatch
from . import arguments, paint
from .lines import Lines

_DESCRIPTION = """\
Listens on 127.0.0.1 for OTLP/HTTP (POST /v1/logs and /v1/metrics; protobuf or JSON; plain, gzip or
zstd), answers as an OpenTelemetry Collector does, and counts what it takes. The first line on
standard output is "listening on http://127.0.0.1:PORT"; SIGINT or SIGTERM ends it, and it prints
its counts, of log records and of metric points. "Unique" leaves out batches that came twice under
one Forebay-Batch-Id. --print shows what comes in, a line a record or point, as forebay cat does.

While it runs, GET /counts gives the counts as JSON, and POST /control scripts faults:
  {"stall": 3}  {"fail": {"status": 429, "retry_after": 2, "times": 3}}  {"cut": true}
  {"cut_before": true}  {"partial": 5}  {"refuse_codec": "zstd"}  {"max_body": 100000}
  {"slow_body": 50000}  {"clear": true}
"""

_ENDS = (signal.SIGINT, signal.SIGTERM)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "receive",
        help="run an OTLP/HTTP receiver that counts, and stalls or fails on request",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=arguments.port, default=4318, help="0: any free one")
    parser.add_argument("--directory", type=Path, help="write what is taken here, in segments")
    parser.add_argument(
        "--format",
        choices=("jsonl", "otlp"),
        default="jsonl",
        help="of segments: OTLP/JSON lines (default), or length-prefixed protobuf, which is"
        " written as it comes and so about 20 times faster",
    )
    parser.add_argument("--count-only", action="store_true", help="write nothing, only count")
    parser.add_argument("--validate", action="store_true", help="decode every record on arrival")
    parser.add_argument(
        "--print", action="store_true", help="print records and points as they come"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print as JSON: the counts in one line, and what --print shows",
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end when the process that started it ends"
    )
    faults = parser.add_argument_group("faults")
    faults.add_argument(
        "--stall", type=arguments.duration, metavar="TIME", help="hold answers back for this long"
    )
    faults.add_argument(
        "--stall-after",
        type=arguments.duration,
        metavar="TIME",
        default=0.0,
        help="begin to stall this long after the first request (default: at the start)",
    )
    faults.add_argument("--status", type=arguments.status, help="answer every request with this")
    faults.add_argument("--retry-after", type=float, metavar="SECONDS", help="with --status")
    faults.add_argument(
        "--times", type=int, metavar="N", help="--status, --cut, --cut-before: N requests only"
    )
    faults.add_argument(
        "--cut", action="store_true", help="take requests, and reset instead of an answer"
    )
    faults.add_argument("--cut-before", action="store_true", help="reset before the body is read")
    faults.add_argument(
        "--partial", type=int, metavar="N", help="reject N records or points of every batch"
    )
    faults.add_argument("--refuse-codec", choices=("zstd", "gzip"), help="answer it with 415")
    faults.add_argument(
        "--max-body", type=arguments.size, metavar="SIZE", help="answer larger bodies with 413"
    )
    faults.add_argument(
        "--slow-body", type=arguments.size, metavar="SIZE", help="read so many bytes a second"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal."""
    segments = None
    if args.directory is not None and not args.count_only:
        try:
            segments = SegmentWriter(args.directory, args.format)
        except OSError as error:
            print(f"forebay receive: {error}", file=sys.stderr)
            return 1
    printer = Printer(as_json=args.json) if args.print else None
    first_request = threading.Event()

    def on_batch(batch: TakenBatch) -> None:
        first_request.set()
        if segments is not None:
            segments.write(batch)
        if printer is not None:
            printer.print(batch)

    receiver = Receiver(
        port=args.port, keep=False, validate=args.validate, control=True, on_batch=on_batch
    )
    _script(receiver, args)
    with _ends_held_back():
        return _serve(receiver, args, segments, first_request)


@contextlib.contextmanager
def _ends_held_back() -> Iterator[None]:
    """The signals that end it wait until they are asked for, also in threads begun inside.

    A handler would run at any point of the main thread, also where that holds a lock which the
    handler needs in order to tell it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        for number in _ENDS:
            # One that comes after the first has no effect.
            signal.signal(number, lambda number, frame: None)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    receiver: Receiver,
    args: argparse.Namespace,
    segments: SegmentWriter | None,
    first_request: threading.Event,
) -> int:
    parent = os.getppid()
    stop = threading.Event()
    try:
        receiver.start()
    except OSError as error:
        print(f"forebay receive: port {args.port}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"listening on {receiver.endpoint}", flush=True)
    if args.stall is not None and args.stall_after > 0:
        _stall_later(receiver, first_request, stop, args.stall_after, args.stall)
    while signal.sigtimedwait(_ENDS, 0.5 if args.with_parent else 3600) is None:
        if args.with_parent and os.getppid() != parent:
            break
    stop.set()
    receiver.stop()
    if segments is not None:
        segments.close()
    _report(receiver.counts(), segments, as_json=args.json)
    return 0


def _script(receiver: Receiver, args: argparse.Namespace) -> None:
    if args.stall is not None and args.stall_after <= 0:
        receiver.stall(args.stall)
    if args.status is not None:
        receiver.fail(args.status, retry_after=_whole(args.retry_after), times=args.times)
    if args.cut:
        receiver.cut(times=args.times)
    if args.cut_before:
        receiver.cut_before(times=args.times)
    if args.partial is not None:
        receiver.partial(args.partial, times=args.times)
    if args.refuse_codec is not None:
        receiver.refuse_codec(args.refuse_codec)
    receiver.max_body(args.max_body)
    receiver.slow_body(args.slow_body)


def _whole(seconds: float | None) -> float | int | None:
    return int(seconds) if seconds is not None and seconds == int(seconds) else seconds


def _stall_later(
    receiver: Receiver,
    first_request: threading.Event,
    stop: threading.Event,
    after: float,
    seconds: float,
) -> None:
    def wait_and_stall() -> None:
        while not first_request.wait(0.1):
            if stop.is_set():
                return
        if not stop.wait(after):
            receiver.stall(seconds)

    threading.Thread(target=wait_and_stall, name="forebay-stall", daemon=True).start()


def _report(counts: Counts, segments: SegmentWriter | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(counts.as_dict()), flush=True)
        return
    print(
        f"{counts.unique_records} records in"
        f" {counts.unique_batches - counts.unique_point_batches} batches ({counts.records} and"
        f" {counts.batches - counts.point_batches} with what came twice)"
    )
    if counts.point_batches:
        print(
            f"{counts.unique_points} metric points in {counts.unique_point_batches} batches"
            f" ({counts.points} and {counts.point_batches} with what came twice)"
        )
    answered = ", ".join(f"{n} with {status}" for status, n in sorted(counts.statuses.items()))
    print(f"{counts.requests} requests: {answered or 'none answered'}, {counts.cut} cut")
    if counts.rejected:
        print(f"{counts.rejected} rejected by partial success")
    for scope, count in sorted(counts.scopes.items()):
        print(f"  {count:>10}  {scope or '(no scope)'}")
    for scope, count in sorted(counts.point_scopes.items()):
        print(f"  {count:>10}  {scope or '(no scope)'} (metric points)")
    if segments is not None:
        for path in segments.paths():
            print(f"written: {path}")
    sys.stdout.flush()


class Printer:
    """Prints what batches hold, a line a record or point. Safe from any thread."""

    def __init__(self, *, as_json: bool) -> None:
        self._lines = Lines(paint.for_stream(sys.stdout), as_json=as_json)
        self._lock = threading.Lock()
        self._is_closed = False

    def print(self, batch: TakenBatch) -> None:
        """Print a batch. Whatever is wrong with it or with the output, it is taken all the same."""
        try:
            text = "".join(
                self._lines.record(logs, scope, record)
                for logs in batch.resource_logs()
                for scope, record in logs.records()
            ) + "".join(map(self._lines.point, batch.metric_points()))
        except WireError as error:
            print(f"forebay receive: not printed: {error}", file=sys.stderr)
            return
        with self._lock:
            if self._is_closed:
                return
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except OSError as error:
                self._is_closed = True
                print(f"forebay receive: nothing more is printed: {error}", file=sys.stderr)


class SegmentWriter:
    """Appends batches to one file a signal."""

    def __init__(self, directory: Path, form: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._form = form
        self._stamp = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        self._lock = threading.Lock()
        self._files: dict[bool, IO[bytes]] = {}
        self._written: list[Path] = []

    def write(self, batch: TakenBatch) -> None:
        """Append a batch; an empty one leaves no trace."""
        if not batch.body:
            return
        if self._form == "jsonl":
            data = _as_line(batch)
        elif batch.content_type == answers.JSON:
            raise OSError("a batch in JSON cannot be written as protobuf; use --format jsonl")
        else:
            data = len(batch.body).to_bytes(4, "big") + batch.body
        with self._lock:
            file = self._files.get(batch.points)
            if file is None:
                file = self._open(batch.points)
            _write_whole(file, data)

    def _open(self, points: bool) -> IO[bytes]:
        signal_name = "metrics" if points else "logs"
        path = self._directory / f"{signal_name}-{self._stamp}.{self._form}"
        file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self._files[points] = file
        self._written.append(path)
        return file

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def paths(self) -> list[Path]:
        """Every file that was written."""
        with self._lock:
            return list(self._written)


def _write_whole(file: IO[bytes], data: bytes) -> None:
    """Append all of it or nothing: a disk that fills up must not leave half a line behind."""
    begin = os.fstat(file.fileno()).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]
    except OSError:
        os.ftruncate(file.fileno(), begin)
        raise


def _as_line(batch: TakenBatch) -> bytes:
    if batch.content_type == answers.JSON:
        document = json.loads(batch.body)
    else:
        document = schema.to_json_object(batch.body, "MetricsData" if batch.points else "LogsData")
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
