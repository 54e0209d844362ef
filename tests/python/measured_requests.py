"""What a test asks about the requests that a middleware has measured."""

from __future__ import annotations

import json

from opentelemetry.semconv._incubating.metrics import http_metrics as incubating
from opentelemetry.semconv.attributes import error_attributes, http_attributes, url_attributes
from opentelemetry.semconv.metrics import http_metrics

from forebay._otlp.metrics import MetricPoint
from tests.python.in_memory import InMemory

METHOD = http_attributes.HTTP_REQUEST_METHOD
STATUS = http_attributes.HTTP_RESPONSE_STATUS_CODE
ROUTE = http_attributes.HTTP_ROUTE
SCHEME = url_attributes.URL_SCHEME
ERROR = error_attributes.ERROR_TYPE


def newest(memory: InMemory, name: str) -> list[MetricPoint]:
    """The newest point of each series of that metric."""
    assert memory.collector.flush(30).complete
    found = {}
    for point in memory.exporter.metric_points():
        if point.name == name:
            found[json.dumps(point.attributes, sort_keys=True)] = point
    return list(found.values())


def durations(memory: InMemory) -> list[MetricPoint]:
    return newest(memory, http_metrics.HTTP_SERVER_REQUEST_DURATION)


def active(memory: InMemory) -> dict[tuple[object, object], object]:
    points = newest(memory, incubating.HTTP_SERVER_ACTIVE_REQUESTS)
    assert all(set(point.attributes) == {METHOD, SCHEME} for point in points)
    return {(p.attributes[METHOD], p.attributes[SCHEME]): p.value for p in points}
