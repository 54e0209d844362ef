"""Log records as plain Python objects, and how they come out of OTLP protobuf."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from . import values, wire
from .values import MAX_DEPTH, Scope, Value

__all__ = [
    "MAX_DEPTH",
    "LogRecord",
    "ResourceLogs",
    "Scope",
    "ScopeLogs",
    "Value",
    "check_first_records",
    "count_by_scope",
    "decode_protobuf",
]


@dataclass
class LogRecord:
    """One record. Times are Unix times in nanoseconds; 0 is unknown."""

    time_unix_nano: int = 0
    observed_time_unix_nano: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: Value = None
    attributes: dict[str, Value] = field(default_factory=dict)
    dropped_attributes_count: int = 0
    flags: int = 0
    trace_id: bytes = b""
    span_id: bytes = b""
    event_name: str = ""


@dataclass
class ScopeLogs:
    """Records of one scope."""

    scope: Scope = field(default_factory=Scope)
    records: list[LogRecord] = field(default_factory=list)
    schema_url: str = ""


@dataclass
class ResourceLogs:
    """Scopes of one resource: what the process is."""

    resource: dict[str, Value] = field(default_factory=dict)
    scopes: list[ScopeLogs] = field(default_factory=list)
    schema_url: str = ""

    def records(self) -> Iterator[tuple[Scope, LogRecord]]:
        """Every record with its scope, in the order of the message."""
        for scope_logs in self.scopes:
            for record in scope_logs.records:
                yield scope_logs.scope, record


def decode_protobuf(data: bytes) -> list[ResourceLogs]:
    """Decode an ``ExportLogsServiceRequest`` or ``LogsData``: on the wire they are the same.

    Raises:
        WireError: the bytes are no such message, or nest deeper than `MAX_DEPTH`.
    """
    result = []
    for number, kind, a, b in wire.fields(data, 0, len(data)):
        if number == 1:
            wire.expect(number, kind, wire.LENGTH)
            result.append(_resource_logs(data, a, b))
    return result


def _resource_logs(data: bytes, pos: int, end: int) -> ResourceLogs:
    result = ResourceLogs()
    for number, kind, a, b in wire.fields(data, pos, end):
        if number > 3:
            continue
        wire.expect(number, kind, wire.LENGTH)
        if number == 1:
            values.resource(data, a, b, result.resource)
        elif number == 2:
            result.scopes.append(_scope_logs(data, a, b))
        else:
            result.schema_url = values.text(data, a, b)
    return result


def _scope_logs(data: bytes, pos: int, end: int) -> ScopeLogs:
    result = ScopeLogs()
    for number, kind, a, b in wire.fields(data, pos, end):
        if number > 3:
            continue
        wire.expect(number, kind, wire.LENGTH)
        if number == 1:
            result.scope = values.scope(data, a, b)
        elif number == 2:
            result.records.append(_log_record(data, a, b))
        else:
            result.schema_url = values.text(data, a, b)
    return result


_RECORD_KINDS = {
    1: wire.FIXED64,
    2: wire.VARINT,
    3: wire.LENGTH,
    5: wire.LENGTH,
    6: wire.LENGTH,
    7: wire.VARINT,
    8: wire.FIXED32,
    9: wire.LENGTH,
    10: wire.LENGTH,
    11: wire.FIXED64,
    12: wire.LENGTH,
}


def _log_record(data: bytes, pos: int, end: int) -> LogRecord:
    result = LogRecord()
    for number, kind, a, b in wire.fields(data, pos, end):
        wanted = _RECORD_KINDS.get(number)
        if wanted is None:
            continue
        wire.expect(number, kind, wanted)
        if number == 6:
            values.key_value(data, a, b, result.attributes)
        elif number == 1:
            result.time_unix_nano = a
        elif number == 2:
            result.severity_number = wire.as_int32(a)
        elif number == 3:
            result.severity_text = values.text(data, a, b)
        elif number == 5:
            result.body = values.any_value(data, a, b)
        elif number == 7:
            result.dropped_attributes_count = a & 0xFFFFFFFF
        elif number == 8:
            result.flags = a
        elif number == 9:
            result.trace_id = data[a:b]
        elif number == 10:
            result.span_id = data[a:b]
        elif number == 11:
            result.observed_time_unix_nano = a
        else:
            result.event_name = values.text(data, a, b)
    return result


def count_by_scope(data: bytes) -> dict[str, int]:
    """The number of records of each scope in a protobuf request, without decoding a record.

    Walks tags and lengths only, so that a receiver keeps up with a fast sender. A record's own
    bytes are not looked at; everything around them is checked.
    """
    counts: dict[str, int] = {}
    for number, kind, a, b in wire.fields(data, 0, len(data)):
        if number != 1:
            continue
        wire.expect(number, kind, wire.LENGTH)
        for inner, inner_kind, c, d in wire.fields(data, a, b):
            if inner != 2:
                continue
            wire.expect(inner, inner_kind, wire.LENGTH)
            name = _scope_name(data, c, d)
            counts[name] = counts.get(name, 0) + wire.count_children(data, 2, c, d)
    return counts


def _scope_name(data: bytes, pos: int, end: int) -> str:
    # The scope usually comes first; if it comes after the records, this walks over them once more.
    for number, kind, a, b in wire.fields(data, pos, end):
        if number == 1:
            wire.expect(number, kind, wire.LENGTH)
            return values.scope(data, a, b).name
    return ""


def check_first_records(data: bytes) -> None:
    """Decode the first record of each scope: tells logs from metrics for the price of one record.

    Raises:
        WireError: it is no log record.
    """
    for number, kind, a, b in wire.fields(data, 0, len(data)):
        if number != 1:
            continue
        wire.expect(number, kind, wire.LENGTH)
        for inner, inner_kind, c, d in wire.fields(data, a, b):
            if inner != 2:
                continue
            wire.expect(inner, inner_kind, wire.LENGTH)
            for field_number, field_kind, e, f in wire.fields(data, c, d):
                if field_number == 2:
                    wire.expect(field_number, field_kind, wire.LENGTH)
                    _log_record(data, e, f)
                    break
