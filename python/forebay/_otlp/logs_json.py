"""Log records out of OTLP/JSON."""

from __future__ import annotations

from . import json_values
from .json_values import integer, items, mapping, string
from .logs import LogRecord, ResourceLogs, ScopeLogs


def decode_json(text: str | bytes) -> list[ResourceLogs]:
    """Decode OTLP/JSON: keys in lowerCamelCase, 64-bit integers as strings or numbers.

    Raises:
        WireError: the text is no JSON, or a part of it has another type than OTLP says.
    """
    return from_json_object(json_values.parse(text))


def from_json_object(document: object) -> list[ResourceLogs]:
    """The same for JSON that was parsed already."""
    with json_values.checked():
        return [_json_resource_logs(item) for item in items(mapping(document), "resourceLogs")]


def _json_resource_logs(item: object) -> ResourceLogs:
    value = mapping(item)
    return ResourceLogs(
        resource=json_values.attributes(mapping(value.get("resource"))),
        scopes=[_json_scope_logs(inner) for inner in items(value, "scopeLogs")],
        schema_url=string(value, "schemaUrl"),
    )


def _json_scope_logs(item: object) -> ScopeLogs:
    value = mapping(item)
    return ScopeLogs(
        scope=json_values.scope(value.get("scope")),
        records=[json_record(record) for record in items(value, "logRecords")],
        schema_url=string(value, "schemaUrl"),
    )


def json_record(item: object) -> LogRecord:
    """A LogRecord."""
    value = mapping(item)
    body = value.get("body")
    return LogRecord(
        time_unix_nano=integer(value.get("timeUnixNano")),
        observed_time_unix_nano=integer(value.get("observedTimeUnixNano")),
        severity_number=integer(value.get("severityNumber")),
        severity_text=string(value, "severityText"),
        body=None if body is None else json_values.any_value(body),
        attributes=json_values.attributes(value),
        dropped_attributes_count=integer(value.get("droppedAttributesCount")),
        flags=integer(value.get("flags")),
        trace_id=bytes.fromhex(string(value, "traceId")),
        span_id=bytes.fromhex(string(value, "spanId")),
        event_name=string(value, "eventName"),
    )
