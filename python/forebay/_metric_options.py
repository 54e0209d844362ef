"""How metrics are collected, and views: what is made of which instrument.

As everywhere, None leaves an option to the core's default; docs/options.md is the reference page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import Literal

from ._errors import OptionError
from ._validation import OptionList, number, suggests_fields, text

_HOUR = 3600.0
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_TIB = 1 << 40
_MOST_SERIES = 1_000_000
_MOST_BUCKETS = 256
_MOST_VIEWS = 1000

_KINDS = (
    *("counter", "up_down_counter", "gauge", "histogram"),
    *("observable_counter", "observable_up_down_counter", "observable_gauge"),
)
_AGGREGATIONS = ("drop", "sum", "last_value", "explicit", "exponential")


@suggests_fields
@dataclass(frozen=True)
class View:
    """What is made of the instruments that it selects: a name, attributes, an aggregation.

    An instrument that several views select gives a metric for each of them; one that none selects
    is reported as it is.
    """

    # -- which instruments: all that is given must fit --
    # By name: "*" stands for any characters, "?" for one.
    instrument: str = "*"
    _: KW_ONLY
    # By the name of the scope that they were made with; a pattern, too. Empty: those without one.
    meter: str = "*"
    kind: (
        Literal[
            "counter",
            "up_down_counter",
            "gauge",
            "histogram",
            "observable_counter",
            "observable_up_down_counter",
            "observable_gauge",
        ]
        | None
    ) = None
    # -- what is made of them. None: what the instrument says --
    # Only where ``instrument`` is one name.
    name: str | None = None
    description: str | None = None
    # "drop": nothing. "explicit" and "exponential" are the histograms.
    aggregation: Literal["drop", "sum", "last_value", "explicit", "exponential"] | None = None
    # Of explicit histograms: upper bounds, rising, each belongs to its bucket; at most 256. Empty:
    # count and sum alone.
    buckets: Sequence[float] | None = None
    # Of exponential histograms, each sign. 2..1024. None: 160.
    max_buckets: int | None = None
    # Most series; what comes beyond goes into one with ``otel.metric.overflow``. 1..1,000,000.
    # None: that of `MetricsOptions`.
    cardinality_limit: int | None = None
    # Only these attributes tell series apart; None: all. What others told apart is added up.
    keep_attributes: Sequence[str] | None = None
    # These do not.
    drop_attributes: Sequence[str] = ()

    def _flatten(self, options: OptionList, path: str) -> None:
        # The core counts views by this one.
        options.add(f"{path}.instrument", text(f"{path}.instrument", self.instrument))
        if not isinstance(self.meter, str):
            raise OptionError(f"{path}.meter: {self.meter!r} is not a text")
        options.add(f"{path}.meter", self.meter)
        options.choice(f"{path}.kind", self.kind, _KINDS)
        self._flatten_name(options, path)
        options.text(f"{path}.description", self.description)
        options.choice(f"{path}.aggregation", self.aggregation, _AGGREGATIONS)
        self._flatten_buckets(options, path)
        options.whole(f"{path}.max_buckets", self.max_buckets, 2, 1024)
        options.whole(f"{path}.cardinality_limit", self.cardinality_limit, 1, _MOST_SERIES)
        if self.keep_attributes is not None:
            kept = _texts(options, f"{path}.keep_attributes", self.keep_attributes)
            if not kept:
                options.add(f"{path}.keep_no_attributes", True)
        _texts(options, f"{path}.drop_attributes", self.drop_attributes)

    def _flatten_name(self, options: OptionList, path: str) -> None:
        if self.name is None:
            return
        name = text(f"{path}.name", self.name)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-/]{0,254}", name):
            raise OptionError(
                f"{path}.name: {name!r} is not a letter, then letters, digits and _ . - /, 1..255"
            )
        if any(c in self.instrument for c in "*?"):
            raise OptionError(
                f"{path}.name: {name!r} would be the name of every instrument that "
                f"{self.instrument!r} selects"
            )
        options.add(f"{path}.name", name)

    def _flatten_buckets(self, options: OptionList, path: str) -> None:
        if self.buckets is None:
            return
        path = f"{path}.buckets"
        given: object = self.buckets
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise OptionError(f"{path}: {self.buckets!r} is not a list of numbers")
        if len(self.buckets) > _MOST_BUCKETS:
            raise OptionError(f"{path}: {len(self.buckets)} bounds is not in 0..{_MOST_BUCKETS}")
        bounds = [
            number(f"{path}[{i}]", bound, -1e300, 1e300) for i, bound in enumerate(self.buckets)
        ]
        for i, (low, high) in enumerate(pairwise(bounds), 1):
            if not low < high:
                raise OptionError(
                    f"{path}[{i}]: {high!r} is not above the bound before it, {low!r}"
                )
        for i, bound in enumerate(bounds):
            options.add(f"{path}[{i}]", bound)
        if not bounds:
            options.add(f"{path.removesuffix('.buckets')}.no_buckets", True)


@suggests_fields
@dataclass(frozen=True)
class MetricsOptions:
    """How metrics are collected and sent."""

    _: KW_ONLY
    # From the beginning of one collection to that of the next. Unit: s, 0.01..86400. None: 60.
    interval: float | None = None
    # How long a collection waits for the callbacks of observable instruments; one that takes longer
    # is left out of it. Unit: s, 0.001..3600, at most ``interval``. None: 5, or ``interval``.
    callback_timeout: float | None = None
    # "cumulative": since each series began. "delta": since the collection before, but for up-down
    # counters. "lowmemory": delta for counters and histograms that are not observable. None:
    # cumulative.
    temporality: Literal["cumulative", "delta", "lowmemory"] | None = None
    # What a histogram is where no view says it: buckets with explicit bounds, or exponential ones
    # that fit themselves to the values. None: explicit.
    histogram: Literal["explicit", "exponential"] | None = None
    # Most series of an instrument; what comes beyond goes into one with ``otel.metric.overflow``.
    # 1..1,000,000. None: 2000.
    cardinality_limit: int | None = None
    # Most memory of all series. Unit: bytes, 64 KiB..1 TiB. None: what queues and backlog leave of
    # ``memory_limit``, at most an eighth of it.
    max_bytes: int | None = None
    # When a batch is finished. 1..1,000,000. None: 8192.
    max_batch_points: int | None = None
    # Part of the backlog that is the points' own, 0..1, with that of all lanes at most 1. None:
    # 0.1; where the lanes take more than 0.9, theirs are parts of 0.9.
    backlog_share: float | None = None
    # Older points are let go instead of sent. Unit: s, 0.001 s..365 days. None: never.
    max_age: float | None = None
    # Where this process publishes its series, beside the others of the service, so that any of
    # them can show all: see `forebay.prometheus`. Made where it is missing (0700). None: nowhere.
    publish_directory: str | os.PathLike[str] | None = None
    # From the beginning of one publication to that of the next: what a process that is killed loses
    # at most. Unit: s, 0.01..86400. None: 5.
    publish_interval: float | None = None
    # Forebay's own metrics: the whole ledger, how full the lanes are, what the exporters do. True:
    # sent each interval, also where the service has no instrument. False: none at all. None: sent
    # once there is another instrument, and in every text for Prometheus.
    self_metrics: bool | None = None
    # Report the process itself as well: CPU, memory, threads, descriptors, garbage collection.
    # From the making of the collector on, with a thread of Python's.
    process: bool = False
    views: Sequence[View] = ()

    def _flatten(self, options: OptionList, path: str) -> None:
        options.seconds(f"{path}.interval", self.interval, 0.01, _DAY)
        options.seconds(f"{path}.callback_timeout", self.callback_timeout, 0.001, _HOUR)
        if (
            self.callback_timeout is not None
            and self.interval is not None
            and self.callback_timeout > self.interval
        ):
            raise OptionError(
                f"{path}.callback_timeout: {self.callback_timeout!r} is over {path}.interval, "
                f"{self.interval!r}"
            )
        choices = ("cumulative", "delta", "lowmemory")
        options.choice(f"{path}.temporality", self.temporality, choices)
        options.choice(f"{path}.histogram", self.histogram, ("explicit", "exponential"))
        options.whole(f"{path}.cardinality_limit", self.cardinality_limit, 1, _MOST_SERIES)
        options.whole(f"{path}.max_bytes", self.max_bytes, 64 << 10, _TIB)
        options.whole(f"{path}.max_batch_points", self.max_batch_points, 1, 1_000_000)
        options.number(f"{path}.backlog_share", self.backlog_share, 0.0, 1.0)
        options.seconds(f"{path}.max_age", self.max_age, 0.001, _YEAR)
        if self.publish_directory is not None:
            name = f"{path}.publish_directory"
            try:
                directory = os.fsdecode(self.publish_directory)
            except TypeError:
                raise OptionError(f"{name}: {self.publish_directory!r} is not a path") from None
            options.add(name, os.path.abspath(text(name, directory)))
        options.seconds(f"{path}.publish_interval", self.publish_interval, 0.01, _DAY)
        if self.self_metrics is not None:
            if not isinstance(self.self_metrics, bool):
                raise OptionError(
                    f"{path}.self_metrics: {self.self_metrics!r} is not True, False or None"
                )
            options.add(f"{path}.self_metrics", "always" if self.self_metrics else "never")
        # Python's part alone does it: the core has no such option.
        if not isinstance(self.process, bool):
            raise OptionError(f"{path}.process: {self.process!r} is not True or False")
        views = self.views
        if isinstance(views, str | View) or not isinstance(views, Sequence):
            raise OptionError(f"{path}.views: {views!r} is not a list of View")
        if len(views) > _MOST_VIEWS:
            raise OptionError(f"{path}.views: {len(views)} views is not in 0..{_MOST_VIEWS}")
        for i, view in enumerate(views):
            if not isinstance(view, View):
                raise OptionError(f"{path}.views[{i}]: {view!r} is not a View")
            view._flatten(options, f"{path}.views[{i}]")


def _texts(options: OptionList, path: str, values: object) -> int:
    """Add each text of a list; how many there are."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise OptionError(f"{path}: {values!r} is not a list of keys")
    for i, value in enumerate(values):
        options.add(f"{path}[{i}]", text(f"{path}[{i}]", value))
    return len(values)
