"""Log records in OTLP/JSON lines, found without parsing what nobody asked for.

A line holds a batch, and parsing all of it is what takes the time. But in JSON a quotation mark
inside a text is escaped, so bytes such as ``{"timeUnixNano":"`` are never part of one: they begin a
record, and ``"scope":{`` begins a scope. So a line is cut at its records; what a record's time and
severity are is read from its bytes, and the record is parsed when it is wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import json_values
from .logs import LogRecord
from .logs_json import json_record
from .values import Scope, Value
from .wire import WireError

_RECORD = b'{"timeUnixNano":"'
_RESOURCE = b'{"resource":'
_SCOPE = b'"scope":{'
_SEVERITY = re.compile(rb'"severityNumber":\s*"?(\d+)')
_decode = json.JSONDecoder().raw_decode


@dataclass(slots=True)
class Head:
    """What the records of a scope have in common; parsed once, when it is wanted."""

    resource_bytes: bytes
    scope_bytes: bytes  # empty: none
    _parsed: tuple[dict[str, Value], Scope] | None = field(default=None)

    def parse(self) -> tuple[dict[str, Value], Scope]:
        """The resource's attributes, and the scope."""
        if self._parsed is None:
            resource = _object(self.resource_bytes)
            scope = _object(self.scope_bytes) if self.scope_bytes else {}
            with json_values.checked():
                self._parsed = json_values.attributes(resource), json_values.scope(scope)
        return self._parsed


@dataclass(slots=True)
class Found:
    """A record in a line."""

    time_unix_nano: int
    content: bytes  # begins with the record; more may follow it
    head: Head

    def severity(self) -> int:
        """The severity number; 0: unspecified."""
        match = _SEVERITY.search(self.content)
        return int(match[1]) if match is not None else 0

    def parse(self) -> LogRecord:
        """All of it."""
        with json_values.checked():
            return json_record(_object(self.content))


def scan_line(line: bytes) -> list[Found] | None:
    """The records of a line, in its order; None where it is not written as Forebay writes."""
    if line.count(_RESOURCE) != 1 or not line.startswith(b'{"resourceLogs":['):
        return None
    parts = line.split(_RECORD)
    # A record whose time comes later, or not at all, is not cut off from the one before.
    if len(parts) == 1 or line.count(b'"observedTimeUnixNano"') > len(parts) - 1:
        return None
    return list(_cut(parts))


def _cut(parts: list[bytes]) -> Iterator[Found]:
    resource_at = parts[0].index(_RESOURCE) + len(_RESOURCE)
    resource = parts[0][resource_at:]
    head = Head(resource, _scope_in(parts[0], resource_at))
    for part in parts[1:]:
        end = part.find(b'"', 0, 24)
        if end < 0 or not part[:end].isdigit():
            raise WireError("a record's time is no number")
        yield Found(int(part[:end]), _RECORD + part, head)
        if (at := part.rfind(_SCOPE)) >= 0:
            head = Head(resource, part[at + len(_SCOPE) - 1 :])


def _scope_in(part: bytes, start: int) -> bytes:
    at = part.rfind(_SCOPE, start)
    return part[at + len(_SCOPE) - 1 :] if at >= 0 else b""


def _object(content: bytes) -> dict[str, object]:
    try:
        value, _ = _decode(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise WireError(f"an object was expected, not {type(value).__name__}")
    return value
