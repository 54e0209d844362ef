"""A log record as a line of text, and as one flat JSON object."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

from .._otlp.logs import LogRecord, ResourceLogs, Scope, Value
from . import paint

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def time_of(record: LogRecord) -> int:
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
    time = time_text(time_of(record), spec="milliseconds")
    level = level_of(record)
    parts = [
        style.dim(time),
        style.level(f"{escape(level):<8}", record.severity_number),
        style.scope(escape(scope.name) or "-"),
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
    parts += [f"{style.dim(f'{escape(key)}=')}{value_text(value)}" for key, value in pairs.items()]
    text = " ".join(parts)
    if isinstance(stack, str) and stack:
        text += "".join(f"\n    {escape(row)}" for row in stack.rstrip("\n").split("\n"))
    return text


def _message(record: LogRecord) -> str:
    body = record.body
    if isinstance(body, str):
        text = escape(body)
    elif body is None:
        text = ""
    else:
        text = _json(body)
    if record.event_name:
        text = f"[{escape(record.event_name)}] {text}".rstrip()
    return text


def value_text(value: Value) -> str:
    """A value as it stands behind a key: in JSON, unless it is plain text."""
    if isinstance(value, str):
        plain = value and not any(c.isspace() or c in "\"'=" or not c.isprintable() for c in value)
        return value if plain else _json(value)
    return _json(value)


def _json(value: Value) -> str:
    return escape(json.dumps(plain(value), ensure_ascii=False))


def escape(text: str) -> str:
    """The text without anything that moves the reader's cursor or forges a second line."""
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
    nanoseconds = time_of(record)
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
