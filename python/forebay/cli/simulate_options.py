"""What ``forebay simulate`` is asked, as the core takes it."""

from __future__ import annotations

import argparse
import math
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .._errors import OptionError
from .._levels import level_number, severity_number
from .._validation import Value
from . import arguments
from .simulate_config import core_options, lane_table

T = TypeVar("T")

_DAY = 86_400.0
_LEAD = 10.0
_AFTER = 60.0
# Samples of a run; what happens between two is in their peaks.
_SAMPLES = 2000


class UsageError(Exception):
    """A bad argument; the text names it."""


@dataclass(frozen=True)
class Load:
    """One thread that emits at a steady rate."""

    rate: float  # records/s
    level: str = "INFO"
    logger: str = "simulated"

    @property
    def severity(self) -> int:
        """As OpenTelemetry counts."""
        value: int | str = int(self.level) if self.level.isdigit() else self.level
        return severity_number(level_number(value, "--rate"))


@dataclass(frozen=True)
class Outage:
    """When the destination, or a part of it, refuses connections. Unit: s."""

    start: float
    length: float
    route: str = ""  # all
    exporter: int | None = None  # all of the route

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.length


@dataclass(frozen=True)
class Question:
    """A scenario, and the collector that is put to it."""

    loads: tuple[Load, ...]
    outages: tuple[Outage, ...]
    length: float
    record_bytes: int
    destination_rate: float  # 0: takes all that comes
    latency: float
    seed: int
    options: list[tuple[str, Value]]

    @property
    def settle(self) -> float:
        """How long to go on, at most, after the loads have ended."""
        return max(120.0, self.length)

    @property
    def sample_every(self) -> float:
        """Seconds between two samples."""
        return max(0.01, round((self.length + self.settle) / _SAMPLES, 3))

    def scenario(self) -> list[tuple[str, Value]]:
        """As the core takes it."""
        result: list[tuple[str, Value]] = []
        for i, load in enumerate(self.loads):
            at = f"loads[{i}]"
            result += [
                (f"{at}.rate", load.rate),
                (f"{at}.level", load.severity),
                (f"{at}.logger", load.logger),
                (f"{at}.record_bytes", self.record_bytes),
            ]
        for i, outage in enumerate(self.outages):
            at = f"outages[{i}]"
            result += [(f"{at}.from", outage.start), (f"{at}.length", outage.length)]
            if outage.route:
                result.append((f"{at}.route", outage.route))
            if outage.exporter is not None:
                result.append((f"{at}.exporter", outage.exporter))
        result += [
            ("length", self.length),
            ("settle", self.settle),
            ("sample_every", self.sample_every),
            ("destination.rate", self.destination_rate),
            ("destination.latency", self.latency),
            ("seed", self.seed),
        ]
        return result


def question(args: argparse.Namespace) -> Question:
    """Read every argument.

    Raises:
        UsageError: one of them is bad.
    """
    loads = _named("--rate", lambda: [load for text in args.rate for load in rates(text)])
    if not sum(load.rate for load in loads):
        raise UsageError("--rate: nothing is emitted; one rate must be above 0")
    outages = _named("--outage", lambda: read_outages(args.outage))
    last = max((outage.end for outage in outages), default=0.0)
    length = last + _AFTER
    if args.length is not None:
        length = _seconds("--length", args.length, 0.001, _DAY)
    if max(length, last) > _DAY:
        raise UsageError(f"--length: {max(length, last):g} s is over a day")
    destination_rate = 0.0
    if args.destination_rate is not None:
        destination_rate = _named("--destination-rate", lambda: _rate(args.destination_rate))
        if not 0 < destination_rate <= 1e9:
            raise UsageError(
                f"--destination-rate: {args.destination_rate} is not above 0, up to 1e9 records/s"
            )
    record_bytes = _named("--record-bytes", lambda: arguments.size(args.record_bytes))
    if record_bytes > 1_000_000:
        raise UsageError(f"--record-bytes: {record_bytes} is not in 0..1000000")
    if not 1 <= args.seed <= 1 << 32:
        raise UsageError(f"--seed: {args.seed} is not in 1..{1 << 32}")
    result = Question(
        loads=tuple(loads),
        outages=tuple(outages),
        length=length,
        record_bytes=record_bytes,
        destination_rate=destination_rate,
        latency=_seconds("--latency", args.latency, 0.0, 3600.0),
        seed=args.seed,
        options=_collector(args),
    )
    _check_routes(result)
    return result


def _collector(args: argparse.Namespace) -> list[tuple[str, Value]]:
    config: dict[str, Any] = {} if args.config is None else _read_config(args.config)
    if args.lane:
        config["lanes"] = _named("--lane", lambda: [lane_table(text) for text in args.lane])
    if args.memory_limit is not None:
        config["memory_limit"] = _named("--memory-limit", lambda: arguments.size(args.memory_limit))
    try:
        return core_options(config)
    except OptionError as error:
        raise UsageError(with_source(error, args)) from None
    except TypeError as error:  # a value of a kind that no check expects
        raise UsageError(f"--config {args.config}: {error}") from None


def with_source(error: OptionError, args: argparse.Namespace) -> str:
    """The message, which begins with the option's path, and before it where that was given."""
    message = str(error)
    if message.startswith("lanes") and args.lane:
        return f"--lane: {message}"
    if message.startswith("memory_limit") and args.memory_limit is not None:
        return f"--memory-limit: {message}"
    return message if args.config is None else f"--config {args.config}: {message}"


def _read_config(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: {error}") from None


def _check_routes(asked: Question) -> None:
    """An outage of a route that there is not would be no outage at all."""
    exporters: dict[str, int] = {}
    names = {
        path.removesuffix(".name"): str(value)
        for path, value in asked.options
        if re.fullmatch(r"routes\[\d+\]\.name", path)
    }
    for path, _ in asked.options:
        match = re.fullmatch(r"(routes\[\d+\])\.exporters\[(\d+)\]\.type", path)
        if match is not None:
            exporters[names[match[1]]] = int(match[2]) + 1
    exporters = exporters or {"main": 1}
    for outage in asked.outages:
        if not outage.route:
            continue
        if outage.route not in exporters:
            known = ", ".join(exporters)
            raise UsageError(f"--outage: {outage.route!r} is no route; there are: {known}")
        if (outage.exporter or 0) >= exporters[outage.route]:
            raise UsageError(
                f"--outage: {outage.route}.{outage.exporter}: the route has "
                f"{exporters[outage.route]} exporters, counted from 0"
            )


# -- single arguments -------------------------------------------------------------------------


def _named(option: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (argparse.ArgumentTypeError, OptionError) as error:
        text = str(error)
        prefix = "" if text.startswith(option) else f"{option}: "
        raise UsageError(f"{prefix}{text}") from None


def _seconds(option: str, text: str, low: float, high: float) -> float:
    value = _named(option, lambda: arguments.duration(text))
    if not low <= value <= high:
        raise UsageError(f"{option}: {text} is not in {low:g}..{high:g} s")
    return value


def _rate(text: str) -> float:
    """Records a second out of ``9500``, ``2.5k`` or ``1M`` (powers of 1000)."""
    match = re.fullmatch(r"(\d[\d_]*(?:\.\d+)?)\s*([kKmM]?)(?:/s)?", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write 9500, 2.5k or 1M (records/s)")
    value = float(match[1]) * {"": 1.0, "k": 1e3, "m": 1e6}[match[2].lower()]
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is too much")
    return value


def rates(text: str) -> list[Load]:
    """``10000``, ``info=9500,error=10``, or with a logger, ``audit.api:info=50``."""
    result = []
    for item in text.split(","):
        what, equals, number = item.rpartition("=")
        logger, colon, level = what.rpartition(":")
        if not equals and ":" in item:
            logger, colon, number = item.rpartition(":")
        rate = _rate(number)
        if rate > 10_000_000:
            raise argparse.ArgumentTypeError(f"{number} is not in 0..10000000 records/s")
        load = Load(
            rate,
            level=level.strip().upper() or "INFO",
            logger=logger.strip() if colon else "simulated",
        )
        if not load.logger:
            raise argparse.ArgumentTypeError(f"{item!r}: there is no logger before the colon")
        _ = load.severity  # says what is wrong with the level
        result.append(load)
    return result


_OUTAGE = re.compile(r"([^@:]+)(?:@([^@:]+))?(?::([A-Za-z0-9_-]+)(?:\.(\d+))?)?")


def read_outages(texts: Sequence[str]) -> list[Outage]:
    """``60s``, ``60s@30s``, ``60s@30s:ROUTE`` or ``60s@30s:ROUTE.0``, in order of time.

    Without a start it begins 10 s after the one before has ended, or after the beginning.
    """
    result: list[Outage] = []
    for text in texts:
        match = _OUTAGE.fullmatch(text.strip())
        if match is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not LENGTH[@START][:ROUTE[.EXPORTER]], such as 60s@30s"
            )
        length = arguments.duration(match[1])
        if length <= 0:
            raise argparse.ArgumentTypeError(f"{text!r} has no length")
        if match[2] is not None:
            start = arguments.duration(match[2])
        else:
            start = max((each.end for each in result), default=0.0) + _LEAD
        if start + length > _DAY:
            raise argparse.ArgumentTypeError(f"{text!r} ends after more than a day")
        exporter = None if match[4] is None else int(match[4])
        result.append(Outage(start, length, match[3] or "", exporter))
    return sorted(result, key=lambda outage: outage.start)
