"""What metrics have to come to: a slow, obvious model.

The model keeps every measurement in a list, and works a point out of the list when it is asked.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any

import forebay
from tests.python.metrics_harness import OVERFLOW, Key, Point, Value

DEFAULT_BOUNDS = (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)
MAX_SCALE, MIN_NORMAL = 20, 2.0**-1022


def key_of(attributes: Mapping[str, object], view: forebay.View | None = None) -> Key:
    """The series of these attributes: 1, 1.0 and True are three, None is no attribute at all."""
    found = []
    for key, value in attributes.items():
        if value is None or (view is not None and not _keeps(view, key)):
            continue
        told = value.hex() if isinstance(value, float) else value
        found.append((key, type(value).__name__, told))
    return tuple(sorted(found))


def _keeps(view: forebay.View, key: str) -> bool:
    is_kept = view.keep_attributes is None or key in view.keep_attributes
    return is_kept and key not in view.drop_attributes


def is_measurement(kind: str, value: Value) -> bool:
    """Whether an instrument of that kind takes the value."""
    return math.isfinite(value) and (value >= 0 or kind not in ("counter", "histogram"))


def assert_is_sum_of(found: Value, values: Sequence[Value], was_real: bool = False) -> None:
    """Exact where all are integers; else as exact as adding up in any order is.

    ``was_real``: its series took another number than an integer before, and stays that.
    """
    exact = sum(map(Fraction, values))
    if not was_real and all(isinstance(value, int) for value in values):
        assert isinstance(found, int)
        assert found == exact
        return
    size = sum(abs(Fraction(value)) for value in values)
    assert abs(Fraction(found) - exact) <= size * (len(values) + 2) * Fraction(2) ** -52


def assert_is_histogram_of(point: Any, bounds: Sequence[float], values: Sequence[Value]) -> None:
    """Count, buckets, min, max; the sum is left to `assert_has_sum`."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    assert list(point.explicit_bounds) == list(bounds)
    assert list(point.bucket_counts) == counts
    _assert_common(point, values)


def _assert_common(point: Any, values: Sequence[Value]) -> None:
    assert point.count == len(values)
    assert (point.min, point.max) == (float(min(values)), float(max(values)))


# -- exponential histograms ----------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def _log2(value: float) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return Decimal(value).ln() / Decimal(2).ln()


def exact_index(value: float, scale: int) -> tuple[int, bool]:
    """The bucket that the specification names, and whether a double may take its neighbour.

    The bounds of a bucket are 2 ** (i / 2**scale): the lower one does not belong to it. What is
    subnormal may count as the smallest normal value.
    """
    value = max(value, MIN_NORMAL)
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5:  # a power of two: always exact
        return math.ceil(Fraction(exponent - 1) * Fraction(2) ** scale) - 1, False
    with localcontext() as context:
        context.prec = 50
        place = _log2(value) * Decimal(2) ** scale
        nearest = place.to_integral_value()
        # The error of a logarithm in double precision, at this scale.
        is_close = abs(place - nearest) <= abs(place) * Decimal(2) ** -51
        return math.ceil(place) - 1, scale > 0 and is_close


def ideal_scale(values: Iterable[float], max_buckets: int) -> int:
    """The finest scale at which the values of each sign fit into so many buckets."""
    signs = [[v for v in values if v > 0], [-v for v in values if v < 0]]
    scale = MAX_SCALE
    while not all(_fits(each, scale, max_buckets) for each in signs):
        scale -= 1
    return scale


def _fits(values: Sequence[float], scale: int, max_buckets: int) -> bool:
    if not values:
        return True
    low, high = exact_index(min(values), scale)[0], exact_index(max(values), scale)[0]
    return high - low < max_buckets


def assert_is_exponential_of(point: Any, max_buckets: int, values: Sequence[Value]) -> None:
    """By the specification: each value in its bucket, and the scale as fine as there is room."""
    reals = [float(value) for value in values]
    _assert_common(point, values)
    assert point.zero_threshold == 0
    assert point.zero_count == reals.count(0)
    in_buckets = [*point.positive.bucket_counts, *point.negative.bucket_counts]
    assert point.count == point.zero_count + sum(in_buckets)
    assert_buckets_hold(point.positive, point.scale, max_buckets, [v for v in reals if v > 0])
    assert_buckets_hold(point.negative, point.scale, max_buckets, [-v for v in reals if v < 0])
    extremes = [v for v in (min(reals), max(reals)) if v]
    if not any(exact_index(abs(v), scale)[1] for v in extremes for scale in range(1, 21)):
        assert point.scale == ideal_scale(reals, max_buckets)


def assert_buckets_hold(
    buckets: Any, scale: int, max_buckets: int, magnitudes: Sequence[float]
) -> None:
    """One sign: bucket by bucket, in the order of the values."""
    counts = list(buckets.bucket_counts)
    assert len(counts) <= max_buckets
    found = [buckets.offset + i for i, count in enumerate(counts) for _ in range(count)]
    assert len(found) == len(magnitudes)
    for index, value in zip(found, sorted(magnitudes), strict=True):
        exact, may_be_next = exact_index(value, scale)
        assert abs(index - exact) <= may_be_next, (value, scale, index, exact)


# -- streams -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stream:
    """An instrument through a view, or as it is."""

    kind: str
    name: str
    view: forebay.View | None
    temporality: str
    histogram: str

    @property
    def aggregation(self) -> str:
        """Which one it has: a gauge stays one whatever a view says."""
        if self.kind == "gauge":
            return "last_value"
        chosen = None if self.view is None else self.view.aggregation
        if chosen is not None or self.kind != "histogram":
            return chosen or "sum"
        has_buckets = self.view is not None and self.view.buckets is not None
        return "explicit" if has_buckets else self.histogram

    @property
    def is_delta(self) -> bool:
        """An up-down counter never is."""
        return self.temporality != "cumulative" and self.kind in ("counter", "histogram")

    @property
    def is_gauge(self) -> bool:
        return self.aggregation == "last_value"

    def takes(self, value: Value) -> bool:
        """Whatever a view makes of the instrument."""
        return is_measurement(self.kind, value)

    def limit(self) -> int:
        limit = None if self.view is None else self.view.cardinality_limit
        return 2000 if limit is None else limit

    def bounds(self) -> Sequence[float]:
        chosen = None if self.view is None else self.view.buckets
        return DEFAULT_BOUNDS if chosen is None else chosen

    def max_buckets(self) -> int:
        return (self.view.max_buckets if self.view is not None else None) or 160

    def assert_says_what_it_is(self, point: Point) -> None:
        """The kind of the metric, its temporality, whether it only grows."""
        kinds = {
            "sum": "sum",
            "last_value": "gauge",
            "explicit": "histogram",
            "exponential": "exponential_histogram",
        }
        assert point.kind == kinds[self.aggregation]
        is_sum = self.aggregation == "sum"
        assert point.is_monotonic == (is_sum and self.kind != "up_down_counter")
        wanted = None if self.is_gauge else "delta" if self.is_delta else "cumulative"
        assert point.temporality == wanted

    def assert_is_of(self, point: Point, values: Sequence[Value], ever: Sequence[Value]) -> None:
        """A point that is no gauge's, of these measurements; ``ever``: all that its series took."""
        if self.aggregation == "sum":
            assert_is_sum_of(point.value, values, any(isinstance(v, float) for v in ever))
            return
        if self.aggregation == "explicit":
            assert_is_histogram_of(point.data, self.bounds(), values)
        else:
            assert_is_exponential_of(point.data, self.max_buckets(), values)
        has_sum = point.data.HasField("sum")
        # A value below zero ends the sum: for good, unless the series made room meanwhile.
        if any(value < 0 for value in values) or not any(value < 0 for value in ever):
            assert has_sum == all(value >= 0 for value in values)
        if has_sum:
            assert_is_sum_of(point.data.sum, [float(value) for value in values])


class Measured:
    """All that one stream took, by series, and by the collection that is to have it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.ever: dict[Key, list[Value]] = {}
        self.pending: dict[Key, list[Value]] = {}
        self.refused: set[Key] = set()

    def refuse(self, attributes: Mapping[str, object]) -> None:
        """One that the stream does not take: its series may have a place all the same."""
        self.refused.add(key_of(attributes, self.stream.view))

    def empty(self) -> int:
        """How many places may be taken by series that nothing was measured for."""
        return len(self.refused - self.ever.keys())

    def take(self, attributes: Mapping[str, object], value: Value) -> None:
        """One measurement that its instrument takes."""
        key = key_of(attributes, self.stream.view)
        self.ever.setdefault(key, []).append(value)
        self.pending.setdefault(key, []).append(value)

    def assert_collected(self, points: Sequence[Point]) -> None:
        """One collection: each series is whole, or wholly in the overflow."""
        for point in points:
            self.stream.assert_says_what_it_is(point)
        repeated = [key for key, n in Counter(p.key for p in points).items() if n > 1]
        assert repeated == []
        wanted = self.pending if self.stream.is_delta else self.ever
        missing = dict(wanted)
        by_key = {point.key: point for point in points}
        overflow = by_key.pop(OVERFLOW, None)
        for key, point in by_key.items():
            values = missing.pop(key)
            self.stream.assert_is_of(point, values, self.ever[key])
        limit = self.stream.limit()
        assert len(by_key) <= limit
        if not self.stream.is_delta:
            assert len(by_key) >= min(limit - self.empty(), len(wanted))
        elif len(self.ever) + self.empty() <= limit:
            assert missing == {}
        assert (overflow is None) == (missing == {})
        if overflow is not None:
            values = [value for each in missing.values() for value in each]
            # In deltas, what is in the overflow may have been a series' own before.
            ever = [value for each in self.ever.values() for value in each]
            ever = ever if self.stream.is_delta else values
            self.stream.assert_is_of(overflow, values, ever)
        self.pending = {}
