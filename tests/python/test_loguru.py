"""loguru itself, with Forebay as its sink."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

import forebay
from forebay.loguru import sink
from tests.python.in_memory import InMemory, in_memory


@pytest.fixture
def memory() -> Iterator[InMemory]:
    logger.remove()
    with in_memory() as made:
        logger.add(sink(made.collector), level="TRACE")
        yield made
        logger.remove()


def test_records_keep_what_loguru_knows(memory: InMemory) -> None:
    """Message, level, extra with its types, place, thread, time and module."""
    before = time.time()
    logger.bind(user=7).info("order {} placed", 42, paid=True)
    assert memory.scopes() == {__name__}
    record = memory.record()
    assert record.body == "order 42 placed"
    assert (record.severity_number, record.severity_text) == (9, "INFO")
    attributes = dict(record.attributes)
    assert attributes["user"] == 7
    assert attributes["paid"] is True
    assert attributes["code.file.path"] == __file__
    assert attributes["code.function.name"] == "test_records_keep_what_loguru_knows"
    assert attributes["thread.name"] == "MainThread"
    assert record.time_unix_nano is not None
    assert before - 1 <= record.time_unix_nano / 1e9 <= time.time() + 1


def test_levels_of_its_own_keep_their_names(memory: InMemory) -> None:
    """SUCCESS lies between INFO and WARNING."""
    for name in ("TRACE", "DEBUG", "SUCCESS", "WARNING", "ERROR", "CRITICAL"):
        logger.log(name, "x")
    seen = sorted((r.severity_number, r.severity_text) for r in memory.records())
    assert seen == [
        (4, "TRACE"), (5, "DEBUG"), (12, "SUCCESS"), (13, "WARNING"), (17, "ERROR"),
        (21, "CRITICAL"),
    ]  # fmt: skip


def test_exceptions_become_attributes(memory: InMemory) -> None:
    """Of logger.exception, of opt(exception=…) and of catch."""
    try:
        raise ValueError("late")
    except ValueError:
        logger.exception("failed")

    @logger.catch
    def fails() -> None:
        raise KeyError("k")

    fails()
    kinds = [r.attributes["exception.type"] for r in memory.records()]
    assert kinds == ["ValueError", "KeyError"]


def test_extra_of_any_type_is_taken(memory: InMemory) -> None:
    """Nothing of it raises into the application."""

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    values: dict[str, Any] = {"odd": Odd(), "none": None, "list": [1, {"a": b"b"}]}
    logger.bind(**values).warning("x")
    attributes = memory.record().attributes
    assert attributes["list"] == [1, {"a": b"b"}]
    assert attributes["none"] is None


def test_call_sites_are_told_apart_by_place() -> None:
    """Where a rule is about call sites."""
    logger.remove()
    limit = forebay.RateLimit(per_second=0.001, burst=2, by="site")
    with in_memory(lanes=[forebay.Lane("only", rate_limit=limit)]) as memory:
        logger.add(sink(memory.collector))
        for n in range(10):
            logger.info("one {}", n)
            logger.info("two {}", n)
        kept = [r for r in memory.records() if "forebay.internal" not in r.attributes]
        assert len(kept) == 4
        assert len({r.attributes["code.line.number"] for r in kept}) == 2
        logger.remove()
