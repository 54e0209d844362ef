"""OpenTelemetry's API over Forebay, and exporters for its SDK.

What is instrumented with ``opentelemetry-api`` reports into Forebay unchanged:

    import forebay
    import forebay.opentelemetry

    forebay.start(service_name="shop")
    forebay.opentelemetry.install()

A program that keeps the SDK's pipeline gives it `ForebayLogExporter` and `ForebayMetricExporter`
instead. These need ``forebay[opentelemetry-sdk]``; all else needs the API alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from opentelemetry import _logs, metrics
except ImportError as error:
    raise ImportError(
        'forebay.opentelemetry needs opentelemetry-api: pip install "forebay[opentelemetry]"'
    ) from error

from .._collector import Collector
from .._warnings import warn_once
from ._loggers import LoggerProvider
from ._meters import MeterProvider

if TYPE_CHECKING:
    from ._log_exporter import ForebayLogExporter
    from ._metric_exporter import ForebayMetricExporter

__all__ = [
    "ForebayLogExporter",
    "ForebayMetricExporter",
    "LoggerProvider",
    "MeterProvider",
    "install",
]

_OF_THE_SDK = {
    "ForebayLogExporter": "_log_exporter",
    "ForebayMetricExporter": "_metric_exporter",
}


def install(collector: Collector | None = None) -> bool:
    """Make Forebay's the providers that OpenTelemetry's API gives out, for metrics and for logs.

    Meters, instruments and loggers that were made before go over to them. May be called before
    `forebay.start`. OpenTelemetry lets a provider be set once in a process; a second call with the
    same collector changes nothing.

    Args:
        collector: Where everything goes. None: the process default, whichever is started.

    Returns:
        Whether both are Forebay's now. Where another provider was set before, that one stays: a
        warning says so.
    """
    current_meters = metrics.get_meter_provider()
    if not _is_ours(current_meters, collector):
        metrics.set_meter_provider(MeterProvider(collector))
        current_meters = metrics.get_meter_provider()
    current_loggers = _logs.get_logger_provider()
    if not _is_ours(current_loggers, collector):
        _logs.set_logger_provider(LoggerProvider(collector))
        current_loggers = _logs.get_logger_provider()
    installed = True
    for current in (current_meters, current_loggers):
        if not _is_ours(current, collector):
            installed = False
            kind = type(current)
            warn_once(
                f"a {kind.__module__}.{kind.__qualname__} was set before "
                "forebay.opentelemetry.install(); OpenTelemetry keeps it"
            )
    return installed


def _is_ours(provider: object, collector: Collector | None) -> bool:
    return isinstance(provider, MeterProvider | LoggerProvider) and provider.collector is collector


def __getattr__(name: str) -> Any:
    module = _OF_THE_SDK.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ImportError as error:
        raise ImportError(
            f"forebay.opentelemetry.{name} needs opentelemetry-sdk 1.39 or later: "
            'pip install "forebay[opentelemetry-sdk]"'
        ) from error
