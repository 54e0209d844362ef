"""The SDK's sums and gauges into Forebay.

The SDK has added up already, and Forebay adds up again: deltas of sums go into a counter, the last
value of a gauge into a gauge, and nothing is changed by that. Of a histogram only count, sum and
buckets are left; no measurements can be made of these that give the same sum, minimum and maximum.
So histograms are refused rather than invented.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    Sum,
)

from .. import _core
from .._collector import Collector
from .._errors import OptionError
from .._metrics import _default
from .._warnings import warn_once
from ._sdk import Exporter

# A view may make a sum of a histogram's measurements.
_SUMMED = (Counter, UpDownCounter, ObservableCounter, ObservableUpDownCounter, Histogram)


class ForebayMetricExporter(Exporter, MetricExporter):
    """A MetricExporter of OpenTelemetry's SDK: its sums and gauges go into a collector's metrics.

    For ``PeriodicExportingMetricReader``. It asks for deltas of sums, which Forebay adds up again;
    what is sent has the temporality of its `MetricsOptions`, and goes at its interval. Histograms
    are not carried, nor are sums that a view or another reader made cumulative: see
    ``points_not_carried``. `MeterProvider` carries all of them, and costs no second adding up.

    Neither exemplars, nor the attributes of a scope, nor the end of a gauge's series are kept. The
    resource is the collector's: what the SDK's has otherwise is a warning, once.

    Args:
        collector: Where they go. None: the process default, whichever is started; what is exported
            before that is counted as ``measurements_not_started``.
    """

    def __init__(self, collector: Collector | None = None) -> None:
        Exporter.__init__(self, collector)
        MetricExporter.__init__(
            self, preferred_temporality=dict.fromkeys(_SUMMED, AggregationTemporality.DELTA)
        )
        self._not_carried = 0

    @property
    def points_not_carried(self) -> int:
        """How many points were refused so far, of histograms mostly. They are in no ledger."""
        return self._not_carried

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Add up what it holds.

        Returns:
            FAILURE where there was a metric that is not carried; all others are taken even then.
        """
        before = self._not_carried
        for resource_metrics in metrics_data.resource_metrics:
            self._check_resource(resource_metrics.resource)
            for scope_metrics in resource_metrics.scope_metrics:
                scope = scope_metrics.scope
                for metric in scope_metrics.metrics:
                    if not self._take(metric, scope.name, scope.version or ""):
                        self._refuse(metric)
        return (
            MetricExportResult.SUCCESS
            if self._not_carried == before
            else MetricExportResult.FAILURE
        )

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Wait until what was exported has left the process; whether it has. Unit: ms."""
        return self._flushed(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Wait for what was exported. The collector is its owner's to shut down."""
        self._flushed(timeout_millis)

    def _take(self, metric: Any, meter: str, version: str) -> bool:
        data = metric.data
        cls: type[Any]
        if isinstance(data, Gauge):
            cls = _core.Gauge
        elif isinstance(data, Sum) and data.aggregation_temporality is AggregationTemporality.DELTA:
            cls = _core.Counter if data.is_monotonic else _core.UpDownCounter
        else:
            return False
        cache = (_default if self._given is None else self._given)._instrument_cache
        try:
            instrument = cache.get(
                cls, metric.name, metric.unit or "", metric.description or "", meter, version
            )
        except OptionError:  # a view's name need not be one that an instrument may have
            return False
        record = instrument.set if cls is _core.Gauge else instrument.add
        for point in data.data_points:
            record(point.value, point.attributes)
        return True

    def _refuse(self, metric: Any) -> None:
        self._not_carried += len(metric.data.data_points)
        warn_once(
            f"the metric {metric.name!r} ({type(metric.data).__name__}) cannot be handed to "
            "Forebay as the SDK has added it up, and is not sent; "
            "forebay.opentelemetry.MeterProvider carries it"
        )
