"""The ledger as Python objects, built from the flat names that the core gives.

The names are those of docs/ledger.md. All objects are frozen; a snapshot is one moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PLACES = ("in_queue", "in_batch", "in_backlog", "in_spool", "in_flight")
_WITH_REASONS = ("dropped", "refused", "rejected")
# Before these the name goes on with a lane, a severity class or a route.
_GROUPS = ("lanes", "by_severity", "routes")


@dataclass(frozen=True)
class Counts:
    """Every name of the ledger as a number of records."""

    emitted: int = 0
    internal: int = 0
    recovered: int = 0
    delivered: int = 0
    sampled_out: int = 0
    rate_limited: int = 0
    refused: int = 0
    dropped: int = 0
    expired: int = 0
    rejected: int = 0
    unknown: int = 0
    handed_over: int = 0
    superseded: int = 0
    held: int = 0
    batched: int = 0
    dropped_by_reason: Mapping[str, int] = field(default_factory=dict)
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
    rejected_by_reason: Mapping[str, int] = field(default_factory=dict)
    # in_queue, in_batch, in_backlog, in_spool, in_flight: together `held`.
    held_by_place: Mapping[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Records that will not arrive and that no rule of the user's let go."""
        return self.refused + self.dropped + self.expired + self.rejected + self.unknown

    @property
    def difference(self) -> int:
        """How far the ledger's law is from holding: 0, or there is a bug."""
        return (
            self.emitted
            + self.internal
            + self.recovered
            - self.delivered
            - self.sampled_out
            - self.rate_limited
            - self.refused
            - self.dropped
            - self.expired
            - self.rejected
            - self.unknown
            - self.handed_over
            - self.superseded
            - self.held
        )


@dataclass(frozen=True)
class Stats(Counts):
    """A collector's ledger at one moment: what `Collector.stats` returns.

    The plain names are sums over all lanes; with several routes, those of the first.
    """

    lanes: Mapping[str, Counts] = field(default_factory=dict)
    # trace, debug, info, warn, error, fatal, unspecified, unattributed.
    by_severity: Mapping[str, Counts] = field(default_factory=dict)
    # A route counts from `batched` on: what comes before is the lanes' alone.
    routes: Mapping[str, Counts] = field(default_factory=dict)
    # What queues, batches and backlog hold now. Unit: bytes.
    memory_bytes: int = 0
    # How full the fullest part is. Unit: as the core gives it; see docs/ledger.md.
    pressure: int = 0
    # Events that end no record: truncated records, errors in %-formatting, warnings kept back.
    notes: Mapping[str, int] = field(default_factory=dict)
    # Everything above by its full name, as the core gave it ("lanes.normal.emitted").
    numbers: Mapping[str, int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Audit:
    """Whether what is really inside agrees with the ledger: what `Collector.audit` returns."""

    balanced: bool
    # False where emits went on meanwhile: then the queue's part is an estimate.
    exact: bool
    # Records, ledger less reality.
    difference: int
    lanes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt(Stats):
    """What `Collector.flush` and `Collector.shutdown` return.

    Every name is the difference between call and return, so ``held`` is negative where more left
    than came in. ``memory_bytes`` and ``pressure`` are differences too.
    """

    # All that was emitted before the call has ended (left the process, or a loss was counted).
    complete: bool = False
    # Unit: s.
    elapsed: float = 0.0


def stats_from(numbers: Mapping[str, int]) -> Stats:
    """Build `Stats` from the core's flat names."""
    return Stats(**_stats_fields(numbers))


def receipt_from(numbers: Mapping[str, int]) -> Receipt:
    """Build a `Receipt` from the core's flat names."""
    ledger = {k: v for k, v in numbers.items() if k not in ("complete", "elapsed_ns")}
    return Receipt(
        **_stats_fields(ledger),
        complete=bool(numbers.get("complete", 0)),
        elapsed=numbers.get("elapsed_ns", 0) / 1e9,
    )


def audit_from(numbers: Mapping[str, int]) -> Audit:
    """Build an `Audit` from the core's flat names."""
    lanes = {
        name.removeprefix("lanes.").removesuffix(".difference"): value
        for name, value in numbers.items()
        if name.startswith("lanes.") and name.endswith(".difference")
    }
    return Audit(
        balanced=bool(numbers["balanced"]),
        exact=bool(numbers["exact"]),
        difference=numbers["difference"],
        lanes=lanes,
    )


_COUNT_NAMES = frozenset(
    name for name in Counts.__dataclass_fields__ if not name.endswith(("_by_reason", "_by_place"))
)


def _stats_fields(numbers: Mapping[str, int]) -> dict[str, Any]:
    plain: dict[str, int] = {}
    notes: dict[str, int] = {}
    groups: dict[str, dict[str, dict[str, int]]] = {group: {} for group in _GROUPS}
    for name, value in numbers.items():
        head, dot, rest = name.partition(".")
        if not dot or head in _WITH_REASONS:
            plain[name] = value
        elif head in groups:
            member, _, inner = rest.partition(".")
            groups[head].setdefault(member, {})[inner] = value
        elif head == "notes":
            notes[rest] = value
    result: dict[str, Any] = dict(_count_fields(plain))
    for group, members in groups.items():
        result[group] = {name: Counts(**_count_fields(inner)) for name, inner in members.items()}
    result["memory_bytes"] = plain.get("memory_bytes", 0)
    result["pressure"] = plain.get("pressure", 0)
    result["notes"] = notes
    result["numbers"] = dict(numbers)
    return result


def _count_fields(numbers: Mapping[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {k: v for k, v in numbers.items() if k in _COUNT_NAMES}
    for head in _WITH_REASONS:
        prefix = head + "."
        result[f"{head}_by_reason"] = {
            name.removeprefix(prefix): value
            for name, value in numbers.items()
            if name.startswith(prefix)
        }
    result["held_by_place"] = {name: numbers[name] for name in _PLACES if name in numbers}
    return result
