"""Whether a process that left a file behind is still there."""

from __future__ import annotations

import os
import re
from pathlib import Path


def is_alive(boot_id: str, pid_namespace: int, pid: int, start_ticks: int) -> bool | None:
    """By boot, namespace, pid and start time; a process that only waits to be reaped is gone.

    Args:
        boot_id: As the kernel writes it.
        pid_namespace: Its inode; 0 where that is not known.
        start_ticks: Since boot; 0 takes any process of that pid.

    Returns:
        None where it is in a pid namespace that cannot be looked into from here.
    """
    try:
        if Path("/proc/sys/kernel/random/boot_id").read_text().strip() != boot_id:
            return False
        if pid_namespace not in (0, os.stat("/proc/self/ns/pid").st_ino):
            return None
    except OSError:
        return None
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return None
    # After the program's name, which may hold blanks and parentheses: the state is field 3.
    fields = re.sub(r".*\)", "", text, flags=re.DOTALL).split()
    if len(fields) < 20 or start_ticks not in (0, int(fields[19])):
        return False
    return fields[0] not in "ZXx" or _has_other_threads(pid)


def _has_other_threads(pid: int) -> bool:
    """A process whose main thread has ended looks like one that waits to be reaped."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False
