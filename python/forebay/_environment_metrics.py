"""What OpenTelemetry's environment variables say of metrics, but for where they go.

Points go the way of the log records, so what is said of that way for metrics alone is refused,
unless it is the URL or says the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ._errors import OptionError
from ._metric_options import MetricsOptions, View
from ._validation import OptionList
from ._warnings import warn_once

_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
_TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_HISTOGRAM = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
_TEMPORALITIES = {name: name for name in ("cumulative", "delta", "lowmemory")}
_HISTOGRAMS = {
    "explicit_bucket_histogram": "explicit",
    "base2_exponential_bucket_histogram": "exponential",
}
_PUBLISH = "FOREBAY_METRICS_DIR"
_KINDS = ("otlp", "console", "prometheus", "none")
# OTEL_EXPORTER_OTLP_METRICS_…, and what holds where nothing is said for logs or for all signals.
_OF_THE_WAY = {
    "HEADERS": "",
    "TIMEOUT": "10000",
    "COMPRESSION": "",
    "CERTIFICATE": "",
    "CLIENT_CERTIFICATE": "",
    "CLIENT_KEY": "",
    "PROTOCOL": "http/protobuf",
}


@dataclass(frozen=True)
class MetricsEnvironment:
    """What is asked for."""

    # None where nothing is said.
    options: MetricsOptions | None = None
    # No metrics at all: unless code says otherwise.
    none: bool = False


def read_metrics(environ: Mapping[str, str], sources: dict[str, str]) -> MetricsEnvironment:
    """Read every variable; each bad value is told once and counts as unset."""
    given: dict[str, tuple[str, Any]] = {
        "interval": (_INTERVAL, _interval(environ)),
        "temporality": (_TEMPORALITY, _one_of(environ, _TEMPORALITY, _TEMPORALITIES)),
        "publish_directory": (_PUBLISH, environ.get(_PUBLISH, "").strip() or None),
        "histogram": (_HISTOGRAM, _one_of(environ, _HISTOGRAM, _HISTOGRAMS)),
    }
    found = {name: value for name, (_, value) in given.items() if value is not None}
    sources.update({f"metrics.{name}": given[name][0] for name in found})
    _refuse_exemplars(environ)
    _refuse_a_way_of_their_own(environ)
    return MetricsEnvironment(MetricsOptions(**found) if found else None, none=_is_none(environ))


def metrics_of(
    code: MetricsOptions | None, environment: MetricsEnvironment, *, has_destination: bool
) -> MetricsOptions | None:
    """The options that hold: what code gives wins, option by option.

    Args:
        has_destination: Code says where records and points go.
    """
    if code is None:
        if environment.none and not has_destination:
            return MetricsOptions(self_metrics=False, views=(View(aggregation="drop"),))
        return environment.options
    if environment.options is None or not isinstance(code, MetricsOptions):
        return code
    asked = {
        field.name: getattr(environment.options, field.name)
        for field in fields(code)
        if field.name != "views" and getattr(code, field.name) is None
    }
    merged = replace(code, **asked)
    if code.callback_timeout is not None and merged.interval != code.interval:
        try:
            merged._flatten(OptionList(), "metrics")
        except OptionError as error:
            warn_once(f"{_INTERVAL} is ignored: {error}")
            return replace(merged, interval=None)
    return merged


def _interval(environ: Mapping[str, str]) -> float | None:
    value = environ.get(_INTERVAL, "").strip()
    if not value:
        return None
    if not re.fullmatch(r"\+?[0-9]{1,12}", value):
        warn_once(f"{_INTERVAL} is ignored: {value!r} is not a whole number")
        return None
    seconds = int(value) / 1000
    try:
        MetricsOptions(interval=seconds)._flatten(OptionList(), "metrics")
    except OptionError as error:
        warn_once(f"{_INTERVAL} is ignored: {error}")
        return None
    return seconds


def _one_of(environ: Mapping[str, str], variable: str, words: Mapping[str, str]) -> str | None:
    value = environ.get(variable, "").strip()
    if value and value.lower() not in words:
        warn_once(f"{variable} is ignored: {value!r} is not one of {', '.join(words)}")
    return words.get(value.lower())


def _is_none(environ: Mapping[str, str]) -> bool:
    """Whether no metrics are wanted; what is asked for and cannot be had is told."""
    variable = "OTEL_METRICS_EXPORTER"
    value = environ.get(variable, "").strip().lower()
    kinds = {part.strip() for part in value.split(",") if part.strip()}
    unknown = kinds - set(_KINDS)
    if unknown:
        names = ", ".join(sorted(map(repr, unknown)))
        warn_once(f"{variable}: {names} ignored; there are {', '.join(_KINDS)}")
    if "console" in kinds:
        warn_once(
            f"{variable}: 'console' ignored: points go where records go; print("
            "collector.prometheus_text()) shows them"
        )
    if "prometheus" in kinds:
        warn_once(
            f"{variable}: 'prometheus' opens no port: serve collector.prometheus_text(), such as "
            "with forebay.prometheus; points also go where records go"
        )
    if "none" in kinds and kinds & {"otlp", "console", "prometheus"}:
        warn_once(f"{variable}: 'none' ignored beside other exporters")
    return "none" in kinds and not kinds & {"otlp", "console", "prometheus"}


def _refuse_exemplars(environ: Mapping[str, str]) -> None:
    variable = "OTEL_METRICS_EXEMPLAR_FILTER"
    value = environ.get(variable, "").strip()
    if value and value.lower() != "always_off":
        warn_once(f"{variable} is ignored: Forebay makes no exemplars, as with always_off")


def _refuse_a_way_of_their_own(environ: Mapping[str, str]) -> None:
    for name, default in _OF_THE_WAY.items():
        variable = f"OTEL_EXPORTER_OTLP_METRICS_{name}"
        own = environ.get(variable, "").strip()
        common = next(
            (
                value
                for of_all in (f"OTEL_EXPORTER_OTLP_LOGS_{name}", f"OTEL_EXPORTER_OTLP_{name}")
                if (value := environ.get(of_all, "").strip())
            ),
            default,
        )
        if name in ("COMPRESSION", "PROTOCOL"):
            own, common = own.lower(), common.lower()
        if own and own != common:
            # Never the value: headers are secrets.
            warn_once(
                f"{variable} is ignored: points go the way of the records; set "
                f"OTEL_EXPORTER_OTLP_{name} for both"
            )
