"""Metric points for tests, and their official encodings."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from forebay._otlp.metrics import Exemplar, MetricPoint
from forebay._otlp.values import Scope
from tests.python.test_otlp_reader import ATTRIBUTES, INT64, TEXT, fill

UINT64 = st.integers(0, 2**64 - 1)
UINT32 = st.integers(0, 2**32 - 1)
SINT32 = st.integers(-(2**31), 2**31 - 1)
DOUBLES = st.floats(allow_nan=False)
OPTIONAL = st.none() | DOUBLES
COUNTS = st.lists(UINT64, max_size=8).map(tuple)
TEMPORALITIES = st.sampled_from([None, "delta", "cumulative"])

EXEMPLARS = st.builds(
    Exemplar,
    time_unix_nano=UINT64,
    value=st.none() | INT64 | DOUBLES,
    trace_id=st.binary(max_size=16),
    span_id=st.binary(max_size=8),
    attributes=ATTRIBUTES,
)
_COMMON: dict[str, Any] = {
    "name": TEXT,
    "description": TEXT,
    "unit": TEXT,
    "resource": ATTRIBUTES,
    "scope": st.builds(Scope, name=TEXT, version=TEXT, attributes=ATTRIBUTES),
    "attributes": ATTRIBUTES,
    "start_unix_nano": UINT64,
    "time_unix_nano": UINT64,
    "flags": UINT32,
}
_EXEMPLARY: dict[str, Any] = {
    **_COMMON,
    "exemplars": st.lists(EXEMPLARS, max_size=2).map(tuple),
}
_SUMMED: dict[str, Any] = {
    **_EXEMPLARY,
    "temporality": TEMPORALITIES,
    "count": UINT64,
    "sum": OPTIONAL,
    "min": OPTIONAL,
    "max": OPTIONAL,
}
POINTS: st.SearchStrategy[MetricPoint] = st.one_of(
    st.builds(MetricPoint, kind=st.just("gauge"), value=st.none() | INT64 | DOUBLES, **_EXEMPLARY),
    st.builds(
        MetricPoint,
        kind=st.just("sum"),
        value=st.none() | INT64 | DOUBLES,
        temporality=TEMPORALITIES,
        is_monotonic=st.booleans(),
        **_EXEMPLARY,
    ),
    st.builds(
        MetricPoint,
        kind=st.just("histogram"),
        bounds=st.lists(DOUBLES, max_size=8).map(tuple),
        bucket_counts=COUNTS,
        **_SUMMED,
    ),
    st.builds(
        MetricPoint,
        kind=st.just("exponential_histogram"),
        scale=SINT32,
        zero_count=UINT64,
        zero_threshold=DOUBLES,
        positive_offset=SINT32,
        positive_counts=COUNTS,
        negative_offset=SINT32,
        negative_counts=COUNTS,
        **_SUMMED,
    ),
    st.builds(
        MetricPoint,
        kind=st.just("summary"),
        count=UINT64,
        sum=DOUBLES,
        quantiles=st.lists(st.tuples(DOUBLES, DOUBLES), max_size=3).map(tuple),
        **_COMMON,
    ),
)


def request_of(*points: MetricPoint) -> ExportMetricsServiceRequest:
    """The official request with these points, each in a resource of its own."""
    request = ExportMetricsServiceRequest()
    for point in points:
        resource_metrics = request.resource_metrics.add()
        _fill_attributes(resource_metrics.resource.attributes, point.resource)
        scope_metrics: ScopeMetrics = resource_metrics.scope_metrics.add()
        scope_metrics.scope.name = point.scope.name
        scope_metrics.scope.version = point.scope.version
        _fill_attributes(scope_metrics.scope.attributes, point.scope.attributes)
        _fill_metric(scope_metrics.metrics.add(), point)
    return request


def encoded(*points: MetricPoint) -> bytes:
    """The same, encoded."""
    return bytes(request_of(*points).SerializeToString())


def json_of(*points: MetricPoint) -> str:
    """Protobuf's own JSON, with what OTLP does otherwise set right: enums, trace and span ids."""
    document = json_format.MessageToDict(request_of(*points), use_integers_for_enums=True)
    _ids_in_hex(document)
    return json.dumps(document)


def _fill_metric(metric: Metric, point: MetricPoint) -> None:
    metric.name = point.name
    metric.description = point.description
    metric.unit = point.unit
    data: Any = getattr(metric, point.kind)
    if point.kind not in ("gauge", "summary"):
        data.aggregation_temporality = {None: 0, "delta": 1, "cumulative": 2}[point.temporality]
    if point.kind == "sum":
        data.is_monotonic = point.is_monotonic
    made = data.data_points.add(
        start_time_unix_nano=point.start_unix_nano,
        time_unix_nano=point.time_unix_nano,
        flags=point.flags,
    )
    _fill_attributes(made.attributes, point.attributes)
    _fill_exemplars(made, point.exemplars)
    if point.kind in ("gauge", "sum"):
        _fill_value(made, point.value)
        return
    made.count = point.count
    for name in ("sum", "min", "max"):
        if (value := getattr(point, name)) is not None:
            setattr(made, name, value)
    made_by_kind = {"histogram": _histogram, "exponential_histogram": _exponential}
    made_by_kind.get(point.kind, _summary)(made, point)


def _histogram(made: Any, point: MetricPoint) -> None:
    made.bucket_counts.extend(point.bucket_counts)
    made.explicit_bounds.extend(point.bounds)


def _exponential(made: Any, point: MetricPoint) -> None:
    made.scale = point.scale
    made.zero_count = point.zero_count
    made.zero_threshold = point.zero_threshold
    made.positive.offset = point.positive_offset
    made.positive.bucket_counts.extend(point.positive_counts)
    made.negative.offset = point.negative_offset
    made.negative.bucket_counts.extend(point.negative_counts)


def _summary(made: Any, point: MetricPoint) -> None:
    for quantile, value in point.quantiles:
        made.quantile_values.add(quantile=quantile, value=value)


def _fill_value(made: Any, value: int | float | None) -> None:
    if isinstance(value, int):
        made.as_int = value
    elif value is not None:
        made.as_double = value


def _fill_exemplars(made: Any, exemplars: Sequence[Exemplar]) -> None:
    for exemplar in exemplars:
        target = made.exemplars.add(
            time_unix_nano=exemplar.time_unix_nano,
            trace_id=exemplar.trace_id,
            span_id=exemplar.span_id,
        )
        _fill_value(target, exemplar.value)
        _fill_attributes(target.filtered_attributes, exemplar.attributes)


def _fill_attributes(target: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        fill(target.add(key=key).value, value)


def _ids_in_hex(document: Any) -> None:
    if isinstance(document, list):
        for item in document:
            _ids_in_hex(item)
    elif isinstance(document, dict):
        for key, value in document.items():
            if key in ("traceId", "spanId"):
                document[key] = base64.b64decode(value).hex()
            else:
                _ids_in_hex(value)
