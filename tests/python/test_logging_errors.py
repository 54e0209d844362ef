"""What LoggingHandler does with an error in a log call: as stdlib, and the record goes in."""

from __future__ import annotations

import logging

import pytest

import forebay
from tests.python.logging_bridge import Bridge, takes_the_short_way


@pytest.mark.parametrize("way", ["short", "long"])
def test_an_error_in_formatting_is_never_raised(
    bridge: Bridge, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither way lets a typo in a log call into the application."""
    if way == "long":
        bridge.handler.addFilter(lambda record: True)
    assert takes_the_short_way(bridge.handler) == (way == "short")
    monkeypatch.setattr(logging, "raiseExceptions", False)
    bridge.stdlib.info("%d", "not a number")
    bridge.stdlib.info("next")
    assert [record.body for record in bridge.records()] == ["%d", "next"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("way", ["short", "long"])
def test_an_error_in_formatting_is_told_once_on_stderr_as_stdlib_does(
    bridge: Bridge, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`logging.raiseExceptions` is on by default: a typo in a log call is seen while developing."""
    if way == "long":
        bridge.handler.addFilter(lambda record: True)
    assert takes_the_short_way(bridge.handler) == (way == "short")
    bridge.attach(bridge.handler)  # alone: pytest has hung its own handler in, which raises
    bridge.stdlib.info("%d", "not a number")
    told = capsys.readouterr().err
    assert told.count("--- Logging error ---") == 1
    assert "TypeError: %d format" in told
    assert "Message: '%d'\nArguments: ('not a number',)" in told
    (record,) = bridge.records()
    assert record.body == "%d"
    assert "TypeError" not in record.attributes
    assert "format" in str(record.attributes["forebay.format_error"])


def test_an_interrupt_while_a_record_is_formatted_is_not_swallowed(bridge: Bridge) -> None:
    """Ctrl-C in an argument's own `__str__` still ends the program; the record is there, too."""

    class Interrupted:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    def log_and_go_on() -> None:
        bridge.stdlib.info("%s", Interrupted())
        for _ in range(10_000):  # it comes with one of the next steps of the interpreter
            pass

    assert takes_the_short_way(bridge.handler)
    with pytest.raises(KeyboardInterrupt):
        log_and_go_on()
    assert [record.body for record in bridge.records()] == ["%s"]


def test_an_error_in_formatting_is_handle_errors_where_that_is_overridden(bridge: Bridge) -> None:
    """As for every handler of stdlib's."""
    failed: list[object] = []

    class Mine(forebay.LoggingHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            failed.append(record.msg)

    bridge.attach(Mine(logger=bridge.collector.logger("logging", level=1)))
    bridge.stdlib.info("%d", "not a number")
    assert failed == ["%d"]
