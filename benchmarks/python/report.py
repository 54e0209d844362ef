"""The gates, and the table that says met or not met."""

from __future__ import annotations

import array
import os
import pathlib
import platform
import random
import subprocess
import time
from collections.abc import Mapping
from typing import Any

README_MARKER = "<!-- from here on written by run.py --write-readme -->"

# What issue and README promise: name, "at least" or "at most", and the number.
GATES: list[tuple[str, str, float]] = [
    ("cpp.emit_3attrs.spdlog_async", ">=", 14.0),
    ("cpp.emit_3attrs_overload.spdlog_async", ">=", 25.0),
    ("cpp.emit_p99_ns", "<=", 200.0),
    ("cpp.emit_2_producers_over_1", "<=", 1.3),
    ("cpp.refuse_newest_ns", "<=", 5.0),
    ("cpp.policy_untriggered_worst_ns", "<=", 3.0),
    ("cpp.policy_untriggered_2_producers_worst_ns", "<=", 3.0),
    ("cpp.suppressed_worst_ns", "<=", 15.0),
    ("cpp.drop_oldest_over_emit", "<=", 1.5),
    ("cpp.drop_oldest_2_producers_over_emit", "<=", 2.5),
    ("cpp.recorder_over_emit", "<=", 1.2),
    ("cpp.drain_otlp_zstd1.records_per_s", ">=", 1_500_000.0),
    ("python.emit_3attrs.opentelemetry", ">=", 70.0),
    ("python.emit_3attrs.structlog", ">=", 35.0),
    ("python.emit_3attrs.stdlib_queue", ">=", 70.0),
    ("python.emit_3attrs.orjson", ">=", 1.8),
    ("python.emit_0attrs.picologging", ">=", 8.0),
    ("python.emit_3attrs_p99_over_p50", "<=", 3.0),
    ("python.suppressed_ns", "<=", 80.0),
    ("python.context_3_attributes_adds_ns", "<=", 40.0),
    ("python.trace_adds_ns", "<=", 150.0),
    ("python.stdlib_handler.noop_handler", ">=", 0.8),  # at most 1.25 times its time
    ("python.stdlib_formatted_handler.stream_handler", ">=", 0.77),  # at most 1.3 times its time
    ("python.counter_bound.opentelemetry", ">=", 80.0),
    ("python.counter_bound.prometheus_client", ">=", 6.0),
    ("python.counter_3attrs.opentelemetry", ">=", 20.0),
    ("python.counter_3attrs.prometheus_client", ">=", 4.0),
    ("cpp.counter_bound_ns", "<=", 10.0),
    ("cpp.counter_bound_2_threads_over_1", "<=", 1.2),
    ("metrics.collect_100k_series_ms", "<=", 50.0),
    ("python.delivered_per_s.opentelemetry", ">=", 50.0),
    ("python.delivered_lost", "<=", 0.0),
    ("memory.growth_over_bound", "<=", 1.1),
    ("application.p99_over_up.down", "<=", 1.5),
    ("application.p99_over_up.hang", "<=", 1.5),
    ("application.p99_over_up.reset", "<=", 1.5),
    ("command_line.import_adds_ms", "<=", 25.0),
    ("command_line.tail_mb_per_s", ">=", 50.0),
    ("command_line.tail_filtered_mb_per_s", ">=", 50.0),
]

# Measured and promised nowhere.
WITHOUT_GATE = [
    "python.emit_3attrs.loguru",
    "python.emit_0attrs.logxide",
    "metrics.collect_100k_histograms_ms",
    "cpp.emit_p50_ns",
    "python.emit_3attrs_p50_ns",
    "python.emit_3attrs_p99_ns",
]


def matches(name: str, only: str | None) -> bool:
    return only is None or name == only or name.startswith((only + ".", only + "_"))


def _shown(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def table(values: Mapping[str, float], only: str | None) -> str:
    """A Markdown table: every gate, met or not met or not measured, then the other names."""
    rows = [("name", "measured", "gate", "")]
    rows.append(("---", "---:", "---:", "---"))
    for name, relation, gate in GATES:
        if not matches(name, only):
            continue
        value = values.get(name)
        if value is None:
            rows.append((name, "", f"{relation} {_shown(gate)}", "not measured"))
            continue
        met = value >= gate if relation == ">=" else value <= gate
        rows.append(
            (name, _shown(value), f"{relation} {_shown(gate)}", "met" if met else "**not met**")
        )
    rows.extend(
        (name, _shown(values[name]), "", "")
        for name in WITHOUT_GATE
        if name in values and matches(name, only)
    )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def peers(figures: Mapping[str, float]) -> str:
    """A Markdown table of what the peers took, in nanoseconds, beside Forebay."""
    rows: list[tuple[str, ...]] = [
        ("subject", "C++ 3 attributes", "under overload", "Python 3 attributes", "message only"),
        ("---", "---:", "---:", "---:", "---:"),
    ]
    columns = (
        "cpp.{}emit_3attrs_ns",
        "cpp.{}emit_3attrs_overload_ns",
        "python.{}emit_3attrs_ns",
        "python.{}emit_0attrs_ns",
    )
    names = sorted({name.split(".")[1] for name in figures if name.count(".") == 2})
    for subject in ["", *names]:
        prefix = f"{subject}." if subject else ""
        found = [figures.get(column.format(prefix)) for column in columns]
        if any(value is not None for value in found):
            cells = ["" if value is None else _shown(value) for value in found]
            rows.append((subject or "forebay", *cells))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def write_readme(readme: pathlib.Path, result: Mapping[str, Any]) -> None:
    """Replace what stands below the README's marker with this result."""
    kept, marker, _ = readme.read_text().partition(README_MARKER)
    machine = result["machine"]
    about = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['gcc']}, "
        f"Python {machine['python']}, commit {machine['commit'][:10]}; "
        f"load average {machine['load_before']:.1f} before the run and "
        f"{machine['load_after']:.1f} after, a step to a random place in memory "
        f"{machine['memory_ns_before']:.0f} and {machine['memory_ns_after']:.0f} ns. "
        "Times in nanoseconds, medians."
    )
    parts = [
        kept.rstrip() + "\n\n" + marker,
        about,
        table({**result["ratios"], **result["figures"]}, None),
        peers(result["figures"]),
        "\n".join(f"- missing: {what}: {why}" for what, why in result["missing"].items()),
    ]
    readme.write_text("\n\n".join(part for part in parts if part) + "\n")


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.splitlines()[0].strip() if done.stdout else ""


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_ns() -> float:
    """What a step to a random place in 16 MB takes Python code, in nanoseconds; best of three.

    The load tells of programs on this machine; this also of the neighbours on its host.
    """
    places = list(range(2_000_000))
    random.Random(1).shuffle(places)
    del places[100_000:]
    numbers = array.array("q", range(2_000_000))

    def walk() -> float:
        begun = time.perf_counter()
        for place in places:
            numbers[place]
        return (time.perf_counter() - begun) / len(places) * 1e9

    return min(walk() for _ in range(3))


def machine(root: pathlib.Path) -> dict[str, Any]:
    """What a reader must know to compare. `load` above 1 before the run: something else ran."""
    return {
        "memory_ns_before": memory_ns(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "gcc": _first_line("g++", "--version"),
        "clang": _first_line("clang++", "--version"),
        "commit": _first_line("git", "-C", str(root), "rev-parse", "HEAD"),
        "load_before": os.getloadavg()[0],
    }
