"""The counters of a stats file added up: every name of the ledger, and its two laws."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from ._stats_file_layout import OpenStatsFile

_HELD = ("in_queue", "in_batch", "in_backlog", "in_spool", "in_flight")
_ENDS = (
    *("delivered", "sampled_out", "rate_limited", "refused", "dropped", "expired"),
    *("rejected", "unknown", "handed_over", "superseded"),
)
_PLAIN = ("emitted", "internal", "recovered", *_ENDS, "held", *_HELD, "batched")
_BEFORE_A_ROUTE = (
    *("emitted", "internal", "sampled_out", "rate_limited", "refused"),
    *("in_queue", "in_batch"),
)
_ROUTE_PLAIN = tuple(name for name in _PLAIN if name not in _BEFORE_A_ROUTE)

# Counters of the emitting threads that are in no law: what sampled records stand for.
_EXCESS = ("excess_queued", "excess_evicted")

Row = list[int]  # one number a severity class


@dataclass(frozen=True)
class Law:
    """One of the ledger's two laws with its numbers, for one lane: of records, or of points."""

    lane: str
    # None: the intake's law.
    route: str | None
    # What came, by name, and what it became.
    left: Mapping[str, int]
    right: Mapping[str, int]

    @property
    def difference(self) -> int:
        """Left less right: 0, or there is a bug."""
        return sum(self.left.values()) - sum(self.right.values())

    @property
    def holds(self) -> bool:
        """Both sides are equal, and nothing is below zero."""
        return self.difference == 0 and min(self.right.values()) >= 0


class Numbers:
    """The counters, and what is worked out from them."""

    def __init__(self, reader: OpenStatsFile, flow: array[int]) -> None:
        self.reader = reader
        self.flow = flow
        self.classes = len(reader.classes)
        self.ahead = 0
        lanes = range(len(reader.lanes))
        self.emit = [{name: [0] * self.classes for name in reader.emit_names} for _ in lanes]
        self.intake = [
            self._rows(reader.intake_offset + lane * reader.intake_lane_bytes, reader.intake_names)
            for lane in lanes
        ]
        self.ends: list[list[dict[str, Row]]] = []  # [route][lane]
        self.places: list[list[dict[str, Row]]] = []
        for route in range(len(reader.routes)):
            starts = [
                reader.route_offset + route * reader.route_bytes + lane * reader.route_lane_bytes
                for lane in lanes
            ]
            self.ends.append([self._rows(start, reader.route_names) for start in starts])
            self.places.append(
                [self._rows(start + reader.places_offset, reader.place_names) for start in starts]
            )

    def _rows(self, offset: int, names: tuple[str, ...]) -> dict[str, Row]:
        rows = {}
        for index, name in enumerate(names):
            start = offset // 8 + index * self.classes
            row = self.flow[start : start + self.classes].tolist()
            if len(row) != self.classes:
                raise self.reader.error("damaged: a counter lies outside the file")
            rows[name] = row
        return rows

    def add_emit_side(self) -> None:
        """What emit ended first, `emitted` after: what is seen to leave is then seen to come."""
        ended = [name for name in self.reader.emit_names if name != "emitted"]
        for names in (ended, ["emitted"]):
            self.reader.header()
            self._add_slots(names)
        for lane, rows in enumerate(self.emit):
            for c in range(self.classes):
                missing = -self._in_queue(lane)[c]
                if missing > 0:
                    rows["emitted"][c] += missing
                    self.ahead += missing

    def _add_slots(self, names: list[str]) -> None:
        reader = self.reader
        self._add(reader.cells_at(reader.shared_slot_offset, reader.slot_bytes // 8), 1, names)
        for group in range(reader.groups):
            offset = reader.groups_offset + group * reader.group_bytes
            cells = reader.cells_at(offset, reader.slots_per_group * reader.slot_bytes // 8)
            if any(cells):
                self._add(cells, reader.slots_per_group, names)

    def _add(self, cells: array[int], slots: int, names: list[str]) -> None:
        stride = self.reader.slot_bytes // 8
        for lane, rows in enumerate(self.emit):
            for name in names:
                start = lane * self.reader.slot_lane_bytes // 8
                start += self.reader.emit_names.index(name) * self.classes
                for c in range(self.classes):
                    rows[name][c] += sum(cells[start + c : slots * stride : stride])

    def _in_queue(self, lane: int) -> Row:
        emit = self.emit[lane]
        ended = [row for name, row in emit.items() if name not in _EXCESS]
        return [
            2 * emit["emitted"][c] - sum(row[c] for row in ended) - self.intake[lane]["drained"][c]
            for c in range(self.classes)
        ]

    def _in_batch(self, lane: int) -> Row:
        rows = self.intake[lane]
        came = ("internal", "drained")
        return [
            sum(row[c] if name in came else -row[c] for name, row in rows.items())
            for c in range(self.classes)
        ]

    def named(self) -> dict[str, int]:
        """Every name, as `Snapshot::visit` of the core has them."""
        reader = self.reader
        logs = reader.log_lanes
        names = self._of_lanes("", logs)
        for c, severity in enumerate(reader.classes):
            prefix = f"by_severity.{severity}."
            names |= self._sums(prefix, [*map(self._lane, logs)], slice(c, c + 1), _PLAIN)
        points = range(len(logs), len(reader.lanes))
        if points:
            names |= self._of_lanes("metrics.", points)
        notes = self.flow[reader.notes_offset // 8 :]
        for name, value in zip(reader.note_names, notes, strict=False):
            names[f"notes.{name}"] = value
        return names | self._represented(names)

    def _of_lanes(self, prefix: str, lanes: range) -> dict[str, int]:
        """Sums over some lanes, and each of them, and what is of them on each route."""
        reader = self.reader
        everything = slice(None)
        names = self._sums(prefix, [*map(self._lane, lanes)], everything, _PLAIN, zeros=True)
        for lane in lanes:
            of_lane = f"{prefix}lanes.{reader.lanes[lane]}."
            names |= self._sums(of_lane, [self._lane(lane)], everything, _PLAIN)
        for route, text in enumerate(reader.routes):
            rows = [("batched", self.intake[lane]["batched"]) for lane in lanes]
            rows += [row for lane in lanes for row in self._route(route, lane)]
            names |= self._sums(f"{prefix}routes.{text}.", [rows], everything, _ROUTE_PLAIN)
        return names

    def _represented(self, names: dict[str, int]) -> dict[str, int]:
        """As `Snapshot::represented`; without what threads have suppressed and told nobody of."""

        def excess(name: str) -> int:
            return sum(sum(self.emit[lane].get(name, ())) for lane in self.reader.log_lanes)

        ends = ("rate_limited", *(f"{part}." for part in ("refused", "dropped")))
        delivered = names.get("notes.represented_delivered", 0)
        lost = names.get("notes.represented_lost", 0) + excess("excess_evicted")
        for rows in (self.emit[lane] for lane in self.reader.log_lanes):
            lost += sum(sum(row) for name, row in rows.items() if name.startswith(ends))
        total = names["emitted"] - names["sampled_out"] + excess("excess_queued")
        total += names.get("notes.represented_remainders", 0)
        return {
            "represented.delivered": delivered,
            "represented.lost": lost,
            "represented.pending": total - delivered - lost,
        }

    def _lane(self, lane: int, *, with_route: bool = True) -> list[tuple[str, Row]]:
        rows = [item for item in self.emit[lane].items() if item[0] not in _EXCESS]
        rows += [item for item in self.intake[lane].items() if item[0] != "drained"]
        rows += [("in_queue", self._in_queue(lane)), ("in_batch", self._in_batch(lane))]
        return rows + self._route(0, lane) if with_route else rows

    def _route(self, route: int, lane: int) -> list[tuple[str, Row]]:
        return [*self.ends[route][lane].items(), *self.places[route][lane].items()]

    @staticmethod
    def _sums(
        prefix: str,
        groups: list[list[tuple[str, Row]]],
        classes: slice,
        plain: tuple[str, ...],
        *,
        zeros: bool = False,
    ) -> dict[str, int]:
        sums = dict.fromkeys(plain, 0)
        reasons: dict[str, int] = {}
        for name, row in (item for group in groups for item in group):
            value = sum(row[classes])
            head, dot, _ = name.partition(".")
            sums[head] = sums.get(head, 0) + value
            if dot:
                reasons[name] = reasons.get(name, 0) + value
            elif name in _HELD:
                sums["held"] += value
        names = {prefix + name: value for name, value in sums.items()}
        for name in sorted(reasons):
            if reasons[name] or zeros:
                names[prefix + name] = reasons[name]
        return names

    def laws(self) -> list[Law]:
        """The first law for each lane, then the second for each route and lane."""
        file = self.reader
        laws = []
        for lane, name in enumerate(file.lanes):
            came = {"emitted": sum(self.emit[lane]["emitted"])}
            came["internal"] = sum(self.intake[lane]["internal"])
            rows = [item for item in self._lane(lane, with_route=False) if item[0] not in came]
            laws.append(Law(name, None, came, _by_name(rows)))
        for route, text in enumerate(file.routes):
            for lane, name in enumerate(file.lanes):
                came = {"batched": sum(self.intake[lane]["batched"])}
                came["recovered"] = sum(self.ends[route][lane]["recovered"])
                rows = [item for item in self._route(route, lane) if item[0] not in came]
                laws.append(Law(name, text, came, _by_name(rows)))
        return laws


def _by_name(rows: list[tuple[str, Row]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, row in rows:
        sums[name] = sums.get(name, 0) + sum(row)
    return sums
