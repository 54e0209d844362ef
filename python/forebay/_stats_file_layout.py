"""The stats file byte by byte: where docs/ledger.md says that things are.

Every range that the file names is checked before it is used, so that a file which is cut off,
damaged or somebody else's is an error with a sentence, whatever its bytes are.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ._errors import ForebayError

FORMAT_VERSION = 1
ENDED = 2

_MAGIC = b"FBLEDGER"
_BYTE_ORDER = 0x01020304
# Magic and sizes; process; state, times and sequence; where the flow side is; the emit slots.
_FIXED = "8s6I 4Qq16s 2I2qQ 20I 5Q"
_FIXED_BYTES = 240
# What files of later versions have behind it: where the gauges are; then how many lanes carry log
# records, and what is reserved.
_GAUGES = "2I"
_LOG_LANES = "2I"
_TABLES = 9
_MOST_HEADER_BYTES = 1 << 20
_MOST_FILE_BYTES = 1 << 30
_MOST_PENDING_MOVES = 1024
# Reads until a moment between two steps of the writer is met.
_READS = 50
_PLACES_OF_MOVE = ("in_backlog", "in_spool", "in_flight", "nowhere")


class StatsFileError(ForebayError):
    """A file is no stats file, is damaged, or is of a format that this version does not know."""


@dataclass(frozen=True)
class PendingMove:
    """A batch that was between two places of a route when the file was read."""

    route: str
    lane: str
    batch_id: str
    from_place: str
    to_place: str
    records: int


class OpenStatsFile:
    """Reads one open file; every range is checked before it is used."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.order = "<"
        self.size = os.fstat(descriptor).st_size

    def error(self, what: str) -> StatsFileError:
        return StatsFileError(f"{self.path}: {what}")

    def bytes_at(self, offset: int, count: int) -> bytes:
        if not 0 <= offset <= offset + count <= _MOST_FILE_BYTES:
            raise self.error(f"damaged: {count} bytes at {offset} are no part of a stats file")
        data = os.pread(self.descriptor, count, offset)
        if len(data) != count:
            raise self.error(f"cut off: it ends before byte {offset + count}")
        return data

    def cells_at(self, offset: int, count: int) -> array[int]:
        cells = array("Q", self.bytes_at(offset, count * 8))
        if (self.order == "<") != (sys.byteorder == "little"):
            cells.byteswap()
        return cells

    def header(self) -> None:
        if self.size < _FIXED_BYTES:
            raise self.error(f"cut off: {self.size} bytes are no header")
        data = self.bytes_at(0, _FIXED_BYTES)
        if not any(data[:8]):
            raise self.error("not ready: its process is still making it, or died doing so")
        if data[:8] != _MAGIC:
            raise self.error("not a stats file of Forebay")
        if struct.unpack_from("<I", data, 8)[0] != _BYTE_ORDER:
            self.order = ">"
            if struct.unpack_from(">I", data, 8)[0] != _BYTE_ORDER:
                raise self.error("damaged: no byte order")
        fields = iter(struct.unpack(self.order + _FIXED, data))

        def take(count: int) -> list[int]:
            return [next(fields) for _ in range(count)]

        take(2)
        version, self.header_bytes, fixed_bytes, self.tables_offset, self.tables_bytes = take(5)
        if not 1 <= version <= FORMAT_VERSION:
            raise self.error(f"format {version}: this version of Forebay reads {FORMAT_VERSION}")
        if fixed_bytes < _FIXED_BYTES or not 0 < self.header_bytes <= _MOST_HEADER_BYTES:
            raise self.error("damaged: no room for a header")
        self.pid, self.pid_namespace, self.start_ticks, _ = take(4)
        self.started_ns = next(fields)
        boot = next(fields).hex()
        self.boot_id = f"{boot[:8]}-{boot[8:12]}-{boot[12:16]}-{boot[16:20]}-{boot[20:]}"
        self.state_code, _, self.ended_ns, self.heartbeat_ns, self.sequence = take(5)
        self.intake_offset, self.intake_lane_bytes = take(2)
        self.route_offset, self.route_bytes, self.route_lane_bytes, self.places_offset = take(4)
        self.journal_offset, self.journal_row_bytes, self.journal_rows = take(3)
        self.pending_offset, self.pending_route_bytes, self.pending_bytes, self.pendings = take(4)
        self.notes_offset, self.note_cells, self.shared_slot_offset = take(3)
        self.slot_bytes, self.slot_lane_bytes, self.slots_per_group, self.max_slots = take(4)
        self.groups_offset, self.group_bytes, self.groups = take(3)
        self.leased_slots, self.shared_leases = take(2)
        self._later_fields(fixed_bytes)
        lanes_fit = 8 <= self.slot_lane_bytes <= self.slot_bytes
        slots_fit = 0 < self.slots_per_group * self.slot_bytes <= self.group_bytes
        groups_fit = self.groups * self.group_bytes <= _MOST_FILE_BYTES
        if not (lanes_fit and slots_fit and groups_fit):
            raise self.error(f"damaged: {self.groups} groups of emit slots do not fit")

    def _later_fields(self, fixed_bytes: int) -> None:
        self.gauges_offset = self.gauge_lane_bytes = 0
        self._log_lanes: int | None = None  # all of them
        at = _FIXED_BYTES
        if fixed_bytes >= at + struct.calcsize(_GAUGES):
            more = self.bytes_at(at, struct.calcsize(_GAUGES))
            self.gauges_offset, self.gauge_lane_bytes = struct.unpack(self.order + _GAUGES, more)
        at += struct.calcsize(_GAUGES)
        if fixed_bytes >= at + struct.calcsize(_LOG_LANES):
            more = self.bytes_at(at, struct.calcsize(_LOG_LANES))
            self._log_lanes, _ = struct.unpack(self.order + _LOG_LANES, more)

    @property
    def log_lanes(self) -> range:
        """The indices of the lanes that carry log records; those behind them carry points."""
        every = len(self.lanes)
        return range(every if self._log_lanes is None else min(self._log_lanes, every))

    def tables(self) -> None:
        data = self.bytes_at(self.tables_offset, min(self.tables_bytes, _MOST_HEADER_BYTES))
        at = 0
        tables = []
        try:
            for _ in range(_TABLES + bool(self.gauge_lane_bytes)):
                (count,) = struct.unpack_from(self.order + "I", data, at)
                at += 4
                table = []
                for _ in range(count):
                    (length,) = struct.unpack_from(self.order + "H", data, at)
                    at += 2
                    if at + length > len(data):
                        raise self.error("damaged: a name reaches beyond the header")
                    table.append(data[at : at + length].decode("utf-8", "replace"))
                    at += length
                tables.append(tuple(table))
        except struct.error:
            raise self.error("damaged: its tables of names end too soon") from None
        self.texts, self.classes, self.lanes, self.routes, self.emit_names = tables[:5]
        self.intake_names, self.route_names, self.place_names, self.note_names = tables[5:9]
        self.gauge_names = tables[_TABLES] if len(tables) > _TABLES else ()
        if len(self.texts) < 2 or not (self.lanes and self.routes and self.classes):
            raise self.error("damaged: its tables of names are empty")
        if self._log_lanes is not None and not 0 < self._log_lanes <= len(self.lanes):
            raise self.error(f"damaged: {self._log_lanes} of {len(self.lanes)} lanes are of logs")
        known = "emitted" in self.emit_names and "recovered" in self.route_names
        if not known or not {"internal", "drained", "batched"} <= {*self.intake_names}:
            raise self.error("damaged: names that every ledger has are not there")

    def flow(self, *, gone: bool) -> tuple[array[int], bool, bool]:
        """The cells from the header's end to the groups, at one moment between two steps."""
        count = self.groups_offset // 8
        for _ in range(1 if gone else _READS):
            self.header()
            before = self.sequence
            cells = self.cells_at(0, count)
            self.header()
            if before == self.sequence and before % 2 == 0:
                return cells, True, False
        odd = before == self.sequence and before % 2 == 1
        if odd:
            self.make_the_step(cells)
        return cells, odd, odd

    def make_the_step(self, cells: array[int]) -> None:
        at = self.journal_offset // 8
        row_cells = self.journal_row_bytes // 8
        if at + 1 + self.journal_rows * row_cells > len(cells) or cells[at] > self.journal_rows:
            raise self.error("damaged: its journal is not within it")
        for row in range(cells[at]):
            start = at + 1 + row * row_cells
            target = cells[start] // 8
            if target + row_cells - 1 > len(cells):
                raise self.error("damaged: its journal leads out of it")
            cells[target : target + row_cells - 1] = cells[start + 1 : start + row_cells]

    def gauges(self) -> dict[str, int]:
        """How each lane of log records was at the last look: ``lanes.<lane>.fill_permille``."""
        found = {}
        names = self.gauge_names[: self.gauge_lane_bytes // 8]
        for index in self.log_lanes if names else ():
            lane = self.lanes[index]
            cells = self.cells_at(self.gauges_offset + index * self.gauge_lane_bytes, len(names))
            for name, value in zip(names, cells, strict=True):
                if name != "ms_to_full" or value:  # 0: it does not fill
                    found[f"lanes.{lane}.{name}"] = value
        return found

    def pending_moves(self) -> Iterable[PendingMove]:
        counts = len(self.classes)
        form = f"{self.order}I4B{counts}Q"
        for index, route in enumerate(self.routes):
            for entry in range(min(self.pendings, _MOST_PENDING_MOVES)):
                start = self.pending_offset + index * self.pending_route_bytes
                data = self.bytes_at(start + entry * self.pending_bytes, self.pending_bytes)
                if len(data) < struct.calcsize(form):
                    raise self.error("damaged: a pending move has no room")
                written, lane, source, target, length, *records = struct.unpack_from(form, data)
                if written != 1:
                    continue
                text = data[struct.calcsize(form) :][:length]
                if lane >= len(self.lanes) or max(source, target) >= len(_PLACES_OF_MOVE):
                    raise self.error("damaged: a pending move leads nowhere")
                yield PendingMove(
                    route=route,
                    lane=self.lanes[lane],
                    batch_id=text.decode("utf-8", "replace"),
                    from_place=_PLACES_OF_MOVE[source],
                    to_place=_PLACES_OF_MOVE[target],
                    records=sum(records),
                )
