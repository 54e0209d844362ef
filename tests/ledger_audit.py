"""Says which collectors' ledgers do not agree with what is really inside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class Audited(Protocol):
    """What the audit needs of a collector: the core's flat numbers."""

    def audit(self) -> Mapping[str, int]: ...


def unbalanced(collectors: Iterable[Audited]) -> list[str]:
    """A sentence for each collector whose audit finds a difference."""
    faults = []
    for number, collector in enumerate(collectors, 1):
        audit = collector.audit()
        if not audit["balanced"]:
            differences = {name: n for name, n in audit.items() if "difference" in name and n}
            faults.append(
                f"collector {number} of this test: {differences} (exact={audit['exact']})"
            )
    return faults
