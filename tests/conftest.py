"""What holds for every Python test: each collector made in it ends with a balanced ledger."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest

from forebay import _collector, _core
from forebay._collector import Collector
from tests.ledger_audit import unbalanced


class Recording(weakref.WeakSet[Collector]):
    """The package's set of collectors, which also keeps the native part of each new one.

    Not the Python object: a test may want to see it go. The native part answers `audit` to the end,
    also when the test let go of the collector after its shutdown.
    """

    def __init__(self, before: Iterator[Collector]) -> None:
        super().__init__(before)
        self.cores: list[_core.Collector] = []

    def add(self, item: Collector) -> None:
        super().add(item)
        # The set is filled with what was there before this attribute is.
        if hasattr(self, "cores"):
            self.cores.append(item._core)


@pytest.fixture(autouse=True)
def every_ledger_balances(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[_core.Collector]]:
    """After every test, audit each collector made in it; one that is off fails the test."""
    recording = Recording(iter(_collector._live))
    before = _collector._live
    monkeypatch.setattr(_collector, "_live", recording)
    yield recording.cores
    # What outlives the test is known to the next one.
    before.update(recording)
    faults = unbalanced(recording.cores)
    assert not faults, "the ledger does not balance: " + "; ".join(faults)
