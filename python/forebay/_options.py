"""Options of a collector other than its exporter, and how all of them go to the core.

Each class only holds what was given; everything is checked when a collector is made, so that a
message can name the whole path (``lanes[1].max_age``), and before any thread or file is made.
None leaves an option to the core's default. The reference page is docs/options.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from ._errors import OptionError
from ._exporters import Exporter, check_exporter
from ._levels import level_number, severity_number
from ._validation import OptionList, Value, suggests_fields, text

_HOUR = 3600.0
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_TIB = 1 << 40
MAX_LANES = 16


@suggests_fields
@dataclass(frozen=True)
class Block:
    """In ``Lane.on_full``: the emitting thread waits for room, with the GIL released."""

    _: KW_ONLY
    # Longest wait. Unit: s, 0..86400. None: as long as it takes. Zero: does not wait.
    timeout: float | None = None
    # Waits also on a thread that runs an asyncio event loop, which then stands still.
    on_event_loop: bool = False


# What emit does where a lane's queue is full.
Policy = Literal["drop_newest", "drop_oldest", "fail", "block"]
OnFull = Policy | Block | Sequence[Policy | Block]


@suggests_fields
@dataclass(frozen=True)
class Lane:
    """A way through the collector with a queue, a share of the backlog and policies of its own.

    A record takes the first lane whose conditions it meets. Lanes are also ranked by their order:
    where the common part of the backlog is short, the last one gives way first.
    """

    # In the ledger and in messages: 1..31 letters, digits, "_" and "-".
    name: str
    _: KW_ONLY
    # Lowest level it takes, by name or number. None: any.
    min_level: int | str | None = None
    # Loggers it takes: a name, or a prefix with "*" at its end ("audit.*"). None: any.
    logger: str | None = None
    # Room of the queue, in slots of 128 bytes; a record takes as many as it needs. 8..2^26.
    queue_records: int | None = None
    # The same bound in bytes, 1024..8 GiB; given both, the lower holds.
    queue_bytes: int | None = None
    # When the queue is full: a policy, or Block(…) and then a policy.
    on_full: OnFull = "drop_newest"
    # When the backlog is full: "hold" leaves records in the queue, which fills, and then on_full
    # decides; "evict_oldest" lets the lane's oldest batch go.
    on_backlog_full: Literal["hold", "evict_oldest"] | None = None
    # Part of the backlog that no other lane can take, 0..1; all lanes together at most 1.
    backlog_share: float | None = None
    # Older records are let go as `expired`. Unit: s, 0.001..365 days. None: never.
    max_age: float | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.add(f"{path}.name", _lane_name(f"{path}.name", self.name))
        if self.min_level is not None:
            level = level_number(self.min_level, f"{path}.min_level")
            options.add(f"{path}.min_level", severity_number(level))
        options.text(f"{path}.logger", self.logger)
        options.whole(f"{path}.queue_records", self.queue_records, 8, 1 << 26)
        options.whole(f"{path}.queue_bytes", self.queue_bytes, 1024, 1 << 33)
        _flatten_on_full(options, f"{path}.on_full", self.on_full)
        options.choice(f"{path}.on_backlog_full", self.on_backlog_full, ("hold", "evict_oldest"))
        options.number(f"{path}.backlog_share", self.backlog_share, 0.0, 1.0)
        options.seconds(f"{path}.max_age", self.max_age, 0.001, _YEAR)


@suggests_fields
@dataclass(frozen=True)
class BatchOptions:
    """When a batch is finished: the first of the three bounds that is reached."""

    _: KW_ONLY
    # 1..1,000,000. Larger compresses better, and loses more at once where a batch is given up.
    max_records: int | None = None
    # Before compression. Unit: bytes, 1 KiB..16 MiB (a Collector refuses 20 MiB).
    max_bytes: int | None = None
    # Unit: s, 0..3600. Zero: a batch is finished as soon as the queue is empty.
    max_delay: float | None = None

    def _flatten(self, options: OptionList) -> None:
        options.whole("batch.max_records", self.max_records, 1, 1_000_000)
        options.whole("batch.max_bytes", self.max_bytes, 1024, 16 << 20)
        options.seconds("batch.max_delay", self.max_delay, 0.0, _HOUR)


@suggests_fields
@dataclass(frozen=True)
class BacklogOptions:
    """The memory of finished batches that wait for the destination."""

    _: KW_ONLY
    # All lanes and what is in flight together. Unit: bytes, 64 KiB..1 TiB.
    max_bytes: int | None = None
    # In which order a lane's batches are sent.
    order: Literal["oldest_first", "newest_first"] | None = None

    def _flatten(self, options: OptionList) -> None:
        options.whole("backlog.max_bytes", self.max_bytes, 64 << 10, _TIB)
        options.choice("backlog.order", self.order, ("oldest_first", "newest_first"))


@suggests_fields
@dataclass(frozen=True)
class RetryOptions:
    """How long to wait before a batch is sent again: exponential, with full jitter."""

    _: KW_ONLY
    # Upper end of the first wait; it doubles with each failure. Unit: s, 0.001..3600.
    initial: float | None = None
    # Where doubling ends. Unit: s, ``initial``..86400.
    max: float | None = None
    # A batch is given up this long after its first attempt. Unit: s, 0..365 days. None: never;
    # room and max_age decide.
    max_elapsed: float | None = None

    def _flatten(self, options: OptionList) -> None:
        options.seconds("retry.initial", self.initial, 0.001, _HOUR)
        options.seconds("retry.max", self.max, 0.001, _DAY)
        if self.initial is not None and self.max is not None and self.max < self.initial:
            raise OptionError(f"retry.max: {self.max!r} is under retry.initial, {self.initial!r}")
        options.seconds("retry.max_elapsed", self.max_elapsed, 0.0, _YEAR)


# What a resource's attribute may be.
ResourceValue = str | bool | int | float


def flatten(
    *,
    service_name: str | None,
    resource: Mapping[str, ResourceValue] | None,
    exporter: Exporter,
    lanes: Sequence[Lane] | None,
    memory_limit: int | None,
    max_record_bytes: int | None,
    batch: BatchOptions | None,
    backlog: BacklogOptions | None,
    retry: RetryOptions | None,
    run_directory: str | os.PathLike[str] | None,
) -> list[tuple[str, Value]]:
    """Check everything, and spell it out for the core.

    Raises:
        OptionError: a value is not in its range; the message begins with the option's path.
    """
    options = OptionList()
    attributes = check_resource(resource)
    options.text("service_name", service_name_of(service_name, attributes))
    for key, value in attributes.items():
        if key != "service.name":
            options.add(f"resource:{key}", value)
    check_exporter(exporter)._flatten(options)
    if lanes is not None:
        _flatten_lanes(options, lanes)
    options.whole("memory_limit", memory_limit, 1 << 20, _TIB)
    options.whole("max_record_bytes", max_record_bytes, 256, 16 << 20)
    for name, group, kind in (
        ("batch", batch, BatchOptions),
        ("backlog", backlog, BacklogOptions),
        ("retry", retry, RetryOptions),
    ):
        if group is not None and not isinstance(group, kind):
            raise OptionError(f"{name}: {group!r} is not a {kind.__name__}")
        if isinstance(group, BatchOptions | BacklogOptions | RetryOptions):
            group._flatten(options)
    if run_directory is not None:
        options.text("run_directory", os.fsdecode(run_directory))
    return options.pairs


def check_resource(resource: Mapping[str, ResourceValue] | None) -> dict[str, ResourceValue]:
    """Check the attributes of a resource."""
    if resource is None:
        return {}
    if not isinstance(resource, Mapping):
        raise OptionError(f"resource: {resource!r} is not a mapping")
    for key, value in resource.items():
        if not isinstance(key, str) or not key:
            raise OptionError(f"resource: the key {key!r} is not a text of one character or more")
        if isinstance(value, str):
            if key == "service.name":
                text("resource:service.name", value)
        elif not isinstance(value, bool | int | float):
            raise OptionError(f"resource:{key}: {value!r} is not a str, bool, int or float")
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise OptionError(f"resource:{key}: {value} is not in -2^63..2^63-1")
    return dict(resource)


def service_name_of(name: str | None, resource: Mapping[str, ResourceValue]) -> str | None:
    """The one name of the service, from the two places where it may be given."""
    in_resource = resource.get("service.name")
    if in_resource is None:
        return name
    if not isinstance(in_resource, str):
        raise OptionError(f"resource:service.name: {in_resource!r} is not a text")
    if name is not None and name != in_resource:
        raise OptionError(f"service_name: {name!r}, but resource:service.name is {in_resource!r}")
    return in_resource


def _flatten_lanes(options: OptionList, lanes: Sequence[Lane]) -> None:
    if isinstance(lanes, Lane) or not isinstance(lanes, Sequence):
        raise OptionError(f"lanes: {lanes!r} is not a list of Lane")
    if not 1 <= len(lanes) <= MAX_LANES:
        raise OptionError(f"lanes: {len(lanes)} lanes is not in 1..{MAX_LANES}")
    names: dict[str, int] = {}
    for i, lane in enumerate(lanes):
        path = f"lanes[{i}]"
        if not isinstance(lane, Lane):
            raise OptionError(f"{path}: {lane!r} is not a Lane")
        lane._flatten(options, path)
        first = names.setdefault(lane.name, i)
        if first != i:
            raise OptionError(f"{path}.name: {lane.name!r} is also the name of lanes[{first}]")
    shares = sum(lane.backlog_share or 0.0 for lane in lanes)
    if shares > 1.0 + 1e-9:
        raise OptionError(f"lanes[{len(lanes) - 1}].backlog_share: together {shares:g}, over 1")


def _lane_name(path: str, name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= 31:
        raise OptionError(f"{path}: {name!r} is not a text of 1..31 characters")
    if not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise OptionError(f"{path}: {name!r} is not made of letters, digits, '_' and '-'")
    return name


_POLICIES = ("drop_newest", "drop_oldest", "fail", "block")


def _flatten_on_full(options: OptionList, path: str, on_full: OnFull) -> None:
    steps = [on_full] if isinstance(on_full, str | Block) else on_full
    if not isinstance(steps, Sequence) or not 1 <= len(steps) <= 2:
        raise OptionError(f"{path}: {on_full!r} is not a policy, nor Block(…) and then a policy")
    for i, step in enumerate(steps):
        here = f"{path}[{i}]"
        block = Block() if step == "block" else step if isinstance(step, Block) else None
        if block is None:
            options.choice(here, step, _POLICIES)
            if step is None or i + 1 < len(steps):
                raise OptionError(f"{here}: nothing comes after {step!r}; only Block goes first")
            continue
        if i > 0:
            raise OptionError(f"{here}: {step!r} can only be the first")
        if block.timeout is None and len(steps) > 1:
            raise OptionError(f"{here}: without a timeout it never comes to {steps[1]!r}")
        options.add(here, "block")
        options.seconds(f"{here}.timeout", block.timeout, 0.0, _DAY)
        options.flag(f"{here}.on_event_loop", block.on_event_loop)
