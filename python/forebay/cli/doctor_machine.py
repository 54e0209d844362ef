"""What the machine, or the container, is like: disk, memory, processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .._local_files import can_be_written, default_directory
from .._stats_file import run_directory
from .doctor import Check

_MIB = 1 << 20
# Forebay's defaults: the cap of local files, and of a process's memory.
_FILES = 256 * _MIB
_MEMORY = 48 * _MIB
_LEAST_MEMORY = 8 * _MIB
# What 64 ledgers take, which is how many of the dead are kept.
_LEDGERS = 4 * _MIB


def local_files(service_name: str | None) -> Iterator[Check]:
    """Where records go without an endpoint."""
    directory = default_directory(service_name)
    if directory is None:
        mend = "set FOREBAY_DIR, or an endpoint"
        yield Check("fail", "destination", "the console: there is no home directory", mend)
        return
    if not can_be_written(directory):
        mend = "set FOREBAY_DIR to a directory that can be written, or an endpoint"
        text = f"the console: {directory} cannot be written"
        yield Check("fail", "destination", text, mend)
        return
    yield Check("ok", "destination", f"local files in {directory}")
    mend = "FileExporter(max_total_bytes=…), or another disk"
    yield _room("disk", Path(directory), "files", _FILES, mend)


def _room(subject: str, directory: Path, what: str, needed: int, mend: str) -> Check:
    place = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        text = f"{free // _MIB} MiB free, and {what} may take {needed // _MIB}"
        return Check("fail", subject, text, mend)
    text = f"{free // _MIB:,} MiB free; {what} take {needed // _MIB} at most"
    return Check("ok", subject, text)


def memory_limit() -> int:
    """A process's, where nobody says. Unit: bytes."""
    from .. import _core  # as late as this: what is above can be told without it

    limit = _core.container_memory_limit()
    return _MEMORY if limit is None else min(max(limit // 50, _LEAST_MEMORY), _MEMORY)


def checks() -> Iterator[Check]:
    """What is so whatever the destination is."""
    where = run_directory()
    if can_be_written(str(where)):
        yield Check("ok", "ledger", f"stats files in {where}")
        mend = "set FOREBAY_RUN_DIR to a directory with room"
        yield _room("ledger disk", where.absolute(), "ledgers", _LEDGERS, mend)
    else:
        mend = "set FOREBAY_RUN_DIR; without it `forebay stats` sees nothing"
        yield Check("fail", "ledger", f"{where} cannot be written: kept in memory", mend)
    from .. import _core

    limit = _core.container_memory_limit()
    if limit is None:
        yield Check("ok", "memory", f"no container's limit; {_MEMORY // _MIB} MiB a process")
    else:
        each = memory_limit()
        part = 100 * each / limit
        state, mend = ("ok", "") if part <= 10 else ("fail", "give a smaller memory_limit")
        text = f"the container's limit is {limit // _MIB:,} MiB; {each // _MIB} a process"
        yield Check(state, "memory", f"{text}, {part:.0f} % of it", mend)
    yield _fork()


def _fork() -> Check:
    import multiprocessing

    method = (
        multiprocessing.get_start_method(allow_none=True)
        or (multiprocessing.get_all_start_methods()[0])
    )
    text = f"multiprocessing would {method}; a child begins with an empty ledger either way"
    return Check("ok", "processes", f"{os.cpu_count()} CPUs; {text}")
