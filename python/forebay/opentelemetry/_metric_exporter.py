"""The SDK's metrics into Forebay, as they are: collected, and encoded by OpenTelemetry's own code.

The SDK has added up already. Its points go Forebay's way from there: compressed, held within bounds
while the destination is away, sent, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import Aggregation

from .. import _core
from .._collector import Collector
from .._warnings import say_once
from ._provider import OfACollector, flush_before_the_end, flushed

_ACCEPTED = 0
_DISABLED = 1


class ForebayMetricExporter(OfACollector, MetricExporter):
    """A MetricExporter of OpenTelemetry's SDK: its points go a collector's way to the destination.

    For ``PeriodicExportingMetricReader``. Everything is carried as the SDK has it: sums, gauges and
    histograms of both kinds, exemplars, scopes, and the SDK's resource. In the ledger they are
    points like all others (``stats().metrics.lanes["metrics"]``). They are in no text for
    Prometheus: the SDK has a reader for that.

    Args:
        collector: Where they go. None: the process default, whichever is started; what is exported
            before that is counted as ``measurements_not_started``.
        preferred_temporality: By the SDK's class of instrument. None: cumulative.
        preferred_aggregation: By the SDK's class of instrument. None: the SDK's default.
    """

    def __init__(
        self,
        collector: Collector | None = None,
        *,
        preferred_temporality: Mapping[type, AggregationTemporality] | None = None,
        preferred_aggregation: Mapping[type, Aggregation] | None = None,
    ) -> None:
        OfACollector.__init__(self, collector)
        MetricExporter.__init__(
            self,
            preferred_temporality=dict(preferred_temporality or {}),
            preferred_aggregation=dict(preferred_aggregation or {}),
        )

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Hand all points over.

        Returns:
            FAILURE where they were refused, or there was no memory; the ledger's notes say which.
            Also where a metric is left out, which OpenTelemetry's code cannot encode: that is told
            once. What is taken is delivered, or ends under another name of the ledger.
        """
        is_whole = True
        try:
            request: bytes = encode_metrics(metrics_data).SerializeToString()
        except Exception:
            is_whole = False
            request = encode_metrics(_encodable(metrics_data)).SerializeToString()
        collector = None if self._given is None else self._given._core
        taken = _core.send_metrics(collector, request) in (_ACCEPTED, _DISABLED)
        return MetricExportResult.SUCCESS if taken and is_whole else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Wait until what was exported has left the process; whether it has. Unit: ms."""
        return flushed(self._given, timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Wait for what was exported. The collector is its owner's to shut down.

        5 s at most, and half a second where the destination has never answered, or fails at
        present. Not at the end of the program, where the collector does it.

        Args:
            timeout_millis: Not longer than that, either. Unit: ms. The SDK's reader calls it
                ``timeout``.
        """
        millis = min(timeout_millis, kwargs.get("timeout", timeout_millis))
        flush_before_the_end(self._given, millis / 1000)


def _encodable(data: MetricsData) -> MetricsData:
    """The metrics that can be encoded, each tried by itself; the others are told."""
    resources = []
    for resource in data.resource_metrics:
        scopes = []
        for scope in resource.scope_metrics:
            metrics = []
            for metric in scope.metrics:
                alone = replace(resource, scope_metrics=[replace(scope, metrics=[metric])])
                try:
                    encode_metrics(MetricsData([alone])).SerializeToString()
                except Exception as error:
                    # Not its message: that has the numbers, which are others each time.
                    why = type(getattr(error, "original_exception", error)).__name__
                    say_once(
                        f"metric {metric.name!r} of OpenTelemetry's SDK is left out: it cannot be "
                        f"encoded ({why}), as an integer beyond 64 bits cannot"
                    )
                else:
                    metrics.append(metric)
            scopes.append(replace(scope, metrics=metrics))
        resources.append(replace(resource, scope_metrics=scopes))
    return replace(data, resource_metrics=resources)
