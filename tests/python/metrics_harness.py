"""A collector whose metrics are read by the official schema, collection by collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

import forebay

# A set of attributes: what tells one series from another.
Key = tuple[tuple[str, str, object], ...]
Value = int | float

# No collection but those of a flush.
NEVER = 86_400.0
OVERFLOW: Key = (("otel.metric.overflow", "bool", True),)
_TEMPORALITIES = {0: None, 1: "delta", 2: "cumulative"}


@dataclass(frozen=True)
class Point:
    """A point, and what its metric says; ``data`` is the official message."""

    name: str
    kind: str
    temporality: str | None
    is_monotonic: bool
    key: Key
    data: Any

    @property
    def value(self) -> Value:
        """Of a sum or a gauge."""
        which = self.data.WhichOneof("value")
        assert which is not None
        found = getattr(self.data, which)
        assert isinstance(found, int | float)
        return found

    @property
    def start(self) -> int:
        return int(self.data.start_time_unix_nano)

    @property
    def time(self) -> int:
        return int(self.data.time_unix_nano)


def official_points(requests: Iterable[bytes]) -> list[Point]:
    """All points, in the order in which they come."""
    found = []
    for request in requests:
        decoded = ExportMetricsServiceRequest.FromString(request)
        for resource in decoded.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found += _points_of(metric)
    return found


def _points_of(metric: Any) -> list[Point]:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    temporality = _TEMPORALITIES[getattr(data, "aggregation_temporality", 0)]
    is_monotonic = bool(getattr(data, "is_monotonic", False))
    return [
        Point(metric.name, kind, temporality, is_monotonic, _key_of(point.attributes), point)
        for point in data.data_points
    ]


def _key_of(attributes: Any) -> Key:
    pairs = {each.key: _official_value(each.value) for each in attributes}
    assert len(pairs) == len(attributes), f"a key came twice: {attributes}"
    return tuple(sorted((key, *value) for key, value in pairs.items()))


def _official_value(value: Any) -> tuple[str, object]:
    which = value.WhichOneof("value")
    types = {"string_value": "str", "int_value": "int", "bool_value": "bool"}
    if which == "double_value":
        return "float", value.double_value.hex()
    return types[which], getattr(value, which)


class Harness:
    """A collector in memory whose collections are those of `collect`."""

    def __init__(self, **options: Any) -> None:
        self._exporter = forebay.MemoryExporter()
        self.collector = forebay.Collector(
            service_name="test",
            exporter=self._exporter,
            metrics=forebay.MetricsOptions(interval=NEVER, self_metrics=False, **options),
        )

    def collect(self) -> list[Point]:
        assert self.collector.flush(timeout=30).complete
        return self.delivered()

    def delivered(self) -> list[Point]:
        """What came since the last time."""
        points = official_points(self._exporter.metric_requests())
        self._exporter.clear()
        return points

    def invalid(self) -> int:
        return self.collector.stats().notes["measurements_invalid"]


@contextmanager
def harness(**options: Any) -> Iterator[Harness]:
    made = Harness(**options)
    try:
        yield made
    finally:
        made.collector.shutdown(timeout=30)
        assert made.collector.audit().balanced
        assert made.collector.stats().metrics.held == 0
