"""The root logger's level after a capture, where others keep it meanwhile and put it back."""

from __future__ import annotations

import pytest

from tests.python.in_memory import run_python

pytest_plugins = ("pytester",)

_PROJECT = """
import logging
import pytest
from forebay.testing import forebay_collector

root = logging.getLogger()
log = logging.getLogger("shop")

@pytest.fixture
def forebay_collector_options():
    return {{"capture_logging": "INFO"}}

def test_shop({first}, {second}):
    assert root.level == logging.INFO
    caplog.set_level("DEBUG")
    log.debug("captured by caplog")
    log.info("captured by both")
    assert forebay_collector.messages() == ["captured by both"]
    {shutdown}

def test_level_afterwards():
    assert root.level == logging.WARNING
    assert log.getEffectiveLevel() == logging.WARNING
    assert not log.isEnabledFor(logging.INFO)
    assert log.isEnabledFor(logging.WARNING)
"""


@pytest.mark.parametrize("shutdown", ["pass", "forebay_collector.collector.shutdown(30)"])
@pytest.mark.parametrize(
    ("first", "second"), [("forebay_collector", "caplog"), ("caplog", "forebay_collector")]
)
def test_caplog_gives_back_the_level_from_before_the_capture(
    pytester: pytest.Pytester, first: str, second: str, shutdown: str
) -> None:
    """It keeps the level that it finds, and that may be the capture's."""
    pytester.makepyfile(_PROJECT.format(first=first, second=second, shutdown=shutdown))
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_kept_level_is_the_one_from_before_however_it_is_used() -> None:
    """While it is captured it is the capture's."""
    run_python(
        """
        import logging, forebay

        root = logging.getLogger()
        collector = forebay.start(exporter=forebay.MemoryExporter(), capture_logging="INFO")
        kept = root.level
        assert (kept, str(kept), logging.getLevelName(kept)) == (20, "20", "INFO")
        root.setLevel("DEBUG")
        collector.shutdown(10)
        assert collector.audit().balanced
        assert root.level == logging.DEBUG
        root.setLevel(kept)
        level = root.level
        assert level == 30 and level != 20 and 30 == level and not 20 == level
        assert 29 < level < 31 and 30 <= level <= 30 and level > 29 and level >= 30
        assert not (20 >= level) and 30 >= level and bool(level)
        assert (int(level), str(level), f"{level}", hash(level)) == (30, "30", "30", hash(30))
        assert logging.getLevelName(level) == "WARNING"
        assert not root.isEnabledFor(logging.INFO) and root.isEnabledFor(logging.WARNING)

        # The next capture finds it, and gives it back.
        collector = forebay.start(exporter=forebay.MemoryExporter(), capture_logging="INFO")
        assert root.level == logging.INFO and root.isEnabledFor(logging.INFO)
        collector.shutdown(10)
        assert collector.audit().balanced
        assert root.level == logging.WARNING and not root.isEnabledFor(logging.INFO)
        """
    )


def test_captures_that_end_in_another_order_leave_the_level_from_before() -> None:
    """The second one found the level of the first."""
    run_python(
        """
        import logging
        import forebay
        from forebay._capture_logging import capture

        root = logging.getLogger()
        made = [forebay.Collector(exporter=forebay.MemoryExporter()) for _ in range(2)]
        end_first = capture(made[0], logging.INFO)
        end_second = capture(made[1], logging.DEBUG)
        assert root.level == logging.DEBUG
        end_first()
        assert root.level == logging.DEBUG
        end_second()
        assert root.level == logging.WARNING
        for collector in made:
            collector.shutdown(10)
            assert collector.audit().balanced
        """
    )
