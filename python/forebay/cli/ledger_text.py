"""The ledger's two laws, spelled out with numbers and checked.

    intake:   emitted + internal = sampled_out + rate_limited + refused + dropped + expired
                                   + in_queue + in_batch + batched
    a route:  batched + recovered = delivered + dropped + expired + rejected + unknown
                                    + handed_over + superseded + in_backlog + in_spool + in_flight

Works on flat names (docs/ledger.md), so that it serves a live process, a stats file and tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Numbers = Mapping[str, int]

INTAKE_IN = ("emitted", "internal")
INTAKE_OUT = (
    "sampled_out",
    "rate_limited",
    "refused",
    "dropped",
    "expired",
    "in_queue",
    "in_batch",
    "batched",
)
ROUTE_IN = ("batched", "recovered")
ROUTE_OUT = (
    "delivered",
    "dropped",
    "expired",
    "rejected",
    "unknown",
    "handed_over",
    "superseded",
    "in_backlog",
    "in_spool",
    "in_flight",
)


@dataclass(frozen=True)
class Law:
    """One law of one place, with its numbers."""

    name: str
    left: dict[str, int]
    right: dict[str, int]

    @property
    def difference(self) -> int:
        """Left less right; 0 where the law holds."""
        return sum(self.left.values()) - sum(self.right.values())

    @property
    def verdict(self) -> str:
        """``balanced``, or by how much not."""
        difference = self.difference
        return "balanced" if difference == 0 else f"DIFFERS by {difference:+,}"

    def text(self) -> str:
        """The law with every name that is not zero, and its verdict."""
        left = " + ".join(f"{name} {n:,}" for name, n in self.left.items() if n) or "0"
        right = " + ".join(f"{name} {n:,}" for name, n in self.right.items() if n) or "0"
        return f"{self.name}: {left} = {right}"


def below(numbers: Numbers, group: str, member: str) -> dict[str, int]:
    """The numbers of one lane, route or severity class, under their plain names."""
    prefix = f"{group}.{member}."
    return {
        name.removeprefix(prefix): value
        for name, value in numbers.items()
        if name.startswith(prefix)
    }


def intake_law(name: str, numbers: Numbers, first_route: Numbers) -> Law:
    """The first law. ``numbers`` are plain totals; what the first route ended is taken out."""
    left = {key: numbers.get(key, 0) for key in INTAKE_IN}
    right = {key: numbers.get(key, 0) for key in INTAKE_OUT}
    for key in ("dropped", "expired"):
        right[key] -= first_route.get(key, 0)
    return Law(name, left, right)


def route_law(name: str, numbers: Numbers, batched: int) -> Law:
    """The second law, of one route."""
    left = {"batched": batched, "recovered": numbers.get("recovered", 0)}
    return Law(name, left, {key: numbers.get(key, 0) for key in ROUTE_OUT})


def laws(numbers: Numbers, routes: list[str], prefix: str = "") -> list[Law]:
    """Both laws over all lanes: the intake's, and each route's. Their names begin with `prefix`."""
    first = below(numbers, "routes", routes[0]) if routes else {}
    result = [intake_law(f"{prefix}intake", numbers, first)]
    for route in routes:
        own = below(numbers, "routes", route)
        result.append(route_law(f"{prefix}route {route}", own, numbers.get("batched", 0)))
    return result


def points(numbers: Numbers) -> dict[str, int]:
    """The numbers of metric points, under the names that records have."""
    return {
        name.removeprefix("metrics."): value
        for name, value in numbers.items()
        if name.startswith("metrics.")
    }


# The rows of the table, with what is subordinate indented.
_ROWS = (
    "emitted",
    "internal",
    "recovered",
    "delivered",
    "sampled_out",
    "rate_limited",
    "refused",
    "dropped",
    "expired",
    "rejected",
    "unknown",
    "handed_over",
    "superseded",
    "held",
)
_REASONS = ("refused", "dropped", "rejected")
_PLACES = ("in_queue", "in_batch", "in_backlog", "in_spool", "in_flight")
_ALWAYS = ("emitted", "delivered", "dropped", "held")


def table(numbers: Numbers, lanes: list[str]) -> list[str]:
    """A row a name, a column a lane and their sum. Rows that are zero everywhere are left out."""
    columns = [numbers, *(below(numbers, "lanes", lane) for lane in lanes)]
    rows: list[tuple[str, list[int]]] = []

    def add(label: str, name: str) -> None:
        values = [column.get(name, 0) for column in columns]
        if any(values) or name in _ALWAYS:
            rows.append((label, values))

    for name in _ROWS:
        add(name, name)
        if name in _REASONS:
            for full in sorted(n for n in numbers if n.startswith(name + ".")):
                add(f"  {full.partition('.')[2]}", full)
        elif name == "held":
            for place in _PLACES:
                add(f"  {place}", place)
    headings = ["all lanes", *lanes]
    width = max(22, *(len(label) for label, _ in rows))
    widths = [
        max(len(heading), *(len(f"{values[i]:,}") for _, values in rows))
        for i, heading in enumerate(headings)
    ]
    lines = [" " * width + "".join(f"  {h:>{w}}" for h, w in zip(headings, widths, strict=True))]
    lines += [
        f"{label:<{width}}" + "".join(f"  {v:>{w},}" for v, w in zip(values, widths, strict=True))
        for label, values in rows
    ]
    return lines
