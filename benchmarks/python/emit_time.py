"""Measures what one call of one subject costs its caller, and prints it as JSON.

    python emit_time.py --subject structlog --shape 3attrs [--records 200000]

Bursts of 2,000 calls, which fit the queue of every subject, each after the consumer has taken the
one before. Bursts that are timed as a whole alternate with bursts in which each call is timed. The
cost of the loop is that of the same loop with ``pass``, measured in turn with it and taken off;
the floor of the timed calls is the median of two ``perf_counter_ns`` with nothing between.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from array import array
from collections.abc import Callable
from typing import Any

from subjects import SUBJECTS

BURST = 2_000

_SOURCE = """
def whole(numbers, clock=clock):
    begin = clock()
    for i in numbers:
        {statement}
    return clock() - begin

def timed(numbers, taken, clock=clock):
    for i in numbers:
        begin = clock()
        {statement}
        taken[i] = clock() - begin
"""


def _loops(statement: str, names: dict[str, Any]) -> tuple[Callable[..., int], Callable[..., None]]:
    space = {"clock": time.perf_counter_ns, **names}
    exec(compile(_SOURCE.format(statement=statement), "<measured>", "exec"), space)
    return space["whole"], space["timed"]


def quantile(values: list[int], q: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def measure(subject: str, shape: str, records: int) -> dict[str, float]:
    prepared = SUBJECTS[subject].prepare()
    whole, timed = _loops(SUBJECTS[subject].statements[shape], prepared.names)
    empty_whole, empty_timed = _loops("pass", {})
    numbers = range(BURST)
    taken = array("q", bytes(8 * BURST))
    for _ in range(3):  # specialising interpreter, caches, the subject's own threads
        whole(numbers)
        prepared.settle()
        timed(numbers, taken)
        prepared.settle()

    calls: list[float] = []
    loops: list[float] = []
    single: list[int] = []
    floor: list[int] = []
    for _ in range(max(1, records // BURST)):
        loops.append(empty_whole(numbers) / BURST)
        calls.append(whole(numbers) / BURST)
        prepared.settle()
        empty_timed(numbers, taken)
        floor.extend(taken)
        timed(numbers, taken)
        single.extend(taken)
        prepared.settle()
    loop, floor_ns = statistics.median(loops), statistics.median(floor)
    result = {
        "ns": statistics.median(calls) - loop,
        "mean_ns": statistics.fmean(calls) - statistics.fmean(loops),
        "loop_ns": loop,
        "floor_ns": floor_ns,
        "p50_ns": max(0.0, quantile(single, 0.5) - floor_ns),
        "p99_ns": max(0.0, quantile(single, 0.99) - floor_ns),
        "lost": float(prepared.lost()),
    }
    prepared.close()
    return result


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", choices=sorted(SUBJECTS), required=True)
    parser.add_argument("--shape", choices=["0attrs", "3attrs", "bound"], default="3attrs")
    parser.add_argument("--records", type=int, default=200_000)
    options = parser.parse_args(argv)
    output = os.dup(1)  # a subject may send the real one elsewhere
    result = measure(options.subject, options.shape, options.records)
    os.write(output, json.dumps(result).encode() + b"\n")
    # The interpreter's end is not measured, and a peer whose own thread trips over it (logxide does
    # now and then) would take its figures along.
    os._exit(0)


if __name__ == "__main__":
    main()
