"""What one emit costs the application while the destination is up, down, hanging or resetting.

    python application.py --mode up|down|hang|reset [--records 400000]

The default collector with batches finished after 50 ms, so that the destination is met all the
time. Bursts of 1,000 records, each call timed, with 2 ms between. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from array import array

import forebay_setup
from destination import MODES, Destination
from emit_time import quantile

import forebay

_BURST = 1_000


def measure(mode: str, records: int) -> dict[str, float]:
    clock = time.perf_counter_ns
    with Destination(mode) as destination:
        collector = forebay_setup.to(destination.url, batch=forebay.BatchOptions(max_delay=0.05))
        log = collector.logger("bench")
        taken, empty = array("q", bytes(8 * _BURST)), array("q", bytes(8 * _BURST))
        single: list[int] = []
        floor: list[int] = []
        for burst in range(records // _BURST):
            for i in range(_BURST):
                begin = clock()
                empty[i] = clock() - begin
            for i in range(_BURST):
                begin = clock()
                log.info("request finished", route="/items/search", status=i, elapsed_ms=12.5)
                taken[i] = clock() - begin
            if burst > 0:  # the first makes the threads
                single.extend(taken)
                floor.extend(empty)
            time.sleep(0.002)
        stats = collector.stats()
        collector.shutdown(timeout=0)
    if (stats.delivered > 0) != (mode == "up"):
        raise SystemExit(f"a destination that is {mode} has taken {stats.delivered} records")
    floor_ns = statistics.median(floor)
    return {
        "p50_ns": max(0.0, quantile(single, 0.5) - floor_ns),
        "p99_ns": max(0.0, quantile(single, 0.99) - floor_ns),
        "p999_ns": max(0.0, quantile(single, 0.999) - floor_ns),
        "floor_ns": floor_ns,
        "delivered": stats.delivered,
        "lost": stats.lost,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=MODES, required=True)
    parser.add_argument("--records", type=int, default=400_000)
    options = parser.parse_args(argv)
    print(json.dumps(measure(options.mode, options.records)))


if __name__ == "__main__":
    main()
