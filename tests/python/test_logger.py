"""Loggers: levels, messages, exceptions, and what a call returns."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import forebay
from forebay import _exceptions
from tests.python.in_memory import InMemory, in_memory, run_python


@pytest.fixture
def memory() -> Iterator[InMemory]:
    with in_memory() as made:
        yield made


def test_each_method_has_its_severity_and_its_name(memory: InMemory) -> None:
    """Names are the source's own: WARNING, not WARN."""
    log = memory.log
    assert log.debug("d")
    assert log.info("i")
    assert log.warning("w")
    assert log.error("e")
    assert log.critical("c")
    records = {r.body: (r.severity_number, r.severity_text) for r in memory.records()}
    assert records == {
        "d": (5, "DEBUG"),
        "i": (9, "INFO"),
        "w": (13, "WARNING"),
        "e": (17, "ERROR"),
        "c": (21, "CRITICAL"),
    }


@pytest.mark.parametrize(
    ("level", "severity"),
    [(1, 1), (5, 4), (10, 5), (15, 8), (20, 9), (25, 12), (30, 13), (45, 20), (50, 21), (99, 24)],
)
def test_log_takes_any_number_of_logging(memory: InMemory, level: int, severity: int) -> None:
    """The severities are those that OpenTelemetry has for Python's levels."""
    assert memory.log.log(level, "m")
    assert memory.record().severity_number == severity


def test_time_is_that_of_the_call(memory: InMemory) -> None:
    """Both times are set, in nanoseconds, and lie within the call."""
    before = time.time_ns()
    memory.log.info("m")
    after = time.time_ns()
    record = memory.record()
    slack = 50_000_000  # the core's clock is calibrated, not the same
    assert before - slack <= record.time_unix_nano <= after + slack
    assert before - slack <= record.observed_time_unix_nano <= after + slack


def test_below_the_level_nothing_is_emitted(memory: InMemory) -> None:
    """Such a record is not counted either; the call says True, for nothing went wrong."""
    log = memory.collector.logger("quiet", level="WARNING")
    assert log.info("no") is True
    assert log.level == 30
    assert not log.is_enabled_for(20)
    assert log.is_enabled_for(30)
    assert log.warning("yes")
    assert memory.record().body == "yes"
    assert memory.collector.stats().emitted == 1


def test_the_default_level_is_info(memory: InMemory) -> None:
    """DEBUG has to be asked for."""
    log = memory.collector.logger("default")
    log.debug("no")
    log.info("yes")
    assert memory.record().body == "yes"


def test_arguments_are_formatted_as_logging_does_it(memory: InMemory) -> None:
    """%s with positions, with one mapping, and none without arguments."""
    memory.log.info("%s is %d", "x", 7)
    memory.log.info("%(name)s", {"name": "mapped"})
    memory.log.info("100%")
    memory.log.info(["%s"], 1)
    assert [r.body for r in memory.records()] == ["x is 7", "mapped", "100%", "['1']"]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [("%d", ("x",)), ("%s %s", (1,)), ("%s", (1, 2)), ("%(a)s", ({"b": 1},)), ("%!", (1,))],
)
def test_an_error_in_formatting_is_not_raised_and_loses_nothing(
    memory: InMemory, message: str, arguments: tuple[Any, ...]
) -> None:
    """The template goes in as it is, with the error beside it."""
    assert memory.log.info(message, *arguments, key=1)
    record = memory.record()
    assert record.body == message
    assert record.attributes["key"] == 1
    assert record.attributes["forebay.format_error"]


def test_exception_adds_type_message_and_stacktrace(memory: InMemory) -> None:
    """As OpenTelemetry names them, at ERROR."""
    try:
        raise KeyError("order")
    except KeyError:
        memory.log.exception("failed", order_id=42)
    record = memory.record()
    assert record.severity_number == 17
    assert record.attributes["order_id"] == 42
    assert record.attributes["exception.type"] == "KeyError"
    assert record.attributes["exception.message"] == "'order'"
    stack = record.attributes["exception.stacktrace"]
    assert isinstance(stack, str)
    assert stack.startswith("Traceback (most recent call last):")
    assert 'raise KeyError("order")' in stack
    assert stack.endswith("KeyError: 'order'")


@pytest.mark.parametrize("form", ["true", "instance", "tuple"])
def test_exc_info_takes_what_logging_takes(memory: InMemory, form: str) -> None:
    """True, an exception, or sys.exc_info()."""
    try:
        raise ValueError("v")
    except ValueError as error:
        exc_info: Any = {
            "true": True,
            "instance": error,
            "tuple": (ValueError, error, error.__traceback__),
        }[form]
        memory.log.warning("m", exc_info=exc_info)
    record = memory.record()
    assert record.severity_number == 13
    assert record.attributes["exception.type"] == "ValueError"


@pytest.mark.parametrize("exc_info", [None, False, True, (None, None, None)])
def test_no_exception_adds_nothing(memory: InMemory, exc_info: Any) -> None:
    """Also not where there is none to be had."""
    memory.log.error("m", exc_info=exc_info)
    assert memory.record().attributes == {}


def test_what_the_caller_spells_out_wins(memory: InMemory) -> None:
    """Over the exception's own attributes and over extra=."""
    dotted: dict[str, Any] = {"exception.type": "mine"}
    try:
        raise ValueError("v")
    except ValueError:
        memory.log.exception("m", extra={"a": 1, "b": 1}, a=2, **dotted)
    attributes = memory.record().attributes
    assert attributes["a"] == 2
    assert attributes["b"] == 1
    assert attributes["exception.type"] == "mine"


def test_stack_info_adds_the_stack_of_the_call(memory: InMemory) -> None:
    """And stacklevel says whose call it is."""

    def inner(stacklevel: int) -> None:
        memory.log.info("m", stack_info=True, stacklevel=stacklevel)

    inner(1)
    inner(2)
    first, second = (str(r.attributes["code.stacktrace"]) for r in memory.records())
    assert "in inner" in first.splitlines()[-2]
    assert "in inner" not in second
    assert "test_stack_info_adds_the_stack_of_the_call" in second


@pytest.mark.parametrize(
    "call",
    [
        lambda log: log.info(),
        lambda log: log.log("INFO", "m"),
        lambda log: log.info("m", extra=[1]),
        lambda log: log.info("m", stack_info=True, stacklevel="x"),
    ],
)
def test_a_wrong_call_is_a_type_error(memory: InMemory, call: Any) -> None:
    """A mistake of the program's, not of its data."""
    with pytest.raises(TypeError):
        call(memory.log)
    assert memory.log.info("still works")
    assert memory.record().body == "still works"


def test_the_same_name_is_the_same_logger(memory: InMemory) -> None:
    """With other settings the first ones hold, and it is said once."""
    from forebay import _warnings

    _warnings._said.clear()
    first = memory.collector.logger("shop", version="1", level="DEBUG", attributes={"k": 1})
    assert memory.collector.logger("shop", version="1", level=10, attributes={"k": 1}) is first
    with pytest.warns(forebay.ForebayWarning, match="shop"):
        assert memory.collector.logger("shop", level="ERROR") is first
    assert first.level == 10


def test_the_scope_has_name_version_and_attributes(memory: InMemory) -> None:
    """A logger is OpenTelemetry's instrumentation scope."""
    memory.collector.logger("shop.api", version="1.2", attributes={"a": 1, "b": "x"}).info("m")
    memory.collector.flush(timeout=30)
    ((scope, record),) = [pair for r in memory.exporter.resource_logs() for pair in r.records()]
    assert (scope.name, scope.version, scope.attributes) == ("shop.api", "1.2", {"a": 1, "b": "x"})
    assert record.body == "m"


@pytest.mark.parametrize("name", ["", 7, None, "a\ud800"])
def test_a_logger_needs_a_name(memory: InMemory, name: Any) -> None:
    """An empty scope would tell nobody anything."""
    with pytest.raises(forebay.OptionError, match=r"^name: "):
        memory.collector.logger(name)


def test_records_of_one_thread_arrive_in_order(memory: InMemory) -> None:
    """Whatever path each of them took."""
    for i in range(2000):
        if i % 3 == 0:
            memory.log.info("constant", i=i)
        elif i % 3 == 1:
            memory.log.info("%s", "formatted", i=i)
        else:
            memory.log.info("constant", i=i, nested=[i])
    assert [r.attributes["i"] for r in memory.records()] == list(range(2000))


def test_many_threads_lose_nothing(memory: InMemory) -> None:
    """With room for all, each thread's records arrive, in its order."""
    threads, each = 8, 2000

    def work(number: int) -> None:
        for i in range(each):
            assert memory.log.info("m", thread=number, i=i)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    by_thread: dict[object, list[object]] = {}
    for record in memory.records():
        by_thread.setdefault(record.attributes["thread"], []).append(record.attributes["i"])
    assert by_thread == {n: list(range(each)) for n in range(threads)}


def test_after_shutdown_a_record_is_refused_and_counted(memory: InMemory) -> None:
    """False, no error, and a name in the ledger."""
    memory.log.info("before")
    memory.collector.shutdown(timeout=30)
    assert memory.log.info("after") is False
    assert memory.log.info("after %s", 1, key=[1]) is False
    assert memory.collector.stats().refused_by_reason["shutdown"] == 2


def test_get_logger_before_start_binds_when_it_starts() -> None:
    """What comes before is counted as not_started; after a new start the same logger goes on."""
    run_python(
        """
        import forebay

        def bodies(exporter):
            # Without the record that tells of what was lost before.
            records = exporter.records()
            return [r.body for r in records if "forebay.internal" not in r.attributes]

        log = forebay.get_logger("early")
        assert forebay.get_logger("early") is log
        assert forebay.get_collector() is None
        assert log.info("lost") is False
        assert log.debug("not even emitted") is True
        first = forebay.MemoryExporter()
        collector = forebay.start(exporter=first)
        assert forebay.get_collector() is collector
        assert log.info("one")
        collector.flush(10)
        assert bodies(first) == ["one"]
        stats = collector.stats()
        assert stats.refused_by_reason["not_started"] == 1, stats
        assert stats.emitted == 2 and stats.difference == 0, stats
        collector.shutdown(10)
        assert forebay.get_collector() is None
        assert log.info("between") is False
        second = forebay.MemoryExporter()
        again = forebay.start(exporter=second)
        assert again is not collector
        assert log.info("two")
        again.flush(10)
        assert bodies(second) == ["two"]
        assert again.audit().balanced
        """
    )


def test_a_full_lane_with_fail_raises_queue_full_once_for_each_record() -> None:
    """The one exception that emitting raises, and it is counted as refused."""
    lane = forebay.Lane("only", queue_records=8, on_full="fail")
    batch = forebay.BatchOptions(max_delay=3600, max_records=1)
    with in_memory(lanes=[lane], batch=batch, backlog=forebay.BacklogOptions(max_bytes=65536)) as m:
        raised = accepted = 0
        for _ in range(20_000):
            try:
                accepted += m.log.info("x" * 200)
            except forebay.QueueFull:
                raised += 1
        stats = m.collector.stats()
        assert stats.emitted == raised + accepted
        assert stats.refused_by_reason.get("queue_full", 0) == raised
        m.collector.flush(timeout=30)


# -- exceptions as text --------------------------------------------------------------------------


def test_describe_tells_causes_groups_and_notes() -> None:
    """As Python prints them."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer") from error
    except RuntimeError as error:
        error.add_note("a note")
        name, message, stack = _exceptions.describe(error)
    assert (name, message) == ("RuntimeError", "outer")
    assert "The above exception was the direct cause" in stack
    assert "KeyError: 'inner'" in stack
    assert stack.endswith("a note")
    group = ExceptionGroup("several", [ValueError("a"), TypeError("b")])
    _, _, stack = _exceptions.describe(group)
    assert "ValueError: a" in stack
    assert "TypeError: b" in stack


class Unprintable(Exception):
    def __str__(self) -> str:
        raise OSError("no")

    def __repr__(self) -> str:
        raise OSError("no")


def test_describe_never_raises() -> None:
    """Whatever the exception does when it is asked."""
    name, message, stack = _exceptions.describe(Unprintable())
    assert name.endswith("test_logger.Unprintable")
    assert "OSError" in message
    assert stack
    looped = ValueError("loop")
    looped.__cause__ = looped
    assert "ValueError: loop" in _exceptions.describe(looped)[2]


def test_describe_bounds_what_it_returns() -> None:
    """Both ends are kept: where it began, and what it was."""

    def recurse(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 300_000)
        recurse(depth - 1)

    try:
        recurse(200)
    except ValueError as error:
        _, _, stack = _exceptions.describe(error)
    assert len(stack) < _exceptions.MAX_TEXT + 200
    assert stack.startswith("Traceback")
    assert "characters left out" in stack


def test_stack_text_ends_with_its_caller() -> None:
    """As logging's stack_info does."""
    text = _exceptions.stack_text()
    assert text.startswith("Stack (most recent call last):\n")
    assert "test_stack_text_ends_with_its_caller" in text.splitlines()[-2]
    assert os.path.basename(__file__) in text
    assert "format_stack" not in text
    assert traceback.format_stack()[-2].splitlines()[0].strip() in text
