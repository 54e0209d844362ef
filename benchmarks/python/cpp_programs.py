"""Runs the C++ programs and books what they measured."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
from typing import Any

import peer_environment
from books import ROOT, Books, Values

_CPP_EMIT = [
    "cpp.emit_3attrs.spdlog_async",
    "cpp.emit_3attrs_overload.spdlog_async",
    "cpp.emit_p50_ns",
    "cpp.emit_p99_ns",
    "cpp.emit_2_producers_over_1",
    "cpp.refuse_newest_ns",
]
# Of a policy: what it costs where it has nothing to do, the worst of all (the figures name each).
_CPP_POLICIES = [
    "cpp.policy_untriggered_worst_ns",
    "cpp.policy_untriggered_2_producers_worst_ns",
    "cpp.suppressed_worst_ns",
    "cpp.drop_oldest_over_emit",
    "cpp.drop_oldest_2_producers_over_emit",
    "cpp.recorder_over_emit",
]
_DRAIN = "cpp.drain_otlp_zstd1.records_per_s"
_COUNTER = ["cpp.counter_bound_ns", "cpp.counter_bound_2_threads_over_1"]
_COLLECT = "metrics.collect_100k_series_ms"


class CppPrograms:
    def __init__(self, books: Books) -> None:
        self._books = books

    def run(self) -> None:
        if not self._books.wants(*_CPP_EMIT, *_CPP_POLICIES, *_COUNTER, _COLLECT, _DRAIN):
            return
        targets = ["emit_latency", "drain_throughput", "policy_cost", "counter_cost"]
        targets.append("collect_cost")
        for command in (
            # gcc 12 at -O3 warns of its own std::string (its bug 105651); the tests' presets are
            # the place for warnings.
            ["cmake", "--preset", "bench", "-DFOREBAY_WERROR=OFF"],
            ["cmake", "--build", "--preset", "bench", "--target", *targets],
        ):
            print("bench: " + " ".join(command), flush=True)
            try:
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            except OSError as error:
                self._books.missing["cpp"] = str(error)
                return
            if done.returncode != 0:
                # What a compiler or CMake says first is the cause, the rest follows from it.
                said = (done.stdout + done.stderr).splitlines()
                errors = [line for line in said if " error: " in line or "Forebay needs" in line]
                self._books.missing["cpp"] = (
                    errors[0] if errors else peer_environment.last_line(done.stderr)
                )
                return
        if self._books.wants(*_CPP_EMIT):
            self._cpp_emit(self._program("emit_latency"))
        if self._books.wants(*_CPP_POLICIES):
            self._cpp_policies(self._program("policy_cost", max(1, self._books.repeats // 2 + 1)))
        if self._books.wants(_DRAIN):
            drain = self._program("drain_throughput")
            self._books.take(drain, "drain.records_per_cpu_s", _DRAIN)
            for name in ("drain_and_ship.records_per_cpu_s", "drain.records_per_wall_s"):
                self._books.take(drain, name, f"cpp.{name}")
            self._books.valid(drain, "drain.lost", _DRAIN)

        if self._books.wants(*_COUNTER):
            found = self._program("counter_cost")
            one, two = (found.get(f"counter_bound_{n}_ns") for n in ("1_thread", "2_threads"))
            self._books.set("cpp.counter_bound_ns", one)
            self._books.set("cpp.counter_bound_2_threads_ns", two)
            if one and two is not None:
                self._books.figures["cpp.counter_bound_2_threads_over_1"] = two / one
        if self._books.wants(_COLLECT):
            found = self._program("collect_cost")
            for name in ("collect_100k_series_ms", "collect_100k_histograms_ms"):
                self._books.take(found, name, f"metrics.{name}")

    def _cpp_emit(self, found: Values) -> None:
        for ours, name in {
            "emit.burst_mean_ns": "emit_3attrs_ns",
            "emit.p50_ns": "emit_p50_ns",
            "emit.p99_ns": "emit_p99_ns",
            "emit.p999_ns": "emit_p999_ns",
            "emit_1_producers_ns": "emit_1_producer_ns",
            "emit_2_producers_ns": "emit_2_producers_ns",
            "overload_ns": "emit_3attrs_overload_ns",
        }.items():
            self._books.take(found, f"forebay.{ours}", f"cpp.{name}")
            self._books.take(found, f"spdlog.{ours}", f"cpp.spdlog_async.{name}")
        null_sink = "overload_null_sink_ns"
        self._books.take(found, f"spdlog.{null_sink}", f"cpp.spdlog_async.emit_3attrs_{null_sink}")
        self._books.take(found, "forebay.refuse_newest_ns", "cpp.refuse_newest_ns")
        self._books.take(found, "floor_ns", "cpp.timer_floor_ns")
        for ratio, name in (
            ("cpp.emit_3attrs.spdlog_async", "emit.burst_mean_ns"),
            ("cpp.emit_3attrs_overload.spdlog_async", "overload_ns"),
        ):
            self._books.ratio(ratio, found.get(f"spdlog.{name}"), found.get(f"forebay.{name}"))
        two, one = (found.get(f"forebay.emit_{n}_producers_ns") for n in (2, 1))
        if two is not None and one:
            self._books.figures["cpp.emit_2_producers_over_1"] = two / one
        self._books.valid(found, "forebay.emit.lost", "cpp.emit_3attrs.spdlog_async")
        self._books.valid(found, "forebay.refuse_newest_accepted", "cpp.refuse_newest_ns")

    def _cpp_policies(self, found: Values) -> None:
        for group, worst in (
            ("untriggered", "policy_untriggered_worst_ns"),
            ("untriggered_2_producers", "policy_untriggered_2_producers_worst_ns"),
            ("suppressed", "suppressed_worst_ns"),
        ):
            of_group = {
                name: value
                for name, value in found.items()
                if name.startswith(group + ".") and name.endswith("_ns")
            }
            for name, value in of_group.items():
                self._books.figures[f"cpp.{name}"] = value
            if of_group:
                self._books.figures[f"cpp.{worst}"] = max(of_group.values())
        for name in ("drop_oldest_ns", "recorder_ns"):
            self._books.take(found, name, f"cpp.{name}")
        for name in _CPP_POLICIES:
            if name.endswith("_over_emit"):
                self._books.take(found, name.removeprefix("cpp."), name)
        self._books.valid(found, "untriggered.lost", "cpp.policy_untriggered_worst_ns")

    def _program(self, name: str, repeats: int | None = None) -> Values:
        """Runs one of the C++ programs, which repeat and interleave by themselves."""
        print(f"bench: {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.json"
            program = ROOT / "build" / "bench" / "benchmarks" / "cpp" / name
            command = [
                str(program),
                "--json",
                str(out),
                "--repeats",
                str(repeats or self._books.repeats),
            ]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0 or not out.exists():
                self._books.missing[name] = (
                    f"ended with {done.returncode}: {peer_environment.last_line(done.stderr)}"
                )
                return {}
            told: dict[str, Any] = json.loads(out.read_text())
        for note, text in told["notes"].items():
            if note.startswith("missing."):
                self._books.missing[f"{name} {note.removeprefix('missing.')}"] = text
        return {key: value["median"] for key, value in told["figures"].items()}
