"""Options of a collector from a TOML file, or from ``--lane``, by the names that Python has.

A table becomes the object of that name, with its keys as arguments; what is not a table in Python
either is taken as it is. Whether a value is good is left to the package's own checks.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .._errors import OptionError
from .._exporters import ConsoleExporter, FileExporter, MemoryExporter, OtlpHttpExporter
from .._lanes import Block, EarlyDrop, Lane, RateLimit
from .._options import (
    BacklogOptions,
    BatchOptions,
    BreakerOptions,
    LimitOptions,
    RetryOptions,
    flatten,
)
from .._routes import Route, check_routes, in_default_directories, in_default_directory
from .._sampling import FlightRecorder, SampleBurst, SampleRatio, SampleTraceRatio
from .._validation import Value
from . import arguments

Table = Mapping[str, Any]

_GROUPS: dict[str, type] = {
    "batch": BatchOptions,
    "backlog": BacklogOptions,
    "retry": RetryOptions,
    "breaker": BreakerOptions,
    "limits": LimitOptions,
    "flight_recorder": FlightRecorder,
}
_EXPORTERS: dict[str, type] = {
    "otlp_http": OtlpHttpExporter,
    "file": FileExporter,
    "console": ConsoleExporter,
}
_SAMPLING: dict[str, type] = {
    "ratio": SampleRatio,
    "trace_ratio": SampleTraceRatio,
    "burst": SampleBurst,
}
# Everything that a collector takes.
_TOP = tuple(inspect.signature(flatten).parameters)


def core_options(config: Table) -> list[tuple[str, Value]]:
    """Check a whole configuration, and spell it out for the core.

    Raises:
        OptionError: the message begins with the option's path.
    """
    _check_names(config, _TOP, "")
    given: dict[str, Any] = {**dict.fromkeys(_TOP), "service_name": "simulated", **config}
    given["run_directory"] = None  # where the stats file is; a simulation has none
    for name, kind in _GROUPS.items():
        if name in config:
            given[name] = _build(kind, config[name], name)
    if "lanes" in config:
        given["lanes"] = [
            lane if isinstance(lane, Lane) else lane_from(lane, path)
            for path, lane in _entries(config, "lanes")
        ]
    if "sampling" in config:
        given["sampling"] = [
            _build_typed(_SAMPLING, rule, path) for path, rule in _entries(config, "sampling")
        ]
    if "routes" in config:
        if "exporter" in config:
            raise OptionError("routes: given together with exporter")
        routes = [_route_from(route, path) for path, route in _entries(config, "routes")]
        given["routes"] = in_default_directories(check_routes(routes), "simulated")
    else:
        exporter = (
            _exporter_from(config["exporter"], "exporter")
            if "exporter" in config
            else OtlpHttpExporter()
        )
        given["exporter"] = in_default_directory(exporter, "simulated", "exporter")
    return flatten(**given)


def lane_from(table: Any, path: str) -> Lane:
    """A lane from its table."""
    _check_table(table, path)
    values = dict(table)
    if "on_full" in values:
        values["on_full"] = _on_full(values["on_full"], f"{path}.on_full")
    for name, kind in (("early_drop", EarlyDrop), ("rate_limit", RateLimit)):
        if name in values:
            values[name] = _build(kind, values[name], f"{path}.{name}")
    lane: Lane = _build(Lane, values, path)
    return lane


def _route_from(table: Any, path: str) -> Route:
    _check_table(table, path)
    values = dict(table)
    if "exporters" in values:
        values["exporters"] = [
            _exporter_from(exporter, inner)
            for inner, exporter in _entries(values, "exporters", f"{path}.")
        ]
    route: Route = _build(Route, values, path)
    return route


def _exporter_from(table: Any, path: str) -> Any:
    if isinstance(table, Mapping) and table.get("type") == "memory":
        _check_names(table, ("type", "max_bytes"), f"{path}.")
        return MemoryExporter(max_bytes=table.get("max_bytes"))
    return _build_typed(_EXPORTERS, table, path, more=("memory",))


def _build_typed(kinds: dict[str, type], table: Any, path: str, more: Sequence[str] = ()) -> Any:
    """One of several kinds, by the table's ``type``."""
    _check_table(table, path)
    values = dict(table)
    name = values.pop("type", None)
    if name not in kinds:
        known = ", ".join(map(repr, (*kinds, *more)))
        raise OptionError(f"{path}.type: {name!r} is not one of {known}")
    return _build(kinds[name], values, path)


def _build(kind: Any, table: Any, path: str) -> Any:
    _check_table(table, path)
    fields = [f for f in dataclasses.fields(kind) if f.init]
    _check_names(table, [f.name for f in fields], f"{path}.")
    for field in fields:
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and field.name not in table:
            raise OptionError(f"{path}.{field.name}: it must be given")
    return kind(**table)


def _check_table(table: Any, path: str) -> None:
    if not isinstance(table, Mapping):
        raise OptionError(f"{path}: {table!r} is not a table")


def _check_names(table: Table, known: Sequence[str], path: str) -> None:
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise OptionError(f"{path}{name}: there is no such option; {hint}")


def _entries(table: Table, name: str, path: str = "") -> list[tuple[str, Any]]:
    """The members of a list, each with its path."""
    entries = table[name]
    if not isinstance(entries, list):
        raise OptionError(f"{path}{name}: {entries!r} is not a list")
    return [(f"{path}{name}[{i}]", entry) for i, entry in enumerate(entries)]


# -- on_full ----------------------------------------------------------------------------------

_BLOCK = re.compile(r"block\(\s*([^,()]*?)\s*(,\s*on_event_loop\s*)?\)")


def _on_full(value: Any, path: str) -> Any:
    """``"block(50ms)+drop_oldest"``, a table of `Block`'s arguments, or a list of such."""
    steps = value if isinstance(value, list) else [value]
    result: list[Any] = []
    for step in steps:
        if isinstance(step, Mapping):
            result.append(_build(Block, step, path))
        elif isinstance(step, str):
            result += [_on_full_step(each.strip(), path) for each in step.split("+")]
        else:
            result.append(step)
    return result[0] if len(result) == 1 else result


def _on_full_step(step: str, path: str) -> Any:
    match = _BLOCK.fullmatch(step)
    if match is None:
        return step  # the package's own check knows which words there are
    try:
        timeout = arguments.duration(match[1]) if match[1] else None
    except ArgumentTypeError as error:
        raise OptionError(f"{path}: {error}") from None
    return Block(timeout=timeout, on_event_loop=match[2] is not None)


# -- --lane -----------------------------------------------------------------------------------


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _count(text: str) -> int:
    return int(text)


def _level(text: str) -> int | str:
    return int(text) if text.isdigit() else text


# How each option of a lane is written after ``--lane NAME:``. A dot leads into a group.
LANE_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "min_level": (_level, "a level"),
    "logger": (str, "a name"),
    "signal": (str, "a word"),
    "queue_records": (_count, "a whole number"),
    "queue_bytes": (arguments.size, "a size"),
    "on_full": (str, "a policy"),
    "on_backlog_full": (str, "a word"),
    "backlog_share": (float, "a number"),
    "max_age": (arguments.duration, "a duration"),
    "weight": (_count, "a whole number"),
    "priority": (str, "a word"),
    "early_drop.start": (float, "a number"),
    "early_drop.full": (float, "a number"),
    "rate_limit.per_second": (float, "a number"),
    "rate_limit.burst": (_count, "a whole number"),
    "rate_limit.by": (str, "a word"),
    "high_watermark": (float, "a number"),
    "low_watermark": (float, "a number"),
    "gap_records": (_flag, "true or false"),
}


def lane_table(text: str) -> dict[str, Any]:
    """The table of a lane out of ``NAME:key=value,key=value``.

    Raises:
        OptionError: it is not written so; the message names the lane and the option.
    """
    name, _, rest = text.partition(":")
    table: dict[str, Any] = {"name": name}
    # A comma within block(…) does not end the value.
    for item in re.split(r",(?![^()]*\))", rest) if rest else []:
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not key:
            raise OptionError(f"{name}: {item!r} is not key=value")
        group, dot, inner = key.partition(".")
        if group == "attributes" and inner:
            table.setdefault("attributes", {})[inner] = value
            continue
        _check_names({key: value}, [*LANE_OPTIONS, "attributes.KEY"], f"{name}: ")
        convert, what = LANE_OPTIONS[key]
        try:
            converted = convert(value)
        except ArgumentTypeError as error:
            raise OptionError(f"{name}: {key}: {error}") from None
        except ValueError:
            raise OptionError(f"{name}: {key}: {value!r} is not {what}") from None
        if dot:
            table.setdefault(group, {})[inner] = converted
        else:
            table[key] = converted
    return table
