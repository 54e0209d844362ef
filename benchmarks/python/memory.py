"""Resident memory with the destination down and ten million records emitted.

    python memory.py [--on-full drop_newest] [--on-backlog-full hold] [--records 10000000]

The default collector. Growth is what is resident above what was before the first record; the bound
is the memory limit. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import forebay_setup
from destination import Destination

import forebay

MEMORY_LIMIT = 48 << 20
_SAMPLE = 50_000  # records between two samples


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def measure(on_full: str, on_backlog_full: str, records: int) -> dict[str, float]:
    with Destination("down") as destination:
        collector = forebay_setup.to(
            destination.url,
            memory_limit=MEMORY_LIMIT,
            lanes=[
                forebay.Lane(
                    "only",
                    on_full=on_full,  # type: ignore[arg-type]
                    on_backlog_full=on_backlog_full,  # type: ignore[arg-type]
                )
            ],
        )
        log = collector.logger("bench")
        before = resident_bytes()
        samples = []
        begin = time.perf_counter()
        for sample in range(records // _SAMPLE):
            for i in range(_SAMPLE):
                number = sample * _SAMPLE + i
                log.info("request finished", route="/items/search", status=number, elapsed_ms=i / 7)
            samples.append(resident_bytes() - before)
            # Without it the emits are over before the backlog can fill: the drain thread takes a
            # fraction of what one Python thread emits.
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        stats = collector.stats()
        collector.shutdown(timeout=0)
    if stats.delivered > 0:
        raise SystemExit(f"a destination that is down has taken {stats.delivered} records")
    half = samples[len(samples) // 2 :]
    return {
        "growth_bytes": max(samples),
        "bound_bytes": MEMORY_LIMIT,
        "growth_over_bound": max(samples) / MEMORY_LIMIT,
        "second_half_growth_bytes": half[-1] - half[0],
        "second_half_range_bytes": max(half) - min(half),
        "seconds": seconds,
        "emitted": stats.emitted,
        "dropped": stats.dropped,
        "held": stats.held,
        "in_backlog": stats.held_by_place.get("in_backlog", 0),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on-full", default="drop_newest")
    parser.add_argument("--on-backlog-full", default="hold")
    parser.add_argument("--records", type=int, default=10_000_000)
    options = parser.parse_args(argv)
    print(json.dumps(measure(options.on_full, options.on_backlog_full, options.records)))


if __name__ == "__main__":
    main()
