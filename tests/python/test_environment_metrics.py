"""What the environment says of metrics: followed, or refused in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import forebay
from forebay import MetricsOptions, OtlpHttpExporter, View, _warnings
from forebay._environment import read_environment
from forebay._environment_metrics import MetricsEnvironment, metrics_of

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318"}
OTLP = "OTEL_EXPORTER_OTLP"


@pytest.fixture(autouse=True)
def _fresh_warnings() -> Iterator[None]:
    _warnings._said.clear()
    yield
    collector = forebay.get_collector()
    if collector is not None:
        collector.shutdown(10)


def told(environment: dict[str, str]) -> list[str]:
    """What is warned of, and that it is warned of once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_environment(environment)
        seen = [str(warning.message) for warning in caught]
        read_environment(environment)
    assert len(caught) == len(seen)
    return seen


def test_what_there_is_an_option_for_is_followed() -> None:
    """Milliseconds, and words in any case."""
    environment = {
        "OTEL_METRIC_EXPORT_INTERVAL": "2500",
        f"{OTLP}_METRICS_TEMPORALITY_PREFERENCE": "Delta",
        f"{OTLP}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "BASE2_exponential_bucket_histogram",
        "OTEL_METRICS_EXEMPLAR_FILTER": "always_off",
        "OTEL_METRICS_EXPORTER": "otlp",
        "FOREBAY_METRICS_DIR": "/run/shop/series",
    }
    assert told(environment) == []
    read = read_environment(environment)
    assert read.metrics == MetricsEnvironment(
        MetricsOptions(
            interval=2.5,
            temporality="delta",
            histogram="exponential",
            publish_directory="/run/shop/series",
        )
    )
    assert read.sources == {
        "metrics.publish_directory": "FOREBAY_METRICS_DIR",
        "metrics.interval": "OTEL_METRIC_EXPORT_INTERVAL",
        "metrics.temporality": f"{OTLP}_METRICS_TEMPORALITY_PREFERENCE",
        "metrics.histogram": f"{OTLP}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    }
    assert read_environment({}).metrics == MetricsEnvironment()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "1m", "'1m' is not a whole number"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-5", "'-5' is not a whole number"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "0.0 is not in 0.01..86400 s"),
        (f"{OTLP}_METRICS_TEMPORALITY_PREFERENCE", "gauge", "is not one of cumulative, delta"),
        (f"{OTLP}_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "sum", "explicit_bucket_histogram"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "no exemplars"),
        ("OTEL_METRICS_EXPORTER", "kafka", "there are otlp, console, prometheus, none"),
        ("OTEL_METRICS_EXPORTER", "console", "where records go"),
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus", "prometheus_text()"),
        ("OTEL_METRICS_EXPORTER", "otlp,none", "'none' ignored"),
    ],
)
def test_what_cannot_be_followed_is_told_once_and_counts_as_unset(
    variable: str, value: str, says: str
) -> None:
    """In one line that begins with the variable."""
    (line,) = told({variable: value})
    assert line.startswith(variable)
    assert says in line
    assert read_environment({variable: value}).metrics == MetricsEnvironment()


def test_what_code_gives_wins_option_by_option() -> None:
    """What it leaves open is the environment's."""
    asked = MetricsEnvironment(MetricsOptions(interval=2.5, temporality="delta"))
    code = MetricsOptions(temporality="lowmemory", views=[View("a", name="b")])
    assert metrics_of(code, asked, has_destination=True) == MetricsOptions(
        interval=2.5, temporality="lowmemory", views=[View("a", name="b")]
    )
    assert metrics_of(None, asked, has_destination=True) == asked.options
    assert metrics_of(code, MetricsEnvironment(), has_destination=False) is code


def test_an_interval_that_contradicts_code_is_told() -> None:
    """An environment never makes a service fail to start."""
    asked = MetricsEnvironment(MetricsOptions(interval=1.0))
    code = MetricsOptions(callback_timeout=3.0)
    with pytest.warns(forebay.ForebayWarning, match="OTEL_METRIC_EXPORT_INTERVAL is ignored"):
        assert metrics_of(code, asked, has_destination=True) == code


def test_none_collects_nothing_unless_code_says_otherwise() -> None:
    """By a view that drops all, and none of Forebay's own."""
    none = read_environment({"OTEL_METRICS_EXPORTER": "none"}).metrics
    assert none.none
    dropped = MetricsOptions(self_metrics=False, views=(View(aggregation="drop"),))
    assert metrics_of(None, none, has_destination=False) == dropped
    assert metrics_of(None, none, has_destination=True) is None
    code = MetricsOptions(interval=1)
    assert metrics_of(code, none, has_destination=False) is code


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        (
            {**ENDPOINT, f"{OTLP}_METRICS_ENDPOINT": "http://m/x"},
            OtlpHttpExporter("http://host:4318", metrics_endpoint="http://m/x"),
        ),
        (
            {**ENDPOINT, f"{OTLP}_LOGS_ENDPOINT": "http://l/x"},
            OtlpHttpExporter(
                logs_endpoint="http://l/x", metrics_endpoint="http://host:4318/v1/metrics"
            ),
        ),
        (
            {f"{OTLP}_LOGS_ENDPOINT": "http://l/x", f"{OTLP}_METRICS_ENDPOINT": "http://m/x"},
            OtlpHttpExporter(logs_endpoint="http://l/x", metrics_endpoint="http://m/x"),
        ),
        ({f"{OTLP}_LOGS_ENDPOINT": "http://l/x"}, OtlpHttpExporter(logs_endpoint="http://l/x")),
    ],
)
def test_metrics_may_have_an_endpoint_of_their_own(
    environment: dict[str, str], exporter: OtlpHttpExporter
) -> None:
    """Taken as it is; else the one for all signals, also beside one for logs."""
    assert told(environment) == []
    assert read_environment(environment).exporter == exporter


def test_an_endpoint_for_metrics_alone_is_refused() -> None:
    """Log records must not go where nobody sent them."""
    variable = f"{OTLP}_METRICS_ENDPOINT"
    (line,) = told({variable: "http://m/v1/metrics"})
    assert line.startswith(f"{variable} is ignored: no endpoint for log records")
    assert read_environment({variable: "http://m/v1/metrics"}).exporter is None
    (line,) = told({**ENDPOINT, variable: "nonsense"})
    assert line.startswith(f"{variable} is ignored")
    assert read_environment({**ENDPOINT, variable: "nonsense"}).exporter == OtlpHttpExporter(
        "http://host:4318"
    )


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [
        ("HEADERS", "k=hidden", {f"{OTLP}_HEADERS": "k=hidden"}),
        ("TIMEOUT", "5000", {f"{OTLP}_TIMEOUT": "5000"}),
        ("TIMEOUT", "5000", {f"{OTLP}_LOGS_TIMEOUT": "5000", f"{OTLP}_TIMEOUT": "1"}),
        ("COMPRESSION", "GZIP", {f"{OTLP}_COMPRESSION": "gzip"}),
        ("PROTOCOL", "grpc", {}),
    ],
)
def test_a_way_of_their_own_is_refused_unless_it_is_the_same(
    name: str, value: str, same: dict[str, str]
) -> None:
    """Points go the way of the records. No value is told: it may be a secret."""
    variable = f"{OTLP}_METRICS_{name}"
    (line,) = told({**ENDPOINT, variable: value})
    assert line.startswith(f"{variable} is ignored: points go the way of the records")
    assert "hidden" not in line
    _warnings._said.clear()
    if same:
        assert told({**ENDPOINT, **same, variable: value}) == []
    else:
        assert told({**ENDPOINT, variable: "http/protobuf"}) == []


def test_start_hands_the_options_of_the_environment_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the collector that it makes."""
    from forebay import _collector, _options

    made: list[Any] = []

    def watched(**options: Any) -> Any:
        made.append(options.pop("metrics"))
        return _options.flatten(**options)

    monkeypatch.setattr(_collector, "flatten", watched)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "7000")
    forebay.start(exporter=forebay.MemoryExporter(), metrics=MetricsOptions(temporality="delta"))
    assert made == [MetricsOptions(interval=7.0, temporality="delta")]
