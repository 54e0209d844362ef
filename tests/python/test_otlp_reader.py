"""The reader of OTLP, held against the official protobuf schema and its JSON mapping."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_ERROR
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    MetricsData,
)

from forebay._otlp import logs, logs_json, schema, wire

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = st.one_of(
    st.none(), st.booleans(), INT64, st.floats(allow_nan=False), TEXT, st.binary(max_size=30)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=6)


def fill(target: AnyValue, value: Any) -> None:
    """Set an official AnyValue to a Python value."""
    if value is None:
        return
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            fill(target.array_value.values.add(), item)
    else:
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            pair = target.kvlist_value.values.add()
            pair.key = key
            fill(pair.value, item)


def request_with(attributes: dict[str, Any], body: Any = "message") -> ExportLogsServiceRequest:
    """An official request with one record."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.schema_url = "https://opentelemetry.io/schemas/1.44.0"
    pair = resource_logs.resource.attributes.add()
    pair.key = "service.name"
    pair.value.string_value = "checkout"
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "checkout.api"
    scope_logs.scope.version = "1.2"
    record = scope_logs.log_records.add()
    record.time_unix_nano = 2**63 + 5
    record.observed_time_unix_nano = 2**64 - 1
    record.severity_number = SEVERITY_NUMBER_ERROR
    record.severity_text = "ERROR"
    record.flags = 0xFFFFFFFF
    record.trace_id = bytes(range(16))
    record.span_id = bytes(range(8))
    record.event_name = "order.paid"
    record.dropped_attributes_count = 3
    fill(record.body, body)
    for key, value in attributes.items():
        pair = record.attributes.add()
        pair.key = key
        fill(pair.value, value)
    return request


def official_json(message: Any) -> str:
    """Protobuf's own JSON, with the two things that OTLP does otherwise set right."""
    document = json.loads(json_format.MessageToJson(message, use_integers_for_enums=True))
    for resource in document.get("resourceLogs", []):
        for scope in resource.get("scopeLogs", []):
            for record in scope.get("logRecords", []):
                record["traceId"] = bytes(range(16)).hex()
                record["spanId"] = bytes(range(8)).hex()
    return json.dumps(document)


def the_record(decoded: list[logs.ResourceLogs]) -> logs.LogRecord:
    [(scope, record)] = decoded[0].records()
    assert scope.name == "checkout.api"
    assert scope.version == "1.2"
    assert decoded[0].resource == {"service.name": "checkout"}
    assert decoded[0].schema_url == "https://opentelemetry.io/schemas/1.44.0"
    return record


EXPECTED = logs.LogRecord(
    time_unix_nano=2**63 + 5,
    observed_time_unix_nano=2**64 - 1,
    severity_number=17,
    severity_text="ERROR",
    body="message",
    dropped_attributes_count=3,
    flags=0xFFFFFFFF,
    trace_id=bytes(range(16)),
    span_id=bytes(range(8)),
    event_name="order.paid",
)


@given(ATTRIBUTES, VALUES)
def test_any_value_survives_from_official_protobuf(attributes: dict[str, Any], body: Any) -> None:
    """Every value that the official library encodes is read back as it was."""
    data = request_with(attributes, body).SerializeToString()
    record = the_record(logs.decode_protobuf(data))
    assert record.attributes == attributes
    assert record.body == body
    record.attributes = {}
    record.body = "message"
    assert record == EXPECTED


@given(ATTRIBUTES, VALUES)
def test_any_value_survives_from_official_json(attributes: dict[str, Any], body: Any) -> None:
    """The same for the JSON form that the official library writes."""
    text = official_json(request_with(attributes, body))
    record = the_record(logs_json.decode_json(text))
    assert record.attributes == attributes
    assert record.body == body
    record.attributes = {}
    record.body = "message"
    assert record == EXPECTED


@given(ATTRIBUTES)
def test_converting_to_json_loses_nothing(attributes: dict[str, Any]) -> None:
    """Protobuf, made into OTLP/JSON and read again, is what reading protobuf gives."""
    data = request_with(attributes).SerializeToString()
    text = json.dumps(schema.to_json_object(data, "LogsData"), allow_nan=False)
    assert logs_json.decode_json(text) == logs.decode_protobuf(data)


def test_special_doubles_survive_in_both_forms() -> None:
    """NaN and the infinities are numbers in protobuf and strings in JSON."""
    data = request_with({"a": math.nan, "b": math.inf, "c": -math.inf}).SerializeToString()
    text = json.dumps(schema.to_json_object(data, "LogsData"), allow_nan=False)
    for decoded in (logs.decode_protobuf(data), logs_json.decode_json(text)):
        attributes = the_record(decoded).attributes
        assert math.isnan(attributes["a"])  # type: ignore[arg-type]
        assert attributes["b"] == math.inf
        assert attributes["c"] == -math.inf


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_a_result_or_a_wire_error(data: bytes) -> None:
    """Nothing else escapes, and where the official library decodes, so does this one."""
    for function in (logs.decode_protobuf, logs.count_by_scope, schema.count_points):
        with contextlib.suppress(wire.WireError):
            function(data)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_message_is_refused_where_the_official_library_refuses_it(
    data: st.DataObject,
) -> None:
    """A message cut short is never taken for a whole one, unless it is one."""
    whole = request_with({"k": [1, "two", {"three": 3.0}]}).SerializeToString()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        official: ExportLogsServiceRequest | None = ExportLogsServiceRequest.FromString(cut)
    except Exception:
        official = None
    if official is None:
        with pytest.raises(wire.WireError):
            logs.decode_protobuf(cut)
    else:
        assert len(logs.decode_protobuf(cut)) == len(official.resource_logs)


def test_counting_agrees_with_decoding() -> None:
    """The quick count by scope is the number of records that decoding finds."""
    request = ExportLogsServiceRequest()
    for name, count in (("a", 3), ("b", 0), ("a", 400)):
        scope_logs = request.resource_logs.add().scope_logs.add()
        scope_logs.scope.name = name
        for i in range(count):
            scope_logs.log_records.add().body.string_value = "x" * i
    assert logs.count_by_scope(request.SerializeToString()) == {"a": 403, "b": 0}


def test_nesting_is_bounded() -> None:
    """A value nested too deep is refused, and does not exhaust the stack."""
    value: Any = 1
    for _ in range(logs.MAX_DEPTH):
        value = [value]
    data = b""
    for nested in (value, [value]):
        length_before = len(data)
        data = bytes_of_nested(nested)
        assert len(data) > length_before
    with pytest.raises(wire.WireError, match="deeper"):
        logs.decode_protobuf(data)
    text = '{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":'
    text += '{"arrayValue":{"values":[' * 100_000
    with pytest.raises(wire.WireError):
        logs_json.decode_json(text)
    assert the_depth(logs.decode_protobuf(bytes_of_nested(value))) == logs.MAX_DEPTH


def bytes_of_nested(value: Any) -> bytes:
    """Encoded by hand: the official library refuses such depth."""

    def any_value(inner: Any) -> bytes:
        if isinstance(inner, list):
            child = any_value(inner[0])
            array = b"\x0a" + varint(len(child)) + child
            return b"\x2a" + varint(len(array)) + array
        return b"\x18" + varint(inner)

    def wrap(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2]) + varint(len(content)) + content

    record = wrap(5, any_value(value))
    return wrap(1, wrap(2, wrap(2, record)))


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def the_depth(decoded: list[logs.ResourceLogs]) -> int:
    [(_, record)] = decoded[0].records()
    depth = 0
    value = record.body
    while isinstance(value, list):
        value = value[0]
        depth += 1
    return depth


def test_metrics_become_the_json_that_the_official_library_reads() -> None:
    """The table for metrics agrees with the official schema."""
    metrics = MetricsData()
    scope = metrics.resource_metrics.add().scope_metrics.add()
    scope.scope.name = "shop"
    gauge = scope.metrics.add(name="temp", unit="Cel")
    gauge.gauge.data_points.add(time_unix_nano=5, as_double=-1.5)
    total = scope.metrics.add(name="orders")
    total.sum.is_monotonic = True
    total.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    total.sum.data_points.add(start_time_unix_nano=1, time_unix_nano=5, as_int=-7, flags=1)
    histogram = scope.metrics.add(name="latency").histogram
    histogram.data_points.add(
        count=3, sum=4.5, bucket_counts=[1, 0, 2], explicit_bounds=[0.5, 2], min=0.1, max=3
    )
    exponential = scope.metrics.add(name="size").exponential_histogram
    point = exponential.data_points.add(count=2, scale=-3, zero_count=1, zero_threshold=0.25)
    point.positive.offset = -4
    point.positive.bucket_counts.extend([1, 300, 2**63])
    summary = scope.metrics.add(name="old").summary.data_points.add(count=1, sum=2)
    summary.quantile_values.add(quantile=0.5, value=2)
    data = metrics.SerializeToString()
    document = schema.to_json_object(data, "MetricsData")
    assert json_format.ParseDict(document, MetricsData()) == metrics
    assert schema.count_points(data) == {"shop": 5}
