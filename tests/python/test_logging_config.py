"""LoggingHandler out of a file, behind warnings, and where formatting fails."""

from __future__ import annotations

import copy
import logging
import logging.config
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import forebay
from forebay.testing import MemoryCollector, Receiver, memory_collector
from tests.python.stalled import until

_INI = """
[loggers]
keys=root,configured

[handlers]
keys=forebay,formatted

[formatters]
keys=short

[logger_root]
level=WARNING
handlers=

[logger_configured]
level=DEBUG
handlers=forebay,formatted
qualname=tests.from_file
propagate=0

[handler_forebay]
class=forebay.LoggingHandler
level=INFO
args=()

[handler_formatted]
class=forebay.LoggingHandler
level=ERROR
formatter=short
kwargs={'logger': 'by.name'}

[formatter_short]
format=%(levelname)s: %(message)s
"""


@pytest.fixture
def memory() -> Iterator[MemoryCollector]:
    with memory_collector() as made:
        yield made


def test_file_config_makes_handlers_that_bind_to_the_process_default(
    tmp_path: Path, memory: MemoryCollector
) -> None:
    """With a level, a formatter and an argument; the file is stdlib's own format."""
    (tmp_path / "logging.ini").write_text(_INI)
    logging.config.fileConfig(tmp_path / "logging.ini", disable_existing_loggers=False)
    log = logging.getLogger("tests.from_file")
    try:
        assert [type(handler) for handler in log.handlers] == [forebay.LoggingHandler] * 2
        log.debug("below both")
        log.info("request %s", "finished")
        log.error("payment failed")
    finally:
        log.handlers.clear()
    assert memory.messages() == ["request finished", "payment failed", "ERROR: payment failed"]


class OnlyOrders(logging.Filter):
    """A filter with an argument of its own, as applications write them."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self._least = least

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "order", 0) >= self._least


class Counting(forebay.LoggingHandler):
    """A subclass with an argument of its own."""

    def __init__(self, *, label: str, **options: Any) -> None:
        super().__init__(**options)
        self.label = label
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.seen += 1
        super().emit(record)


def made_by_hand(of: str) -> forebay.LoggingHandler:
    """A factory, as the key `()` names one. It is stdlib that sets the level afterwards."""
    return forebay.LoggingHandler(logger=of)


def test_dict_config_makes_handlers_with_filters_formatters_factories_and_subclasses(
    memory: MemoryCollector,
) -> None:
    """Each does what it would do for a handler of stdlib's."""
    here = f"{__name__}."
    own: dict[str, Any] = {
        "filtered": {"class": "forebay.LoggingHandler", "filters": ["orders"]},
        "formatted": {"class": "forebay.LoggingHandler", "formatter": "short", "level": "ERROR"},
        "factory": {"()": made_by_hand, "level": "WARNING", "of": "by.hand"},
        "subclass": {"class": f"{here}Counting", "label": "mine", "filters": ["orders"]},
    }
    log = logging.getLogger("tests.from_dict")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"orders": {"()": f"{here}OnlyOrders", "least": 40}},
            "formatters": {"short": {"format": "{levelname}: {message}", "style": "{"}},
            "handlers": own,
            "loggers": {
                "tests.from_dict": {"handlers": list(own), "level": "DEBUG", "propagate": False}
            },
        }
    )
    try:
        filtered, formatted, factory, subclass = log.handlers
        assert isinstance(subclass, Counting)
        assert (subclass.label, type(factory)) == ("mine", forebay.LoggingHandler)
        log.info("looked up", extra={"order": 39})  # nobody wants it
        assert memory.messages() == []
        log.info("placed", extra={"order": 42})
        assert memory.messages() == ["placed", "placed"]  # filtered, subclass
        memory.clear()
        log.error("failed", extra={"order": 1})
        assert memory.messages() == ["ERROR: failed", "failed"]  # formatted, factory
        assert subclass.seen == 1
        assert filtered.filters == subclass.filters
        assert formatted.formatter is not None
    finally:
        log.handlers.clear()


def test_captured_warnings_arrive(memory: MemoryCollector) -> None:
    """Under the logger that stdlib gives them."""
    log = logging.getLogger("py.warnings")
    handler = forebay.LoggingHandler()
    log.addHandler(handler)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("old way", DeprecationWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        log.removeHandler(handler)
    record = memory.record(logger="py.warnings", level="WARNING")
    assert "DeprecationWarning: old way" in str(record.body)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="stdlib's filters return records from 3.12")
def test_a_filter_may_return_another_record(memory: MemoryCollector) -> None:
    """The one given to the filter stays as it was, for other handlers."""

    def without_secrets(record: logging.LogRecord) -> logging.LogRecord:
        changed = copy.copy(record)
        changed.msg = "cleaned"
        return changed

    handler = forebay.LoggingHandler()
    handler.addFilter(without_secrets)  # type: ignore[arg-type, unused-ignore]
    record = logging.makeLogRecord({"msg": "as it was", "levelno": 20, "levelname": "INFO"})
    handler.handle(record)
    assert record.msg == "as it was"
    assert memory.messages() == ["cleaned"]


def test_a_template_that_does_not_fit_is_delivered_raw_and_told_by_handle_error(
    memory: MemoryCollector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `logging.raiseExceptions` as it is by default, and without."""
    log = logging.getLogger("tests.templates")
    log.propagate = False
    handler = forebay.LoggingHandler()
    handler.addFilter(lambda record: True)  # the long way
    log.addHandler(handler)
    try:
        log.warning("%d orders", "many")
        assert "--- Logging error ---" in capsys.readouterr().err
        monkeypatch.setattr(logging, "raiseExceptions", False)
        log.warning("%d orders", "many")
        assert capsys.readouterr().err == ""
    finally:
        log.removeHandler(handler)
    assert memory.messages() == ["%d orders"] * 2


class Broken(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        raise RuntimeError("the formatter is broken")


def test_what_a_formatter_fails_at_is_delivered_as_it_was_given_and_told_by_handle_error(
    memory: MemoryCollector, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message with its arguments, extra= and the exception; the application hears nothing."""
    failed: list[logging.LogRecord] = []

    class Mine(forebay.LoggingHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            failed.append(record)
            super().handleError(record)

    log = logging.getLogger("tests.broken")
    log.propagate = False
    handler = Mine()
    handler.setFormatter(Broken())
    log.addHandler(handler)
    try:
        log.error("%d orders", 7, extra={"k": [1]}, exc_info=ValueError("late"))
    finally:
        log.removeHandler(handler)
    assert [record.msg for record in failed] == ["%d orders"]
    assert "RuntimeError: the formatter is broken" in capsys.readouterr().err
    record = memory.record()
    assert record.body == "7 orders"
    assert record.attributes["k"] == [1]
    assert record.attributes["exception.message"] == "late"


def flushed(collector: forebay.Collector, monkeypatch: pytest.MonkeyPatch) -> float:
    """For how long the flush of a handler would wait, without any wait."""
    asked: list[float] = []

    def flush(timeout: float) -> object:
        asked.append(timeout)
        now.append(now[-1] + timeout)
        return SimpleNamespace(complete=False)

    now = [0.0]
    with monkeypatch.context() as patch:
        patch.setattr(collector, "flush", flush)
        patch.setattr("forebay._exit.time", SimpleNamespace(monotonic=lambda: now[-1]))
        forebay.LoggingHandler(collector=collector).flush()
    return sum(asked)


def test_a_flush_waits_for_a_destination_only_where_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """logging.config flushes all handlers, so a destination that is down must not hold it up."""
    with Receiver() as receiver:
        collector = forebay.Collector(
            exporter=forebay.OtlpHttpExporter(receiver.endpoint),
            retry=forebay.RetryOptions(initial=60, max=60),
        )
        log = collector.logger("x")
        assert flushed(collector, monkeypatch) == pytest.approx(0.5), "it never answered"
        log.info("one")
        assert collector.flush(30).complete
        assert flushed(collector, monkeypatch) == pytest.approx(5)
        receiver.fail(503)
        log.info("two")
        until(lambda: collector.stats().routes["main"].destinations[0].failures_in_a_row)
        assert flushed(collector, monkeypatch) == pytest.approx(0.5), "it fails"
        receiver.clear()
        assert collector.flush(30).complete
        assert flushed(collector, monkeypatch) == pytest.approx(5)
        collector.shutdown(30)
        assert collector.audit().balanced
        assert flushed(collector, monkeypatch) == 0
