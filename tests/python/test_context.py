"""What records have from where they are emitted: bound attributes, and the current trace."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import forebay
from tests.python.in_memory import InMemory, in_memory, run_python


@pytest.fixture
def memory() -> Iterator[InMemory]:
    with in_memory() as made:
        yield made


def test_a_context_binds_for_the_block(memory: InMemory) -> None:
    """Inside every record has them, before and after none."""
    log = memory.log
    log.info("before", n=0)
    with forebay.context(user_id=7, tenant="a"):
        log.info("inside", n=1)
        log.info("no attributes of its own")
        log.info("with %s", "arguments", n=2)
    log.info("after", n=3)
    assert [r.attributes for r in memory.records()] == [
        {"n": 0},
        {"n": 1, "user_id": 7, "tenant": "a"},
        {"user_id": 7, "tenant": "a"},
        {"n": 2, "user_id": 7, "tenant": "a"},
        {"n": 3},
    ]


def test_a_context_decorates_a_function_for_each_of_its_calls(memory: InMemory) -> None:
    """Also one that calls itself, and one that is awaited several times at once."""
    log = memory.log

    @forebay.context(job="nightly")
    def count_down(n: int, *, step: int = 1) -> str:
        """Its own words."""
        log.info("counts", n=n)
        if n > 0:
            with forebay.context(job="inner"):
                count_down(n - step)
        return "done"

    @forebay.context(job="awaited")
    async def step(first: asyncio.Event, second: asyncio.Event) -> None:
        first.set()
        await second.wait()
        log.info("awaited")

    async def main() -> None:
        one, two = asyncio.Event(), asyncio.Event()
        await asyncio.gather(step(one, two), step(two, one))
        log.info("outside")

    assert count_down(1) == "done"
    assert count_down.__doc__ == "Its own words."
    assert asyncio.iscoroutinefunction(step)
    asyncio.run(main())
    with pytest.raises(ValueError, match="it fails"):
        forebay.context(job="fails")(_fail)()
    log.info("outside")
    assert [record.attributes.get("job") for record in memory.records()] == [
        "nightly",
        "nightly",
        "awaited",
        "awaited",
        None,
        None,
    ]


def _fail() -> None:
    raise ValueError("it fails")


def test_the_innermost_counts_and_a_records_own_win(memory: InMemory) -> None:
    """Never one name twice, which OTLP forbids."""
    log = memory.log.bind(a="logger", b="logger", c="logger")
    with forebay.context(a="outer", b="outer", d="outer"), forebay.context(d="inner", e="inner"):
        log.info("fast", a="own")
        log.info("%s", "slow", a="own")
        name = "".join(["", "a"])
        attributes: dict[str, Any] = {name: "own"}
        log.info("a name that is not interned", **attributes)
    expected = {"a": "own", "b": "logger", "c": "logger", "d": "inner", "e": "inner"}
    assert [r.attributes for r in memory.records()] == [expected] * 3


@pytest.mark.parametrize("count", [1, 15, 16, 17, 128])
def test_any_number_up_to_the_limit_arrives(memory: InMemory, count: int) -> None:
    """On the stack or not."""
    bound = {f"k{i}": i for i in range(count)}
    with forebay.context(**bound):
        memory.log.info("m")
    memory.log.bind(**bound).info("m")
    assert [r.attributes for r in memory.records()] == [bound, bound]


# Parameters of Python's own making, of `logging`, and of structlog.
TAKEN: dict[str, Any] = {"self": 1, "message": 2, "level": 3, "name": 4, "msg": 5, "args": 6}


@pytest.mark.parametrize("method", ["debug", "info", "warning", "error", "critical", "exception"])
def test_an_attribute_may_have_any_name_in_a_call(memory: InMemory, method: str) -> None:
    """But those that the methods say: `extra` is a dict of more, with names of any kind, too."""
    log = memory.collector.logger("any", level="TRACE")
    getattr(log, method)("m", **TAKEN)
    getattr(log, method)("m", extra=TAKEN)
    asyncio.run(getattr(log, f"a{method}")("m", **TAKEN))
    log.log(20, "m", **TAKEN)
    asyncio.run(log.alog(20, "m", **TAKEN))
    assert [r.attributes for r in memory.records()] == [TAKEN] * 5


def test_a_bound_attribute_may_have_any_name(memory: InMemory) -> None:
    """`self` and `extra`, too: there is nothing else that they could be."""
    names = {**TAKEN, "extra": {"k": "v"}, "exc_info": 7}
    memory.log.bind(**names).info("m")
    with forebay.context(**names):
        memory.log.info("m")
    assert [r.attributes for r in memory.records()] == [names] * 2


def test_more_than_the_limit_is_refused() -> None:
    """Every record would carry them."""
    with (
        forebay.context(**{f"a{i}": i for i in range(100)}),
        pytest.raises(ValueError, match="129 attributes are bound; at most 128"),
        forebay.context(**{f"b{i}": i for i in range(29)}),
    ):
        raise AssertionError("never reached")


def test_values_of_any_type_are_converted_once(memory: InMemory) -> None:
    """A list that changes afterwards is what it was."""
    parts = [1, "zwei"]
    log = memory.log.bind(parts=parts, nested={"k": [None, True]}, text="größer", of=object)
    parts.append(3)
    del parts
    log.info("m", n=1)
    assert memory.record().attributes == {
        "n": 1,
        "parts": [1, "zwei"],
        "nested": {"k": [None, True]},
        "text": "größer",
        "of": "<class 'object'>",
    }


def test_bind_leaves_the_logger_as_it_was(memory: InMemory) -> None:
    """It makes another one: of the same name, level and collector."""
    bound = memory.log.bind(a=1)
    both = bound.bind(b=2)
    assert (both.name, both.level) == (memory.log.name, memory.log.level)
    for log in (memory.log, bound, both):
        log.info("m")
    assert [r.attributes for r in memory.records()] == [{}, {"a": 1}, {"a": 1, "b": 2}]
    with pytest.raises(TypeError, match="keywords"):
        memory.log.bind({"a": 1})  # type: ignore[call-arg]


def test_records_of_logging_have_them_too(memory: InMemory) -> None:
    """A library that logs knows nothing of the context."""
    logger = logging.getLogger("some.library")
    handler = forebay.LoggingHandler(logger=memory.log.bind(via="handler"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with forebay.context(user_id=7, n="context"):
            logger.info("m %d", 1, extra={"n": 2})
        handler.flush()
    finally:
        logger.removeHandler(handler)
    attributes = memory.record().attributes
    assert {k: attributes.get(k) for k in ("user_id", "n", "via")} == {
        "user_id": 7,
        "n": 2,
        "via": "handler",
    }


def test_tasks_and_threads_have_what_contextvars_give_them(memory: InMemory) -> None:
    """A task inherits, a bare thread does not, one with a copied context does."""
    log = memory.log

    async def task(name: str) -> None:
        with forebay.context(task=name):
            await asyncio.sleep(0)
            log.info("task")
            await asyncio.to_thread(log.info, "thread of the task")

    async def main() -> None:
        with forebay.context(request=1):
            await asyncio.gather(task("a"), task("b"))

    asyncio.run(main())
    with forebay.context(request=2):
        copied = contextvars.copy_context()
        for thread in (
            threading.Thread(target=log.info, args=("bare thread",)),
            threading.Thread(target=copied.run, args=(log.info, "thread with context")),
        ):
            thread.start()
            thread.join()
    found = sorted((str(r.body), sorted(r.attributes.items())) for r in memory.records())
    assert found == [
        ("bare thread", []),
        ("task", [("request", 1), ("task", "a")]),
        ("task", [("request", 1), ("task", "b")]),
        ("thread of the task", [("request", 1), ("task", "a")]),
        ("thread of the task", [("request", 1), ("task", "b")]),
        ("thread with context", [("request", 2)]),
    ]


def test_a_block_may_be_left_in_another_context(memory: InMemory) -> None:
    """As a generator is that another task closes: no error."""

    def generator() -> Generator[None, None, None]:
        with forebay.context(a=1):
            yield

    inside = generator()
    contextvars.copy_context().run(next, inside)
    inside.close()
    memory.log.info("m")
    assert memory.record().attributes == {}


def test_records_have_the_trace_of_the_current_span(memory: InMemory) -> None:
    """Of OpenTelemetry's API, which any SDK fills."""
    log = memory.log
    spans = [
        NonRecordingSpan(SpanContext(0xABC << 64, i, False, TraceFlags(i & 1))) for i in (1, 2)
    ]
    log.info("none")
    with trace.use_span(spans[0]):
        log.info("fast", n=1)
        log.info("%s", "slow")
        with trace.use_span(spans[1]), forebay.context(a=1):
            log.info("fast", n=2)
        log.info("fast", n=3)
    log.info("none")
    with trace.use_span(trace.INVALID_SPAN):
        log.info("none")
    found = [(r.body, r.trace_id.hex(), r.span_id.hex(), r.flags) for r in memory.records()]
    trace_id = f"{0xABC << 64:032x}"
    first, second = (trace_id, "0000000000000001", 1), (trace_id, "0000000000000002", 0)
    none = ("none", "", "", 0)
    assert found == [
        none,
        ("fast", *first),
        ("slow", *first),
        ("fast", *second),
        ("fast", *first),
        none,
        none,
    ]


def test_a_span_that_is_asked_while_another_thread_asks_its_own_mixes_nothing(
    memory: InMemory,
) -> None:
    """A span of the SDK's tells its ids in Python code, where threads take turns."""
    asked, other_is_done = threading.Event(), threading.Event()

    class Slow(NonRecordingSpan):
        def get_span_context(self) -> SpanContext:
            asked.set()
            assert other_is_done.wait(30)
            return super().get_span_context()

    def context(trace_id: int) -> SpanContext:
        return SpanContext(trace_id, 1, is_remote=False)

    log = memory.collector.logger("x")

    def slow() -> None:
        with trace.use_span(Slow(context(7))):
            log.info("7")

    thread = threading.Thread(target=slow)
    thread.start()
    assert asked.wait(30)
    with trace.use_span(NonRecordingSpan(context(8))):
        log.info("8")
        other_is_done.set()
        thread.join()
        log.info("8")
    records = memory.records()
    assert len(records) == 3
    for record in records:
        assert int.from_bytes(record.trace_id, "big") == int(str(record.body))


def test_a_trace_api_that_is_imported_later_is_found() -> None:
    """Until then nothing looks for it; and nothing of ours stays among the importers."""
    out = run_python(
        """
        import sys
        import forebay

        exporter = forebay.MemoryExporter()
        collector = forebay.Collector(exporter=exporter)
        log = collector.logger("test")
        log.info("before")
        assert "opentelemetry" not in sys.modules
        from opentelemetry import trace

        span = trace.NonRecordingSpan(trace.SpanContext(5, 6, False))
        with trace.use_span(span):
            log.info("inside")
        assert not [f for f in sys.meta_path if type(f).__module__.startswith("forebay")]
        collector.shutdown()
        print([r.span_id.hex() for r in exporter.records()], collector.audit().balanced)
        """
    )
    assert out.stdout.strip().endswith("['', '0000000000000006'] True")


def test_another_way_of_keeping_the_context_is_asked_by_its_function() -> None:
    """OTEL_PYTHON_CONTEXT may put the span anywhere."""
    out = run_python(
        """
        import opentelemetry.context as context
        from opentelemetry import trace

        class Elsewhere:
            def __init__(self):
                self.now = context.Context()
            def attach(self, new):
                before, self.now = self.now, new
                return before
            def get_current(self):
                return self.now
            def detach(self, token):
                self.now = token

        context._RUNTIME_CONTEXT = Elsewhere()
        import forebay

        exporter = forebay.MemoryExporter()
        collector = forebay.Collector(exporter=exporter)
        log = collector.logger("test")
        with trace.use_span(trace.NonRecordingSpan(trace.SpanContext(5, 6, False))):
            log.info("inside")
        log.info("outside")
        collector.shutdown()
        print([r.span_id.hex() for r in exporter.records()], collector.audit().balanced)
        """
    )
    assert out.stdout.strip().endswith("['0000000000000006', ''] True")
