"""Log records and metric points out of segment files: OTLP/JSON lines, length-prefixed protobuf.

Both are read while somebody may still be writing them, and after a writer was killed: a last line
or message that is only half there is left out and said, not an error.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Container, Iterator
from pathlib import Path
from typing import IO

from . import compression, json_values, logs, logs_json, metrics, signals
from .compression import CodecMissingError, CompressionError
from .logs import ResourceLogs
from .metrics import MetricPoint
from .signals import Signal
from .wire import WireError

SUFFIXES = (".jsonl", ".otlp", ".otlp.zst")
# A file holds one signal, and those of metrics say so in their names.
METRICS_SUFFIXES = tuple(f".metrics{suffix}" for suffix in SUFFIXES)

MAX_MESSAGE_BYTES = compression.MAX_MESSAGE_BYTES
_PREFIX_BYTES = 4
_NOT_OURS = "no file of Forebay's: neither OTLP/JSON lines nor length-prefixed OTLP messages"


class SegmentReader:
    """Reads one segment, message by message. Iterate over it once.

    The form is told by the content: ``{`` begins JSON lines; anything else is length-prefixed
    protobuf (4 bytes, big endian, then the message), each message compressed with zstd or not. A
    Collector that compresses JSON writes it so, too.

    Attributes:
        half_written: the segment ends within a message.
        passed_over: messages of a signal that was not asked for, by signal.
        problems: a sentence for each part that could not be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.half_written = False
        self.passed_over: dict[Signal, int] = {}
        self.problems: list[str] = []
        self._is_foreign_told = False

    def __iter__(self) -> Iterator[ResourceLogs]:
        with open(self.path, "rb") as file:
            yield from self.read(file)

    def read(self, file: IO[bytes]) -> Iterator[ResourceLogs]:
        """The log records in an open binary file, which need not be seekable."""
        for item in self.read_signals(file, ("logs",)):
            if isinstance(item, ResourceLogs):
                yield item

    def signals(self, wanted: Container[Signal]) -> Iterator[ResourceLogs | MetricPoint]:
        """What there is of these signals, in the file's order. Only logs and metrics are read."""
        with open(self.path, "rb") as file:
            yield from self.read_signals(file, wanted)

    def read_signals(
        self, file: IO[bytes], wanted: Container[Signal]
    ) -> Iterator[ResourceLogs | MetricPoint]:
        """The same out of an open binary file, which need not be seekable."""
        buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)  # type: ignore[type-var]
        start = buffered.peek(1)[:1]
        if not start:
            return
        if start in (b"{", b" ", b"\n", b"\r", b"\t"):
            yield from self._read_lines(buffered, wanted)
        else:
            yield from self._read_messages(buffered, wanted)

    def _read_lines(
        self, file: IO[bytes], wanted: Container[Signal]
    ) -> Iterator[ResourceLogs | MetricPoint]:
        number = 0
        is_first = True
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
            if is_first and not line.lstrip().startswith(b"{"):
                self._problem(_NOT_OURS)
                return
            is_first = False
            signal = signals.of_json(line)
            if signal is not None and signal not in wanted:
                self._pass_over(signal)  # to parse it would be most of the work
                continue
            try:
                yield from self._of_json(line, wanted)
            except _NotJsonError as error:
                if complete:
                    self._problem(f"line {number}: {error}")
                else:
                    self.half_written = True
            except WireError as error:
                self._problem(f"line {number}: {error}")

    def _read_messages(
        self, file: IO[bytes], wanted: Container[Signal]
    ) -> Iterator[ResourceLogs | MetricPoint]:
        offset = 0
        while True:
            prefix = file.read(_PREFIX_BYTES)
            if not prefix:
                return
            size = int.from_bytes(prefix.ljust(_PREFIX_BYTES, b"\0"), "big")
            if offset == 0 and size > MAX_MESSAGE_BYTES:
                self._problem(_NOT_OURS)
                return
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
                if data.startswith(b"{"):
                    yield from self._of_json(data, wanted)
                else:
                    yield from self._of_protobuf(data, wanted)
            except CodecMissingError as error:
                self._problem(str(error))
                return
            except (CompressionError, WireError) as error:
                self._problem(f"byte {offset}: {error}")
            offset += _PREFIX_BYTES + size

    def _of_json(self, text: bytes, wanted: Container[Signal]) -> list[ResourceLogs | MetricPoint]:
        try:
            document = json_values.parse(text)
        except WireError as error:
            raise _NotJsonError(str(error)) from None
        found: list[ResourceLogs | MetricPoint] = []
        keys = json_values.mapping(document).keys()
        # A Collector may write "{}" for a batch of nothing.
        if keys and keys.isdisjoint(signals.JSON_KEYS) and not self._is_foreign_told:
            self._is_foreign_told = True  # such a file may be long
            raise WireError("JSON, but no OTLP; further ones like it are not told")
        for key in keys:
            signal = signals.JSON_KEYS.get(key)
            if signal is None:
                continue
            if signal not in wanted:
                self._pass_over(signal)
            elif signal == "logs":
                found += logs_json.from_json_object(document)
            elif signal == "metrics":
                found += metrics.from_json_object(document)
        return found

    def _of_protobuf(
        self, data: bytes, wanted: Container[Signal]
    ) -> list[ResourceLogs | MetricPoint]:
        signal = signals.of_protobuf(data) or "logs"
        if signal not in wanted:
            self._pass_over(signal)
            return []
        found = metrics.decode_protobuf(data) if signal == "metrics" else logs.decode_protobuf(data)
        return [*found]

    def _pass_over(self, signal: Signal) -> None:
        self.passed_over[signal] = self.passed_over.get(signal, 0) + 1

    def _problem(self, text: str) -> None:
        self.problems.append(f"{self.path}: {text}")


class _NotJsonError(WireError):
    pass


def _skip_line(file: IO[bytes]) -> None:
    while True:
        rest = file.readline(1 << 20)
        if not rest or rest.endswith(b"\n"):
            return


def holds_only_points(path: Path) -> bool:
    """Whether its name says that there is nothing but metric points in it."""
    return path.name.endswith(METRICS_SUFFIXES)


def segments_in(directory: str | os.PathLike[str]) -> list[Path]:
    """The segments below a directory, of both signals, those written to last at the end."""
    found: list[tuple[int, Path]] = []
    for root, _, names in os.walk(directory):
        for name in names:
            if name.endswith(SUFFIXES):
                path = Path(root, name)
                with contextlib.suppress(FileNotFoundError):  # rotated away in between
                    found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def problems_at_begin(path: Path) -> list[str]:
    """What tells that a file is none of Forebay's, and never will be.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        begin = file.read(4)  # the length of the first message, where it has any
    reader = SegmentReader(path)
    for _ in reader.read_signals(io.BytesIO(begin), ()):
        pass
    return reader.problems
