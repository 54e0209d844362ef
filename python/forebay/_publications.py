"""The directory in which each process of a service publishes its series.

A process's core writes ``<service>.<pid>.<instance id>.om`` again and again
(`MetricsOptions.publish_directory`); its first line says whose it is. What ended processes counted
must stay in the sums, and their files must not pile up, so they are folded into one file,
``ended.json``, with what they counted and the instance ids of those it was taken from.

No count is lost or there twice, whenever a folder is killed:

- It takes a file whose process is surely gone, or which says itself that it is the last.
- The new ``ended.json`` is moved into its place first, then the files are removed. One that is left
  over is named in ``ended.json``, and counts no more.
- A reader takes no lock. It reads ``ended.json``, then the files, and begins again where
  ``ended.json`` is another one by then.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._openmetrics import Family, bounds_of, compact, parse
from ._presence import is_alive
from ._warnings import warn_once

SUFFIX = ".om"
ENDED = "ended.json"
_LOCK = "ended.lock"
_HEAD = "# forebay "
# Of a process in another pid namespace only its file's age tells. Unit: s, and publications missed.
_SILENT_SECONDS = 60.0
_SILENT_INTERVALS = 10
# What a process that was killed left beside its file. Unit: s.
_LEFT_BESIDE = 3600.0


@dataclass(frozen=True)
class Publication:
    """What a process has published."""

    path: Path
    pid: int
    instance_id: str
    # It says itself that it is the last, or its process is surely gone: it changes no more.
    is_final: bool
    # Its process is there, as far as can be told.
    is_live: bool
    families: list[Family]


@dataclass
class Ended:
    """What ended processes counted: counters and histograms."""

    families: list[Family] = field(default_factory=list)
    # Those whose files it was taken from.
    folded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reading:
    """A directory at one moment."""

    publications: list[Publication]
    ended: Ended


class DamagedError(ValueError):
    """``ended.json`` cannot be read."""


def read_directory(directory: Path) -> Reading:
    """All that is published there; what is no publication, or damaged, is left out.

    Raises:
        DamagedError: ``ended.json`` is damaged.
        OSError: the directory cannot be read. One that is not there has nothing.
    """
    while True:
        before = _stamp(directory / ENDED)
        ended = _read_ended(directory / ENDED)
        publications = [
            publication
            for path in _files(directory)
            if (publication := _read_publication(path)) is not None
            and publication.instance_id not in ended.folded
        ]
        # Another one by now: some of the files that were read, or were gone already, may be in it.
        # Each time it took an ended process's file, so this comes to an end.
        if _stamp(directory / ENDED) == before:
            return Reading(publications, ended)


def fold(directory: Path) -> bool:
    """Take the files of ended processes into one. False where another one is at it, or cannot be.

    Never raises for what the disk says: one warning, and the files stay.
    """
    try:
        with _lock(directory) as is_mine:
            if is_mine:
                _fold(directory)
            return is_mine
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, DamagedError) as error:
        warn_once(
            f"the series of ended processes in {directory} stay in files of their own: {error}"
        )
        return False


# By name and type: processes may differ about what a name is.
Sums = dict[tuple[str, str], Family]


def add_series(to: Sums, family: Family) -> None:
    """Add a counter's or a histogram's series up, by labels and bounds."""
    whole = to.setdefault((family.name, family.type), Family(family.name, family.type))
    whole.unit = whole.unit or family.unit
    whole.help = whole.help or family.help
    for key, samples in family.series.items():
        sums = whole.series.setdefault(key, {})
        for sample, addends in samples.items():
            there = sums.setdefault(sample, [])
            if sample[0] == "_created":
                there[:] = [min([*there, *addends])]
            else:
                there += addends


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read_publication(path: Path) -> Publication | None:
    try:
        return _publication(path)
    except FileNotFoundError:  # folded since
        return None
    except (OSError, ValueError, KeyError, IndexError) as error:
        warn_once(f"{path} is left out of the service's series: {error}")
        return None


def _publication(path: Path) -> Publication:
    head = _head(path)
    # Before the whole is read: what a process that is gone by now wrote is all there.
    alive = _is_alive(head)
    with path.open(encoding="utf-8", newline="\n") as file:
        first = file.readline()
        text = file.read()
    head = _head_of(first)
    has_ended = bool(head["ended"])
    age = time.time() - int(head["written_unix_ns"]) / 1e9
    silent = max(_SILENT_SECONDS, _SILENT_INTERVALS * int(head["interval_ns"]) / 1e9)
    return Publication(
        path=path,
        pid=int(head["pid"]),
        instance_id=str(head["instance_id"]),
        is_final=has_ended or alive is False,
        is_live=not has_ended and (age < silent if alive is None else alive),
        families=parse(text),
    )


def _head(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8", newline="\n") as file:
        return _head_of(file.readline())


def _head_of(line: str) -> dict[str, Any]:
    if not line.startswith(_HEAD):
        raise ValueError("it does not begin as a file of Forebay's")
    head = json.loads(line.removeprefix(_HEAD))
    if not isinstance(head, dict) or head.get("format") != 1:
        raise ValueError("its format is another one")
    return head


def _is_alive(head: dict[str, Any]) -> bool | None:
    return is_alive(
        str(head["boot_id"]), int(head["pid_namespace"]), int(head["pid"]), int(head["start_ticks"])
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read_ended(path: Path) -> Ended:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return Ended()
    try:
        found = json.loads(text)
        if found["format"] != 1:
            raise ValueError("its format is another one")
        families = []
        for name, kind, unit, help_text, series in found["families"]:
            family = Family(name, kind, unit, help_text)
            for labels, samples in series:
                sums = {(suffix, bound): addends for suffix, bound, addends in samples}
                family.series[labels, bounds_of(sums)] = sums
            families.append(family)
        return Ended(families, frozenset(found["folded"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path}: {error}") from None


@contextmanager
def _lock(directory: Path) -> Iterator[bool]:
    """Among those who fold. Nobody waits: who has it does all that there is to do."""
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            try:
                yield True
            finally:
                # A child that was forked meanwhile has the descriptor, too: so unlock it.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _fold(directory: Path) -> None:
    before = _read_ended(directory / ENDED)
    final = []
    for path in _files(directory):
        publication = _read_publication(path)
        if publication is not None and publication.is_final:
            final.append(publication)
    taken = [each for each in final if each.instance_id not in before.folded]
    if taken:
        whole: Sums = {(family.name, family.type): family for family in before.families}
        for publication in taken:
            for family in publication.families:
                if family.type in ("counter", "histogram"):
                    add_series(whole, family)
        # Of those that were folded before, only files that are still there need be known.
        folded = sorted(each.instance_id for each in final)
        _write_ended(directory, Ended(list(whole.values()), frozenset(folded)))
    for publication in final:
        publication.path.unlink(missing_ok=True)
    _clear_what_was_left_beside(directory)


def _write_ended(directory: Path, ended: Ended) -> None:
    families = [
        [
            family.name,
            family.type,
            family.unit,
            family.help,
            [
                [labels, [[*sample, compact(addends)] for sample, addends in samples.items()]]
                for (labels, _), samples in family.series.items()
            ],
        ]
        for family in ended.families
    ]
    written = {"format": 1, "folded": sorted(ended.folded), "families": families}
    beside = directory / f"{ENDED}.tmp"
    with beside.open("w", encoding="utf-8") as file:
        os.chmod(file.fileno(), 0o600)
        json.dump(written, file, separators=(",", ":"))
        file.flush()
        # The files that it is made of are about to go: it must be there after a power failure, too.
        os.fsync(file.fileno())
    beside.replace(directory / ENDED)


def _clear_what_was_left_beside(directory: Path) -> None:
    for path in directory.glob(f"*{SUFFIX}.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _LEFT_BESIDE:
                path.unlink()
