"""The exponential histogram, held against OpenTelemetry's SDK and against the specification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.metrics.view import View as SdkView

from forebay import View
from tests.python.metrics_harness import harness
from tests.python.metrics_model import assert_is_exponential_of, exact_index

NORMAL, SUBNORMAL, LARGEST = 2.0**-1022, 5e-324, math.ldexp(1 - 2**-53, 1024)
SIZES = [2, 3, 20, 160]
repeatably = settings(
    max_examples=60, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


def ours(max_buckets: int, *rounds: Sequence[float], temporality: str = "cumulative") -> list[Any]:
    """A point for each round of values. Only an up-down counter takes those below zero.

    It has no deltas: for these the values come to a histogram.
    """
    view = View("sizes", aggregation="exponential", max_buckets=max_buckets)
    found = []
    with harness(temporality=temporality, views=[view]) as made:
        if temporality == "delta":
            record = made.collector.histogram("sizes").record
        else:
            record = made.collector.up_down_counter("sizes").add
        for values in rounds:
            for value in values:
                record(value)
            (point,) = made.collect()
            found.append(point.data)
    return found


def theirs(max_buckets: int, values: Sequence[float]) -> Any:
    """The SDK's point. Its histograms refuse what is below zero, its up-down counters do not."""
    reader = InMemoryMetricReader()
    aggregation = ExponentialBucketHistogramAggregation(max_size=max_buckets, max_scale=20)
    provider = MeterProvider(
        [reader], views=[SdkView(instrument_name="sizes", aggregation=aggregation)]
    )
    sizes = provider.get_meter("test").create_up_down_counter("sizes")
    for value in values:
        sizes.add(value)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    return point


def buckets_of(buckets: Any) -> dict[int, int]:
    """Index -> count, of what is not empty: how many zeros stand around it is nobody's matter."""
    return {buckets.offset + i: n for i, n in enumerate(buckets.bucket_counts) if n}


def differs_by_a_rounding(values: Sequence[float]) -> bool:
    """A value lies so close to a bound that the specification lets two libraries differ by one."""
    return any(exact_index(abs(v), scale)[1] for v in values if v for scale in range(1, 21))


def assert_as_the_sdk(max_buckets: int, values: Sequence[float]) -> None:
    (found,) = ours(max_buckets, values)
    # What the specification says holds in any case.
    assert_is_exponential_of(found, max_buckets, values)
    if differs_by_a_rounding(values):
        return
    wanted = theirs(max_buckets, values)
    assert (found.count, found.zero_count) == (wanted.count, wanted.zero_count)
    # Where all are zero there is no bucket to scale: the SDK says 0, and the finest is as good.
    if any(values):
        assert found.scale == wanted.scale
    assert (found.min, found.max) == (wanted.min, wanted.max)
    assert buckets_of(found.positive) == buckets_of(wanted.positive)
    assert buckets_of(found.negative) == buckets_of(wanted.negative)
    if all(value >= 0 for value in values) and math.isfinite(wanted.sum):
        assert found.sum == pytest.approx(wanted.sum, rel=1e-12)


@pytest.mark.parametrize("max_buckets", SIZES)
@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [-1.0, -3.0, 0.0],
        [0.0, -0.0],
        [1.0, 2.0, 4.0, 8.0, 16.0],
        [math.nextafter(4.0, 0.0), 4.0, math.nextafter(4.0, 5.0)],
        [SUBNORMAL, NORMAL, math.nextafter(NORMAL, 1.0)],
        [1e-300, 1e300],
        [SUBNORMAL, LARGEST],
        [1e-300, 1.0, 1e300, -1e-300, -1.0, -1e300, 0.0],
        [2.0**n for n in range(-40, 41)],
        [1.0 + n / 1000 for n in range(200)],
        [1.1**n for n in range(300, -300, -7)],
        [3.0] * 700,
    ],
    ids=lambda values: f"{len(values)} from {values[0]:.3g}",
)
def test_values_of_every_size_are_where_the_sdk_has_them(
    max_buckets: int, values: list[float]
) -> None:
    """Scale, offsets, counts, zero count, minimum, maximum, sum."""
    assert_as_the_sdk(max_buckets, values)


MAGNITUDES = st.one_of(
    st.floats(SUBNORMAL, LARGEST, allow_subnormal=True),
    st.integers(-1074, 1023).map(lambda exponent: math.ldexp(1.0, exponent)),
    st.integers(-1021, 1023).map(lambda exponent: math.nextafter(math.ldexp(1.0, exponent), 0.0)),
    st.integers(-1022, 1023).map(lambda exponent: math.nextafter(math.ldexp(1.0, exponent), 2e308)),
    st.floats(0.5, 2.0),
    st.just(0.0),
).filter(math.isfinite)
NEARBY = st.tuples(st.floats(1e-300, 1e290), st.lists(st.floats(1.0, 1.5), max_size=8)).map(
    lambda drawn: [drawn[0] * factor for factor in drawn[1]] or [drawn[0]]
)
ANY_VALUES = st.lists(MAGNITUDES | MAGNITUDES.map(lambda v: -v), min_size=1, max_size=12) | NEARBY


@repeatably
@given(st.integers(2, 160), ANY_VALUES)
def test_any_values_are_where_the_sdk_has_them(max_buckets: int, values: list[float]) -> None:
    """Whatever comes first, and however far apart."""
    assert_as_the_sdk(max_buckets, values)


@pytest.mark.parametrize("scale", range(-10, 21))
def test_one_is_the_upper_bound_of_a_bucket_at_every_scale(scale: int) -> None:
    """And its neighbours lie on their own sides; two buckets are what makes it that scale."""
    width = 2.0**-scale
    below, above = math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0)
    (found,) = ours(2, [2.0 ** (-0.6 * width), below, 1.0, above, 2.0 ** (0.6 * width)])
    assert found.scale == scale
    assert buckets_of(found.positive) == {-1: 3, 0: 2}


@pytest.mark.parametrize("scale", range(-3, 21))
def test_values_at_the_bounds_of_every_scale_are_in_their_bucket_or_the_next(scale: int) -> None:
    """Off by one only where a bound is no double; a power of two never is."""
    values = [2.0 ** (n * 2.0**-scale) for n in range(-79, 80)]
    (found,) = ours(160, values)
    assert found.scale == scale
    assert_is_exponential_of(found, 160, values)
    (found,) = ours(160, [math.nextafter(value, 0.0) for value in values] + values)
    assert_is_exponential_of(found, 160, [math.nextafter(v, 0.0) for v in values] + values)


@repeatably
@given(
    max_buckets=st.integers(2, 160),
    rounds=st.lists(ANY_VALUES, min_size=1, max_size=4),
    temporality=st.sampled_from(["cumulative", "delta"]),
)
def test_collections_put_together_are_all_values_at_once(
    max_buckets: int, rounds: list[list[float]], temporality: str
) -> None:
    """A cumulative point is merged of all, and a delta starts again at the finest scale."""
    if temporality == "delta":
        rounds = [[abs(value) for value in values] for values in rounds]
    found = ours(max_buckets, *rounds, temporality=temporality)
    so_far: list[float] = []
    for point, values in zip(found, rounds, strict=True):
        so_far = so_far + values if temporality == "cumulative" else values
        assert_is_exponential_of(point, max_buckets, so_far)


@pytest.mark.parametrize("max_buckets", [2, 160, 1024])
def test_a_thousand_values_of_all_doubles_fit_into_the_buckets_there_are(max_buckets: int) -> None:
    """The scale gets coarser, one value at a time, from either end."""
    values = [math.ldexp(1.0 + (n % 97) / 97, n) for n in range(-1022, 1023, 4)]
    for ordered in (values, values[::-1], values[::2] + values[1::2]):
        (found,) = ours(max_buckets, ordered)
        assert_is_exponential_of(found, max_buckets, ordered)
        assert found.scale == {2: -10, 160: -4, 1024: -1}[max_buckets]
