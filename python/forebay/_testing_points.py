"""What a test asks about the metric points that its collector sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ._otlp.metrics import Kind, MetricPoint

# The scope of what Forebay measures about itself.
_OWN_SCOPE = "forebay"


def in_order_of_time(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """Sorted by time; those of one time stay as they are."""
    return sorted(points, key=lambda point: point.time_unix_nano)


def select_points(
    points: Iterable[MetricPoint],
    name: str | None = None,
    *,
    kind: Kind | None = None,
    meter: str | None = None,
    internal: bool = False,
    attributes: dict[str, object],
) -> list[MetricPoint]:
    """Those that meet all of it: what `MemoryCollector.metric_points` says of its arguments."""
    return [
        point
        for point in points
        if (name is None or point.name == name)
        and (kind is None or point.kind == kind)
        and (meter is None or _is_below(point.scope.name, meter))
        and (internal or meter is not None or not _is_below(point.scope.name, _OWN_SCOPE))
        and all(
            key in point.attributes and point.attributes[key] == value
            for key, value in attributes.items()
        )
    ]


def newest_of_one_series(points: Sequence[MetricPoint]) -> MetricPoint:
    """The newest of points that are all of one series.

    Raises:
        AssertionError: there is none, or they are of several series; the text shows them.
    """
    newest: list[MetricPoint] = []
    for point in points:
        newest = [other for other in newest if not _is_same_series(other, point)] + [point]
    assert len(newest) == 1, f"{len(newest)} series, not one: {newest}"
    return newest[0]


def _is_below(scope: str, name: str) -> bool:
    return f"{scope}.".startswith(f"{name}.")


def _is_same_series(one: MetricPoint, other: MetricPoint) -> bool:
    return (one.name, one.kind, one.scope, one.attributes, one.resource) == (
        other.name,
        other.kind,
        other.scope,
        other.attributes,
        other.resource,
    )
