"""The audit that follows every test sees each collector, and can fail."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping

import pytest

import forebay
from forebay import _core
from tests.ledger_audit import unbalanced


class Core:
    def __init__(self, difference: int, stats: Mapping[str, int] | None = None) -> None:
        self.difference = difference
        self.numbers = stats or {}

    def stats(self) -> Mapping[str, int]:
        return self.numbers

    def audit(self) -> Mapping[str, int]:
        return {
            "balanced": int(self.difference == 0),
            "exact": 1,
            "difference": self.difference,
            "lanes.urgent.difference": self.difference,
            "lanes.normal.difference": 0,
        }


def test_a_ledger_that_is_off_is_named_with_its_lane() -> None:
    """Of three collectors the one that is off by two, and where."""
    assert unbalanced([Core(0), Core(0)]) == []
    (fault,) = unbalanced([Core(0), Core(-2), Core(0)])
    assert fault.startswith("collector 2 of this test")
    assert "'difference': -2, 'lanes.urgent.difference': -2" in fault
    assert "normal" not in fault


def test_metric_points_that_do_not_add_up_are_named_with_their_place() -> None:
    """In sum, in a lane, on a route: each law by itself."""
    numbers = {"delivered": 7, "held": 2}
    fine = {
        f"metrics.{place}{name}": n
        for place, came in (
            ("", "emitted"),
            ("lanes.metrics.", "emitted"),
            ("routes.m.", "batched"),
        )
        for name, n in {came: 9, **numbers}.items()
    }
    assert unbalanced([Core(0, fine)]) == []
    (fault,) = unbalanced([Core(0, {**fine, "metrics.routes.m.held": 3})])
    assert "metric points: {'route m': -1}" in fault
    (fault,) = unbalanced([Core(0, {**fine, "metrics.emitted": 8})])
    assert "metric points: {'all': -1}" in fault
    (fault,) = unbalanced([Core(0, {**fine, "metrics.lanes.metrics.emitted": 10})])
    assert "metric points: {'lane metrics': 1}" in fault


def test_a_collector_that_is_gone_is_audited_too(
    every_ledger_balances: list[_core.Collector],
) -> None:
    """The fixture keeps the native part, and only that, when the test lets go of a collector."""
    collector = forebay.Collector(exporter=forebay.MemoryExporter())
    collector.logger("t").info("one")
    collector.shutdown()
    gone = weakref.ref(collector)
    del collector
    gc.collect()
    assert gone() is None
    (core,) = every_ledger_balances
    assert core.audit()["balanced"]
    assert core.stats()["emitted"] == 1


def test_an_unbalanced_ledger_fails_the_test(pytester: pytest.Pytester) -> None:
    """The fixture itself, in a run of its own: the test passes, its end is an error."""
    pytester.makepyfile(
        """
        from tests.conftest import every_ledger_balances

        class Core:
            def audit(self):
                return {"balanced": 0, "exact": 1, "difference": 3}
            def stats(self):
                return {}

        def test_it(every_ledger_balances):
            every_ledger_balances.append(Core())
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the ledger does not balance*'difference': 3*"])
