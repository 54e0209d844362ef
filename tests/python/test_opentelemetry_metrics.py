"""OpenTelemetry's metrics API over Forebay: what the SDK would report, and no library is hurt."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    InMemoryMetricReader,
    Sum,
)

import forebay
from forebay.opentelemetry import MeterProvider
from forebay.testing import MemoryCollector, MetricPoint, forebay_collector, memory_collector

__all__ = ["forebay_collector"]  # the fixture

# What a point is, wherever it comes from: its identity, and its numbers.
Points = dict[tuple[Any, ...], tuple[Any, ...]]


def of_forebay(points: Iterable[MetricPoint]) -> Points:
    """Points of Forebay. The SDK makes names lower case; Forebay leaves them, as OTLP does."""
    return {
        (
            point.scope.name,
            point.scope.version,
            point.name.lower(),
            point.unit,
            point.description,
            point.kind,
            point.is_monotonic,
            point.temporality,
            tuple(sorted((key, repr(value)) for key, value in point.attributes.items())),
        ): (
            point.value,
            point.count,
            point.sum,
            point.min,
            point.max,
            point.bounds,
            point.bucket_counts,
        )
        for point in points
    }


def of_sdk(reader: InMemoryMetricReader) -> Points:
    """The SDK's points, read in its own classes."""
    found: Points = {}
    data = reader.get_metrics_data()
    assert data is not None
    for resource_metrics in data.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                points: Sequence[Any] = metric.data.data_points
                for point in points:
                    kind = {Sum: "sum", Gauge: "gauge", Histogram: "histogram"}[type(metric.data)]
                    temporality = getattr(metric.data, "aggregation_temporality", None)
                    key = (
                        scope_metrics.scope.name,
                        scope_metrics.scope.version or "",
                        metric.name,
                        metric.unit,
                        metric.description,
                        kind,
                        getattr(metric.data, "is_monotonic", False),
                        "cumulative" if temporality is AggregationTemporality.CUMULATIVE else None,
                        tuple(
                            sorted(
                                (k, repr(list(v) if isinstance(v, tuple) else v))
                                for k, v in (point.attributes or {}).items()
                            )
                        ),
                    )
                    if kind != "histogram":
                        found[key] = (point.value, 0, None, None, None, (), ())
                    else:
                        buckets = (tuple(point.explicit_bounds), tuple(point.bucket_counts))
                        summed = (point.count, point.sum, point.min, point.max)
                        found[key] = (None, *summed, *buckets)
    return found


@pytest.fixture
def provider(forebay_collector: MemoryCollector) -> Iterator[MeterProvider]:
    """Of the process default, which is the test's collector."""
    made = MeterProvider()
    yield made
    # Or its callbacks would report into the next test's.
    made.shutdown()


def numbers(options: CallbackOptions) -> Iterable[Observation]:
    """A callback that is a generator function."""
    assert isinstance(options, CallbackOptions)
    yield Observation(7, {"cpu": "0"})
    yield Observation(8.5, {"cpu": "1"})


def under_way() -> Generator[list[Observation], CallbackOptions, None]:
    """A generator that is itself the callback."""
    options = yield []
    for number in range(100):
        assert isinstance(options, CallbackOptions)
        options = yield [Observation(number, {"from": "generator"})]


def report(provider: metrics.MeterProvider) -> None:
    """What an instrumented library does, with each kind of instrument."""
    meter = provider.get_meter("shop.library", "1.2.3", "https://opentelemetry.io/schemas/1.30.0")
    orders = meter.create_counter("Orders", "{order}", "Orders taken")
    orders.add(1, {"region": "eu"})
    orders.add(2.5, attributes={"region": "eu"})
    orders.add(amount=3, attributes=None, context=None)
    orders.add(1, {"lines": ("a", "b"), "big": 2**40, "paid": True, "rate": 0.5})
    orders.add(-1)  # no measurement, for either
    orders.add(math.nan)
    active = meter.create_up_down_counter("active", unit="{request}")
    active.add(5)
    active.add(-7, {"route": "/x"})
    depth = meter.create_gauge("depth")
    depth.set(3, {"queue": "a"})
    depth.set(-1.5, {"queue": "a"})
    seconds = meter.create_histogram(
        "http.client.request.duration",
        "s",
        "How long",
        explicit_bucket_boundaries_advisory=[0.005, 0.1, 1],
    )
    for value in (0.001, 0.1, 0.5, 3):
        seconds.record(value, {"http.request.method": "GET"})
    meter.create_histogram("sizes", unit="By").record(17)
    meter.create_observable_counter("cpu.time", [numbers], "s", "Time")
    meter.create_observable_up_down_counter("pool", callbacks=[under_way()])
    meter.create_observable_gauge("temperature", [lambda options: [Observation(-3.25)]])
    meter.create_observable_gauge("nothing.to.say", None)
    provider.get_meter("another").create_counter("orders").add(4)


def test_the_same_program_reports_what_the_sdk_reports(
    forebay_collector: MemoryCollector, provider: MeterProvider
) -> None:
    """Names, units, scopes, attributes, values, bounds and buckets, of each kind of instrument."""
    reader = InMemoryMetricReader()
    sdk = SdkMeterProvider([reader], shutdown_on_exit=False)
    report(sdk)
    report(provider)
    ours = of_forebay(forebay_collector.metric_points())
    assert ours == of_sdk(reader)
    assert len(ours) == 13
    assert forebay_collector.collector.stats().notes["measurements_invalid"] == 2
    sdk.shutdown()


def test_instruments_are_those_of_the_api(provider: MeterProvider) -> None:
    """Libraries may ask with isinstance, and for what a meter is called."""
    meter = provider.get_meter("library", "1", "https://example.test/schema")
    assert isinstance(meter, metrics.Meter)
    assert (meter.name, meter.version, meter.schema_url) == (
        "library",
        "1",
        "https://example.test/schema",
    )
    assert isinstance(meter.create_counter("a"), metrics.Counter)
    assert isinstance(meter.create_up_down_counter("b"), metrics.UpDownCounter)
    assert isinstance(meter.create_gauge("c"), metrics._Gauge)
    assert isinstance(meter.create_histogram("d"), metrics.Histogram)
    assert isinstance(meter.create_observable_counter("e"), metrics.ObservableCounter)
    assert isinstance(meter.create_observable_up_down_counter("f"), metrics.ObservableUpDownCounter)
    assert isinstance(meter.create_observable_gauge("g"), metrics.ObservableGauge)


def test_the_same_instrument_twice_is_one(
    forebay_collector: MemoryCollector, provider: MeterProvider
) -> None:
    """Also from a meter that was got anew, and also where forebay.counter makes it."""
    first = provider.get_meter("twice", "1").create_counter("orders", "1", "Orders")
    again = provider.get_meter("twice", "1").create_counter("orders", "1", "Orders")
    assert first is again
    first.add(1)
    again.add(2)
    forebay.counter("orders", unit="1", meter="twice", version="1").add(4)
    assert forebay_collector.metric_point("orders").value == 7


def test_the_first_callbacks_of_an_observable_instrument_hold(
    forebay_collector: MemoryCollector, provider: MeterProvider
) -> None:
    """A library that instruments again does not report twice."""
    calls: list[str] = []

    def callback(name: str) -> Callable[[CallbackOptions], list[Observation]]:
        def told(options: CallbackOptions) -> list[Observation]:
            calls.append(name)
            return [Observation(len(calls))]

        return told

    first, second = callback("first"), callback("second")
    meter = provider.get_meter("library")
    made = meter.create_observable_gauge("again", [first])
    assert meter.create_observable_gauge("again", [first]) is made
    with pytest.warns(forebay.ForebayWarning, match="'again' was made before with other callbacks"):
        assert meter.create_observable_gauge("again", [second]) is made
    forebay_collector.clear()
    assert calls == ["first"]


@pytest.mark.parametrize("name", ["", "1st", "two words", "ä", "a" * 256, "\ud800", None, 7])
def test_a_bad_name_is_a_warning_and_an_instrument_that_does_nothing(
    forebay_collector: MemoryCollector, provider: MeterProvider, name: Any
) -> None:
    """An error in a library's telemetry never costs the program anything."""
    meter = provider.get_meter(f"bad names {name!r}")
    with pytest.warns(forebay.ForebayWarning, match="reports nothing: name"):
        counter = meter.create_counter(name)
    counter.add(1)
    meter.create_up_down_counter(name).add(1)
    meter.create_gauge(name).set(1)
    meter.create_histogram(name).record(1)
    meter.create_histogram(name, explicit_bucket_boundaries_advisory=[1]).record(1)
    meter.create_observable_counter(name, [numbers])
    meter.create_observable_up_down_counter(name, [numbers])
    meter.create_observable_gauge(name, [numbers])
    meter.create_counter("fine").add(1)
    assert [point.name for point in forebay_collector.metric_points()] == ["fine"]


@pytest.mark.parametrize("bounds", [[2, 1], ["a"], "abc", 7, [1] * 300, [math.nan]])
def test_bad_boundaries_are_a_warning_and_those_of_opentelemetry_hold(
    forebay_collector: MemoryCollector, provider: MeterProvider, bounds: Any
) -> None:
    """The measurements are not lost."""
    meter = provider.get_meter(f"bad bounds {bounds!r:.30}")
    with pytest.warns(forebay.ForebayWarning, match="advised boundaries of 'sizes' are not used"):
        sizes = meter.create_histogram("sizes", explicit_bucket_boundaries_advisory=bounds)
    sizes.record(3)
    point = forebay_collector.metric_point("sizes")
    assert point.count == 1
    assert point.bounds[:3] == (0, 5, 10)


def test_what_is_no_callback_is_left_out(
    forebay_collector: MemoryCollector,
    provider: MeterProvider,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As is one that raises; the others report."""
    meter = provider.get_meter("callbacks")

    def fails(options: CallbackOptions) -> list[Observation]:
        raise RuntimeError("no number today from the API")

    def fails_at_once() -> Generator[list[Observation], CallbackOptions, None]:
        yield [Observation(int("not even the first step"))]

    given: Any = [7, fails, fails_at_once(), numbers]
    with pytest.warns(forebay.ForebayWarning, match="'mixed' has callbacks that are no functions"):
        meter.create_observable_counter("mixed", given)
    alone: Any = numbers
    meter.create_observable_counter("alone", alone)
    found = forebay_collector.metric_points()
    assert sorted(point.name for point in found) == ["alone", "alone", "mixed", "mixed"]
    assert forebay_collector.collector.stats().notes["callbacks_failed"] >= 2
    told = capfd.readouterr().err
    assert "a callback of 'mixed' raised RuntimeError: no number today" in told
    assert "a callback of 'mixed' raised ValueError: " in told


def test_a_callback_is_told_how_long_it_is_waited_for() -> None:
    """The collector's `callback_timeout`; a generator, too."""
    timeouts: list[float] = []

    def tells(options: CallbackOptions) -> list[Observation]:
        timeouts.append(options.timeout_millis)
        return [Observation(1)]

    def tells_under_way() -> Generator[list[Observation], CallbackOptions, None]:
        options = yield []
        while True:
            options = yield tells(options)

    options = forebay.MetricsOptions(callback_timeout=0.75)
    with memory_collector(metrics=options) as memory:
        provider = MeterProvider(memory.collector)
        given: Any = [tells, tells_under_way()]
        provider.get_meter("library").create_observable_gauge("depth", given)
        assert memory.metric_points("depth")
        assert timeouts == [750, 750]
        provider.shutdown()


def test_a_shutdown_ends_the_calls_of_callbacks_and_nothing_else(
    forebay_collector: MemoryCollector, provider: MeterProvider
) -> None:
    """The process goes on, and other providers with it."""
    meter = provider.get_meter("library")
    counter = meter.create_counter("orders")
    meter.create_observable_counter("cpu.time", [numbers])
    counter.add(1)
    provider.shutdown()
    assert {point.name for point in forebay_collector.metric_points()} == {"orders", "cpu.time"}
    forebay_collector.clear()
    counter.add(1)
    forebay_collector.clear()
    counter.add(1)
    newest = forebay_collector.metric_points()
    assert [(point.name, point.value) for point in newest] == [("orders", 3)]


def test_a_provider_made_before_the_start_reports_once_there_is_a_collector() -> None:
    """Libraries make their instruments when they are imported."""
    provider = MeterProvider()
    counter = provider.get_meter("early").create_counter("early")
    assert provider.force_flush(1000)
    counter.add(1)
    with memory_collector() as memory:
        counter.add(5)
        assert memory.metric_point("early").value == 5
        assert memory.collector.stats().notes["measurements_not_started"] >= 1
    with memory_collector() as memory:
        counter.add(6)
        assert memory.metric_point("early").value == 6


def test_a_provider_of_a_collector_reports_there(forebay_collector: MemoryCollector) -> None:
    """And leaves it to its owner to shut down."""
    exporter = forebay.MemoryExporter()
    with forebay.Collector(service_name="other", exporter=exporter) as other:
        provider = MeterProvider(other)
        assert provider.collector is other
        provider.get_meter("library").create_counter("orders").add(2)
        provider.shutdown()
        points = [point for point in exporter.metric_points() if point.scope.name == "library"]
        assert [point.value for point in points] == [2]
        assert not other.is_shut_down
    assert provider.force_flush()
    assert forebay_collector.metric_points() == []


@pytest.fixture
def views() -> Iterator[MemoryCollector]:
    options = forebay.MetricsOptions(
        views=[forebay.View("latency", buckets=[1, 2], keep_attributes=["route"])]
    )
    with memory_collector(metrics=options) as memory:
        yield memory


def test_a_view_wins_over_what_the_library_advises(views: MemoryCollector) -> None:
    """Buckets and attributes are the operator's to say."""
    latency = (
        MeterProvider()
        .get_meter("library")
        .create_histogram("latency", explicit_bucket_boundaries_advisory=[5, 6, 7])
    )
    latency.record(1.5, {"route": "/x", "user": 1})
    latency.record(1.5, {"route": "/x", "user": 2})
    point = views.metric_point("latency")
    assert (point.bounds, point.attributes, point.count) == ((1, 2), {"route": "/x"}, 2)
