"""Forebay: an in-process telemetry collector with a ledger that balances.

    import forebay

    forebay.start(service_name="checkout", capture_logging="INFO")
    log = forebay.get_logger("checkout.api")
    log.info("request finished", route="/items", status=200)

Importing makes no thread and no file. Classes of options and results are loaded when first named.
"""

from __future__ import annotations

from ._core import Logger, pass_over_frames_of
from ._core import version as __version__
from ._errors import ForebayError, OptionError
from ._lifecycle import from_config, get_collector, get_logger, start
from ._native import get_cmake_dir, get_include

TYPE_CHECKING = False  # as checkers take it; `typing` itself would double the time of the import
if TYPE_CHECKING:
    from typing import Any

    from ._collector import Collector
    from ._context import context
    from ._exception_hooks import asyncio_exception_handler, capture_exceptions
    from ._exporters import ConsoleExporter, FileExporter, MemoryExporter, OtlpHttpExporter
    from ._lanes import Block, EarlyDrop, Lane, RateLimit
    from ._logging import LoggingHandler
    from ._metric_options import MetricsOptions, View
    from ._metrics import (
        BoundHistogram,
        Counter,
        Gauge,
        Histogram,
        UpDownCounter,
        counter,
        gauge,
        histogram,
        observable_counter,
        observable_gauge,
        observable_up_down_counter,
        up_down_counter,
    )
    from ._observers import Observation
    from ._options import (
        BacklogOptions,
        BatchOptions,
        BreakerOptions,
        LimitOptions,
        RetryOptions,
    )
    from ._pressure import Pressure, PressureChange, PressureWatch
    from ._queue_full import QueueFull
    from ._room import Grant
    from ._routes import Route
    from ._sampling import FlightRecorder, SampleBurst, SampleRatio, SampleTraceRatio
    from ._servers import uvicorn_log_config
    from ._stats import Audit, Counts, LaneCounts, Receipt, Stats
    from ._warnings import ForebayWarning

__all__ = [
    "Audit",
    "BacklogOptions",
    "BatchOptions",
    "Block",
    "BoundHistogram",
    "BreakerOptions",
    "Collector",
    "ConsoleExporter",
    "Counter",
    "Counts",
    "EarlyDrop",
    "FileExporter",
    "FlightRecorder",
    "ForebayError",
    "ForebayWarning",
    "Gauge",
    "Grant",
    "Histogram",
    "Lane",
    "LaneCounts",
    "LimitOptions",
    "Logger",
    "LoggingHandler",
    "MemoryExporter",
    "MetricsOptions",
    "Observation",
    "OptionError",
    "OtlpHttpExporter",
    "Pressure",
    "PressureChange",
    "PressureWatch",
    "QueueFull",
    "RateLimit",
    "Receipt",
    "RetryOptions",
    "Route",
    "SampleBurst",
    "SampleRatio",
    "SampleTraceRatio",
    "Stats",
    "UpDownCounter",
    "View",
    "__version__",
    "asyncio_exception_handler",
    "capture_exceptions",
    "context",
    "counter",
    "from_config",
    "gauge",
    "get_cmake_dir",
    "get_collector",
    "get_include",
    "get_logger",
    "histogram",
    "observable_counter",
    "observable_gauge",
    "observable_up_down_counter",
    "start",
    "up_down_counter",
    "uvicorn_log_config",
]

pass_over_frames_of(f"{__path__[0]}/")

# `dataclasses`, `logging` and `threading` cost more to import than all the rest.
_LOADED_WHEN_NAMED = {
    "Audit": "_stats",
    "BacklogOptions": "_options",
    "BatchOptions": "_options",
    "Block": "_lanes",
    "BoundHistogram": "_metrics",
    "BreakerOptions": "_options",
    "Collector": "_collector",
    "ConsoleExporter": "_exporters",
    "Counter": "_metrics",
    "Counts": "_stats",
    "EarlyDrop": "_lanes",
    "FileExporter": "_exporters",
    "FlightRecorder": "_sampling",
    "ForebayWarning": "_warnings",
    "Gauge": "_metrics",
    "Grant": "_room",
    "Histogram": "_metrics",
    "Lane": "_lanes",
    "LaneCounts": "_stats",
    "LimitOptions": "_options",
    "LoggingHandler": "_logging",
    "MemoryExporter": "_exporters",
    "MetricsOptions": "_metric_options",
    "Observation": "_observers",
    "OtlpHttpExporter": "_exporters",
    "Pressure": "_pressure",
    "PressureChange": "_pressure",
    "PressureWatch": "_pressure",
    "QueueFull": "_queue_full",
    "RateLimit": "_lanes",
    "Receipt": "_stats",
    "RetryOptions": "_options",
    "Route": "_routes",
    "SampleBurst": "_sampling",
    "SampleRatio": "_sampling",
    "SampleTraceRatio": "_sampling",
    "Stats": "_stats",
    "UpDownCounter": "_metrics",
    "View": "_metric_options",
    "asyncio_exception_handler": "_exception_hooks",
    "capture_exceptions": "_exception_hooks",
    "context": "_context",
    "counter": "_metrics",
    "gauge": "_metrics",
    "histogram": "_metrics",
    "observable_counter": "_metrics",
    "observable_gauge": "_metrics",
    "observable_up_down_counter": "_metrics",
    "up_down_counter": "_metrics",
    "uvicorn_log_config": "_servers",
}


def __getattr__(name: str) -> Any:
    module = _LOADED_WHEN_NAMED.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
