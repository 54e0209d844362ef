"""Options of a collector from a TOML file, or from ``--lane``, for a simulation."""

from __future__ import annotations

import inspect
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from .._config import Table, arguments_from, check_names
from .._errors import OptionError
from .._exporters import OtlpHttpExporter
from .._options import flatten
from .._routes import check_routes, in_default_directories, in_default_directory
from .._validation import Value
from . import arguments

# Everything that a collector takes.
_TOP = tuple(inspect.signature(flatten).parameters)


def core_options(config: Table) -> list[tuple[str, Value]]:
    """Check a whole configuration, and spell it out for the core.

    Raises:
        OptionError: the message begins with the option's path.
    """
    given: dict[str, Any] = {**dict.fromkeys(_TOP), "service_name": "simulated"}
    given |= arguments_from(config, _TOP)
    # Where the stats file is, and whether anything runs at all: a simulation has nothing of it.
    given |= {"run_directory": None, "disabled": False}
    if given["routes"] is not None:
        given["routes"] = in_default_directories(check_routes(given["routes"]), "simulated")
    else:
        exporter = given["exporter"] or OtlpHttpExporter()
        given["exporter"] = in_default_directory(exporter, "simulated", "exporter")
    return flatten(**given)


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
        check_names({key: value}, [*LANE_OPTIONS, "attributes.KEY"], f"{name}: ")
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
