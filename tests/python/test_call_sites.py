"""Call sites of messages that are built for each call, where a rule is about call sites."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest

import forebay
from tests.python.in_memory import InMemory, in_memory, run_python

BURST = 3


def limited(**options: Any) -> Any:
    """A collector that lets three records of each call site through."""
    limit = forebay.RateLimit(per_second=0.001, burst=BURST, by="site")
    return in_memory(lanes=[forebay.Lane("only", rate_limit=limit)], **options)


def bodies(memory: InMemory) -> Counter[str]:
    """How many records came of each message, up to its first ``=``."""
    return Counter(
        str(r.body).split("=")[0]
        for r in memory.records()
        if "forebay.internal" not in r.attributes
    )


def test_each_place_that_builds_a_message_is_a_call_site() -> None:
    """f-strings, %-arguments, keywords or not; a constant message is one, too, from the first."""
    with limited() as memory:
        log = memory.log
        for n in range(20):
            log.info(f"one={n}")
            log.info(f"two={n}", n=n)
            log.info("three=%d", n)
            log.info("four", n=n)
            log.warning(f"one at another level={n}")
        assert bodies(memory) == {
            "one": BURST,
            "two": BURST,
            "three": BURST,
            "four": BURST,
            "one at another level": BURST,
        }


def test_the_place_goes_along_and_the_summary_names_it() -> None:
    """As code.*, and as forebay.suppressed.key."""
    with limited(limits=forebay.LimitOptions(summary_interval=0.05)) as memory:
        for n in range(BURST + 2):
            memory.log.info(f"built {n}")
        records = memory.records()
        first = next(r for r in records if "forebay.internal" not in r.attributes)
        assert first.attributes["code.file.path"] == __file__
        assert first.attributes["code.function.name"] == (
            test_the_place_goes_along_and_the_summary_names_it.__qualname__
        )
        line = first.attributes["code.line.number"]
        (told,) = [r for r in records if r.attributes.get("forebay.internal") == "suppressed"]
        assert told.attributes["forebay.suppressed.count"] == 2
        assert told.attributes["forebay.suppressed.key"] == f"test: {__file__}:{line}"


def wrapped(log: forebay.Logger, message: str) -> None:
    """A helper as applications have them."""
    log.info("%s", message, stacklevel=2)


def test_stacklevel_looks_past_a_helper() -> None:
    """As it does in stdlib."""
    with limited() as memory:
        for n in range(20):
            wrapped(memory.log, f"one={n}")
            wrapped(memory.log, f"two={n}")
        assert bodies(memory) == {"one": BURST, "two": BURST}


def test_coroutines_are_call_sites() -> None:
    """Not Forebay's own code, from which the record comes in the end."""

    async def emit(log: forebay.Logger) -> None:
        for n in range(20):
            await log.ainfo(f"one={n}")
            await log.ainfo(f"two={n}")

    with limited() as memory:
        asyncio.run(emit(memory.log))
        assert bodies(memory) == {"one": BURST, "two": BURST}


@pytest.mark.parametrize("way", ["fast", "formatter"])
def test_records_of_logging_are_told_apart_by_their_line(way: str) -> None:
    """Their place goes along as before, once."""
    with limited() as memory:
        handler = forebay.LoggingHandler(logger=memory.collector.logger("logging", level="TRACE"))
        if way == "formatter":
            handler.setFormatter(logging.Formatter("%(message)s"))
        log = logging.Logger("app")
        log.addHandler(handler)
        for n in range(20):
            log.info("one=%d", n)
            log.info(f"two={n}")
        records = memory.records()
        kept = [r for r in records if "forebay.internal" not in r.attributes]
        assert Counter(str(r.body)[:3] for r in kept) == {"one": BURST, "two": BURST}
        assert {r.attributes["code.file.path"] for r in kept} == {__file__}
        assert len({r.attributes["code.line.number"] for r in kept}) == 2
        assert all("thread.name" in r.attributes for r in kept)


def test_bursts_count_each_place_for_itself() -> None:
    """The weights add up to what was emitted."""
    rule = forebay.SampleBurst(first=5, then_every=0, interval=3600)
    with in_memory(sampling=[rule]) as memory:
        for n in range(50):
            memory.log.info(f"one={n}")
            memory.log.info(f"two={n}")
        kept = Counter(str(r.body).split("=")[0] for r in memory.records() if r.body is not None)
        assert kept == {"one": 5, "two": 5}


def test_code_that_is_made_again_and_again_does_not_grow_the_cache() -> None:
    """The same file and line is the same call site, whatever the code object."""
    with limited() as memory:
        for n in range(300):
            scope = {"log": memory.log, "n": n}
            exec(compile("log.info(f'one={n}')", "made.py", "exec"), scope)
        assert bodies(memory) == {"one": BURST}


def test_no_place_is_read_where_no_rule_is_about_call_sites() -> None:
    """Only while a collector with such a rule lives."""
    run_python(
        """
        import forebay

        def emitted(**options):
            exporter = forebay.MemoryExporter()
            with forebay.Collector(exporter=exporter, **options) as collector:
                for n in range(3):
                    collector.logger("x").info(f"built {n}")
                assert collector.flush(30).complete
                return exporter.records()

        by_lane = forebay.RateLimit(per_second=1000, by="lane")
        records = emitted(lanes=[forebay.Lane("only", rate_limit=by_lane)])
        assert len(records) == 3
        assert not any("code.file.path" in r.attributes for r in records)

        by_site = forebay.RateLimit(per_second=1000, by="site")
        records = emitted(lanes=[forebay.Lane("only", rate_limit=by_site)])
        assert [r.attributes["code.line.number"] for r in records] == [8, 8, 8]

        assert not any("code.file.path" in r.attributes for r in emitted())
        """
    )
