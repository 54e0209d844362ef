"""The fixture that `forebay.testing` has for pytest: the one module that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ._testing_memory import MemoryCollector, memory_collector


@pytest.fixture
def forebay_collector() -> Iterator[MemoryCollector]:
    """A collector in memory, the process default for this test; its ledger must balance."""
    with memory_collector() as made:
        yield made
