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
        with pytest.raises(AssertionError, match=r"2 series, not one, with name='orders':\n.*'us'"):
            memory.metric_point("orders")
        with pytest.raises(AssertionError) as failed:
            memory.metric_point("orders", region="asia", shop=0)
        assert str(failed.value).splitlines()[:3] == [
            "0 series, not one, with name='orders', region='asia', shop=0; there are:",
            "  orders{region='us'} 1 (sum, meter 'shop.api')",
            "  orders{region='eu'} 5 (sum, meter 'shop.api')",
        ]
        memory.clear()
        with pytest.raises(AssertionError, match=r"0 series, not one, with no filter; .* none at"):
            memory.metric_point()


def test_of_many_series_a_few_are_shown() -> None:
    """And how many there are besides."""
    many = [orders(1, 1, shop=number) for number in range(20)]
    with memory_collector(exporter=Delivered(tuple(many))) as memory:
        with pytest.raises(AssertionError, match=r"20 series") as failed:
            memory.metric_point(name="orders")
        assert "shop=7}" in str(failed.value)
        assert "shop=8}" not in str(failed.value)
        assert str(failed.value).endswith("and 12 more")


def test_attributes_may_have_the_names_of_filters() -> None:
    """A mapping has them; the names themselves are the filters."""
    named = orders(1, 3, name="a", kind="b", attributes="c")
    with memory_collector(exporter=Delivered((named, US))) as memory:
        assert memory.metric_points(name="orders") == [named, US]
        assert memory.metric_point(name="orders", region="us") == US
        wanted = {"name": "a", "kind": "b", "attributes": "c"}
        assert memory.metric_points(attributes=wanted) == [named]
        assert memory.metric_points(attributes={"name": "orders"}) == []
        assert memory.metric_points(region="us", attributes={"name": "a"}) == []
        with pytest.raises(TypeError, match="attributes: 'c' is not a mapping"):
            memory.metric_points(attributes="c")  # type: ignore[arg-type]


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
