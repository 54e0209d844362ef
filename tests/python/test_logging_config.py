"""LoggingHandler out of a file, behind warnings, and where formatting fails."""

from __future__ import annotations

import copy
import logging
import logging.config
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import forebay
from forebay.testing import MemoryCollector, memory_collector

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
