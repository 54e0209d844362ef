"""structlog itself, with Forebay at its end."""

from __future__ import annotations

import structlog

import forebay
from forebay.structlog import ForebayLogger, LoggerFactory, to_forebay
from tests.python.in_memory import InMemory, in_memory


def configured(memory: InMemory, level: str = "DEBUG") -> None:
    """As the documents say."""
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, to_forebay],
        logger_factory=LoggerFactory(memory.collector),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def test_events_keep_their_attributes_and_types() -> None:
    """Bound, of the context, and of the call; none of the values is made a text."""
    with in_memory() as memory:
        configured(memory)
        log = structlog.get_logger("shop").bind(user=7)
        with structlog.contextvars.bound_contextvars(request="r1"):
            log.info("order placed", lines=[1, 2], paid=True, level="mine")
        assert memory.scopes() == {"shop"}
        record = memory.record()
        assert record.body == "order placed"
        assert (record.severity_number, record.severity_text) == (9, "INFO")
        assert dict(record.attributes) == {
            "user": 7, "request": "r1", "lines": [1, 2], "paid": True, "level": "mine",
        }  # fmt: skip


def test_levels_and_exceptions_come_through() -> None:
    """By every method that structlog calls."""
    with in_memory() as memory:
        configured(memory)
        log = structlog.get_logger()
        log.debug("d")
        log.warning("w")
        log.error("e", exc_info=ValueError("late"))
        try:
            raise KeyError("k")
        except KeyError:
            log.exception("x", order=1)
        log.critical("c")
        assert memory.scopes() == {__name__}
        # Lanes are shipped each for itself.
        records = sorted(memory.records(), key=lambda r: r.time_unix_nano)
        assert [r.severity_number for r in records] == [5, 13, 17, 17, 21]
        assert records[2].attributes["exception.type"] == "ValueError"
        assert records[3].attributes["exception.type"] == "KeyError"
        assert records[3].attributes["order"] == 1
        assert "test_levels_and_exceptions" in str(records[3].attributes["exception.stacktrace"])


def test_stack_info_becomes_the_stack_down_to_the_caller() -> None:
    """As with Forebay's own loggers: without the frames of structlog."""
    with in_memory() as memory:
        configured(memory)
        log = structlog.get_logger()
        log.error("st", stack_info=True)
        log.error("st", stack_info=False)
        memory.log.error("st", stack_info=True)
        first, without, own = memory.records()
        assert set(first.attributes) == set(own.attributes) == {"code.stacktrace"}
        assert dict(without.attributes) == {}
        stack = str(first.attributes["code.stacktrace"]).splitlines()
        assert stack[0] == "Stack (most recent call last):"
        assert 'log.error("st", stack_info=True)' in stack[-1] + stack[-2]
        assert not any("structlog/" in line for line in stack)


def test_structlogs_level_decides() -> None:
    """And the processors that structlog's own documents show do no harm."""
    with in_memory() as memory:
        configured(memory, "WARNING")
        structlog.configure(
            processors=[structlog.processors.add_log_level, structlog.stdlib.add_logger_name,
                        to_forebay],
        )  # fmt: skip
        log = structlog.get_logger("named")
        log.info("no")
        log.warning("yes")
        record = memory.record()
        assert dict(record.attributes) == {"logger": "named"}


def test_it_may_be_configured_before_forebay_is_started() -> None:
    """The process default is found at the first record."""
    assert repr(LoggerFactory()("later")) == "<forebay.structlog.ForebayLogger 'later'>"
    assert isinstance(LoggerFactory()(), ForebayLogger)
    assert LoggerFactory()().name == __name__


def test_call_sites_are_the_applications() -> None:
    """Not structlog's own code, where a rule is about call sites."""
    limit = forebay.RateLimit(per_second=0.001, burst=2, by="site")
    with in_memory(lanes=[forebay.Lane("only", rate_limit=limit)]) as memory:
        configured(memory)
        log = structlog.get_logger()
        for n in range(10):
            log.info(f"one {n}")
            log.info(f"two {n}")
        kept = [r for r in memory.records() if "forebay.internal" not in r.attributes]
        assert len(kept) == 4
        assert {r.attributes["code.file.path"] for r in kept} == {__file__}
