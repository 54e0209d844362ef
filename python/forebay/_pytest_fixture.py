"""The fixtures that `forebay.testing` has for pytest: the one module that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ._manual_clock import ManualClock
from ._testing_memory import MemoryCollector, memory_collector


@pytest.fixture
def forebay_clock() -> ManualClock:
    """The time of this test's ``forebay_collector``; with no such fixture, a clock by itself."""
    return ManualClock()


@pytest.fixture
def forebay_collector_options() -> dict[str, Any]:
    """What ``forebay_collector`` is made with: arguments of `memory_collector`. To be overridden.

    In a conftest.py, or in a file of tests::

        @pytest.fixture
        def forebay_collector_options():
            return {"capture_logging": "INFO"}
    """
    return {}


@pytest.fixture
def forebay_collector(request: pytest.FixtureRequest) -> Iterator[MemoryCollector]:
    """A collector in memory, the process default for this test; its ledger must balance.

    Its options are those of the fixture ``forebay_collector_options``, where there is one. Its
    clock is the test's ``forebay_clock``, where the test has one, else the system's.
    """
    options = _options(request)
    if "forebay_clock" in request.fixturenames:
        options["clock"] = request.getfixturevalue("forebay_clock")
    with memory_collector(**options) as made:
        yield made


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    try:
        return dict(request.getfixturevalue("forebay_collector_options"))
    except pytest.FixtureLookupError as error:
        # A fixture is known where its name is imported, and most import `forebay_collector` alone.
        if error.argname != "forebay_collector_options":
            raise
        return {}
