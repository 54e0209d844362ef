"""Options of a collector other than its exporter, and how all of them go to the core.

Each class only holds what was given; everything is checked when a collector is made, so that a
message can name the whole path (``lanes[1].max_age``), and before any thread or file is made.
None leaves an option to the core's default. The reference page is docs/options.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from ._errors import OptionError
from ._exporters import ConsoleExporter, Exporter, check_exporter
from ._lanes import Lane, flatten_lanes
from ._metric_options import MetricsOptions
from ._routes import Route, flatten_routes
from ._sampling import FlightRecorder, SamplingRule, flatten_sampling
from ._validation import OptionList, Value, suggests_fields, text

_HOUR = 3600.0
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_TIB = 1 << 40


@suggests_fields
@dataclass(frozen=True)
class BatchOptions:
    """When a batch is finished: the first of the three bounds that is reached."""

    _: KW_ONLY
    # 1..1,000,000. Larger compresses better, and loses more at once where a batch is given up.
    max_records: int | None = None
    # Before compression. Unit: bytes, 1 KiB..16 MiB (a Collector refuses 20 MiB).
    max_bytes: int | None = None
    # Unit: s, 0..3600. Zero: a batch is finished as soon as the queue is empty.
    max_delay: float | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.whole(f"{path}.max_records", self.max_records, 1, 1_000_000)
        options.whole(f"{path}.max_bytes", self.max_bytes, 1024, 16 << 20)
        options.seconds(f"{path}.max_delay", self.max_delay, 0.0, _HOUR)


@suggests_fields
@dataclass(frozen=True)
class BacklogOptions:
    """The memory of finished batches that wait for the destination."""

    _: KW_ONLY
    # All lanes and what is in flight together. Unit: bytes, 64 KiB..1 TiB.
    max_bytes: int | None = None
    # In which order a lane's batches are sent.
    order: Literal["oldest_first", "newest_first"] | None = None
    # With "newest_first": the least part of what is sent that is given to the oldest batches while
    # newer ones come, 0..1. Zero: they wait until nothing new is there.
    stale_share: float | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.whole(f"{path}.max_bytes", self.max_bytes, 64 << 10, _TIB)
        options.choice(f"{path}.order", self.order, ("oldest_first", "newest_first"))
        options.number(f"{path}.stale_share", self.stale_share, 0.0, 1.0)


@suggests_fields
@dataclass(frozen=True)
class RetryOptions:
    """How long to wait before a batch is sent again: exponential, with full jitter."""

    _: KW_ONLY
    # Upper end of the first wait; it doubles with each failure. Unit: s, 0.001..3600.
    initial: float | None = None
    # Where doubling ends. Unit: s, ``initial``..86400.
    max: float | None = None
    # A batch is given up this long after its first attempt. Unit: s, 0..365 days. None: never;
    # room and max_age decide.
    max_elapsed: float | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.seconds(f"{path}.initial", self.initial, 0.001, _HOUR)
        options.seconds(f"{path}.max", self.max, 0.001, _DAY)
        if self.initial is not None and self.max is not None and self.max < self.initial:
            raise OptionError(f"{path}.max: {self.max!r} is under {path}.initial, {self.initial!r}")
        options.seconds(f"{path}.max_elapsed", self.max_elapsed, 0.0, _YEAR)


@suggests_fields
@dataclass(frozen=True)
class BreakerOptions:
    """When a destination that fails is left alone for a while.

    While the breaker is open nothing is sent and the backlog fills; then one batch goes as a probe.
    """

    _: KW_ONLY
    # Failures in a row that open it. 1..1000.
    failures: int | None = None
    # How long it is open the first time; doubled with each probe that fails. Unit: s, 0.001..3600.
    open_initial: float | None = None
    # Where doubling ends. Unit: s, ``open_initial``..86400.
    open_max: float | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.whole(f"{path}.failures", self.failures, 1, 1000)
        options.seconds(f"{path}.open_initial", self.open_initial, 0.001, _HOUR)
        options.seconds(f"{path}.open_max", self.open_max, 0.001, _DAY)
        if (
            self.open_initial is not None
            and self.open_max is not None
            and self.open_max < self.open_initial
        ):
            raise OptionError(
                f"{path}.open_max: {self.open_max!r} is under {path}.open_initial, "
                f"{self.open_initial!r}"
            )


@suggests_fields
@dataclass(frozen=True)
class LimitOptions:
    """What all rate limits have in common."""

    _: KW_ONLY
    # How often a record of Forebay's own tells how many were suppressed. Unit: s, 0.01..3600.
    summary_interval: float | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.seconds(f"{path}.summary_interval", self.summary_interval, 0.01, _HOUR)


# What a resource's attribute may be.
ResourceValue = str | bool | int | float


def flatten(
    *,
    service_name: str | None,
    resource: Mapping[str, ResourceValue] | None,
    exporter: Exporter | None,
    routes: Sequence[Route] | None,
    console: str | None,
    lanes: Sequence[Lane] | None,
    sampling: Sequence[SamplingRule] | None,
    flight_recorder: FlightRecorder | None,
    memory_limit: int | None,
    max_record_bytes: int | None,
    batch: BatchOptions | None,
    backlog: BacklogOptions | None,
    retry: RetryOptions | None,
    breaker: BreakerOptions | None,
    limits: LimitOptions | None,
    run_directory: str | os.PathLike[str] | None,
    metrics: MetricsOptions | None = None,
    redact: Sequence[str] | bool | None = None,
    disabled: bool = False,
) -> list[tuple[str, Value]]:
    """Check everything, and spell it out for the core.

    Raises:
        OptionError: a value is not in its range; the message begins with the option's path.
    """
    options = OptionList()
    attributes = check_resource(resource)
    options.text("service_name", service_name_of(service_name, attributes))
    for key, value in attributes.items():
        if key != "service.name":
            options.add(f"resource:{key}", value)
    check_console(console, exporter, CONSOLE_FORMATS)
    if routes is not None:
        flatten_routes(options, routes, console)
    else:
        check_exporter(exporter)._flatten(options)
        if console is not None:
            options.add("exporter.console", console)
    if lanes is not None:
        flatten_lanes(options, lanes)
    if sampling is not None:
        flatten_sampling(options, sampling)
    options.group("flight_recorder", flight_recorder, FlightRecorder, "recorder")
    options.whole("memory_limit", memory_limit, 1 << 20, _TIB)
    options.whole("max_record_bytes", max_record_bytes, 256, 16 << 20)
    options.group("batch", batch, BatchOptions)
    options.group("backlog", backlog, BacklogOptions)
    options.group("retry", retry, RetryOptions)
    options.group("breaker", breaker, BreakerOptions)
    options.group("limits", limits, LimitOptions)
    options.group("metrics", metrics, MetricsOptions)
    if run_directory is not None:
        try:
            directory = os.fsdecode(run_directory)
        except TypeError:
            raise OptionError(f"run_directory: {run_directory!r} is not a path") from None
        options.text("run_directory", directory)
    _flatten_redact(options, redact)
    options.flag("disabled", disabled or None)
    return options.pairs


def _flatten_redact(options: OptionList, redact: object) -> None:
    if redact is None or redact is True:
        return
    if redact is False:
        options.add("redact_defaults", False)
        return
    if isinstance(redact, str) or not isinstance(redact, Sequence):
        raise OptionError(f"redact: {redact!r} is not a list of keys, True or False")
    for i, rule in enumerate(redact):
        if not isinstance(rule, str) or not rule.removeprefix("!"):
            raise OptionError(f"redact[{i}]: {rule!r} names no key")
        options.add(f"redact[{i}]", rule)


CONSOLE_FORMATS = ("off", "auto", "pretty", "json")


def check_console(console: object, exporter: Exporter | None, formats: Sequence[str]) -> None:
    """Check what is to be shown on the console beside the exporter."""
    if console is not None and console not in formats:
        raise OptionError(f"console: {console!r} is not one of {', '.join(formats)}, None")
    if console not in (None, "off") and isinstance(exporter, ConsoleExporter):
        raise OptionError(f"console: {console!r}, but the exporter is the console itself")


def check_resource(resource: Mapping[str, ResourceValue] | None) -> dict[str, ResourceValue]:
    """Check the attributes of a resource."""
    if resource is None:
        return {}
    if not isinstance(resource, Mapping):
        raise OptionError(f"resource: {resource!r} is not a mapping")
    for key, value in resource.items():
        if not isinstance(key, str) or not key:
            raise OptionError(f"resource: the key {key!r} is not a text of one character or more")
        if isinstance(value, str):
            if key == "service.name":
                text("resource:service.name", value)
        elif not isinstance(value, bool | int | float):
            raise OptionError(f"resource:{key}: {value!r} is not a str, bool, int or float")
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise OptionError(f"resource:{key}: {value} is not in -2^63..2^63-1")
    return dict(resource)


def service_name_of(name: str | None, resource: Mapping[str, ResourceValue]) -> str | None:
    """The one name of the service, from the two places where it may be given."""
    in_resource = resource.get("service.name")
    if in_resource is None:
        return name
    if not isinstance(in_resource, str):
        raise OptionError(f"resource:service.name: {in_resource!r} is not a text")
    if name is not None and name != in_resource:
        raise OptionError(f"service_name: {name!r}, but resource:service.name is {in_resource!r}")
    return in_resource
