"""Log records out of OTLP/JSON."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from .logs import MAX_DEPTH, LogRecord, ResourceLogs, Scope, ScopeLogs, Value
from .wire import WireError


def decode_json(text: str | bytes) -> list[ResourceLogs]:
    """Decode OTLP/JSON: keys in lowerCamelCase, 64-bit integers as strings or numbers.

    Raises:
        WireError: the text is no JSON, or a part of it has another type than OTLP says.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {error}") from None
    return from_json_object(document)


def from_json_object(document: object) -> list[ResourceLogs]:
    """The same for JSON that was parsed already."""
    try:
        return [_json_resource_logs(item) for item in _list(_dict(document), "resourceLogs")]
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError(f"no OTLP/JSON: {error}") from None


def _dict(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WireError(f"an object was expected, not {type(value).__name__}")
    return value


def _list(value: dict[str, Any], key: str) -> list[Any]:
    items = value.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise WireError(f"{key}: a list was expected, not {type(items).__name__}")
    return items


def _string(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise WireError(f"{key}: a string was expected, not {type(text).__name__}")
    return text


def _integer(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise WireError(f"an integer was expected, not {type(value).__name__}")
    if isinstance(value, float) and value != int(value):
        raise WireError(f"an integer was expected, not {value}")
    return int(value)


def _json_resource_logs(item: object) -> ResourceLogs:
    value = _dict(item)
    return ResourceLogs(
        resource=json_attributes(_dict(value.get("resource")), 0),
        scopes=[_json_scope_logs(inner) for inner in _list(value, "scopeLogs")],
        schema_url=_string(value, "schemaUrl"),
    )


def _json_scope_logs(item: object) -> ScopeLogs:
    value = _dict(item)
    scope = _dict(value.get("scope"))
    return ScopeLogs(
        scope=Scope(_string(scope, "name"), _string(scope, "version"), json_attributes(scope, 0)),
        records=[json_record(record) for record in _list(value, "logRecords")],
        schema_url=_string(value, "schemaUrl"),
    )


def json_record(item: object) -> LogRecord:
    value = _dict(item)
    body = value.get("body")
    return LogRecord(
        time_unix_nano=_integer(value.get("timeUnixNano")),
        observed_time_unix_nano=_integer(value.get("observedTimeUnixNano")),
        severity_number=_integer(value.get("severityNumber")),
        severity_text=_string(value, "severityText"),
        body=None if body is None else _json_any_value(body, 0),
        attributes=json_attributes(value, 0),
        dropped_attributes_count=_integer(value.get("droppedAttributesCount")),
        flags=_integer(value.get("flags")),
        trace_id=bytes.fromhex(_string(value, "traceId")),
        span_id=bytes.fromhex(_string(value, "spanId")),
        event_name=_string(value, "eventName"),
    )


def json_attributes(
    holder: dict[str, Any], depth: int, key: str = "attributes"
) -> dict[str, Value]:
    result: dict[str, Value] = {}
    for item in _list(holder, key):
        pair = _dict(item)
        result[_string(pair, "key")] = _json_any_value(pair.get("value"), depth)
    return result


def _json_any_value(item: object, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH}")
    value = _dict(item)
    if "stringValue" in value:
        return _string(value, "stringValue")
    if "boolValue" in value:
        return bool(value["boolValue"])
    if "intValue" in value:
        return _integer(value["intValue"])
    if "doubleValue" in value:
        return float(value["doubleValue"])  # takes "NaN", "Infinity" and "-Infinity" too
    if "arrayValue" in value:
        items = _list(_dict(value["arrayValue"]), "values")
        return [_json_any_value(inner, depth + 1) for inner in items]
    if "kvlistValue" in value:
        return json_attributes(_dict(value["kvlistValue"]), depth + 1, "values")
    if "bytesValue" in value:
        try:
            return base64.b64decode(_string(value, "bytesValue"), validate=True)
        except binascii.Error as error:
            raise WireError(f"bytesValue: {error}") from None
    return None
