"""What a test asks about the metric points that its collector sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ._otlp.metrics import Kind, MetricPoint

# The scope of what Forebay measures about itself.
_OWN_SCOPE = "forebay"
# Most series, or records, in the text of an assertion.
_MOST_SHOWN = 8


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
    attributes: Mapping[str, object],
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


def newest_of_each_series(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """The newest point of each series, in the order of their time."""
    newest: list[MetricPoint] = []
    for point in points:
        newest = [other for other in newest if not _is_same_series(other, point)] + [point]
    return newest


def newest_of_one_series(
    points: Sequence[MetricPoint], wanted: str, there: Iterable[MetricPoint]
) -> MetricPoint:
    """The newest of points that are all of one series.

    Args:
        wanted: What was asked for, to be told.
        there: What there is besides, to be told where there is none.

    Raises:
        AssertionError: there is none, or they are of several series; the text shows them.
    """
    newest = newest_of_each_series(points)
    assert len(newest) == 1, (
        f"{len(newest)} series, not one, with {wanted}"
        f"{_several(newest) if newest else _others(newest_of_each_series(there))}"
    )
    return newest[0]


def shown(items: Sequence[str]) -> str:
    """A few of them, a line each."""
    lines = [f"\n  {item}" for item in items[:_MOST_SHOWN]]
    if len(items) > _MOST_SHOWN:
        lines.append(f"\n  and {len(items) - _MOST_SHOWN} more")
    return "".join(lines)


def asked(**filters: object) -> str:
    """The filters as they were written: ``name='orders', region='eu'``."""
    return ", ".join(f"{key}={value!r}" for key, value in filters.items()) or "no filter"


def _several(series: Sequence[MetricPoint]) -> str:
    return f":{shown([_text(each) for each in series])}"


def _others(series: Sequence[MetricPoint]) -> str:
    if not series:
        return "; there are none at all"
    return f"; there are:{shown([_text(each) for each in series])}"


def _text(point: MetricPoint) -> str:
    inside = ", ".join(f"{key}={value!r}" for key, value in point.attributes.items())
    value = f"count={point.count}" if point.value is None else f"{point.value}"
    meter = f", meter {point.scope.name!r}" if point.scope.name else ""
    return f"{point.name}{{{inside}}} {value} ({point.kind}{meter})"


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
