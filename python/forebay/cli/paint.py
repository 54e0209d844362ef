"""Colour, where a terminal wants it."""

from __future__ import annotations

import os
import re
from typing import IO, TextIO


class Style:
    """Wraps text in terminal colours, or leaves it alone."""

    def __init__(self, coloured: bool) -> None:
        self._coloured = coloured

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured else text

    def dim(self, text: str) -> str:
        """What is there to be found, not to be read first."""
        return self._wrap("2", text)

    def scope(self, text: str) -> str:
        """The name of a scope."""
        return self._wrap("36", text)

    def good(self, text: str) -> str:
        """All is well."""
        return self._wrap("32", text)

    def bad(self, text: str) -> str:
        """It is not."""
        return self._wrap("1;31", text)

    def level(self, text: str, severity_number: int) -> str:
        """A level, by its severity."""
        if severity_number >= 17:
            return self._wrap("31", text)
        if severity_number >= 13:
            return self._wrap("33", text)
        if severity_number >= 9:
            return self._wrap("32", text)
        return self._wrap("2", text)


def for_stream(stream: IO[str]) -> Style:
    """Colours on a terminal, unless ``NO_COLOR`` is set."""
    return Style(stream.isatty() and not os.environ.get("NO_COLOR"))


def shows(stream: TextIO, text: str) -> bool:
    """Whether the stream's encoding has these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def cut(line: str, columns: int) -> str:
    """What fits so many columns; colours take none, and end with the line."""
    if len(_COLOUR.sub("", line)) <= columns:
        return line
    result = ""
    room = columns
    at = 0
    for match in [*_COLOUR.finditer(line), None]:
        part = line[at : match.start() if match else len(line)]
        result += part[:room]
        room -= len(part[:room])
        if match is not None:
            result += match[0]
            at = match.end()
    return result
