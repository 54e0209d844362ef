"""A record for whose conversion there is no memory is none that vanishes."""

from __future__ import annotations

import pytest

from tests.python.in_memory import run_python

_SHORT_OF_MEMORY = """
import contextlib
import logging
import resource
import sys

import forebay
from forebay import _core
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


# Their list alone takes two hundred kilobytes.
many = {f"attribute_{i}": i for i in range(6_000)}
record = logging.makeLogRecord({**many, "msg": "all of it", "levelno": 40, "levelname": "ERROR"})

with memory_collector() as memory:
    handler = forebay.LoggingHandler()
    logger = forebay.get_logger("short")

    def emit():
        if sys.argv[1] == "handler":
            handler.handle(record)
        else:
            _core.emit_bridged(logger, None, 40, "ERROR", "all of it", many, None, 0, None)

    logger.error("a first one")  # everything is there then that a record needs
    with no_more_memory():
        emit()
    emit()
    bodies = sorted(memory.messages())
    expected = ["a first one", "all of it", "there was no memory to convert this record"]
    assert bodies == expected, bodies
    if sys.argv[1] == "bridge":
        assert [record.severity_number for record in memory.records()] == [17, 17, 17]
    assert memory.records(text="all of it")[0].attributes["attribute_5999"] == 5_999
    assert memory.collector.stats().delivered == 3
"""


@pytest.mark.parametrize("way", ["handler", "bridge"])
def test_a_record_that_cannot_be_converted_is_delivered_as_one_that_says_so(way: str) -> None:
    """Through the handler of `logging`, and from another library."""
    # Large blocks come from the system, whatever was freed before; and no other thread's arena,
    # whose address space is reserved already, helps out.
    malloc = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    run_python(_SHORT_OF_MEMORY, way, environment=malloc)
