"""What `forebay.testing` has for tests of metrics: points by name, kind, meter and attribute."""

from __future__ import annotations

from typing import Any

import pytest

import forebay
from forebay.testing import MetricPoint, Scope, memory_collector
from tests.python.otlp_metrics import encoded


def orders(time: int, value: int, **attributes: Any) -> MetricPoint:
    return MetricPoint(
        "orders", "sum", scope=Scope("shop.api"), time_unix_nano=time, value=value,
        attributes=attributes, temporality="cumulative",
    )  # fmt: skip


EU, US, EU_LATER = orders(1, 3, region="eu"), orders(1, 1, region="us"), orders(2, 5, region="eu")
TEMPERATURE = MetricPoint(
    "temperature", "gauge", scope=Scope("shopping"), time_unix_nano=1, value=0.5
)
OWN = MetricPoint("forebay.queue.bytes", "gauge", scope=Scope("forebay"), value=1)


class Delivered(forebay.MemoryExporter):
    """As if these had been delivered: the later one first."""

    def __init__(self, *batches: tuple[MetricPoint, ...]) -> None:
        super().__init__()
        self._metric_requests = [encoded(*batch) for batch in batches]


def test_points_are_found_by_name_kind_meter_and_attribute() -> None:
    """In the order of their time; Forebay's own only where they are asked for."""
    with memory_collector(
        exporter=Delivered((EU_LATER,), (EU, US, TEMPERATURE, OWN)),
        metrics=forebay.MetricsOptions(self_metrics=False),
    ) as memory:
        assert memory.metric_points() == [EU, US, TEMPERATURE, EU_LATER]
        assert memory.metric_points("orders") == [EU, US, EU_LATER]
        assert memory.metric_points("orders", region="us") == [US]
        assert memory.metric_points(region="eu") == [EU, EU_LATER]
        assert memory.metric_points(kind="gauge") == [TEMPERATURE]
        assert memory.metric_points(meter="shop") == [EU, US, EU_LATER]
        assert memory.metric_points("order") == []
        assert memory.metric_points(region=None) == []
        assert memory.metric_points(internal=True)[0] == OWN
        assert memory.metric_points(meter="forebay") == [OWN]
        memory.clear()
        assert memory.metric_points(internal=True) == []


def test_the_one_point_is_the_newest_of_its_series() -> None:
    """Several series, or none, is an assertion that shows them."""
    with memory_collector(exporter=Delivered((EU_LATER,), (EU, US))) as memory:
        assert memory.metric_point("orders", region="eu").value == 5
        assert memory.metric_point(region="us") == US
        with pytest.raises(AssertionError, match=r"2 series, not one: .*'us'"):
            memory.metric_point("orders")
        with pytest.raises(AssertionError, match="0 series"):
            memory.metric_point("orders", region="asia")


def test_an_exporter_keeps_what_its_core_hands_out_once() -> None:
    """Until it is cleared; a core without metrics has none."""

    class Core:
        def __init__(self) -> None:
            self.batches = [encoded(EU), encoded(US)]

        def take_memory(self) -> list[bytes]:
            return []

        def take_metrics(self) -> list[bytes]:
            taken, self.batches = self.batches, []
            return taken

    exporter = forebay.MemoryExporter()
    assert exporter.metric_points() == []
    exporter._core = Core()  # type: ignore[assignment]
    assert exporter.metric_requests() == [encoded(EU), encoded(US)]
    assert exporter.metric_points() == [EU, US]
    exporter.clear()
    assert exporter.metric_points() == []
    with memory_collector() as memory:
        assert memory.metric_points() == []
