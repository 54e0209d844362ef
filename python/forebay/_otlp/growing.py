"""Segments that grow: what was written since the last look, and no half of a line or message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from .files import MAX_MESSAGE_BYTES

_PREFIX_BYTES = 4
# Most that is read at one look. Unit: bytes.
_AT_ONCE = 16 << 20
_BLOCK = 1 << 16


class GrowingSegment:
    """One segment, from a place on; at first from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read_new(self) -> bytes:
        """The complete lines or messages that came since the last call; empty: none did.

        A file that has become shorter was written anew, and is read from its beginning.

        Raises:
            OSError: it cannot be read.
        """
        with open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < self.offset:
                self.offset = 0
            if size == self.offset:
                return b""
            end_of = _end_of_lines if _has_lines(file) else _end_of_messages
            file.seek(self.offset)
            data = file.read(_AT_ONCE)
            end = end_of(data)
            if end == 0 and len(data) == _AT_ONCE:
                data += file.read(MAX_MESSAGE_BYTES)
                end = end_of(data)
        self.offset += end
        return data[:end]

    def skip(self) -> None:
        """Pass over everything that is complete.

        Raises:
            OSError: it cannot be read.
        """
        with open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not _has_lines(file):
                self.offset = _skip_messages(file, self.offset, size)
                return
            at = size
            while at > self.offset:
                begin = max(self.offset, at - _BLOCK)
                file.seek(begin)
                newline = file.read(at - begin).rfind(b"\n")
                if newline >= 0:
                    self.offset = begin + newline + 1
                    return
                at = begin


def _has_lines(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(1) in (b"{", b" ", b"\n", b"\r", b"\t")


def _end_of_lines(data: bytes) -> int:
    return data.rfind(b"\n") + 1


def _end_of_messages(data: bytes) -> int:
    at = 0
    while len(data) - at >= _PREFIX_BYTES:
        size = int.from_bytes(data[at : at + _PREFIX_BYTES], "big")
        if at + _PREFIX_BYTES + size > len(data):
            break
        at += _PREFIX_BYTES + size
    return at


def _skip_messages(file: IO[bytes], at: int, end: int) -> int:
    while end - at >= _PREFIX_BYTES:
        file.seek(at)
        size = int.from_bytes(file.read(_PREFIX_BYTES), "big")
        if at + _PREFIX_BYTES + size > end:
            break
        at += _PREFIX_BYTES + size
    return at
