"""Routes: ways out of a collector, each with a backlog and a line of the ledger of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Literal

from ._errors import OptionError
from ._exporters import ConsoleExporter, Exporter, FileExporter, MemoryExporter, check_exporter
from ._local_files import default_directory
from ._validation import OptionList, short_name, suggests_fields

MAX_ROUTES = 8
MAX_EXPORTERS = 8


@suggests_fields
@dataclass(frozen=True)
class Route:
    """A way out: one exporter, or several that stand in for one another.

    Every batch goes out on every route. A batch is with one exporter of a route at a time; what one
    gives back after a failure goes to whichever is next by ``order``. As with a retry, it may have
    arrived already: `Forebay-Batch-Id` tells a receiver.
    """

    # In the ledger and in messages: 1..31 letters, digits, "_" and "-".
    name: str
    # 1 to 8.
    exporters: Sequence[Exporter]
    _: KW_ONLY
    # "failover": the first that is well; one that fails again and again is passed over, and gets
    # one batch now and then until that arrives. "round_robin": in turn, but for those that are busy
    # or pause after a failure.
    order: Literal["failover", "round_robin"] = "failover"
    # When this route's backlog is full, for all lanes: "hold" leaves records in the queue, for all
    # routes; "evict_oldest" lets the lane's oldest batch go, on this route. None: on the first
    # route what the lane says, on others "evict_oldest".
    on_backlog_full: Literal["hold", "evict_oldest"] | None = None
    # Part of ``BacklogOptions.max_bytes`` that is this route's, 0..1; all together at most 1. None:
    # an equal part of what the others leave.
    backlog_share: float | None = None

    def _flatten(self, options: OptionList, path: str, console: str | None) -> None:
        options.add(f"{path}.name", short_name(f"{path}.name", self.name))
        options.choice(f"{path}.order", self.order, ("failover", "round_robin"))
        options.choice(f"{path}.on_backlog_full", self.on_backlog_full, ("hold", "evict_oldest"))
        options.number(f"{path}.backlog_share", self.backlog_share, 0.0, 1.0)
        for i, exporter in enumerate(self.exporters):
            exporter._flatten(options, f"{path}.exporters[{i}]")
            if console is not None and not isinstance(exporter, ConsoleExporter):
                options.add(f"{path}.exporters[{i}].console", console)


def check_routes(routes: object) -> tuple[Route, ...]:
    """Check what kind of things are given; `flatten_routes` checks their values."""
    if isinstance(routes, str | Route) or not isinstance(routes, Sequence):
        raise OptionError(f"routes: {routes!r} is not a list of Route")
    if not 1 <= len(routes) <= MAX_ROUTES:
        raise OptionError(f"routes: {len(routes)} routes is not in 1..{MAX_ROUTES}")
    memory = None
    for i, route in enumerate(routes):
        if not isinstance(route, Route):
            raise OptionError(f"routes[{i}]: {route!r} is not a Route")
        path = f"routes[{i}].exporters"
        if not isinstance(route.exporters, Sequence):
            raise OptionError(f"{path}: {route.exporters!r} is not a list of exporters")
        if not 1 <= len(route.exporters) <= MAX_EXPORTERS:
            raise OptionError(
                f"{path}: {len(route.exporters)} exporters is not in 1..{MAX_EXPORTERS}"
            )
        for e, exporter in enumerate(route.exporters):
            check_exporter(exporter, f"{path}[{e}]")
            if isinstance(exporter, MemoryExporter):
                if memory is not None:
                    raise OptionError(f"{path}[{e}]: a second MemoryExporter, beside {memory}")
                memory = f"{path}[{e}]"
    return tuple(routes)


def in_default_directories(routes: Sequence[Route], service_name: str) -> tuple[Route, ...]:
    """The same routes, with each FileExporter told where it writes."""
    return tuple(
        replace(
            route,
            exporters=tuple(
                in_default_directory(each, service_name, f"routes[{r}].exporters[{e}]")
                for e, each in enumerate(route.exporters)
            ),
        )
        for r, route in enumerate(routes)
    )


def in_default_directory(exporter: Exporter, service_name: str, path: str) -> Exporter:
    """The same exporter; a FileExporter without a directory gets the service's."""
    if not isinstance(exporter, FileExporter) or exporter.directory is not None:
        return exporter
    directory = default_directory(service_name)
    if directory is None:
        raise OptionError(f"{path}.directory: None, and there is no home directory to put it in")
    return replace(exporter, directory=directory)


def flatten_routes(options: OptionList, routes: Sequence[Route], console: str | None) -> None:
    """Check all routes, and spell them out. What the first delivers may be shown on the console."""
    names: dict[str, int] = {}
    for i, route in enumerate(routes):
        route._flatten(options, f"routes[{i}]", console if i == 0 else None)
        first = names.setdefault(route.name, i)
        if first != i:
            raise OptionError(f"routes[{i}].name: {route.name!r} is also that of routes[{first}]")
    shares = sum(route.backlog_share or 0.0 for route in routes)
    if shares > 1.0 + 1e-9:
        raise OptionError(f"routes[{len(routes) - 1}].backlog_share: together {shares:g}, over 1")
