"""Says which collectors' ledgers do not agree with what is really inside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from forebay._stats import Counts, points_from


class Audited(Protocol):
    """What the audit needs of a collector: the core's flat numbers."""

    def audit(self) -> Mapping[str, int]: ...
    def stats(self) -> Mapping[str, int]: ...


def unbalanced(collectors: Iterable[Audited]) -> list[str]:
    """A sentence for each collector whose audit finds a difference, or whose points a law does."""
    faults = []
    for number, collector in enumerate(collectors, 1):
        audit = collector.audit()
        if not audit["balanced"]:
            differences = {name: n for name, n in audit.items() if "difference" in name and n}
            faults.append(
                f"collector {number} of this test: {differences} (exact={audit['exact']})"
            )
        differences = _point_differences(collector.stats())
        if differences:
            faults.append(f"collector {number} of this test: metric points: {differences}")
    return faults


def _point_differences(numbers: Mapping[str, int]) -> dict[str, int]:
    """By how much the laws of metric points do not hold: over all, by lane, by route."""
    points = points_from(numbers)
    found = {"all": points.difference}
    found |= {f"lane {name}": lane.difference for name, lane in points.lanes.items()}
    for name, route in points.routes.items():
        found[f"route {name}"] = _route_difference(route)
    return {name: difference for name, difference in found.items() if difference}


def _route_difference(route: Counts) -> int:
    # `difference` has `emitted` for what came; a route has `batched`.
    return route.difference + route.batched
