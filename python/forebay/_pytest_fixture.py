"""The fixtures that `forebay.testing` has for pytest: the one module that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ._manual_clock import ManualClock
from ._testing_memory import MemoryCollector, memory_collector


@pytest.fixture
def forebay_clock() -> ManualClock:
    """The time of this test's ``forebay_collector``; with no such fixture, a clock by itself."""
    return ManualClock()


@pytest.fixture
def forebay_collector(request: pytest.FixtureRequest) -> Iterator[MemoryCollector]:
    """A collector in memory, the process default for this test; its ledger must balance.

    Its clock is the test's ``forebay_clock``, where the test has one, else the system's.
    """
    clock = None
    if "forebay_clock" in request.fixturenames:
        clock = request.getfixturevalue("forebay_clock")
    with memory_collector(clock=clock) as made:
        yield made
