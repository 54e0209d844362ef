"""The series of all processes of a service as one exposition: their sums, or each one's own.

Never both: ``sum()`` over a name whose sum stands beside its parts would count twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ._collector import open_collectors
from ._openmetrics import Family, SeriesKey, render, split, with_label
from ._publications import Publication, Reading, Sums, add_series, fold, read_directory

# The label that tells processes apart, and the one that tells histograms of a name apart.
PROCESS = "process"
BUCKETS = "buckets"
_ENDED = "ended"
_ADDED_UP = ("counter", "histogram")


def service_text(directory: Path, process: str, *, openmetrics: bool) -> str:
    """The text of all processes that publish there; this one's numbers are published first.

    That makes them fresh, and keeps sums from going down: the next scrape may be answered by
    another process, which knows of this one what it has published.

    Args:
        process: "sum", "each", or a process as its label has it.

    Raises:
        LookupError: there is no such process.
        DamagedError: the file of ended processes is damaged.
        OSError: the directory cannot be read.
    """
    for collector in open_collectors():
        if collector.publish_directory == str(directory):
            collector._core.publish_metrics()
    reading = read_directory(directory)
    if any(each.is_final for each in reading.publications) and fold(directory):
        reading = read_directory(directory)
    families, notes = _sum(reading) if process == "sum" else _each(reading, process)
    return render(families, notes, openmetrics=openmetrics)


def _sum(reading: Reading) -> tuple[list[Family], list[str]]:
    """Counters and histograms added up; gauges of living processes by a label.

    What is known of the service (``target_info``) is what its living processes agree about.
    """
    sums: Sums = {}
    infos: Sums = {}
    for family in reading.ended.families:
        add_series(sums, family)
    for name, publication in _named(reading.publications):
        for family in publication.families:
            if family.type in _ADDED_UP:
                add_series(sums, family)
            elif publication.is_live and family.type == "info":
                _agree(infos, family)
            elif publication.is_live:
                _tell_apart(sums, family, name)
    for whole in sums.values():
        _tell_buckets_apart(whole)
    return _one_type_a_name([*infos.values(), *sums.values()])


def _each(reading: Reading, process: str) -> tuple[list[Family], list[str]]:
    """Each process's series by a label; what ended ones counted has ``ended`` there."""
    ended: Sums = {}
    for family in reading.ended.families:
        add_series(ended, family)
    parts: list[tuple[str, list[Family]]] = []
    for name, publication in _named(reading.publications):
        if publication.is_live:
            parts.append((name, publication.families))
            continue
        for family in publication.families:
            if family.type in _ADDED_UP:
                add_series(ended, family)
    parts.append((_ENDED, list(ended.values())))
    if process != "each":
        parts = [part for part in parts if part[0] == process]
        if not parts:
            raise LookupError(f"no process {process!r} publishes its series")
    told: Sums = {}
    for name, families in parts:
        for family in families:
            _tell_buckets_apart(family)
            _tell_apart(told, family, name)
    return _one_type_a_name(list(told.values()))


def _named(publications: Iterable[Publication]) -> list[tuple[str, Publication]]:
    """Each with its label: its pid, and where several have it, a part of their instance id."""
    found = list(publications)
    pids = Counter(each.pid for each in found)
    return [
        (str(each.pid) if pids[each.pid] == 1 else f"{each.pid}-{each.instance_id[:8]}", each)
        for each in found
    ]


def _tell_apart(to: Sums, family: Family, process: str) -> None:
    whole = to.setdefault((family.name, family.type), Family(family.name, family.type))
    whole.unit = whole.unit or family.unit
    whole.help = whole.help or family.help
    for (labels, bounds), samples in family.series.items():
        whole.series[with_label(labels, PROCESS, process), bounds] = samples


def _agree(to: Sums, family: Family) -> None:
    """Keep the labels that are the same in all of them."""
    whole = to.setdefault((family.name, family.type), family)
    for (labels, _), samples in family.series.items():
        ((before, _),) = whole.series
        there = set(split(labels))
        common = ",".join(f'{key}="{text}"' for key, text in split(before) if (key, text) in there)
        whole.series = {(common, ()): samples}


def _tell_buckets_apart(family: Family) -> None:
    """Where histograms of the same labels have other bounds (a view was changed, and old processes
    live on or have ended), a label says which: they cannot be added up, and must not be one series.
    """
    layouts = Counter(labels for labels, _ in family.series)
    if all(count == 1 for count in layouts.values()):
        return
    told: dict[SeriesKey, dict[tuple[str, str], list[int | float]]] = {}
    for (labels, bounds), samples in family.series.items():
        if layouts[labels] > 1:
            labels = with_label(labels, BUCKETS, " ".join(bounds))
        told[labels, bounds] = samples
    family.series = told


def _one_type_a_name(families: list[Family]) -> tuple[list[Family], list[str]]:
    """The formats allow no more: the first that came holds."""
    types: dict[str, str] = {}
    notes = []
    for family in families:
        if types.setdefault(family.name, family.type) != family.type:
            notes.append(
                f"the {family.type} {family.name} of some processes is left out: "
                f"others have a {types[family.name]} of that name"
            )
    return [each for each in families if types[each.name] == each.type], notes
