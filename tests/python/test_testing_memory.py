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


def test_what_is_not_found_is_told_with_what_there_is(forebay_collector: MemoryCollector) -> None:
    """What was asked for, and a few records; of none at all, where those of logging would be."""
    with pytest.raises(AssertionError, match=r"none at all.*only with capture_logging"):
        forebay_collector.record(text="order")
    log.info("order placed", order=1, level=3)
    log.error("order lost", order=0)
    with pytest.raises(AssertionError) as failed:
        forebay_collector.record(level="INFO", order=7)
    assert str(failed.value).splitlines()[:3] == [
        "0 records, not one, with level='INFO', order=7; there are:",
        "  INFO shop.orders 'order placed' {order=1, level=3}",
        "  ERROR shop.orders 'order lost' {order=0}",
    ]
    with pytest.raises(AssertionError) as failed:
        forebay_collector.record(text="order")
    assert str(failed.value).splitlines()[0] == "2 records, not one, with text='order':"
    assert forebay_collector.messages(attributes={"level": 3}) == ["order placed"]
    with pytest.raises(AssertionError) as failed:
        forebay_collector.record(attributes={"level": 9}, order=1)
    assert "with attributes={'level': 9}, order=1; there are:" in str(failed.value)


_OWN_OPTIONS = """
    import logging
    import pytest
    from forebay.testing import forebay_collector{more}

    class TestTheirs:
        @pytest.fixture
        def forebay_collector_options(self):
            return {{"capture_logging": "INFO", "service_name": "shop"}}

        def test_records_of_logging_are_there(self, forebay_collector):
            logging.getLogger("lib").info("through logging")
            assert forebay_collector.messages() == ["through logging"]

    class TestOurs:
        def test_without_it_they_are_not(self, forebay_collector):
            logging.getLogger("lib").warning("through logging")
            assert forebay_collector.messages() == []

    class TestWrong:
        @pytest.fixture
        def forebay_collector_options(self, nowhere):
            return {{}}

        def test_a_fixture_that_is_missing_is_told(self, forebay_collector):
            pass
"""


@pytest.mark.parametrize("more", ["", ", forebay_collector_options"])
def test_a_project_gives_the_fixture_its_options(
    pytester: pytest.Pytester | Any, tmp_path: Path, more: str
) -> None:
    """By a fixture of its own, whether or not it imports ours."""
    pytester.makepyfile(_OWN_OPTIONS.format(more=more))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'nowhere' not found*"])


pytest_plugins = ("pytester",)


@pytest.mark.parametrize("formatter", [None, logging.Formatter("forebay: %(message)s")])
def test_pytests_own_caplog_sees_the_same_records(
    caplog: pytest.LogCaptureFixture,
    forebay_collector: MemoryCollector,
    formatter: logging.Formatter | None,
) -> None:
    """As they were logged: a handler of ours before it changes nothing of them."""
    stdlib = logging.getLogger("tests.caplog")
    handler = forebay.LoggingHandler()
    handler.setFormatter(formatter)
    stdlib.addHandler(handler)
    try:
        with caplog.at_level("INFO", logger="tests.caplog"):
            stdlib.info("order %d placed", 7, extra={"sku": "a"})
            stdlib.debug("too low for both")
            try:
                raise ValueError("late")
            except ValueError:
                stdlib.exception("order %d failed", 8)
    finally:
        stdlib.removeHandler(handler)
    assert caplog.messages == ["order 7 placed", "order 8 failed"]
    first, second = caplog.records
    assert (first.msg, first.args, vars(first)["sku"]) == ("order %d placed", (7,), "a")
    assert second.exc_info is not None
    assert "ValueError: late" in caplog.text
    assert "forebay:" not in caplog.text
    ours = forebay_collector.records(logger="tests.caplog")
    bodies = [str(record.body).splitlines()[0] for record in ours]
    before = "" if formatter is None else "forebay: "
    assert bodies == [f"{before}order 7 placed", f"{before}order 8 failed"]
    assert ours[0].attributes["sku"] == "a"
    assert ours[1].attributes["exception.message"] == "late"


def test_caplog_and_capture_logging_do_not_disturb_each_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Both hang in the root logger; its level and caplog's handler are as before afterwards."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    assert caplog.handler in root.handlers
    with memory_collector(capture_logging="INFO") as memory:
        logging.getLogger("tests.caplog").info("seen by both")
        with caplog.at_level("ERROR"):
            logging.getLogger("tests.caplog").warning("seen by none")
        logging.getLogger("tests.caplog").info("seen by both again")
        assert memory.messages() == caplog.messages == ["seen by both", "seen by both again"]
    assert (root.level, list(root.handlers)) == before
