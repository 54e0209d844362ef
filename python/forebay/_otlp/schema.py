"""From OTLP protobuf to OTLP/JSON, for logs and metrics, by a table of the messages.

The table is the whole knowledge; a field that it does not name is left out, as the JSON mapping
demands of a reader.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

from . import wire
from .wire import WireError

# Of messages: an attribute that holds others is up to three, and those of logs.py nest 100 deep.
MAX_DEPTH = 320

# Message name -> field number -> (JSON name, kind). A kind is a scalar's name or a message's; with
# "*" behind it the field is repeated.
_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "LogsData": {1: ("resourceLogs", "ResourceLogs*")},
    "ResourceLogs": {
        1: ("resource", "Resource"),
        2: ("scopeLogs", "ScopeLogs*"),
        3: ("schemaUrl", "string"),
    },
    "ScopeLogs": {
        1: ("scope", "Scope"),
        2: ("logRecords", "LogRecord*"),
        3: ("schemaUrl", "string"),
    },
    "LogRecord": {
        1: ("timeUnixNano", "fixed64"),
        2: ("severityNumber", "int32"),
        3: ("severityText", "string"),
        5: ("body", "AnyValue"),
        6: ("attributes", "KeyValue*"),
        7: ("droppedAttributesCount", "uint32"),
        8: ("flags", "fixed32"),
        9: ("traceId", "hex"),
        10: ("spanId", "hex"),
        11: ("observedTimeUnixNano", "fixed64"),
        12: ("eventName", "string"),
    },
    "Resource": {1: ("attributes", "KeyValue*"), 2: ("droppedAttributesCount", "uint32")},
    "Scope": {
        1: ("name", "string"),
        2: ("version", "string"),
        3: ("attributes", "KeyValue*"),
        4: ("droppedAttributesCount", "uint32"),
    },
    "KeyValue": {1: ("key", "string"), 2: ("value", "AnyValue")},
    "AnyValue": {
        1: ("stringValue", "string"),
        2: ("boolValue", "bool"),
        3: ("intValue", "int64"),
        4: ("doubleValue", "double"),
        5: ("arrayValue", "ArrayValue"),
        6: ("kvlistValue", "KeyValueList"),
        7: ("bytesValue", "bytes"),
    },
    "ArrayValue": {1: ("values", "AnyValue*")},
    "KeyValueList": {1: ("values", "KeyValue*")},
    "MetricsData": {1: ("resourceMetrics", "ResourceMetrics*")},
    "ResourceMetrics": {
        1: ("resource", "Resource"),
        2: ("scopeMetrics", "ScopeMetrics*"),
        3: ("schemaUrl", "string"),
    },
    "ScopeMetrics": {
        1: ("scope", "Scope"),
        2: ("metrics", "Metric*"),
        3: ("schemaUrl", "string"),
    },
    "Metric": {
        1: ("name", "string"),
        2: ("description", "string"),
        3: ("unit", "string"),
        5: ("gauge", "Gauge"),
        7: ("sum", "Sum"),
        9: ("histogram", "Histogram"),
        10: ("exponentialHistogram", "ExponentialHistogram"),
        11: ("summary", "Summary"),
        12: ("metadata", "KeyValue*"),
    },
    "Gauge": {1: ("dataPoints", "NumberDataPoint*")},
    "Sum": {
        1: ("dataPoints", "NumberDataPoint*"),
        2: ("aggregationTemporality", "int32"),
        3: ("isMonotonic", "bool"),
    },
    "Histogram": {
        1: ("dataPoints", "HistogramDataPoint*"),
        2: ("aggregationTemporality", "int32"),
    },
    "ExponentialHistogram": {
        1: ("dataPoints", "ExponentialHistogramDataPoint*"),
        2: ("aggregationTemporality", "int32"),
    },
    "Summary": {1: ("dataPoints", "SummaryDataPoint*")},
    "NumberDataPoint": {
        2: ("startTimeUnixNano", "fixed64"),
        3: ("timeUnixNano", "fixed64"),
        4: ("asDouble", "double"),
        5: ("exemplars", "Exemplar*"),
        6: ("asInt", "sfixed64"),
        7: ("attributes", "KeyValue*"),
        8: ("flags", "uint32"),
    },
    "HistogramDataPoint": {
        2: ("startTimeUnixNano", "fixed64"),
        3: ("timeUnixNano", "fixed64"),
        4: ("count", "fixed64"),
        5: ("sum", "double"),
        6: ("bucketCounts", "fixed64*"),
        7: ("explicitBounds", "double*"),
        8: ("exemplars", "Exemplar*"),
        9: ("attributes", "KeyValue*"),
        10: ("flags", "uint32"),
        11: ("min", "double"),
        12: ("max", "double"),
    },
    "ExponentialHistogramDataPoint": {
        1: ("attributes", "KeyValue*"),
        2: ("startTimeUnixNano", "fixed64"),
        3: ("timeUnixNano", "fixed64"),
        4: ("count", "fixed64"),
        5: ("sum", "double"),
        6: ("scale", "sint32"),
        7: ("zeroCount", "fixed64"),
        8: ("positive", "Buckets"),
        9: ("negative", "Buckets"),
        10: ("flags", "uint32"),
        11: ("exemplars", "Exemplar*"),
        12: ("min", "double"),
        13: ("max", "double"),
        14: ("zeroThreshold", "double"),
    },
    "Buckets": {1: ("offset", "sint32"), 2: ("bucketCounts", "uint64*")},
    "SummaryDataPoint": {
        2: ("startTimeUnixNano", "fixed64"),
        3: ("timeUnixNano", "fixed64"),
        4: ("count", "fixed64"),
        5: ("sum", "double"),
        6: ("quantileValues", "ValueAtQuantile*"),
        7: ("attributes", "KeyValue*"),
        8: ("flags", "uint32"),
    },
    "ValueAtQuantile": {1: ("quantile", "double"), 2: ("value", "double")},
    "Exemplar": {
        2: ("timeUnixNano", "fixed64"),
        3: ("asDouble", "double"),
        4: ("spanId", "hex"),
        5: ("traceId", "hex"),
        6: ("asInt", "sfixed64"),
        7: ("filteredAttributes", "KeyValue*"),
    },
}

_WIRE_KINDS = {
    "string": wire.LENGTH,
    "bytes": wire.LENGTH,
    "hex": wire.LENGTH,
    "bool": wire.VARINT,
    "int32": wire.VARINT,
    "sint32": wire.VARINT,
    "uint32": wire.VARINT,
    "int64": wire.VARINT,
    "uint64": wire.VARINT,
    "fixed64": wire.FIXED64,
    "sfixed64": wire.FIXED64,
    "double": wire.FIXED64,
    "fixed32": wire.FIXED32,
}
_SPECIAL_DOUBLES = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


def to_json_object(data: bytes, message: str) -> dict[str, Any]:
    """The protobuf message as the object that OTLP/JSON has for it.

    Args:
        data: the encoded message.
        message: ``"LogsData"`` or ``"MetricsData"``; the export requests have the same fields.

    Raises:
        WireError: the bytes are no such message.
    """
    return _message(data, 0, len(data), message, 0)


def _message(
    data: bytes, pos: int, end: int, message: str, depth: int, into: dict[str, Any] | None = None
) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH}")
    table = _MESSAGES[message]
    result: dict[str, Any] = {} if into is None else into
    for number, wire_kind, a, b in wire.fields(data, pos, end):
        entry = table.get(number)
        if entry is None:
            continue
        name, kind = entry
        repeated = kind.endswith("*")
        if repeated:
            kind = kind[:-1]
        if kind in _MESSAGES:
            wire.expect(number, wire_kind, wire.LENGTH)
            # One that comes twice is one: the second is merged into the first.
            first = None if repeated else result.get(name)
            value: Any = _message(data, a, b, kind, depth + 1, first)
        elif repeated and wire_kind == wire.LENGTH:
            result.setdefault(name, []).extend(_packed(data, a, b, kind))
            continue
        else:
            wire.expect(number, wire_kind, _WIRE_KINDS[kind])
            value = _scalar(data, a, b, kind)
        if repeated:
            result.setdefault(name, []).append(value)
        else:
            result.pop(name, None)  # so that the last of a oneof is the last in the object
            result[name] = value
    return result


def _scalar(data: bytes, a: int, b: int, kind: str) -> Any:
    if kind == "string":
        return data[a:b].decode("utf-8", "replace")
    if kind == "hex":
        return data[a:b].hex()
    if kind == "bytes":
        return base64.b64encode(data[a:b]).decode("ascii")
    if kind == "bool":
        return a != 0
    if kind == "int32":
        return wire.as_int32(a)
    if kind == "sint32":
        return wire.as_zigzag(a & 0xFFFFFFFF)
    if kind in ("uint32", "fixed32"):
        return a & 0xFFFFFFFF
    if kind in ("fixed64", "uint64"):
        return str(a)
    if kind in ("int64", "sfixed64"):
        return str(wire.as_int64(a))
    return _double(wire.as_double(a))


def _double(value: float) -> float | str:
    return _SPECIAL_DOUBLES.get(str(value), value)


def _packed(data: bytes, pos: int, end: int, kind: str) -> list[Any]:
    values: list[Any] = []
    if _WIRE_KINDS[kind] == wire.FIXED64:
        if (end - pos) % 8:
            raise WireError("unexpected EOF")
        for (bits,) in struct.iter_unpack("<Q", data[pos:end]):
            values.append(_scalar(data, bits, 0, kind))
        return values
    while pos < end:
        value, pos = wire.read_varint(data, pos, end)
        values.append(_scalar(data, value, 0, kind))
    return values


def count_points(data: bytes) -> dict[str, int]:
    """The number of metric points of each scope in a protobuf request, without decoding a point."""
    counts: dict[str, int] = {}
    for number, kind, a, b in wire.fields(data, 0, len(data)):
        if number != 1:
            continue
        wire.expect(number, kind, wire.LENGTH)
        for inner, inner_kind, c, d in wire.fields(data, a, b):
            if inner == 2:
                wire.expect(inner, inner_kind, wire.LENGTH)
                name, points = _scope_points(data, c, d)
                counts[name] = counts.get(name, 0) + points
    return counts


def check_first_points(data: bytes) -> None:
    """Decode the first metric of each scope: tells metrics from logs for the price of one metric.

    Raises:
        WireError: it is no metric.
    """
    for number, kind, a, b in wire.fields(data, 0, len(data)):
        if number != 1:
            continue
        wire.expect(number, kind, wire.LENGTH)
        for inner, inner_kind, c, d in wire.fields(data, a, b):
            if inner != 2:
                continue
            wire.expect(inner, inner_kind, wire.LENGTH)
            for field, field_kind, e, f in wire.fields(data, c, d):
                if field == 2:
                    wire.expect(field, field_kind, wire.LENGTH)
                    _message(data, e, f, "Metric", 0)
                    break


def _scope_points(data: bytes, pos: int, end: int) -> tuple[str, int]:
    name = ""
    points = 0
    for number, kind, a, b in wire.fields(data, pos, end):
        if number == 1:
            wire.expect(number, kind, wire.LENGTH)
            name = _message(data, a, b, "Scope", 0).get("name", "")
        elif number == 2:
            wire.expect(number, kind, wire.LENGTH)
            for field, field_kind, c, d in wire.fields(data, a, b):
                if field in (5, 7, 9, 10, 11):
                    wire.expect(field, field_kind, wire.LENGTH)
                    points += wire.count_children(data, 1, c, d)
    return name, points
