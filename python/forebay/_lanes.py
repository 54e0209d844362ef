"""Lanes: who goes where, how much room there is, and what happens when there is none.

As in `_options`, a class only holds what was given, and everything is checked when a collector is
made. None leaves an option to the core's default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from ._errors import OptionError
from ._levels import level_number, severity_number
from ._validation import OptionList, short_name, suggests_fields, text

_DAY = 86_400.0
_YEAR = 365 * _DAY
MAX_LANES = 16
# What one attribute condition compares with: the text of the record's value.
AttributeText = str | bool | int | float


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
class EarlyDrop:
    """In ``Lane.early_drop``: let records go at random before the queue is full.

    The probability rises from 0 at a fill of ``start`` to 1 at ``full``. Decided before anything is
    copied; counted as ``dropped.early_drop``.
    """

    # Fill of the queue, 0..1, where it begins.
    start: float = 0.6
    # Fill where every record goes; above ``start``, at most 1.
    full: float = 0.9

    def _flatten(self, options: OptionList, path: str) -> None:
        options.number(f"{path}.start", self.start, 0.0, 1.0)
        options.number(f"{path}.full", self.full, 0.0, 1.0)
        if not self.start < self.full:
            raise OptionError(f"{path}.full: {self.full!r} is not above start, {self.start!r}")


@suggests_fields
@dataclass(frozen=True)
class RateLimit:
    """In ``Lane.rate_limit``: most records a second, whatever the destination can take.

    What it lets go is counted as ``rate_limited``, and told once an interval (``LimitOptions``) by
    one record of Forebay's own.
    """

    # Sustained rate. Unit: records/s, 0..1e9. Zero lets nothing through.
    per_second: float
    # Most records at once after a quiet spell. 1..2^31. None: one second's worth.
    burst: int | None = None
    # Who has a limit of his own: the lane as a whole, each logger in it, or each call site.
    by: Literal["lane", "logger", "site"] = "lane"

    def _flatten(self, options: OptionList, path: str) -> None:
        options.number(f"{path}.per_second", self.per_second, 0.0, 1e9)
        options.whole(f"{path}.burst", self.burst, 1, 1 << 31)
        options.choice(f"{path}.by", self.by, ("lane", "logger", "site"))


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
    # Attributes that a record must have, compared as text: {"tenant": "a"}. None: any.
    attributes: Mapping[str, AttributeText] | None = None
    # The signal it takes.
    signal: Literal["logs"] | None = None
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
    # Its part when several lanes have something to drain and to send, 1..100.
    weight: int | None = None
    # "strict": drained and sent before every lane after it; "weighted": by its weight.
    priority: Literal["weighted", "strict"] | None = None
    # Lets records go at random before the queue is full. None: does not.
    early_drop: EarlyDrop | None = None
    # Most records a second. None: no limit.
    rate_limit: RateLimit | None = None
    # Fill, 0..1, where the lane becomes `pressured`, and under which it is `normal` again.
    high_watermark: float | None = None
    low_watermark: float | None = None
    # Whether a record of Forebay's own tells the receiver what the lane lost.
    gap_records: bool | None = None

    def _flatten(self, options: OptionList, path: str) -> None:
        options.add(f"{path}.name", short_name(f"{path}.name", self.name))
        if self.min_level is not None:
            level = level_number(self.min_level, f"{path}.min_level")
            options.add(f"{path}.min_level", severity_number(level))
        options.text(f"{path}.logger", self.logger)
        flatten_attributes(options, path, self.attributes)
        options.choice(f"{path}.signal", self.signal, ("logs",))
        options.whole(f"{path}.queue_records", self.queue_records, 8, 1 << 26)
        options.whole(f"{path}.queue_bytes", self.queue_bytes, 1024, 1 << 33)
        _flatten_on_full(options, f"{path}.on_full", self.on_full)
        options.choice(f"{path}.on_backlog_full", self.on_backlog_full, ("hold", "evict_oldest"))
        options.number(f"{path}.backlog_share", self.backlog_share, 0.0, 1.0)
        options.seconds(f"{path}.max_age", self.max_age, 0.001, _YEAR)
        options.whole(f"{path}.weight", self.weight, 1, 100)
        options.choice(f"{path}.priority", self.priority, ("weighted", "strict"))
        options.group(f"{path}.early_drop", self.early_drop, EarlyDrop)
        options.group(f"{path}.rate_limit", self.rate_limit, RateLimit)
        self._flatten_watermarks(options, path)
        options.flag(f"{path}.gap_records", self.gap_records)

    def _flatten_watermarks(self, options: OptionList, path: str) -> None:
        options.number(f"{path}.high_watermark", self.high_watermark, 0.0, 1.0)
        options.number(f"{path}.low_watermark", self.low_watermark, 0.0, 1.0)
        high = DEFAULT_HIGH_WATERMARK if self.high_watermark is None else self.high_watermark
        low = DEFAULT_LOW_WATERMARK if self.low_watermark is None else self.low_watermark
        if low >= high:
            # Of the two, the one that was given.
            name = "high_watermark" if self.low_watermark is None else "low_watermark"
            raise OptionError(
                f"{path}.{name}: low {low:g} is not under high {high:g}; between the two a lane "
                "keeps its state"
            )


# The core's defaults, for the check of one that is given against one that is not.
DEFAULT_HIGH_WATERMARK = 0.8
DEFAULT_LOW_WATERMARK = 0.6


def flatten_attributes(
    options: OptionList, path: str, attributes: Mapping[str, AttributeText] | None
) -> None:
    """Conditions on attributes, as ``<path>.attribute:<key>``."""
    if attributes is None:
        return
    if not isinstance(attributes, Mapping) or not attributes:
        raise OptionError(f"{path}.attributes: {attributes!r} is not a mapping of names to values")
    for key, value in attributes.items():
        if not isinstance(key, str) or not key:
            raise OptionError(f"{path}.attributes: {key!r} is not a text of one character or more")
        here = f"{path}.attribute:{key}"
        if isinstance(value, bool):
            options.add(here, "true" if value else "false")
        elif isinstance(value, int | float):
            options.add(here, f"{value!r}")
        else:
            options.add(here, text(here, value))


def flatten_lanes(options: OptionList, lanes: Sequence[Lane]) -> None:
    """All lanes, and what must hold between them."""
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


_POLICIES = ("drop_newest", "drop_oldest", "fail", "block")


def _flatten_on_full(options: OptionList, path: str, on_full: OnFull) -> None:
    """A chain: Block first, if at all, and then one policy that always has an answer."""
    steps = [on_full] if isinstance(on_full, str | Block) else on_full
    if not isinstance(steps, Sequence) or not steps:
        raise OptionError(f"{path}: {on_full!r} is not a policy, nor Block(…) and then a policy")
    for i, step in enumerate(steps):
        here = f"{path}[{i}]"
        block = Block() if step == "block" else step if isinstance(step, Block) else None
        if block is None:
            options.choice(here, step, _POLICIES)
            if step is None:
                raise OptionError(f"{here}: None is not one of {', '.join(map(repr, _POLICIES))}")
            if i + 1 < len(steps):
                raise OptionError(
                    f"{here}: nothing comes after {step!r}, which always has an answer; only "
                    "Block(timeout=…) goes before another"
                )
            continue
        if i > 0:
            raise OptionError(f"{here}: {step!r} can only be the first")
        if block.timeout is None and len(steps) > 1:
            raise OptionError(
                f"{here}: without a timeout it never comes to {steps[1]!r}; give Block(timeout=…)"
            )
        options.add(here, "block")
        options.seconds(f"{here}.timeout", block.timeout, 0.0, _DAY)
        options.flag(f"{here}.on_event_loop", block.on_event_loop)
