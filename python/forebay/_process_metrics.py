"""What a process tells of itself: processor, memory, threads, descriptors, garbage collection.

By OpenTelemetry's conventions for processes and for CPython. Asked once a collection, on a thread
of Forebay's. Reading ``/proc`` releases the GIL; the two system calls and `gc.get_stats` hold it,
for some microseconds.
"""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ._metrics import MakesInstruments
from ._observers import Observation

# This process's own, also in a child.
_PROC = "/proc/self"

Read = Callable[[], "Sequence[Observation] | float"]


class _Told(NamedTuple):
    kind: str
    name: str
    unit: str
    description: str
    read: Read
    meter: str = "process"


def observe_process(maker: MakesInstruments) -> Callable[[], None]:
    """Make the instruments of what can be read here; what is returned ends them again."""
    observed = []
    for told in _TOLD:
        # Tried once: a system without it has no such metric, and no complaint at each collection.
        with suppress(OSError, ValueError, IndexError):
            told.read()
            make = getattr(maker, f"observable_{told.kind}")
            observed.append(
                make(
                    told.name,
                    told.read,
                    unit=told.unit,
                    description=told.description,
                    meter=told.meter,
                )
            )

    def end() -> None:
        for each in observed:
            each.close()

    return end


# -- from the system -----------------------------------------------------------------------------


def _used() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_SELF)


def _cpu_time() -> list[Observation]:
    used = _used()
    return [
        Observation(used.ru_utime, {"cpu.mode": "user"}),
        Observation(used.ru_stime, {"cpu.mode": "system"}),
    ]


def _context_switches() -> list[Observation]:
    used = _used()
    kind = "process.context_switch.type"
    return [
        Observation(used.ru_nvcsw, {kind: "voluntary"}),
        Observation(used.ru_nivcsw, {kind: "involuntary"}),
    ]


def _page_faults() -> list[Observation]:
    used = _used()
    kind = "system.paging.fault.type"
    return [
        Observation(used.ru_minflt, {kind: "minor"}),
        Observation(used.ru_majflt, {kind: "major"}),
    ]


def _content(name: str) -> bytes:
    with open(f"{_PROC}/{name}", "rb") as file:
        return file.read()


def _pages(field: int) -> int:
    return int(_content("statm").split()[field]) * os.sysconf("SC_PAGESIZE")


def _virtual_memory() -> int:
    return _pages(0)


def _resident_memory() -> int:
    return _pages(1)


def _stat(field: int) -> int:
    """A field of proc_pid_stat(5), counted as there, behind the name of the program."""
    # The name is in parentheses and may have some of its own.
    return int(_content("stat").rpartition(b")")[2].split()[field - 3])


def _threads() -> int:
    return _stat(20)


def _uptime() -> float:
    begun = _stat(22) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun


def _file_descriptors() -> int:
    # Linux 6.2 and later: the folder's size is their number, at no cost.
    counted = os.stat(f"{_PROC}/fd").st_size
    if counted:
        return counted
    with os.scandir(f"{_PROC}/fd") as entries:
        # One of them is the folder's own.
        return sum(1 for _ in entries) - 1


# -- from the interpreter ------------------------------------------------------------------------

# What a child's interpreter had counted when it was still its parent.
_gc_of_parent: list[dict[str, int]] = []


def _forget_parent() -> None:
    _gc_of_parent[:] = gc.get_stats()


os.register_at_fork(after_in_child=_forget_parent)


def _garbage(field: str) -> Read:
    def read() -> list[Observation]:
        now = [generation[field] for generation in gc.get_stats()]
        before = [generation[field] for generation in _gc_of_parent] or [0] * len(now)
        return [
            Observation(count - earlier, {"cpython.gc.generation": generation})
            for generation, (count, earlier) in enumerate(zip(now, before, strict=True))
        ]

    return read


_TOLD = (
    _Told(
        "counter",
        "process.cpu.time",
        "s",
        "Total CPU seconds broken down by different CPU modes.",
        _cpu_time,
    ),
    _Told(
        "up_down_counter",
        "process.memory.usage",
        "By",
        "The amount of physical memory in use.",
        _resident_memory,
    ),
    _Told(
        "up_down_counter",
        "process.memory.virtual",
        "By",
        "The amount of committed virtual memory.",
        _virtual_memory,
    ),
    _Told(
        "up_down_counter", "process.thread.count", "{thread}", "Process threads count.", _threads
    ),
    _Told(
        "up_down_counter",
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "Number of UNIX file descriptors in use by the process.",
        _file_descriptors,
    ),
    _Told(
        "counter",
        "process.context_switches",
        "{context_switch}",
        "Number of times the process has been context switched.",
        _context_switches,
    ),
    _Told(
        "counter",
        "process.paging.faults",
        "{fault}",
        "Number of page faults the process has made.",
        _page_faults,
    ),
    _Told("gauge", "process.uptime", "s", "The time the process has been running.", _uptime),
    _Told(
        "counter",
        "cpython.gc.collections",
        "{collection}",
        "The number of times a generation was collected since interpreter start.",
        _garbage("collections"),
        "cpython",
    ),
    _Told(
        "counter",
        "cpython.gc.collected_objects",
        "{object}",
        "The total number of objects collected inside a generation since interpreter start.",
        _garbage("collected"),
        "cpython",
    ),
    _Told(
        "counter",
        "cpython.gc.uncollectable_objects",
        "{object}",
        "The total number of objects which were found to be uncollectable inside a generation "
        "since interpreter start.",
        _garbage("uncollectable"),
        "cpython",
    ),
)
