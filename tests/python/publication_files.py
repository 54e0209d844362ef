"""Files of processes that publish their series, made by hand, and the sums made of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics import parser

from forebay._processes import service_text

BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
NAMESPACE = os.stat("/proc/self/ns/pid").st_ino
# No pid is as high (/proc/sys/kernel/pid_max is at most 2^22).
NOBODY = 1 << 30


def publish(
    directory: Path,
    instance_id: str,
    body: str,
    *,
    pid: int = NOBODY,
    ended: bool = False,
    namespace: int = NAMESPACE,
    age: float = 0.0,
) -> Path:
    """Write a process's file, as its core would."""
    head = {
        "format": 1,
        "pid": pid,
        "start_ticks": 0,
        "pid_namespace": namespace,
        "boot_id": BOOT_ID,
        "instance_id": instance_id,
        "interval_ns": 1_000_000_000,
        "written_unix_ns": int((time.time() - age) * 1e9),
        "ended": ended,
    }
    path = directory / f"shop.{pid}.{instance_id}.om"
    beside = path.with_suffix(".om.tmp")
    beside.write_text(f"# forebay {json.dumps(head)}\n{body}# EOF\n", encoding="utf-8")
    beside.replace(path)
    return path


def counted(orders: float, *, region: str = "eu", depth: int = 0) -> str:
    """A process's text: what it counted, and a gauge."""
    return (
        f'# TYPE target info\ntarget_info{{instance="{orders}",service_name="shop"}} 1\n'
        f'# TYPE orders counter\norders_total{{region="{region}"}} {orders}\n'
        f'orders_created{{region="{region}"}} {100 - orders}\n'
        f"# TYPE depth gauge\ndepth {depth}\n"
    )


def shown(directory: Path, process: str = "sum") -> dict[str, float]:
    """``name{labels}`` -> value, read by prometheus_client."""
    read: Any = parser.text_string_to_metric_families
    text = service_text(directory, process, openmetrics=True)
    found: dict[str, float] = {}
    for family in read(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sample.labels.items())
            series = f"{sample.name}{{{labels}}}"
            assert series not in found
            found[series] = sample.value
    return found


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.suffix != ".lock"}
