"""Sampling rules, and the flight recorder for what is below the level.

A record is decided on by the first rule that it meets, before anything of it is copied; what no
rule meets is kept. What is let go is counted as ``sampled_out``. A kept record that stands for more
than itself says so in ``forebay.adjusted_count``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from ._errors import OptionError
from ._lanes import AttributeText, flatten_attributes
from ._levels import level_number, severity_number
from ._validation import OptionList, suggests_fields

_HOUR = 3600.0


@dataclass(frozen=True)
class _Conditions:
    """Which records a rule is about: those that meet all that is given."""

    _: KW_ONLY
    # Lowest and highest level, by name or number. None: any.
    min_level: int | str | None = None
    max_level: int | str | None = None
    # Loggers: a name, or a prefix with "*" at its end ("shop.*"). None: any.
    logger: str | None = None
    # Attributes that a record must have, compared as text. None: any.
    attributes: Mapping[str, AttributeText] | None = None

    def _flatten_conditions(self, options: OptionList, path: str) -> None:
        levels = {}
        for name in ("min_level", "max_level"):
            given = getattr(self, name)
            if given is not None:
                levels[name] = level_number(given, f"{path}.{name}")
                options.add(f"{path}.{name}", severity_number(levels[name]))
        if levels.get("min_level", 0) > levels.get("max_level", 1 << 30):
            raise OptionError(
                f"{path}.max_level: {self.max_level!r} is under min_level, {self.min_level!r}"
            )
        options.text(f"{path}.logger", self.logger)
        flatten_attributes(options, path, self.attributes)


@suggests_fields
@dataclass(frozen=True)
class SampleRatio(_Conditions):
    """Keep a part of the records, by counting: 0.1 keeps the first and then every tenth.

    Each logger, level and thread counts for itself.
    """

    # Part that is kept, 0..1. Zero keeps none.
    ratio: float

    def _flatten(self, options: OptionList, path: str) -> None:
        options.add(f"{path}.type", "ratio")
        options.number(f"{path}.ratio", _given(f"{path}.ratio", self.ratio), 0.0, 1.0)
        self._flatten_conditions(options, path)


@suggests_fields
@dataclass(frozen=True)
class SampleTraceRatio(_Conditions):
    """Keep a part of the traces: all records of a trace are kept, or none.

    A record without a trace id passes on to the next rule.
    """

    # Part that is kept, 0 or 2^-40..1; rounded down to 1, 1/2, 1/4, 1/8 and so on. Zero: none.
    ratio: float

    def _flatten(self, options: OptionList, path: str) -> None:
        options.add(f"{path}.type", "trace_ratio")
        options.number(f"{path}.ratio", _given(f"{path}.ratio", self.ratio), 0.0, 1.0)
        self._flatten_conditions(options, path)


@suggests_fields
@dataclass(frozen=True)
class SampleBurst(_Conditions):
    """Keep the first records of each call site in an interval, and then every so many.

    Each thread counts for itself.
    """

    # Records of a call site that are kept first in each interval. 0..2^31.
    first: int = 100
    # After those every ``then_every``-th is kept. 0..2^31. Zero: none.
    then_every: int = 100
    # Unit: s, 0.001..86400.
    interval: float = 1.0

    def _flatten(self, options: OptionList, path: str) -> None:
        options.add(f"{path}.type", "burst")
        for name in ("first", "then_every"):
            here = f"{path}.{name}"
            options.whole(here, _given(here, getattr(self, name)), 0, 1 << 31)
        options.seconds(f"{path}.interval", self.interval, 0.001, 24 * _HOUR)
        self._flatten_conditions(options, path)


SamplingRule = SampleRatio | SampleTraceRatio | SampleBurst


@suggests_fields
@dataclass(frozen=True)
class FlightRecorder:
    """Keeps the last records below a logger's level, and sends them when something goes wrong.

    A record at ``trigger`` or above, or `Collector.dump_recorder`, releases what was recorded in
    the last ``window`` seconds. What is released counts as emitted then; what never is, costs a
    copy and nothing else.
    """

    _: KW_ONLY
    # Lowest level that is recorded, by name or number. Calls from there up to their logger's level
    # cost about what an emit costs.
    level: int | str = "DEBUG"
    # Room in slots of 128 bytes, all threads together; the oldest are overwritten. 64..2^20. None:
    # the core's default.
    records: int | None = None
    # How far back is released. Unit: s, 0.001..86400. None: the core's default.
    window: float | None = None
    # Lowest level that releases, above ``level``. None: only `Collector.dump_recorder` does.
    trigger: int | str | None = "ERROR"

    def _flatten(self, options: OptionList, path: str) -> None:
        level = severity_number(level_number(self.level, f"{path}.level"))
        trigger = _NO_LEVEL
        if self.trigger is not None:
            trigger = severity_number(level_number(self.trigger, f"{path}.trigger"))
        if trigger <= level:
            raise OptionError(
                f"{path}.trigger: {self.trigger!r} is not above level, {self.level!r}: each record "
                "would release the ones before"
            )
        options.add(f"{path}.level", level)
        options.add(f"{path}.trigger", trigger)
        options.whole(f"{path}.records", self.records, 64, 1 << 20)
        options.seconds(f"{path}.window", self.window, 0.001, 24 * _HOUR)


# Above every severity that a record can have.
_NO_LEVEL = 25


def flatten_sampling(options: OptionList, rules: Sequence[SamplingRule]) -> None:
    """All rules, in the order in which they are asked."""
    if isinstance(rules, SamplingRule) or not isinstance(rules, Sequence):
        raise OptionError(f"sampling: {rules!r} is not a list of rules")
    for i, rule in enumerate(rules):
        if not isinstance(rule, SamplingRule):
            raise OptionError(
                f"sampling[{i}]: {rule!r} is not a SampleRatio, SampleTraceRatio or SampleBurst"
            )
        rule._flatten(options, f"sampling[{i}]")


def _given(path: str, value: object) -> object:
    if value is None:
        raise OptionError(f"{path}: it must be given")
    return value
