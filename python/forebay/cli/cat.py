"""``forebay cat``: segments, readably or as one JSON object a record."""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .._otlp.files import SegmentReader, segments_in
from .._otlp.logs import LogRecord, ResourceLogs, Scope, Value
from . import paint

_DESCRIPTION = """\
Prints log records: time, level, scope, message, then attributes as key=value. Reads OTLP/JSON lines
(.jsonl) and length-prefixed protobuf with or without zstd (.otlp, .otlp.zst), whatever their name
is; "-" is standard input. Without a path it reads the service directory that was written to last.

Records of files are printed in the order of their time: a process writes each lane for itself, and
several processes write side by side. What is too much to hold in memory, and standard input, is
printed as it comes, and --unsorted prints all of it so.

--json prints one flat object a record: time, level, scope, message and so on, and each attribute
under its own name; one that is called like a field of the record becomes "attributes.NAME".
"""

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "cat",
        help="print segments of log records readably, or as JSON",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file, a directory, or -")
    parser.add_argument("--json", action="store_true", help="one flat JSON object a record")
    parser.add_argument("--unsorted", action="store_true", help="as it is in the files")
    parser.add_argument("--resource", action="store_true", help="with the resource's attributes")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the records of every path. 1 if something could not be read."""
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
    failed = False
    for path in paths:
        failed |= not _print_path(path, args, output)
    output.end()
    return 1 if failed else 0


class _Output:
    """Writes records in the order of their time, or as they come."""

    # Of text that is held to be sorted. Unit: characters.
    most_held = 256 << 20

    def __init__(self, *, is_sorted: bool) -> None:
        self._held: list[tuple[int, str]] | None = [] if is_sorted else None
        self._characters = 0

    def record(self, nanoseconds: int, text: str) -> None:
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
            self._held.sort(key=lambda record: record[0])  # stable: equal times stay as they came
            self._write_held()
        sys.stdout.flush()

    def _write_held(self) -> None:
        held, self._held = self._held or [], None
        sys.stdout.writelines(text for _, text in held)


def _print_path(path: str, args: argparse.Namespace, output: _Output) -> bool:
    if path == "-":
        reader = SegmentReader("standard input")
        return _print_segment(reader, reader.read(sys.stdin.buffer), args, output)
    files = segments_in(path) if os.path.isdir(path) else [Path(path)]
    whole = True
    for file in files:
        reader = SegmentReader(file)
        whole &= _print_segment(reader, iter(reader), args, output)
    return whole


def _print_segment(
    reader: SegmentReader,
    source: Iterator[ResourceLogs],
    args: argparse.Namespace,
    output: _Output,
) -> bool:
    style = paint.for_stream(sys.stdout)
    try:
        for resource_logs in source:
            for scope, record in resource_logs.records():
                if args.json:
                    flat = flat_object(resource_logs, scope, record, resource=args.resource)
                    text = json.dumps(flat, ensure_ascii=False, default=str)
                else:
                    text = line(resource_logs, scope, record, style, resource=args.resource)
                output.record(_time_of(record), text + "\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"forebay cat: {reader.path}: {error.strerror or error}", file=sys.stderr)
        return False
    sys.stdout.flush()
    for problem in reader.problems:
        print(f"forebay cat: {problem}", file=sys.stderr)
    if reader.half_written:
        print(f"forebay cat: {reader.path}: the last message is only half written", file=sys.stderr)
    if reader.other_signals:
        print(
            f"forebay cat: {reader.path}: {reader.other_signals} messages of metrics or traces"
            " are not shown",
            file=sys.stderr,
        )
    return not reader.problems


# -- one record -------------------------------------------------------------------------------


def _time_of(record: LogRecord) -> int:
    """When it happened, else when it was seen. Unit: ns since 1970."""
    return record.time_unix_nano or record.observed_time_unix_nano


def level_of(record: LogRecord) -> str:
    """The source's own name of the level, else that of the severity's range."""
    if record.severity_text:
        return record.severity_text
    number = record.severity_number
    return _LEVELS[(number - 1) // 4] if 1 <= number <= 24 else "-"


def time_text(nanoseconds: int, *, spec: str = "microseconds") -> str:
    """A Unix time as UTC in ISO form."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds}ns"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def line(
    resource_logs: ResourceLogs,
    scope: Scope,
    record: LogRecord,
    style: paint.Style,
    *,
    resource: bool,
) -> str:
    """The record in one line, but for a stack trace, which follows indented."""
    time = time_text(_time_of(record), spec="milliseconds")
    level = level_of(record)
    parts = [
        style.dim(time),
        style.level(f"{_escape(level):<8}", record.severity_number),
        style.scope(_escape(scope.name) or "-"),
        _message(record),
    ]
    pairs = dict(record.attributes)
    if resource:
        pairs |= {f"resource.{key}": value for key, value in resource_logs.resource.items()}
    stack = pairs.pop("exception.stacktrace", None)
    if record.trace_id:
        pairs["trace_id"] = record.trace_id.hex()
    if record.span_id:
        pairs["span_id"] = record.span_id.hex()
    if record.dropped_attributes_count:
        pairs["dropped_attributes"] = record.dropped_attributes_count
    parts += [f"{style.dim(f'{_escape(key)}=')}{_value(value)}" for key, value in pairs.items()]
    text = " ".join(parts)
    if isinstance(stack, str) and stack:
        text += "".join(f"\n    {_escape(row)}" for row in stack.rstrip("\n").split("\n"))
    return text


def _message(record: LogRecord) -> str:
    body = record.body
    if isinstance(body, str):
        text = _escape(body)
    elif body is None:
        text = ""
    else:
        text = _json(body)
    if record.event_name:
        text = f"[{_escape(record.event_name)}] {text}".rstrip()
    return text


def _value(value: Value) -> str:
    if isinstance(value, str):
        plain = value and not any(c.isspace() or c in "\"'=" or not c.isprintable() for c in value)
        return value if plain else _json(value)
    return _json(value)


def _json(value: Value) -> str:
    return _escape(json.dumps(plain(value), ensure_ascii=False))


def _escape(text: str) -> str:
    # A record must not be able to move the reader's cursor or to forge a second line.
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def plain(value: Value) -> Any:
    """The value as JSON has it: bytes in base64, numbers that are none as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def flat_object(
    resource_logs: ResourceLogs, scope: Scope, record: LogRecord, *, resource: bool
) -> dict[str, Any]:
    """The record as one flat object. What is not there is left out."""
    nanoseconds = _time_of(record)
    flat: dict[str, Any] = {
        "time": time_text(nanoseconds),
        "time_unix_nano": nanoseconds,
        "level": level_of(record),
        "severity_number": record.severity_number,
        "service": plain(resource_logs.resource.get("service.name")),
        "scope": scope.name,
        "message": plain(record.body),
    }
    if record.event_name:
        flat["event_name"] = record.event_name
    if record.trace_id:
        flat["trace_id"] = record.trace_id.hex()
    if record.span_id:
        flat["span_id"] = record.span_id.hex()
    if record.dropped_attributes_count:
        flat["dropped_attributes_count"] = record.dropped_attributes_count
    own = set(flat) | {"event_name", "trace_id", "span_id", "dropped_attributes_count"}
    for key, value in record.attributes.items():
        flat[f"attributes.{key}" if key in own else key] = plain(value)
    if resource:
        for key, value in resource_logs.resource.items():
            flat[f"resource.{key}"] = plain(value)
    return flat


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
