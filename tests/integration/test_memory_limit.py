"""What a collector without a memory_limit takes, by what the container has: cgroup v2 and v1."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from pathlib import Path

import pytest

from tests.integration.mount_namespace import in_namespace, run

_MIB = 1 << 20

# The sizes of queues are for 48 MiB, and shrink with the limit: so they tell what it was.
_SCRIPT = """
import json
import forebay
from forebay import _core
collector = forebay.Collector(service_name="shop", exporter=forebay.MemoryExporter())
collector.logger("shop").info("m")
slots = {name: lane.slots for name, lane in collector.stats().lanes.items()}
collector.shutdown(10)
assert collector.audit().balanced
print(json.dumps([_core.container_memory_limit(), slots["normal"], slots["urgent"]]))
"""


def in_a_container(tmp_path: Path, groups: str, limits: dict[str, str]) -> tuple[int, int, int]:
    """What the script says where the system's files about control groups are these.

    Args:
        groups: /proc/self/cgroup.
        limits: Files below /sys/fs/cgroup.
    """
    own = tmp_path / "cgroup"
    own.mkdir()
    for name, text in limits.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(f"{text}\n")
    (tmp_path / "groups").write_text(groups)
    (tmp_path / "run").mkdir(mode=0o700)
    # $$ stays the process's id: the script takes the shell's place.
    mounts = (
        f"mount --bind {shlex.quote(str(own))} /sys/fs/cgroup"
        f" && mount --bind {shlex.quote(str(tmp_path / 'groups'))} /proc/$$/cgroup"
    )
    command = in_namespace(mounts, [sys.executable, "-c", textwrap.dedent(_SCRIPT)])
    done = run(command, {"HOME": str(tmp_path), "FOREBAY_RUN_DIR": str(tmp_path / "run")})
    limit, normal, urgent = json.loads(done.stdout)
    return limit, normal, urgent


V2 = "0::/pod/worker\n"
V1 = "4:memory:/pod/worker\n3:cpuset:/\n0::/\n"


@pytest.mark.skipif(not Path("/sys/fs/cgroup").is_dir(), reason="no control groups here")
@pytest.mark.parametrize(
    ("groups", "limits", "limit", "part"),
    [
        (V2, {}, None, 1),
        (V2, {"pod/worker/memory.max": "max", "memory.max": "max"}, None, 1),
        (V2, {"pod/worker/memory.max": str(1200 * _MIB)}, 1200 * _MIB, 2),
        (V2, {"pod/worker/memory.max": "max", "pod/memory.max": str(600 * _MIB)}, 600 * _MIB, 4),
        (V2, {"memory.max": str(600 * _MIB)}, 600 * _MIB, 4),
        (V2, {"memory.max": str(64 << 30)}, 64 << 30, 1),
        # Never less than 8 MiB, a sixth.
        (V2, {"memory.max": str(64 * _MIB)}, 64 * _MIB, 6),
        (V1, {"memory/pod/worker/memory.limit_in_bytes": str(1200 * _MIB)}, 1200 * _MIB, 2),
        (V1, {"memory/memory.limit_in_bytes": str(600 * _MIB)}, 600 * _MIB, 4),
        (V1, {"memory/memory.limit_in_bytes": "9223372036854771712"}, None, 1),
        ("", {"memory.max": str(64 * _MIB)}, None, 1),
    ],
    ids=[
        "v2, no files", "v2, max", "v2, own", "v2, the pod's", "v2, at the top", "v2, large",
        "v2, small", "v1, own", "v1, at the top", "v1, none", "no groups",
    ],
)  # fmt: skip
def test_the_default_is_a_fiftieth_of_the_containers_memory_within_bounds(
    tmp_path: Path, groups: str, limits: dict[str, str], limit: int | None, part: int
) -> None:
    """8 MiB to 48 MiB; the lowest limit of the group and of those around it counts."""
    found, normal, urgent = in_a_container(tmp_path, groups, limits)
    assert found == limit
    assert normal == 65_536 // part
    assert urgent == 16_384 // part
