"""Which signal a message holds: files say it nowhere but in what is in them."""

from __future__ import annotations

import re
from typing import Literal

from . import wire

Signal = Literal["logs", "metrics", "traces", "profiles"]

JSON_KEYS: dict[str, Signal] = {
    "resourceLogs": "logs",
    "resourceMetrics": "metrics",
    "resourceSpans": "traces",
    "resourceProfiles": "profiles",
}
_FIRST_KEY = re.compile(rb'\s*\{\s*"(resource[A-Z][a-z]+)"')

# Field number and wire type: what a LogRecord, a Metric and a Span have, and the others have not.
_RECORD = {
    (1, wire.FIXED64),
    (2, wire.VARINT),
    (6, wire.LENGTH),
    (7, wire.VARINT),
    (8, wire.FIXED32),
    (11, wire.FIXED64),
}
_SPAN = {(6, wire.VARINT), (7, wire.FIXED64), (8, wire.FIXED64)}
_METRIC = {(1, wire.LENGTH), (2, wire.LENGTH), (7, wire.LENGTH)}  # those of a span, too


def of_json(line: bytes) -> Signal | None:
    """What a line of OTLP/JSON holds, by its first key; None: that does not tell."""
    match = _FIRST_KEY.match(line)
    return JSON_KEYS.get(match[1].decode()) if match is not None else None


def of_protobuf(data: bytes) -> Signal | None:
    """What an export request holds, by its first item; None: it holds no item.

    Raises:
        WireError: the bytes are no such message.
    """
    for number, kind, a, b in wire.fields(data, 0, len(data)):
        if number != 1 or kind != wire.LENGTH:
            continue
        for inner, inner_kind, c, d in wire.fields(data, a, b):
            if inner != 2 or inner_kind != wire.LENGTH:
                continue
            for item, item_kind, e, f in wire.fields(data, c, d):
                if item == 2 and item_kind == wire.LENGTH:
                    return _of_item(data, e, f)
    return None


def _of_item(data: bytes, pos: int, end: int) -> Signal:
    found = {(number, kind) for number, kind, _, _ in wire.fields(data, pos, end)}
    if found & _SPAN:
        return "traces"
    if found & _METRIC and not found & _RECORD:
        return "metrics"
    return "logs"
