"""capture_logging=: what the root logger gets, and gives back at shutdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forebay
from tests.python.in_memory import run_python


def test_capture_logging_hangs_into_the_root_logger_and_out_again() -> None:
    """Level and handlers are as before after shutdown."""
    run_python(
        """
        import logging, forebay
        exporter = forebay.MemoryExporter()
        root = logging.getLogger()
        assert (root.level, root.handlers) == (logging.WARNING, [])
        collector = forebay.start(exporter=exporter, capture_logging="INFO")
        logging.getLogger("a.b").info("yes", extra={"k": 1})
        logging.getLogger("a.b").debug("no")
        assert root.level == logging.INFO and len(root.handlers) == 1
        collector.flush(10)
        (record,) = exporter.records()
        assert record.body == "yes" and record.attributes["k"] == 1
        collector.shutdown(10)
        assert (root.level, root.handlers) == (logging.WARNING, [])
        """
    )


def test_capture_logging_never_quiets_other_handlers() -> None:
    """A root that lets more through stays so; the handler has the level."""
    run_python(
        """
        import logging, forebay
        exporter = forebay.MemoryExporter()
        logging.basicConfig(level="DEBUG", handlers=[logging.NullHandler()])
        collector = forebay.start(exporter=exporter, capture_logging="ERROR")
        assert logging.getLogger().level == logging.DEBUG
        logging.warning("no"), logging.error("yes")
        collector.flush(10)
        assert [r.body for r in exporter.records()] == ["yes"]
        collector.shutdown(10)
        assert logging.getLogger().level == logging.DEBUG
        """
    )


def test_a_bad_capture_level_starts_nothing() -> None:
    """The error comes before the collector."""
    with pytest.raises(forebay.OptionError, match=r"^capture_logging: 'LOUD'"):
        forebay.start(capture_logging="LOUD", exporter=forebay.MemoryExporter())
    assert forebay.get_collector() is None


def test_forebay_itself_never_logs_through_logging() -> None:
    """What it has to say would come back in: it warns instead, and owns no stdlib logger."""
    package = Path(forebay.__file__).parent
    sources = {path.name: path.read_text() for path in package.rglob("*.py")}
    owners = {name for name, text in sources.items() if re.search(r"getLogger\(.", text)}
    assert {name for name in owners if "getLogger(__name__)" in sources[name]} == set()
    assert re.findall(r"getLogger\((.*?)\)", sources["_logging.py"]) == ["name"]
    assert re.findall(r"getLogger\((.*?)\)", sources["_capture_logging.py"]) == [""]
