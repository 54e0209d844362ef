"""Stats files as bytes, built as docs/ledger.md says and not as the core does."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

DAY = 86_400
CLASSES = ["trace", "debug", "info", "warn", "error", "fatal", "unspecified", "unattributed"]
INFO, WARN, ERROR = 2, 3, 4
EMIT = [
    *("emitted", "sampled_out", "rate_limited", "refused.queue_full", "refused.block_timeout"),
    *("refused.not_started", "refused.shutdown", "refused.reentrant"),
    *("dropped.queue_full_newest", "dropped.queue_full_oldest", "dropped.early_drop"),
    *("dropped.memory", "dropped.encode_error", "dropped.too_large"),
    *("excess_queued", "excess_evicted"),
]
INTAKE = [
    *("internal", "drained", "batched", "expired"),
    *("dropped.shutdown", "dropped.encode_error", "dropped.memory"),
]
ROUTE = [
    *("recovered", "delivered", "expired", "unknown", "handed_over", "superseded"),
    *("rejected.bad_request", "rejected.partial_success", "dropped.backlog_full"),
]
PLACES = ["in_backlog", "in_spool", "in_flight"]
NOTES = [
    *("truncated_records", "retries"),
    *("represented_delivered", "represented_lost", "represented_remainders"),
    *("measurements_invalid", "callbacks_late"),
]
GAUGES = ["state", "fill_permille", "ms_to_full"]
EMIT_SLOTS, INTAKE_SLOTS, ROUTE_SLOTS, PLACE_SLOTS = 16, 16, 32, 8
ROW = 64
Key = tuple[str, int, str, int]  # section, lane, name, class


def own_start_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@dataclass
class Image:
    """A stats file in the making."""

    pid: int = field(default_factory=os.getpid)
    start_ticks: int | None = None
    boot_id: str | None = None
    pid_namespace: int | None = None
    state: int = 1
    started: float = 1_000.0
    heartbeat: float = 1_000.0
    ended: float = 0.0
    version: int = 1
    order: str = "<"
    sequence: int = 0
    groups: int = 1
    leased: int = 1
    instance_id: str = "i-1"
    lanes: tuple[str, ...] = ("urgent", "normal")
    log_lanes: int | None = None  # None: an older file, which cannot say
    routes: tuple[str, ...] = ("main",)
    cells: dict[Key, int] = field(default_factory=dict)
    slot_of: dict[Key, int] = field(default_factory=dict)  # other than slot 0; -1: the shared one
    gauges: dict[str, list[int]] = field(default_factory=dict)  # by lane; empty: an older file
    note_values: dict[str, int] = field(default_factory=dict)
    journal: list[tuple[Key, list[int]]] = field(default_factory=list)
    pending: list[tuple[int, int, int, str, int]] = field(default_factory=list)

    def put(self, section: str, lane: int, name: str, n: int, severity: int = INFO) -> Image:
        self.cells[(section, lane, name, severity)] = n
        return self

    def put_note(self, name: str, n: int) -> Image:
        self.note_values[name] = n
        return self

    def tables(self) -> bytes:
        out = b""
        texts = [self.instance_id, "checkout"]
        for table in (
            *(texts, CLASSES, self.lanes, self.routes, EMIT, INTAKE, ROUTE, PLACES, NOTES),
            *([GAUGES] if self.gauges else []),
        ):
            out += struct.pack(self.order + "I", len(table))
            for text in table:
                out += struct.pack(self.order + "H", len(text.encode())) + text.encode()
        return out

    def lay_out(self) -> None:
        lanes, routes = len(self.lanes), len(self.routes)
        self.fixed = 256 if self.log_lanes else 248 if self.gauges else 240
        self.header_bytes = self.fixed + len(self.tables()) + 63 & ~63
        at = self.header_bytes
        self.intake = at
        at += lanes * INTAKE_SLOTS * ROW
        self.route = at
        at += routes * lanes * (ROUTE_SLOTS + PLACE_SLOTS) * ROW
        self.notes = at
        at += 64 * 8
        self.journal_at = at
        at += 8 + 12 * 72 + 56
        self.pending_at = at
        at += routes * 8 * 192
        self.slot_bytes = lanes * EMIT_SLOTS * ROW
        self.shared = at
        at += self.slot_bytes
        self.gauges_at = at
        at += lanes * 64 if self.gauges else 0
        self.groups_at = at + 4095 & ~4095
        self.group_bytes = 16 * self.slot_bytes

    def place_of(self, key: Key) -> int:
        """Where a row is, in the words of the document."""
        section, lane, name, _ = key
        if section == "emit":
            slot = self.slot_of.get(key, 0)
            start = self.shared
            if slot >= 0:
                start = self.groups_at + slot // 16 * self.group_bytes + slot % 16 * self.slot_bytes
            return start + (lane * EMIT_SLOTS + EMIT.index(name)) * ROW
        if section == "intake":
            return self.intake + (lane * INTAKE_SLOTS + INTAKE.index(name)) * ROW
        route = self.routes.index(section)
        start = self.route + (route * len(self.lanes) + lane) * (ROUTE_SLOTS + PLACE_SLOTS) * ROW
        if name in PLACES:
            return start + (ROUTE_SLOTS + PLACES.index(name)) * ROW
        return start + ROUTE.index(name) * ROW

    def bytes(self) -> bytes:
        self.lay_out()
        o = self.order
        boot = self.boot_id or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = self.pid_namespace
        if namespace is None:
            namespace = os.stat("/proc/self/ns/pid").st_ino
        ticks = own_start_ticks(os.getpid()) if self.start_ticks is None else self.start_ticks
        tables = self.tables()
        lanes = len(self.lanes)
        image = bytearray(self.groups_at + self.groups * self.group_bytes)
        head = b"FBLEDGER"
        head += struct.pack(o + "II", 0x01020304, self.version)
        head += struct.pack(o + "4I", self.header_bytes, self.fixed, self.fixed, len(tables))
        head += struct.pack(o + "4Q", self.pid, namespace, ticks, 100)
        head += struct.pack(o + "q", int(self.started * 1e9)) + bytes.fromhex(boot.replace("-", ""))
        head += struct.pack(o + "II", self.state, 0)
        head += struct.pack(o + "qq", int(self.ended * 1e9), int(self.heartbeat * 1e9))
        head += struct.pack(o + "Q", self.sequence)
        route_lane = (ROUTE_SLOTS + PLACE_SLOTS) * ROW
        head += struct.pack(o + "II", self.intake, INTAKE_SLOTS * ROW)
        head += struct.pack(o + "4I", self.route, lanes * route_lane, route_lane, ROUTE_SLOTS * ROW)
        head += struct.pack(o + "3I", self.journal_at, 72, 12)
        head += struct.pack(o + "4I", self.pending_at, 8 * 192, 192, 8)
        head += struct.pack(o + "II", self.notes, 64)
        head += struct.pack(o + "5I", self.shared, self.slot_bytes, EMIT_SLOTS * ROW, 16, 1024)
        head += struct.pack(o + "QQ", self.groups_at, self.group_bytes)
        head += struct.pack(o + "3Q", self.groups, self.leased, 0)
        if self.gauges or self.log_lanes:
            head += struct.pack(o + "2I", self.gauges_at, 64 if self.gauges else 0)
        if self.log_lanes:
            head += struct.pack(o + "2I", self.log_lanes, 0)
        assert len(head) == self.fixed
        image[: self.fixed] = head
        image[self.fixed : self.fixed + len(tables)] = tables
        for of_lane, gauges in self.gauges.items():
            start = self.gauges_at + self.lanes.index(of_lane) * 64
            struct.pack_into(o + f"{len(gauges)}Q", image, start, *gauges)
        for key, n in self.cells.items():
            struct.pack_into(o + "Q", image, self.place_of(key) + key[3] * 8, n)
        for name, n in self.note_values.items():
            struct.pack_into(o + "Q", image, self.notes + NOTES.index(name) * 8, n)
        struct.pack_into(o + "Q", image, self.journal_at, len(self.journal))
        for i, (key, values) in enumerate(self.journal):
            entry = (self.place_of(key), *values)
            struct.pack_into(o + "9Q", image, self.journal_at + 8 + i * 72, *entry)
        for i, (lane, source, target, batch, n) in enumerate(self.pending):
            start = self.pending_at + i * 192
            struct.pack_into(o + "I4B", image, start, 1, lane, source, target, len(batch))
            struct.pack_into(o + "Q", image, start + 8 + INFO * 8, n)
            image[start + 72 : start + 72 + len(batch)] = batch.encode()
        return bytes(image)

    def write(self, directory: Path) -> Path:
        path = directory / f"{self.instance_id}.forebay"
        path.write_bytes(self.bytes())
        os.utime(path, (self.heartbeat, self.heartbeat))
        return path


def a_busy_ledger(**settings: object) -> Image:
    """100 emitted; 10 refused, 5 dropped, 70 drained, 60 batched, 40 delivered, 12 in flight."""
    image = Image(**settings)  # type: ignore[arg-type]
    image.put("emit", 1, "emitted", 90).put("emit", 1, "emitted", 10, ERROR)
    image.put("emit", 1, "refused.queue_full", 10).put("emit", 1, "dropped.early_drop", 5)
    image.put("intake", 1, "drained", 70).put("intake", 1, "batched", 60)
    image.put("main", 1, "delivered", 40).put("main", 1, "in_flight", 12)
    return image.put("main", 1, "in_backlog", 8)


def with_points(**settings: object) -> Image:
    """A busy ledger, and 30 points: 8 superseded, 20 delivered, 2 in flight."""
    settings = {"lanes": ("urgent", "normal", "metrics"), "log_lanes": 2, **settings}
    image = a_busy_ledger(**settings).put_note("callbacks_late", 3)
    image.put("intake", 2, "internal", 0).put("intake", 2, "batched", 30)
    image.put("emit", 2, "emitted", 30).put("intake", 2, "drained", 30)
    image.put("main", 2, "superseded", 8).put("main", 2, "delivered", 20)
    return image.put("main", 2, "in_flight", 2)
