"""What `forebay.testing` has for the tests of others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay.testing import MemoryCollector, forebay_collector, memory_collector

__all__ = ["forebay_collector"]  # a fixture: pytest finds it here

log = forebay.get_logger("shop.orders")


def test_records_are_found_by_level_logger_text_and_attribute(
    forebay_collector: MemoryCollector,
) -> None:
    """In the order of their time, also over lanes."""
    log.info("order placed", order=1)
    log.error("order lost", order=2)
    forebay.get_logger("shopping").info("not the shop's", extra={"http.route": "/x"})
    found = forebay_collector
    assert found.messages() == ["order placed", "order lost", "not the shop's"]
    assert found.messages(level="WARNING") == ["order lost"]
    assert found.messages(logger="shop") == ["order placed", "order lost"]
    assert found.messages(text="lost", order=2) == ["order lost"]
    assert found.record(**{"http.route": "/x"}).body == "not the shop's"
    assert found.messages(order=None) == []
    with pytest.raises(AssertionError, match="2 records, not one"):
        found.record(logger="shop")
    found.clear()
    assert found.records() == []
    assert found.audit().balanced


@pytest.mark.parametrize("n", [1, 2])
def test_each_test_has_its_own(forebay_collector: MemoryCollector, n: int) -> None:
    """Loggers that modules made once go over to it."""
    log.info("mine", n=n)
    assert forebay_collector.record().attributes == {"n": n}
    assert forebay.get_collector() is forebay_collector.collector


def test_the_default_that_was_there_comes_back() -> None:
    """With what it had, and further records go there."""
    exporter = forebay.MemoryExporter()
    mine = forebay.start(service_name="mine", exporter=exporter, console="off")
    try:
        log.info("before")
        with memory_collector(capture_logging="INFO") as inside:
            logging.getLogger("lib").warning("through logging")
            log.info("inside")
            assert inside.messages() == ["through logging", "inside"]
        assert forebay.get_collector() is mine
        log.info("after")
        assert mine.flush(30).complete
        assert [r.body for r in exporter.records()] == ["before", "after"]
    finally:
        mine.shutdown(10)


def test_the_fixture_works_in_a_project_of_its_own(
    pytester: pytest.Pytester | Any, tmp_path: Path
) -> None:
    """As the documents say."""
    pytester.makepyfile(
        """
        import forebay
        from forebay.testing import forebay_collector

        def test_orders_are_logged(forebay_collector):
            forebay.get_logger("shop.orders").info("order placed", order=42)
            record = forebay_collector.record(level="INFO", logger="shop", order=42)
            assert record.body == "order placed"
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


pytest_plugins = ("pytester",)
