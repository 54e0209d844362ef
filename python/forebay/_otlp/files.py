"""Log records out of segment files: OTLP/JSON lines, and length-prefixed protobuf.

Both are read while somebody may still be writing them, and after a writer was killed: a last line
or message that is only half there is left out and said, not an error.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from . import compression, logs, logs_json, schema
from .compression import CodecMissingError, CompressionError
from .logs import ResourceLogs
from .wire import WireError

SUFFIXES = (".jsonl", ".otlp", ".otlp.zst")
# A file holds one signal, and those of metrics say so in their names.
METRICS_SUFFIXES = tuple(f".metrics{suffix}" for suffix in SUFFIXES)

MAX_MESSAGE_BYTES = compression.MAX_MESSAGE_BYTES
_PREFIX_BYTES = 4


class SegmentReader:
    """Reads one segment, message by message. Iterate over it once.

    The form is told by the content: ``{`` begins JSON lines; anything else is length-prefixed
    protobuf (4 bytes, big endian, then the message), each message compressed with zstd or not.

    Attributes:
        messages: complete messages read so far.
        half_written: the segment ends within a message.
        other_signals: messages that hold metrics or traces; they are passed over.
        problems: a sentence for each part that could not be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.messages = 0
        self.half_written = False
        self.other_signals = 0
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[ResourceLogs]:
        with open(self.path, "rb") as file:
            yield from self.read(file)

    def read(self, file: IO[bytes]) -> Iterator[ResourceLogs]:
        """Read from an open binary file, which need not be seekable."""
        buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)  # type: ignore[type-var]
        start = buffered.peek(1)[:1]
        if not start:
            return
        if start in (b"{", b" ", b"\n", b"\r", b"\t"):
            yield from self._read_lines(buffered)
        else:
            yield from self._read_messages(buffered)

    def _read_lines(self, file: IO[bytes]) -> Iterator[ResourceLogs]:
        number = 0
        while True:
            line = file.readline(MAX_MESSAGE_BYTES + 1)
            if not line:
                return
            number += 1
            complete = line.endswith(b"\n")
            if not complete and len(line) > MAX_MESSAGE_BYTES:
                self._problem(f"line {number}: longer than {MAX_MESSAGE_BYTES} bytes")
                _skip_line(file)
                continue
            if not line.strip():
                continue
            try:
                document = json.loads(line)
            except (ValueError, RecursionError) as error:
                if complete:
                    self._problem(f"line {number}: no JSON: {error}")
                else:
                    self.half_written = True
                continue
            self.messages += 1
            if isinstance(document, dict) and not document.keys() - {
                "resourceMetrics",
                "resourceSpans",
                "resourceProfiles",
            }:
                self.other_signals += bool(document)
                continue
            try:
                yield from logs_json.from_json_object(document)
            except WireError as error:
                self._problem(f"line {number}: {error}")

    def _read_messages(self, file: IO[bytes]) -> Iterator[ResourceLogs]:
        offset = 0
        while True:
            prefix = file.read(_PREFIX_BYTES)
            if not prefix:
                return
            size = int.from_bytes(prefix, "big")
            if len(prefix) < _PREFIX_BYTES:
                self.half_written = True
                return
            if size > MAX_MESSAGE_BYTES:
                # What follows cannot be found without the length.
                self._problem(f"byte {offset}: a message of {size} bytes; the rest is not read")
                return
            data = file.read(size)
            if len(data) < size:
                self.half_written = True
                return
            try:
                if data.startswith(compression.ZSTD_MAGIC):
                    data = compression.decompress("zstd", data, MAX_MESSAGE_BYTES)
                decoded = logs.decode_protobuf(data)
            except CodecMissingError as error:
                self._problem(str(error))
                return
            except (CompressionError, WireError) as error:
                if _holds_points(data):
                    self.messages += 1
                    self.other_signals += 1
                else:
                    self._problem(f"byte {offset}: {error}")
            else:
                self.messages += 1
                yield from decoded
            offset += _PREFIX_BYTES + size

    def _problem(self, text: str) -> None:
        self.problems.append(f"{self.path}: {text}")


def _holds_points(data: bytes) -> bool:
    # Asked only where it is no message of log records: a metric's name is where their time is.
    try:
        schema.to_json_object(data, "MetricsData")
        return any(schema.count_points(data).values())
    except WireError:
        return False


def _skip_line(file: IO[bytes]) -> None:
    while True:
        rest = file.readline(1 << 20)
        if not rest or rest.endswith(b"\n"):
            return


def segments_in(directory: str | os.PathLike[str]) -> list[Path]:
    """The segments of log records below a directory, those written to last at the end."""
    found: list[tuple[int, Path]] = []
    for root, _, names in os.walk(directory):
        for name in names:
            if name.endswith(SUFFIXES) and not name.endswith(METRICS_SUFFIXES):
                path = Path(root, name)
                with contextlib.suppress(FileNotFoundError):  # rotated away in between
                    found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]
