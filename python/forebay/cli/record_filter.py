"""Which records or points somebody wants to see: by level, attribute and text."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .._errors import OptionError
from .._levels import level_number, severity_number
from .._otlp.logs import LogRecord, Value
from .._otlp.metrics import MetricPoint

# In JSON such texts are written as they are, whoever writes.
_PLAIN = re.compile(r"[A-Za-z0-9 _.:,;@#%()=+*!?~^-]+")


@dataclass(frozen=True)
class RecordFilter:
    """All of it must be met."""

    min_severity: int = 0
    attributes: tuple[tuple[str, str], ...] = ()
    texts: tuple[str, ...] = ()

    def may_match(self, content: bytes) -> bool:
        """Whether a record in JSON may be wanted, by its bytes: most need not be parsed."""
        for key, value in self.attributes:
            if not _may_contain(content, key) or (
                _is_written_so(value) and not _may_contain(content, value)
            ):
                return False
        return all(_may_contain(content, text) for text in self.texts)

    def matches(self, record: LogRecord) -> bool:
        """Whether it is wanted."""
        if record.severity_number < self.min_severity:
            return False
        return self._matches(record.attributes, (record.body,))

    def matches_point(self, point: MetricPoint) -> bool:
        """Whether a point is wanted. It has no level."""
        return self._matches(point.attributes, (point.name, point.description))

    def _matches(self, attributes: dict[str, Value], parts: tuple[Value, ...]) -> bool:
        for key, wanted in self.attributes:
            if key not in attributes or not _reads(attributes[key], wanted):
                return False
        searched = [part for part in (*parts, *attributes.values()) if isinstance(part, str)]
        return all(any(text in part for part in searched) for text in self.texts)


def _may_contain(content: bytes, text: str) -> bool:
    return not _PLAIN.fullmatch(text) or text.encode() in content


def _is_written_so(value: str) -> bool:
    """Whether what reads `value` contains it: a number may be written 1e+05, and so on."""
    if value.lower() in ("true", "false"):
        return False
    try:
        number = float(value)
    except ValueError:
        return True
    return value.isdigit() and number % 10 != 0


def _reads(value: Value, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if isinstance(value, (int, float)):
        try:
            return float(wanted) == value
        except ValueError:
            return False
    return isinstance(value, str) and value == wanted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a filter."""
    group = parser.add_argument_group("which records")
    group.add_argument("--level", metavar="LEVEL", help="this level and above: warning, error, …")
    group.add_argument(
        "--attribute",
        "-a",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with this attribute; repeatable, and then all of them",
    )
    group.add_argument(
        "--text",
        "-t",
        action="append",
        default=[],
        metavar="TEXT",
        help="with TEXT in the message (a metric's name or description) or in the text of an"
        " attribute; repeatable",
    )


def filter_from(level: str | None, attributes: Sequence[str], texts: Sequence[str]) -> RecordFilter:
    """The filter that was asked for.

    Raises:
        OptionError: an argument is not written so; the message names it.
    """
    severity = 0
    if level is not None:
        value: int | str = int(level) if level.isdigit() else level
        severity = severity_number(level_number(value, "--level"))
    pairs = []
    for text in attributes:
        key, equals, value_text = text.partition("=")
        if not equals or not key:
            raise OptionError(f"--attribute: {text!r} is not KEY=VALUE")
        pairs.append((key, value_text))
    return RecordFilter(severity, tuple(pairs), tuple(texts))
