"""The reader of OTLP metrics, held against the official protobuf schema and its JSON mapping."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from forebay._otlp import metrics, schema, wire
from forebay._otlp.metrics import MetricPoint
from tests.python.otlp_metrics import POINTS, encoded, json_of, request_of

EVERYTHING = MetricPoint(
    "latency",
    "exponential_histogram",
    attributes={"k": [1, "two", {"three": 3.0}]},
    temporality="delta",
    count=3,
    sum=1.5,
    positive_counts=(1, 2),
)


def differences(found: list[MetricPoint], wanted: list[MetricPoint]) -> list[tuple[str, Any, Any]]:
    """The fields that differ: a failure shows these alone, for to shrink it would take minutes."""
    return [
        (field.name, getattr(one, field.name), getattr(other, field.name))
        for one, other in zip(found, wanted, strict=True)
        for field in fields(MetricPoint)
        if getattr(one, field.name) != getattr(other, field.name)
    ]


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(POINTS, max_size=3))
def test_points_of_every_kind_survive_from_official_protobuf(points: list[MetricPoint]) -> None:
    """What the official library encodes is read back field by field."""
    assert differences(metrics.decode_protobuf(encoded(*points)), points) == []


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(POINTS, max_size=3))
def test_points_of_every_kind_survive_from_official_json(points: list[MetricPoint]) -> None:
    """The same for the JSON form that the official library writes."""
    assert differences(metrics.decode_json(json_of(*points)), points) == []


def test_numbers_that_are_none_survive_in_both_forms() -> None:
    """NaN and the infinities are numbers in protobuf and strings in JSON."""
    for value in (math.nan, math.inf, -math.inf, -0.0, 5e-324):
        point = MetricPoint("g", "gauge", value=value)
        histogram = MetricPoint("h", "histogram", sum=value, min=value, bounds=(value,))
        for decoded in (
            metrics.decode_protobuf(encoded(point, histogram)),
            metrics.decode_json(json_of(point, histogram)),
        ):
            assert str(decoded[0].value) == str(value)
            assert str(decoded[1].bounds[0]) == str(decoded[1].min) == str(value)


def test_an_int_stays_an_int_and_an_absent_sum_is_none() -> None:
    """Zero, one and nothing are three things."""
    points = [
        MetricPoint("i", "sum", value=0),
        MetricPoint("f", "sum", value=0.0),
        MetricPoint("n", "gauge", flags=1),
        MetricPoint("h", "histogram", sum=0.0),
        MetricPoint("h", "histogram"),
    ]
    for decoded in (
        metrics.decode_protobuf(encoded(*points)),
        metrics.decode_json(json_of(*points)),
    ):
        assert [type(p.value) for p in decoded[:3]] == [int, float, type(None)]
        assert [p.sum for p in decoded[3:]] == [0.0, None]


def test_fields_may_come_in_any_order_and_repeated_ones_unpacked() -> None:
    """As protobuf allows: a resource behind its metrics, a name behind its points."""
    point = wrap(6, b"\x01\0\0\0\0\0\0\0", 1) + wrap(6, b"\x02\0\0\0\0\0\0\0", 1)
    histogram = wrap(9, b"\x10\x01" + wrap(1, point)) + wrap(1, b"late")
    resource = wrap(1, wrap(1, wrap(1, b"k") + wrap(2, wrap(1, b"v"))))
    data = wrap(1, wrap(2, wrap(2, histogram) + wrap(1, wrap(1, b"shop"))) + resource)
    [found] = metrics.decode_protobuf(data)
    assert (found.name, found.scope.name, found.resource) == ("late", "shop", {"k": "v"})
    assert (found.bucket_counts, found.temporality) == ((1, 2), "delta")
    official = ExportMetricsServiceRequest.FromString(data)
    made = official.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0]
    assert list(made.bucket_counts) == [1, 2]


def test_a_metric_that_comes_in_two_parts_is_one_and_of_the_kind_named_last() -> None:
    """As the official library reads it."""
    one, two = (wrap(1, wrap(6, bytes([n] + [0] * 7), 1)) for n in (1, 2))
    for parts in ((wrap(7, one), wrap(7, two)), (wrap(7, one), wrap(5, two))):
        metric = wrap(1, b"m") + b"".join(parts)
        official = Metric.FromString(metric)
        kind = official.WhichOneof("data")
        assert kind is not None
        found = metrics.decode_protobuf(wrap(1, wrap(2, wrap(2, metric))))
        assert {point.kind for point in found} == {kind}
        assert [point.value for point in found] == [
            point.as_int for point in getattr(official, kind).data_points
        ]


def test_of_two_values_the_last_counts() -> None:
    """As the official library reads it, whatever came before."""
    as_int, as_double = wrap(6, b"\x07" + b"\0" * 7, 1), wrap(4, b"\0" * 8, 1)
    for parts in ((as_int, as_double), (as_double, as_int), (as_int, as_double, as_int)):
        point = b"".join(parts)
        [found] = metrics.decode_protobuf(wrap(1, wrap(2, wrap(2, wrap(5, wrap(1, point))))))
        official = NumberDataPoint.FromString(point)
        kind = official.WhichOneof("value")
        assert kind is not None
        assert repr(found.value) == repr(getattr(official, kind))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_a_result_or_a_wire_error(data: bytes) -> None:
    """Nothing else escapes."""
    for function in (metrics.decode_protobuf, metrics.decode_json, schema.check_first_points):
        with contextlib.suppress(wire.WireError):
            function(data)


def test_a_message_cut_short_is_refused_where_the_official_library_refuses_it() -> None:
    """At every length."""
    whole = encoded(EVERYTHING)
    refused = 0
    for length in range(len(whole)):
        try:
            official = ExportMetricsServiceRequest.FromString(whole[:length])
        except Exception:
            refused += 1
            with pytest.raises(wire.WireError):
                metrics.decode_protobuf(whole[:length])
        else:
            assert len(metrics.decode_protobuf(whole[:length])) == len(official.resource_metrics)
    assert refused > 50


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ([], []),
        (["resourceMetrics"], {}),
        (["resourceMetrics", 0, "schemaUrl"], 1),
        (["resourceMetrics", 0, "scopeMetrics", 0, "scope", "name"], 1),
        (["name"], 5),
        (["unit"], {}),
        (["exponentialHistogram"], []),
        (["exponentialHistogram", "aggregationTemporality"], "AGGREGATION_TEMPORALITY_DELTA"),
        (["point"], "x"),
        (["point", "count"], "three"),
        (["point", "count"], True),
        (["point", "sum"], True),
        (["point", "min"], "small"),
        (["point", "scale"], 0.5),
        (["point", "positive"], [1]),
        (["point", "positive", "bucketCounts"], "12"),
        (["point", "positive", "bucketCounts"], [None, {}]),
        (["point", "timeUnixNano"], [1]),
        (["point", "attributes"], {"k": 1}),
        (["point", "exemplars"], [{"traceId": "xyz"}]),
    ],
)
def test_json_of_another_form_is_refused(path: list[Any], value: Any) -> None:
    """With the error that logs have, too."""
    document = json.loads(json_of(EVERYTHING))
    assert len(metrics.from_json_object(document)) == 1
    metric = ["resourceMetrics", 0, "scopeMetrics", 0, "metrics", 0]
    if path and path[0] == "point":
        path = [*metric, "exponentialHistogram", "dataPoints", 0, *path[1:]]
    elif path and path[0] != "resourceMetrics":
        path = metric + path
    holder: Any = {"root": document}
    for key in (steps := ["root", *path])[:-1]:
        holder = holder[key]
    holder[steps[-1]] = value
    text = json.dumps(value if not path else document)
    with pytest.raises(wire.WireError):
        metrics.decode_json(text)


def test_unknown_fields_are_skipped() -> None:
    """Of a later version of OTLP, in both forms."""
    document = json.loads(json_of(EVERYTHING))
    document["new"] = 1
    metric = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
    metric["new"] = {"dataPoints": 5}
    metric["exponentialHistogram"]["dataPoints"][0]["new"] = []
    assert metrics.from_json_object(document) == [EVERYTHING]
    data = encoded(EVERYTHING) + wrap(99, b"new")
    assert metrics.decode_protobuf(data) == [EVERYTHING]


def test_attributes_nest_as_deep_as_those_of_logs() -> None:
    """A hundred levels of either kind; one more is refused."""
    for outer, inner in (("arrayValue", None), ("kvlistValue", "k")):
        value: Any = {"intValue": 1}
        for _ in range(100):
            value = {outer: {"values": [value if inner is None else {"key": "k", "value": value}]}}
        for deeper in (False, True):
            if deeper:
                value = {"arrayValue": {"values": [value]}}
            metric = {
                "name": "m",
                "gauge": {"dataPoints": [{"attributes": [{"key": "a", "value": value}]}]},
            }
            document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
            if deeper:
                with pytest.raises(wire.WireError, match="deeper"):
                    metrics.from_json_object(document)
            else:
                assert len(metrics.from_json_object(document)) == 1
    for levels, fits in ((100, True), (101, False)):
        data = nested_lists(levels)
        if fits:
            assert len(metrics.decode_protobuf(data)) == 1
        else:
            with pytest.raises(wire.WireError, match="deeper"):
                metrics.decode_protobuf(data)


def nested_lists(levels: int) -> bytes:
    """A gauge with an attribute of maps in maps, by hand: such depth is refused."""
    value = b"\x18\x01"
    for _ in range(levels):
        value = wrap(6, wrap(1, wrap(1, b"k") + wrap(2, value)))
    attribute = wrap(7, wrap(1, b"a") + wrap(2, value))
    return wrap(1, wrap(2, wrap(2, wrap(1, b"m") + wrap(5, wrap(1, attribute)))))


def wrap(number: int, content: bytes, kind: int = 2) -> bytes:
    """A field with this content."""
    if kind != 2:
        return varint(number << 3 | kind) + content
    return varint(number << 3 | kind) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def test_the_first_metric_of_a_scope_tells_metrics_from_logs() -> None:
    """A log record is none, and neither is what is cut short."""
    schema.check_first_points(encoded(EVERYTHING))
    schema.check_first_points(b"")
    request = request_of(EVERYTHING)
    assert schema.count_points(request.SerializeToString()) == {"": 1}
    record = wrap(1, wrap(2, wrap(2, b"\x09" + b"\1" * 8)))
    with pytest.raises(wire.WireError):
        schema.check_first_points(record)
