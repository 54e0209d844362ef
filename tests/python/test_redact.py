"""Secrets never get into a record, whichever way they come."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger as loguru_logger

import forebay
from forebay.loguru import sink
from forebay.structlog import LoggerFactory, to_forebay
from tests.python.in_memory import InMemory, in_memory

SECRET = "hunter2"
HIDDEN = "[redacted: password]"


def by_keyword(memory: InMemory) -> None:
    for _ in range(3):  # not known yet, seen once, a call site
        memory.log.info("login", user="ann", password=SECRET)


def by_extra(memory: InMemory) -> None:
    memory.log.info("login", extra={"user": "ann", "password": SECRET})


def by_context(memory: InMemory) -> None:
    with forebay.context(password=SECRET):
        memory.log.info("login", user="ann")
        memory.log.bind(password=SECRET).info("login", user="ann")


def by_logging(memory: InMemory) -> None:
    log = logging.Logger("app")
    log.addHandler(forebay.LoggingHandler(logger=memory.log))
    log.info("login", extra={"user": "ann", "password": SECRET})


def by_structlog(memory: InMemory) -> None:
    structlog.configure(processors=[to_forebay], logger_factory=LoggerFactory(memory.collector))
    structlog.get_logger().info("login", user="ann", password=SECRET)


def by_loguru(memory: InMemory) -> None:
    loguru_logger.remove()
    loguru_logger.add(sink(memory.collector))
    loguru_logger.bind(user="ann", password=SECRET).info("login")
    loguru_logger.remove()


def by_recorder(memory: InMemory) -> None:
    log = memory.collector.logger("quiet", level="WARNING")
    log.debug("login", user="ann", password=SECRET)
    log.debug("login", extra={"user": "ann", "password": SECRET})
    assert memory.collector.dump_recorder()


WAYS = [by_keyword, by_extra, by_context, by_logging, by_structlog, by_loguru, by_recorder]


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_secret_is_replaced_whichever_way_it_comes(way: Callable[[InMemory], None]) -> None:
    """And nothing of it is in what is sent."""
    with in_memory(flight_recorder=forebay.FlightRecorder(level="DEBUG")) as memory:
        way(memory)
        records = memory.records()
        assert records
        for record in records:
            assert record.attributes["password"] == HIDDEN
            assert record.attributes["user"] == "ann"
            assert SECRET not in repr(record)


def test_nested_values_are_looked_into() -> None:
    """At any depth, in lists, and in a body that is a map; the rest stays as it was."""
    value: Any = {
        "headers": [{"Authorization": SECRET, "accept": "*/*"}, {"n": 1}],
        "deep": {"deeper": [[{"api-key": SECRET, "ok": True}]]},
        "plain": [1, 2.5, None, b"x"],
    }
    with in_memory() as memory:
        memory.log.info("x", request=value)
        memory.log.info({"password": SECRET, "left": [1]})
        memory.log.info("x", password={"old": SECRET, "new": SECRET})
        first, second, third = memory.records()
        assert first.attributes["request"] == {
            "headers": [{"Authorization": "[redacted: authorization]", "accept": "*/*"}, {"n": 1}],
            "deep": {"deeper": [[{"api-key": "[redacted: api_key]", "ok": True}]]},
            "plain": [1, 2.5, None, b"x"],
        }
        assert second.body == {"password": HIDDEN, "left": [1]}
        assert third.attributes["password"] == HIDDEN


def test_rules_may_be_added_and_taken_back() -> None:
    """The list stays on besides one's own."""
    with in_memory(redact=["iban", "*_pin", "!cookie"]) as memory:
        memory.log.info("x", iban="DE1", card_pin=1234, cookie="ok", password=SECRET)
        assert memory.record().attributes == {
            "iban": "[redacted: iban]", "card_pin": "[redacted: *_pin]", "cookie": "ok",
            "password": HIDDEN,
        }  # fmt: skip


def test_it_may_be_switched_off() -> None:
    """For a collector, whatever others do."""
    with in_memory() as careful, in_memory(redact=False) as careless:
        for memory in (careful, careless, careful):
            memory.log.info("x", password="p")
        assert [r.attributes["password"] for r in careful.records()] == [HIDDEN, HIDDEN]
        assert careless.record().attributes["password"] == "p"


def test_each_collectors_rules_are_asked_about_what_is_bound() -> None:
    """What one of them has let through is not let through by another, whichever comes first."""
    with (
        in_memory() as usual,
        in_memory(redact=["shoe_size"]) as strict,
        in_memory(redact=False) as careless,
    ):
        memories = (careless, usual, strict)
        with (
            forebay.context(shoe_size=42, user="ann", password=SECRET),
            forebay.context(password="no more", order=[{"password": SECRET}]),
        ):
            for memory in memories * 3:
                memory.log.info("paid", n=1)
        with forebay.context(shoe_size=42, user="ann"):
            for memory in memories * 3:
                memory.log.info("paid", n=1)
                memory.log.info({"password": SECRET}, n=1)
        for memory, size, hidden, nested in (
            (careless, 42, "no more", SECRET),
            (usual, 42, HIDDEN, HIDDEN),
            (strict, "[redacted: shoe_size]", HIDDEN, HIDDEN),
        ):
            records = memory.records()
            assert [each.attributes for each in records[:3]] == [
                {"n": 1, "shoe_size": size, "user": "ann", "password": hidden,
                 "order": [{"password": nested}]}
            ] * 3  # fmt: skip
            assert [each.attributes for each in records[3:]] == [
                {"n": 1, "shoe_size": size, "user": "ann"}
            ] * 6
            assert [each.body for each in records[4::2]] == [{"password": nested}] * 3


def test_call_sites_that_were_there_before_the_rule_are_looked_at_too() -> None:
    """Sites outlive collectors."""

    def emit(memory: InMemory) -> None:
        for _ in range(3):
            memory.log.info("paid", shoe_size=42)

    with in_memory() as before:
        emit(before)
        assert {r.attributes["shoe_size"] for r in before.records()} == {42}
    with in_memory(redact=["shoe_size"]) as after:
        emit(after)
        assert {r.attributes["shoe_size"] for r in after.records()} == {"[redacted: shoe_size]"}


KEYS = st.sampled_from(["password", "a.Password", "pass", "user", "", "TOKEN", "x_token"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def redacted(value: Any) -> Any:
    """What is to be left of it, worked out plainly."""
    if isinstance(value, list):
        return [redacted(item) for item in value]
    if not isinstance(value, dict):
        return value
    hidden = {"password": "password", "a.Password": "password", "TOKEN": "token"}
    return {
        key: f"[redacted: {hidden[key]}]" if key in hidden else redacted(item)
        for key, item in value.items()
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(KEYS.filter(bool), VALUES, max_size=3), max_size=5))
def test_any_nested_value_is_left_as_the_rules_say(values: list[dict[str, Any]]) -> None:
    """Against a plain model of them."""
    with in_memory() as memory:
        for value in values:
            memory.log.info("x", extra={**value, "whole": value})
        for value, record in zip(values, memory.records(), strict=True):
            assert record.attributes == redacted({**value, "whole": value})


@pytest.mark.parametrize(
    ("redact", "told"),
    [
        ("password", "redact: 'password' is not a list"),
        ([""], "redact[0]: '' names no key"),
        (["a", "!"], "redact[1]: '!' names no key"),
        ([7], "redact[0]: 7 names no key"),
    ],
)
def test_what_is_no_rule_is_told(redact: Any, told: str) -> None:
    """Before anything starts."""
    with pytest.raises(forebay.OptionError) as error:
        forebay.Collector(exporter=forebay.MemoryExporter(), redact=redact)
    assert str(error.value).startswith(told)
