"""A metric point as a line of text, and as one flat JSON object."""

from __future__ import annotations

import math
from typing import Any

from .._otlp.metrics import MetricPoint
from . import paint
from .record_text import escape, plain, time_text, value_text

# The flat object's own names. An attribute that is called so becomes "attributes.NAME".
_OWN = frozenset(
    (
        *("time", "time_unix_nano", "start_unix_nano", "service", "scope", "name", "kind"),
        *("temporality", "is_monotonic", "unit", "description", "value", "count", "sum"),
        *("min", "max", "bounds", "bucket_counts", "scale", "zero_count", "zero_threshold"),
        *("positive_offset", "positive_counts", "negative_offset", "negative_counts"),
        *("quantiles", "flags"),
    )
)


def line(point: MetricPoint, style: paint.Style, *, resource: bool) -> str:
    """The point in one line: time, scope, name{attributes}, [unit], value, temporality."""
    pairs = dict(point.attributes)
    if resource:
        pairs |= {f"resource.{key}": value for key, value in point.resource.items()}
    inside = " ".join(f"{escape(key)}={value_text(value)}" for key, value in pairs.items())
    parts = [
        style.dim(time_text(point.time_unix_nano, spec="milliseconds")),
        style.scope(escape(point.scope.name) or "-"),
        (escape(point.name) or "-") + (style.dim("{") + inside + style.dim("}") if inside else ""),
    ]
    if point.unit:
        parts.append(style.dim(f"[{escape(point.unit)}]"))
    parts.append(_value(point))
    if point.temporality is not None:
        parts.append(style.dim(point.temporality))
    return " ".join(parts)


def _value(point: MetricPoint) -> str:
    if point.kind in ("gauge", "sum"):
        return "-" if point.value is None else _number(point.value)
    parts = [f"count={point.count}"]
    for name in ("sum", "min", "max"):
        number = getattr(point, name)
        if number is not None:
            parts.append(f"{name}={_number(number)}")
    return " ".join(parts)


def _number(value: int | float) -> str:
    """The shortest text that is exactly this number."""
    if isinstance(value, float) and math.isfinite(value):
        return repr(value).removesuffix(".0")
    return str(plain(value))


def flat_object(point: MetricPoint, *, resource: bool) -> dict[str, Any]:
    """The point as one flat object. What is not there is left out."""
    flat: dict[str, Any] = {
        "time": time_text(point.time_unix_nano),
        "time_unix_nano": point.time_unix_nano,
        "service": plain(point.resource.get("service.name")),
        "scope": point.scope.name,
        "name": point.name,
        "kind": point.kind,
    }
    if point.start_unix_nano:
        flat["start_unix_nano"] = point.start_unix_nano
    for key in ("unit", "description", "temporality", "flags"):
        if found := getattr(point, key):
            flat[key] = found
    for key in _FIELDS[point.kind]:
        value = getattr(point, key)
        if value is not None:
            flat[key] = plain(_lists(value))
    for key, attribute in point.attributes.items():
        flat[f"attributes.{key}" if key in _OWN else key] = plain(attribute)
    if resource:
        for key, attribute in point.resource.items():
            flat[f"resource.{key}"] = plain(attribute)
    return flat


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


_SUMMED = ("count", "sum", "min", "max")
_FIELDS: dict[str, tuple[str, ...]] = {
    "gauge": ("value",),
    "sum": ("value", "is_monotonic"),
    "histogram": (*_SUMMED, "bounds", "bucket_counts"),
    "exponential_histogram": (
        *_SUMMED,
        *("scale", "zero_count", "zero_threshold"),
        *("positive_offset", "positive_counts", "negative_offset", "negative_counts"),
    ),
    "summary": ("count", "sum", "quantiles"),
}
