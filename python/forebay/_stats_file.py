"""The ledgers of other processes, living and dead, out of their stats files.

Written from docs/ledger.md with the standard library alone, so that it also reads the file of a
process with another version of Forebay. Reading takes nothing from the process that writes: it is
not stopped, and need not exist.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ._presence import is_alive
from ._stats_file_layout import ENDED, OpenStatsFile, PendingMove, StatsFileError
from ._stats_file_numbers import Law, Numbers

__all__ = [
    "Law",
    "PendingMove",
    "StatsFile",
    "StatsFileError",
    "list_stats_files",
    "prune",
    "read_stats_file",
    "run_directory",
]

SUFFIX = ".forebay"
# Of files whose process is gone; whichever is less.
KEEP_SECONDS = 7 * 86_400.0
KEEP_FILES = 64

# killed: it is gone and never said that it ended. unknown: it says that it runs, in a pid
# namespace that cannot be looked into from here.
State = Literal["running", "ended", "killed", "unknown"]


@dataclass(frozen=True)
class StatsFile:
    """A process's ledger, as its file tells it."""

    path: Path
    instance_id: str
    service_name: str
    pid: int
    pid_namespace: int
    boot_id: str
    start_ticks: int
    # By the wall clock of the process, since 1970. Unit: ns. ended: 0 until it has.
    started_wall_ns: int
    heartbeat_wall_ns: int
    ended_wall_ns: int
    # When the file system last saw the file change. On a disk that follows a count within half a
    # minute; a tmpfs never sees a store to mapped memory. Unit: ns since 1970.
    modified_wall_ns: int
    # Whether the process is there; None where that cannot be told.
    alive: bool | None
    state: State
    # Of log records; and of metric points, which an older file does not have.
    lanes: tuple[str, ...]
    metric_lanes: tuple[str, ...]
    routes: tuple[str, ...]
    # Every name of the ledger, named as in `Stats.numbers`: "lanes.normal.dropped.early_drop", and
    # "metrics.dropped.backlog_full" for points.
    numbers: Mapping[str, int]
    # How each lane was when its process last looked, some hundredths of a second ago, or before it
    # was killed: "lanes.normal.fill_permille" (of the queue's room), ".state" (0 normal, 1
    # pressured, 2 full), and ".ms_to_full" where it fills. Empty where the file has none.
    gauges: Mapping[str, int]
    # The intake's for each lane, then each route's for each lane.
    laws: tuple[Law, ...]
    # Records seen to leave before emit's count of them was seen; they are in `emitted`.
    ahead: int
    # Threads that have a counter now: those of their own, and those that share one.
    leased_slots: int
    shared_leases: int
    # Room for emit slots in the file.
    slots: int
    # False where the process wrote so fast that no moment of rest was met: then `numbers` may mix
    # two steps.
    exact: bool
    # The process was killed within a step of its books, and the reader has made it.
    cut_short: bool
    pending_moves: tuple[PendingMove, ...]

    @property
    def balanced(self) -> bool:
        """Whether every law holds."""
        return all(law.holds for law in self.laws)

    @property
    def lost_in_crash(self) -> int | None:
        """Records that a killed process held in memory. None where it was not killed.

        What lay in the spool is not among them: the next process recovers it. Those in flight may
        have arrived. The true number is within `lost_in_crash_margin` of this one.
        """
        if self.state != "killed":
            return None
        return self.numbers["held"] - self.numbers["in_spool"]

    @property
    def points_lost_in_crash(self) -> int | None:
        """Metric points that a killed process held in memory. None where it was not killed."""
        if self.state != "killed":
            return None
        held = self.numbers.get("metrics.held", 0)
        return held - self.numbers.get("metrics.in_spool", 0)

    @property
    def lost_in_crash_margin(self) -> int | None:
        """One record for each thread that had a counter when the process was killed."""
        return self.leased_slots + self.shared_leases if self.state == "killed" else None

    @property
    def last_seen_wall_ns(self) -> int:
        """Its end, or its last sign of life that is known. Unit: ns since 1970."""
        if self.state == "ended":
            return self.ended_wall_ns
        return max(self.started_wall_ns, self.heartbeat_wall_ns, self.modified_wall_ns)


def run_directory() -> Path:
    """Where stats files are: $FOREBAY_RUN_DIR, $XDG_RUNTIME_DIR/forebay, or under /tmp."""
    if named := os.environ.get("FOREBAY_RUN_DIR"):
        return Path(named)
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "forebay"
    return Path(f"/tmp/forebay-{os.getuid()}")


def read_stats_file(path: str | os.PathLike[str]) -> StatsFile:
    """Read one file, also while its process writes it.

    Raises:
        StatsFileError: it is not a stats file, is cut off or damaged, or of a newer format.
        OSError: it cannot be opened.
    """
    path = Path(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StatsFileError(f"{path}: not a file")
        return _read(OpenStatsFile(path, descriptor), status.st_mtime_ns)
    finally:
        os.close(descriptor)


def list_stats_files(directory: str | os.PathLike[str] | None = None) -> list[Path]:
    """The paths of all stats files in a directory, by name, whatever is in them.

    Args:
        directory: `run_directory` where None. One that is not there holds no files.
    """
    where = run_directory() if directory is None else Path(directory)
    try:
        return sorted(path for path in where.iterdir() if path.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []


def prune(
    directory: str | os.PathLike[str] | None = None,
    *,
    now: float | None = None,
    max_age: float = KEEP_SECONDS,
    max_files: int = KEEP_FILES,
) -> list[Path]:
    """Remove the files of processes that are gone: those older than `max_age`, then the oldest
    until `max_files` are left. Files that cannot be read are left alone; so is one of another pid
    namespace, unless its heartbeat has stopped for that long.

    Args:
        now: Seconds since 1970; the wall clock where None.
        max_age: Since the last sign of life, `StatsFile.last_seen_wall_ns`. Unit: s.

    Returns:
        What was removed.
    """
    now_ns = int((time.time() if now is None else now) * 1e9)
    oldest_ns = now_ns - int(max_age * 1e9)
    gone = []
    removable = []
    for path in list_stats_files(directory):
        try:
            file = read_stats_file(path)
        except (OSError, StatsFileError):
            continue
        if file.state in ("ended", "killed"):
            gone.append(file)
        elif file.state == "unknown" and _heart_stopped(file, oldest_ns):
            removable.append(file)
    gone.sort(key=lambda file: file.last_seen_wall_ns, reverse=True)
    for place, file in enumerate(gone):
        if place >= max_files or file.last_seen_wall_ns < oldest_ns:
            removable.append(file)
    for file in removable:
        file.path.unlink(missing_ok=True)
    return [file.path for file in removable]


def _heart_stopped(file: StatsFile, since_ns: int) -> bool:
    """Whether it ever beat, and did not after `since_ns`."""
    return file.started_wall_ns < file.heartbeat_wall_ns and file.last_seen_wall_ns < since_ns


def _read(file: OpenStatsFile, modified_wall_ns: int) -> StatsFile:
    file.header()
    file.tables()
    alive = is_alive(file.boot_id, file.pid_namespace, file.pid, file.start_ticks)
    cells, exact, cut_short = file.flow(gone=alive is False)
    numbers = Numbers(file, cells)
    numbers.add_emit_side()
    file.header()  # once more: a process that ended meanwhile was not killed
    state: State
    if file.state_code == ENDED:
        state = "ended"
    elif alive is None:
        state = "unknown"
    else:
        state = "running" if alive else "killed"
    return StatsFile(
        path=file.path,
        instance_id=file.texts[0],
        service_name=file.texts[1],
        pid=file.pid,
        pid_namespace=file.pid_namespace,
        boot_id=file.boot_id,
        start_ticks=file.start_ticks,
        started_wall_ns=file.started_ns,
        heartbeat_wall_ns=file.heartbeat_ns,
        ended_wall_ns=file.ended_ns if state == "ended" else 0,
        modified_wall_ns=modified_wall_ns,
        alive=alive,
        state=state,
        lanes=file.lanes[: len(file.log_lanes)],
        metric_lanes=file.lanes[len(file.log_lanes) :],
        routes=file.routes,
        numbers=numbers.named(),
        gauges=file.gauges(),
        laws=tuple(numbers.laws()),
        ahead=numbers.ahead,
        leased_slots=file.leased_slots,
        shared_leases=file.shared_leases,
        slots=file.groups * file.slots_per_group,
        exact=exact,
        cut_short=cut_short,
        pending_moves=tuple(file.pending_moves()),
    )
