"""What `extra=` and `exc_info` bring through LoggingHandler, on its short and on its long way."""

from __future__ import annotations

import datetime
import decimal
import enum
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import forebay
from forebay import _core
from forebay.testing import LogRecord
from tests.python.in_memory import InMemory, in_memory


class Colour(enum.Enum):
    RED = 1


class Place(enum.IntEnum):
    FIRST = 1


class Speechless:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.fixture(params=["short", "with a filter", "with a formatter"])
def bridge(request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, InMemory]]:
    """A logger of stdlib's before a collector."""
    log = logging.getLogger("tests.values")
    log.propagate = False
    log.setLevel(1)
    with in_memory() as memory:
        handler = forebay.LoggingHandler(logger=memory.collector.logger("logging", level=1))
        if request.param == "with a filter":
            handler.addFilter(lambda record: True)
        if request.param == "with a formatter":
            handler.setFormatter(logging.Formatter("%(message)s"))
        handle: Any = handler.handle
        assert (handle.__func__ is _core.handle_record) == (request.param == "short")
        log.addHandler(handler)
        yield log, memory
        log.removeHandler(handler)


Bridge = tuple[logging.Logger, InMemory]
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
MOMENT = datetime.datetime(2026, 11, 24, 12, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        (MOMENT, "2026-11-24 12:30:00+00:00"),
        (MOMENT.date(), "2026-11-24"),
        (Colour.RED, "Colour.RED"),
        (Place.FIRST, 1),
        (decimal.Decimal("1.50"), "1.50"),
        (UUID, str(UUID)),
        (b"\x00\xff", b"\x00\xff"),
        (ValueError("wrong"), "wrong"),
        ({"sku": "a", "sizes": [1, None]}, {"sku": "a", "sizes": [1, None]}),
        ([1, "two", 3.0, [True]], [1, "two", 3.0, [True]]),
        ((1, 2), [1, 2]),
        (None, None),
        (True, True),
        (1 << 70, str(1 << 70)),
        ("nul\0, ä and \udc80", "nul\0, ä and \ufffd"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_any_type_arrives_as_the_nearest_that_otlp_has(
    bridge: Bridge, given: object, arrives: object
) -> None:
    """By itself, in a list and in a mapping."""
    log, memory = bridge
    log.info("m", extra={"value": given, "listed": [given], "mapped": {"k": given}})
    attributes = memory.record().attributes
    assert attributes["value"] == arrives
    assert type(attributes["value"]) is type(arrives)
    assert attributes["listed"] == [arrives]
    assert attributes["mapped"] == {"k": arrives}


def test_a_value_without_a_text_is_told_in_words(bridge: Bridge) -> None:
    """What else the record has arrives with it, and nothing is raised."""
    log, memory = bridge
    log.info("m", extra={"value": Speechless(), "n": 1})
    attributes = memory.record().attributes
    assert "RuntimeError" in str(attributes["value"])
    assert attributes["n"] == 1


@pytest.mark.parametrize("name", ["level", "body", "severity", "event", "time", "extra", "self"])
def test_names_that_others_use_for_fields_are_attributes(bridge: Bridge, name: str) -> None:
    """`logging` itself refuses only its own."""
    log, memory = bridge
    log.info("m", extra={name: "mine"})
    record = memory.record()
    assert (record.body, record.severity_text) == ("m", "INFO")
    assert record.attributes[name] == "mine"


_ORDER: dict[str, int] = {}


def raised(make: Callable[[], None]) -> Exception:
    try:
        make()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def with_a_cause() -> None:
    try:
        _ORDER["sku"]
    except KeyError as error:
        raise ValueError("no such order") from error


def in_a_context() -> None:
    try:
        _ORDER["sku"]
    except KeyError:
        raise ValueError("no such order")  # noqa: B904


def with_notes() -> None:
    error = ValueError("no such order")
    error.add_note("it was order 42")
    error.add_note("of customer 7")
    raise error


def in_a_group() -> None:
    raise ExceptionGroup("two failed", [ValueError("first"), raised(with_a_cause)])


@pytest.mark.parametrize(
    ("make", "kind", "message", "told"),
    [
        (with_a_cause, "ValueError", "no such order", ["KeyError: 'sku'", "direct cause"]),
        (in_a_context, "ValueError", "no such order", ["KeyError: 'sku'", "During handling"]),
        (with_notes, "ValueError", "no such order", ["it was order 42\nof customer 7"]),
        (
            in_a_group,
            "ExceptionGroup",
            "two failed (2 sub-exceptions)",
            ["| ValueError: first", "| KeyError: 'sku'", "direct cause", "+-+--------"],
        ),
    ],
    ids=["cause", "context", "notes", "group"],
)
def test_an_exception_brings_all_that_belongs_to_it(
    bridge: Bridge, make: Callable[[], None], kind: str, message: str, told: list[str]
) -> None:
    """Causes, contexts, notes and groups are in the stack trace, as Python prints them."""
    log, memory = bridge
    error = raised(make)
    log.error("m", exc_info=error)
    attributes: Any = memory.record().attributes
    assert (attributes["exception.type"], attributes["exception.message"]) == (kind, message)
    stack = attributes["exception.stacktrace"]
    assert [text for text in told if text not in stack] == [], stack


def test_an_exception_as_exc_info_and_as_the_message_are_two_things(bridge: Bridge) -> None:
    """`log.error(error)` has a text alone; with exc_info=True outside a handler there is none."""
    log, memory = bridge
    error = raised(with_notes)
    log.error(error)
    log.error("m", exc_info=True)
    first, second = memory.records()
    assert first.body == "no such order"
    assert not exception_of(first)
    assert not exception_of(second)


def exception_of(record: LogRecord) -> list[str]:
    return [name for name in record.attributes if name.startswith("exception.")]
