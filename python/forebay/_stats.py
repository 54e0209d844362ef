"""The ledger as Python objects, built from the flat names that the core gives.

The names are those of docs/ledger.md. All objects are frozen; a snapshot is one moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ._pressure import STATES, Pressure

_PLACES = ("in_queue", "in_batch", "in_backlog", "in_spool", "in_flight")
_WITH_REASONS = ("dropped", "refused", "rejected")
# Before these the name goes on with a lane, a severity class or a route.
_GROUPS = ("lanes", "by_severity", "routes")


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """What is not zero; lanes, classes and routes are left to their own attributes."""
        shown = []
        for each in (f for f in fields(self) if f.repr):
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                value = {name: n for name, n in value.items() if isinstance(n, int) and n}
            if isinstance(value, Counts) and repr(value).endswith("()"):
                continue
            if value or isinstance(value, bool):
                shown.append(f"{each.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

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


@dataclass(frozen=True, repr=False)
class LaneCounts(Counts):
    """A lane's part of the ledger, and its queue."""

    # How many slots the queue has, and how many are free. 0 where it is not in use.
    slots: int = 0
    room: int = 0
    state: Pressure = Pressure.NORMAL
    # How full the queue is, 0..1.
    fill: float = 0.0
    # Estimated from how fast it fills. Unit: s. None where it does not.
    seconds_to_full: float | None = None
    # When there may be room again, estimated from how fast it drains: what to tell a caller who is
    # turned away. Unit: s. None where it is not in use.
    retry_after: float | None = None


@dataclass(frozen=True)
class Destination:
    """One exporter of a route, as it is now: an entry of ``RouteCounts.destinations``."""

    # Records that it acknowledged. (Which name a record is under is the route's to say.)
    delivered: int = 0
    failures_in_a_row: int = 0
    # Batches that were sent and not answered yet.
    under_way: int = 0
    # Whether it has ever answered, with whatever.
    answered: bool = False
    # Its circuit breaker: 0 closed, 1 open, 2 half-open.
    breaker: int = 0
    # How many batches may be under way: ``max_in_flight``, less where it said that it is busy.
    in_flight_limit: int = 0


@dataclass(frozen=True, repr=False)
class RouteCounts(Counts):
    """A route's part of the ledger, from `batched` on: what comes before is the lanes' alone."""

    # In the order of ``Route.exporters``. Empty in a receipt, and before the first record.
    destinations: tuple[Destination, ...] = field(default=(), repr=False)
    # 0 closed, 1 open, 2 half-open: as open as the best of its destinations.
    breaker: int = field(default=0, repr=False)


@dataclass(frozen=True, repr=False)
class PointCounts(Counts):
    """The ledger of metric points: every name as a number of points, by the same two laws.

    A point is `emitted` when a collection makes it, or an exporter of the SDK hands it over; one of
    Forebay's own is `internal`. (Measurements that no point shows are among
    ``Stats.notes``.)
    """

    lanes: Mapping[str, Counts] = field(default_factory=dict)
    routes: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Totals(Counts):
    """The ledger as sums over all lanes, and taken apart.

    The plain names are of log records. With several routes, those from `batched` on are those of
    the first.
    """

    lanes: Mapping[str, LaneCounts] = field(default_factory=dict)
    # trace, debug, info, warn, error, fatal, unspecified, unattributed.
    by_severity: Mapping[str, Counts] = field(default_factory=dict)
    routes: Mapping[str, RouteCounts] = field(default_factory=dict)
    # Of metric points. They are in none of the other numbers.
    metrics: PointCounts = field(default_factory=PointCounts)
    # Everything by its full name, as the core gave it ("lanes.normal.emitted").
    numbers: Mapping[str, int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, repr=False)
class Stats(Totals):
    """A collector's ledger at one moment: what `Collector.stats` returns."""

    # What queues, batches and backlog hold now. Unit: bytes.
    memory_bytes: int = 0
    # The highest of all lanes.
    pressure: Pressure = Pressure.NORMAL
    # How full the fullest lane's queue is, 0..1.
    fill: float = 0.0
    # When the first lane is full at the present rates: the sign that an autoscaler reads. Unit: s.
    # None where none fills.
    seconds_to_full: float | None = None
    # How many records the sampled ones stand for, by what became of them: delivered, lost, pending.
    represented: Mapping[str, int] = field(default_factory=dict)
    # The flight recorder's records: recorded, overwritten, expired, released, held.
    recorder: Mapping[str, int] = field(default_factory=dict)
    # Whether the destination has ever answered in this process, with whatever.
    destination_answered: bool = False
    # Events that end no record, such as truncated_records.
    notes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """Whether what is really inside agrees with the ledger: what `Collector.audit` returns."""

    balanced: bool
    # False where emits went on meanwhile: then the queue's part is an estimate.
    exact: bool
    # Records and metric points, ledger less reality.
    difference: int
    # By lane; ``metrics`` is the one of metric points, and counts them.
    lanes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Receipt(Totals):
    """What `Collector.flush` and `Collector.shutdown` return.

    Every name is the difference between call and return, so ``held`` is negative where more left
    than came in.
    """

    # All that was emitted before the call has ended (left the process, or a loss was counted).
    complete: bool = False
    # Unit: s.
    elapsed: float = 0.0


def stats_from(numbers: Mapping[str, int]) -> Stats:
    """Build `Stats` from the core's flat names."""
    return Stats(
        **_total_fields(numbers),
        memory_bytes=numbers.get("memory_bytes", 0),
        pressure=STATES[numbers.get("pressure", 0)],
        fill=numbers.get("fill_permille", 0) / 1000,
        seconds_to_full=_seconds(numbers, "ms_to_full"),
        destination_answered=bool(numbers.get("destination_answered", 0)),
        represented=_below("represented.", numbers),
        recorder=_below("recorder.", numbers),
        notes=_below("notes.", numbers),
    )


def receipt_from(numbers: Mapping[str, int]) -> Receipt:
    """Build a `Receipt` from the core's flat names."""
    ledger = {k: v for k, v in numbers.items() if k not in ("complete", "elapsed_ns")}
    return Receipt(
        **_total_fields(ledger),
        complete=bool(numbers.get("complete", 0)),
        elapsed=numbers.get("elapsed_ns", 0) / 1e9,
    )


def audit_from(numbers: Mapping[str, int]) -> Audit:
    """Build an `Audit` from the core's flat names."""
    lanes: dict[str, int] = {}
    for name, value in numbers.items():
        if name.startswith(("lanes.", "metrics.lanes.")) and name.endswith(".difference"):
            lane = name.removesuffix(".difference").rpartition(".")[2]
            # A lane of log records may be called "metrics", too.
            lanes[lane] = lanes.get(lane, 0) + value
    return Audit(
        balanced=bool(numbers["balanced"]),
        exact=bool(numbers["exact"]),
        difference=numbers["difference"],
        lanes=lanes,
    )


# What a lane has besides its part of the ledger, under names of its own.
_OF_A_QUEUE = ("state", "fill", "seconds_to_full", "retry_after")
_NUMBER_NAMES = frozenset(
    name
    for name in LaneCounts.__dataclass_fields__
    if not name.endswith(("_by_reason", "_by_place")) and name not in _OF_A_QUEUE
)


_Groups = dict[str, dict[str, dict[str, int]]]


def _grouped(numbers: Mapping[str, int]) -> tuple[dict[str, int], _Groups]:
    """The plain names, and those of each member of each group."""
    plain: dict[str, int] = {}
    groups: _Groups = {group: {} for group in _GROUPS}
    for name, value in numbers.items():
        head, dot, rest = name.partition(".")
        if not dot or head in _WITH_REASONS:
            plain[name] = value
        elif head in groups:
            member, _, inner = rest.partition(".")
            groups[head].setdefault(member, {})[inner] = value
    return plain, groups


def _total_fields(numbers: Mapping[str, int]) -> dict[str, Any]:
    plain, groups = _grouped(numbers)
    result = _count_fields(plain)
    result["lanes"] = {
        name: LaneCounts(**_count_fields(inner), **_queue_fields(inner))
        for name, inner in groups["lanes"].items()
    }
    result["by_severity"] = {
        name: Counts(**_count_fields(inner)) for name, inner in groups["by_severity"].items()
    }
    result["routes"] = {
        name: RouteCounts(
            **_count_fields(inner),
            destinations=_destinations(inner),
            breaker=inner.get("breaker", 0),
        )
        for name, inner in groups["routes"].items()
    }
    result["metrics"] = points_from(numbers)
    result["numbers"] = dict(numbers)
    return result


def points_from(numbers: Mapping[str, int]) -> PointCounts:
    """The ledger of metric points, from names that begin with ``metrics.``."""
    plain, groups = _grouped(_below("metrics.", numbers))
    return PointCounts(
        **_count_fields(plain),
        lanes={name: Counts(**_count_fields(inner)) for name, inner in groups["lanes"].items()},
        routes={name: Counts(**_count_fields(inner)) for name, inner in groups["routes"].items()},
    )


def _destinations(numbers: Mapping[str, int]) -> tuple[Destination, ...]:
    """From ``destinations.<i>.<name>``, in the order of the numbers."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in numbers.items():
        head, _, rest = name.partition(".")
        index, _, inner = rest.partition(".")
        if head == "destinations" and inner in Destination.__dataclass_fields__:
            found.setdefault(int(index), {})[inner] = bool(value) if inner == "answered" else value
    return tuple(Destination(**each) for _, each in sorted(found.items()))


def _count_fields(numbers: Mapping[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {k: v for k, v in numbers.items() if k in _NUMBER_NAMES}
    for head in _WITH_REASONS:
        result[f"{head}_by_reason"] = _below(f"{head}.", numbers)
    result["held_by_place"] = {name: numbers[name] for name in _PLACES if name in numbers}
    return result


def _queue_fields(numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "state": STATES[numbers.get("state", 0)],
        "fill": numbers.get("fill_permille", 0) / 1000,
        "seconds_to_full": _seconds(numbers, "ms_to_full"),
        "retry_after": _seconds(numbers, "retry_after_ms"),
    }


def _seconds(numbers: Mapping[str, int], name: str) -> float | None:
    value = numbers.get(name)
    return None if value is None else value / 1000


def _below(prefix: str, numbers: Mapping[str, int]) -> dict[str, int]:
    return {
        name.removeprefix(prefix): value
        for name, value in numbers.items()
        if name.startswith(prefix)
    }
