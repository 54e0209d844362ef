"""Options from tables, such as a TOML file has, by the names that Python has.

A table becomes the object of that name, with its keys as arguments; what is not a table in Python
either is taken as it is. Whether a value is good is left to the package's own checks.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ._durations import seconds_in
from ._errors import OptionError
from ._exporters import ConsoleExporter, FileExporter, MemoryExporter, OtlpHttpExporter
from ._lanes import Block, EarlyDrop, Lane, RateLimit
from ._metric_options import MetricsOptions, View
from ._options import BacklogOptions, BatchOptions, BreakerOptions, LimitOptions, RetryOptions
from ._routes import Route
from ._sampling import FlightRecorder, SampleBurst, SampleRatio, SampleTraceRatio

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


def arguments_from(config: Table, known: Sequence[str]) -> dict[str, Any]:
    """What is to be given to a function that takes `known`, out of a whole configuration.

    Raises:
        OptionError: the message begins with the option's path.
    """
    check_names(config, known, "")
    given: dict[str, Any] = dict(config)
    for name, kind in _GROUPS.items():
        if name in config:
            given[name] = _build(kind, config[name], name)
    if "metrics" in config:
        given["metrics"] = _metrics_from(config["metrics"], "metrics")
    if "lanes" in config:
        given["lanes"] = [lane_from(lane, path) for path, lane in _entries(config, "lanes")]
    if "sampling" in config:
        given["sampling"] = [
            _build_typed(_SAMPLING, rule, path) for path, rule in _entries(config, "sampling")
        ]
    if "routes" in config:
        if "exporter" in config:
            raise OptionError("routes: given together with exporter")
        given["routes"] = [_route_from(route, path) for path, route in _entries(config, "routes")]
    elif "exporter" in config:
        given["exporter"] = _exporter_from(config["exporter"], "exporter")
    return given


def lane_from(table: Any, path: str) -> Lane:
    """A lane from its table."""
    if isinstance(table, Lane):
        return table
    _check_table(table, path)
    values = dict(table)
    if "on_full" in values:
        values["on_full"] = _on_full(values["on_full"], f"{path}.on_full")
    for name, kind in (("early_drop", EarlyDrop), ("rate_limit", RateLimit)):
        if name in values:
            values[name] = _build(kind, values[name], f"{path}.{name}")
    lane: Lane = _build(Lane, values, path)
    return lane


def _metrics_from(table: Any, path: str) -> MetricsOptions:
    if isinstance(table, MetricsOptions):
        return table
    _check_table(table, path)
    values = dict(table)
    if "views" in values:
        values["views"] = [
            _build(View, view, inner) for inner, view in _entries(values, "views", f"{path}.")
        ]
    metrics: MetricsOptions = _build(MetricsOptions, values, path)
    return metrics


def _route_from(table: Any, path: str) -> Route:
    if isinstance(table, Route):
        return table
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
    if isinstance(table, MemoryExporter):
        return table
    if isinstance(table, Mapping) and table.get("type") == "memory":
        check_names(table, ("type", "max_bytes"), f"{path}.")
        return MemoryExporter(max_bytes=table.get("max_bytes"))
    return _build_typed(_EXPORTERS, table, path, more=("memory",))


def _build_typed(kinds: dict[str, type], table: Any, path: str, more: Sequence[str] = ()) -> Any:
    """One of several kinds, by the table's ``type``."""
    if isinstance(table, tuple(kinds.values())):
        return table
    _check_table(table, path)
    values = dict(table)
    name = values.pop("type", None)
    if not isinstance(name, str) or name not in kinds:
        known = ", ".join(map(repr, (*kinds, *more)))
        raise OptionError(f"{path}.type: {name!r} is not one of {known}")
    return _build(kinds[name], values, path)


def _build(kind: Any, table: Any, path: str) -> Any:
    if isinstance(table, kind):
        return table  # made in code
    _check_table(table, path)
    fields = [f for f in dataclasses.fields(kind) if f.init]
    check_names(table, [f.name for f in fields], f"{path}.")
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


def check_names(table: Table, known: Sequence[str], path: str) -> None:
    for name in table:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
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
        timeout = seconds_in(match[1]) if match[1] else None
    except ValueError as error:
        raise OptionError(f"{path}: {error}") from None
    return Block(timeout=timeout, on_event_loop=match[2] is not None)
