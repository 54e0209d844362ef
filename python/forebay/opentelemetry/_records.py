"""Log records of OpenTelemetry into the core, as near to what they are as it takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Token
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from .. import _core
from .._exceptions import describe

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

# The level of `logging` that stands for each severity number.
LEVELS = (0, 1, 2, 3, 4, *(10 * tens + ones for tens in range(1, 6) for ones in range(4)))
# What OpenTelemetry calls an event's name where it is an attribute.
EVENT_NAME = "otel.event.name"
_EXCEPTION = ("exception.type", "exception.message", "exception.stacktrace")


def level_of(severity: object) -> int:
    """The level of a ``SeverityNumber``, or of its number. What is none: 0, unspecified."""
    number = getattr(severity, "value", severity)
    return LEVELS[number] if isinstance(number, int) and 0 <= number < len(LEVELS) else 0


def emit(
    logger: _core.Logger,
    scope: str | None,
    *,
    time_unix_nano: object,
    severity_number: object,
    severity_text: object,
    body: object,
    attributes: object,
    event_name: object,
    exception: object,
) -> bool:
    """Emit a record in the current context, whose span it belongs to.

    Args:
        logger: Whose collector it goes to.
        scope: The name of its scope; None: the logger's.
        time_unix_nano: When it happened. Unit: ns since 1970; None or 0: now.

    Returns:
        False where it was refused or dropped on the spot, and counted as that.
    """
    pairs = _attributes(attributes)
    if isinstance(exception, BaseException):
        # What the record says of it itself counts.
        pairs = {**dict(zip(_EXCEPTION, describe(exception), strict=True)), **pairs}
    if event_name:
        pairs.setdefault(EVENT_NAME, event_name)
    return _core.emit_bridged(
        logger,
        scope,
        level_of(severity_number),
        severity_text if isinstance(severity_text, str) and severity_text else None,
        _plain(body),
        pairs,
        None,
        time_unix_nano if isinstance(time_unix_nano, int) and time_unix_nano > 0 else 0,
        None,
    )


def emit_record(logger: _core.Logger, scope: str | None, record: LogRecord) -> bool:
    """Emit a record with the trace that it was made with, whatever is current by now."""
    token = _attach(record)
    try:
        return emit(
            logger,
            scope,
            time_unix_nano=record.timestamp or record.observed_timestamp,
            severity_number=record.severity_number,
            severity_text=record.severity_text,
            body=record.body,
            attributes=record.attributes,
            # Older versions of the API have neither.
            event_name=getattr(record, "event_name", None),
            exception=getattr(record, "exception", None),
        )
    finally:
        if token is not None:
            detach(token)


def _attach(record: LogRecord) -> Token[Context] | None:
    """Make the record's span the current one, where it is not."""
    current = get_current_span().get_span_context()
    trace_id, span_id, flags = (
        value if isinstance(value, int) else 0
        for value in (record.trace_id, record.span_id, record.trace_flags)
    )
    if (trace_id, span_id) == (current.trace_id, current.span_id):
        return None
    span = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags))
    return attach(set_span_in_context(NonRecordingSpan(span)))


def _attributes(attributes: object) -> dict[str, Any]:
    if not attributes or not isinstance(attributes, Mapping):
        return {}
    return {key: _plain(value) for key, value in attributes.items()}


def _plain(value: object) -> object:
    """A mapping or a sequence of any class as the one that the core knows."""
    if isinstance(value, dict | list | tuple | str | bytes | bytearray | memoryview):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    return value
