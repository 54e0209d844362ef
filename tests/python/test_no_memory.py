"""A record for whose conversion there is no memory is none that vanishes."""

from __future__ import annotations

from tests.python.in_memory import run_python

_SHORT_OF_MEMORY = """
import contextlib
import logging
import resource

import forebay
from forebay.testing import memory_collector


@contextlib.contextmanager
def no_more_memory():
    pages = int(open("/proc/self/statm").read().split()[0])
    most = pages * resource.getpagesize() + (256 << 10)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    taken = []  # what was freed before, and is large
    with contextlib.suppress(MemoryError):
        while True:
            taken.append(bytes(66 << 10))
    try:
        yield
    finally:
        taken.clear()
        resource.setrlimit(resource.RLIMIT_AS, before)


# Their list alone takes two megabytes, in one piece.
many = {f"attribute_{i}": i for i in range(60_000)}
record = logging.makeLogRecord({**many, "msg": "all of it", "levelno": 40, "levelname": "ERROR"})

with memory_collector() as memory:
    handler = forebay.LoggingHandler()
    forebay.get_logger("short").error("a first one")
    memory.records()  # everything is there now that a record needs, and no thread frees anything
    with no_more_memory():
        handler.handle(record)
    handler.handle(record)
    bodies = sorted(memory.messages())
    expected = ["a first one", "all of it", "there was no memory to convert this record"]
    assert bodies == expected, bodies
    assert memory.records(text="all of it")[0].attributes["attribute_9"] == 9
    assert memory.collector.stats().delivered == 3
"""


def test_a_record_that_cannot_be_converted_is_delivered_as_one_that_says_so() -> None:
    """Through the handler of `logging`."""
    # Large blocks come from the system, whatever was freed before; and no other thread's arena,
    # whose address space is reserved already, helps out.
    malloc = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    run_python(_SHORT_OF_MEMORY, environment=malloc)
