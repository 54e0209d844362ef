#!/usr/bin/env python3
"""Runs the benchmarks and says which gates are met. Method: benchmarks/README.md.

    python benchmarks/run.py [--json FILE] [--only NAME] [--repeats 5] [--write-readme]

NAME is a ratio or figure, or the beginning of some (``cpp``, ``python.emit_3attrs``). A slow figure
never makes this fail; a peer or a part that cannot run is reported as missing, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "benchmarks" / "python"
sys.path.insert(0, str(PROGRAMS))

import peer_environment  # noqa: E402
import report  # noqa: E402

Values = dict[str, float]

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
# Shape, then the peers that are measured with it.
_PYTHON_EMIT = {
    "3attrs": [
        "opentelemetry",
        "structlog",
        "stdlib_queue",
        "stdlib_simple_queue",
        "loguru",
        "loguru_enqueue",
        "orjson",
    ],
    "0attrs": ["picologging", "logxide"],
}
_SUPPRESSED = "python.suppressed_ns"
# What it adds to a call that three attributes are bound around it, and that there is a span.
_IN_CONTEXT = "python.context_3_attributes_adds_ns"
_IN_TRACE = "python.trace_adds_ns"
_HANDLER = "python.stdlib_handler.noop_handler"
_DELIVERED = ["python.delivered_per_s.opentelemetry", "python.delivered_lost"]
# 45 us a call: fewer calls say the same.
_FEWER_RECORDS = {"loguru_enqueue": 20_000}


class Run:
    def __init__(self, only: str | None, repeats: int) -> None:
        self.only = only
        self.repeats = repeats
        self.ratios: Values = {}
        self.figures: Values = {}
        self.missing: dict[str, str] = {}
        self._samples: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._variables: dict[str, str] = {}

    def wants(self, *names: str) -> bool:
        return any(report.matches(name, self.only) for name in names)

    # -- C++ --

    def cpp(self) -> None:
        if not self.wants(*_CPP_EMIT, *_CPP_POLICIES, _DRAIN):
            return
        targets = ["emit_latency", "drain_throughput", "policy_cost"]
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
                self.missing["cpp"] = str(error)
                return
            if done.returncode != 0:
                # What a compiler or CMake says first is the cause, the rest follows from it.
                said = (done.stdout + done.stderr).splitlines()
                errors = [line for line in said if " error: " in line or "Forebay needs" in line]
                self.missing["cpp"] = (
                    errors[0] if errors else peer_environment.last_line(done.stderr)
                )
                return
        if self.wants(*_CPP_EMIT):
            self._cpp_emit(self._program("emit_latency"))
        if self.wants(*_CPP_POLICIES):
            self._cpp_policies(self._program("policy_cost", max(1, self.repeats // 2 + 1)))
        if self.wants(_DRAIN):
            drain = self._program("drain_throughput")
            self._take(drain, "drain.records_per_cpu_s", _DRAIN)
            for name in ("drain_and_ship.records_per_cpu_s", "drain.records_per_wall_s"):
                self._take(drain, name, f"cpp.{name}")
            self._valid(drain, "drain.lost", _DRAIN)

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
            self._take(found, f"forebay.{ours}", f"cpp.{name}")
            self._take(found, f"spdlog.{ours}", f"cpp.spdlog_async.{name}")
        null_sink = "overload_null_sink_ns"
        self._take(found, f"spdlog.{null_sink}", f"cpp.spdlog_async.emit_3attrs_{null_sink}")
        self._take(found, "forebay.refuse_newest_ns", "cpp.refuse_newest_ns")
        self._take(found, "floor_ns", "cpp.timer_floor_ns")
        for ratio, name in (
            ("cpp.emit_3attrs.spdlog_async", "emit.burst_mean_ns"),
            ("cpp.emit_3attrs_overload.spdlog_async", "overload_ns"),
        ):
            self._ratio(ratio, found.get(f"spdlog.{name}"), found.get(f"forebay.{name}"))
        two, one = (found.get(f"forebay.emit_{n}_producers_ns") for n in (2, 1))
        if two is not None and one:
            self.figures["cpp.emit_2_producers_over_1"] = two / one
        self._valid(found, "forebay.emit.lost", "cpp.emit_3attrs.spdlog_async")
        self._valid(found, "forebay.refuse_newest_accepted", "cpp.refuse_newest_ns")

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
                self.figures[f"cpp.{name}"] = value
            if of_group:
                self.figures[f"cpp.{worst}"] = max(of_group.values())
        for name in ("drop_oldest_ns", "recorder_ns"):
            self._take(found, name, f"cpp.{name}")
        for name in _CPP_POLICIES:
            if name.endswith("_over_emit"):
                self._take(found, name.removeprefix("cpp."), name)
        self._valid(found, "untriggered.lost", "cpp.policy_untriggered_worst_ns")

    def _program(self, name: str, repeats: int | None = None) -> Values:
        """Runs one of the C++ programs, which repeat and interleave by themselves."""
        print(f"bench: {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.json"
            program = ROOT / "build" / "bench" / "benchmarks" / "cpp" / name
            command = [str(program), "--json", str(out), "--repeats", str(repeats or self.repeats)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0 or not out.exists():
                self.missing[name] = (
                    f"ended with {done.returncode}: {peer_environment.last_line(done.stderr)}"
                )
                return {}
            told: dict[str, Any] = json.loads(out.read_text())
        for note, text in told["notes"].items():
            if note.startswith("missing."):
                self.missing[f"{name} {note.removeprefix('missing.')}"] = text
        return {key: value["median"] for key, value in told["figures"].items()}

    # -- Python --

    def python(self) -> None:
        emit = {
            f"python.emit_{shape}.{peer}": (peer, shape)
            for shape, peers in _PYTHON_EMIT.items()
            for peer in peers
        }
        own = [
            f"python.emit_3attrs_{figure}" for figure in ("ns", "p50_ns", "p99_ns", "p99_over_p50")
        ]
        jobs = [job for name, job in emit.items() if self.wants(name)]
        own += [_IN_CONTEXT, _IN_TRACE]
        shapes = {shape for _, shape in jobs} | ({"3attrs"} if self.wants(*own) else set())
        jobs = [("forebay", shape) for shape in sorted(shapes)] + jobs
        for name, subject in (
            (_SUPPRESSED, "forebay_suppressed"),
            (_IN_CONTEXT, "forebay_in_context"),
            (_IN_TRACE, "forebay_in_trace"),
        ):
            if self.wants(name):
                jobs.append((subject, "3attrs"))
        if self.wants(_HANDLER):
            jobs += [("forebay_handler", "3attrs"), ("noop_handler", "3attrs")]
        memory = self.wants("memory.growth_over_bound")
        modes = self.wants(*(name for name, _, _ in report.GATES if name.startswith("application")))
        if not jobs and not self.wants(*_DELIVERED) and not memory and not modes:
            return
        self.missing.update(peer_environment.make())
        self._variables = peer_environment.variables()
        for repeat in range(self.repeats):
            print(f"bench: python, repeat {repeat + 1} of {self.repeats}", flush=True)
            for subject, shape in jobs:
                records = str(_FEWER_RECORDS.get(subject, 200_000))
                arguments = ["--subject", subject, "--shape", shape, "--records", records]
                self._subject(f"{subject} {shape}", "emit_time.py", *arguments)
            if self.wants(*_DELIVERED):
                zstd = ["--subject", "forebay", "--compression", "zstd"]
                self._subject("forebay delivered", "delivered.py", *zstd)
                gzip = ["--subject", "opentelemetry", "--compression", "gzip"]
                self._subject("opentelemetry delivered", "delivered.py", *gzip)
            for mode in ("up", "down", "hang", "reset") if modes else ():
                self._subject(f"application {mode}", "application.py", "--mode", mode)
        if memory:
            print("bench: memory, ten million records with the destination down", flush=True)
            self._subject("memory", "memory.py")
            evict = ["--on-full", "drop_oldest", "--on-backlog-full", "evict_oldest"]
            self._subject("memory evict", "memory.py", *evict)
        self._python_emit(emit)
        self._delivered()
        self._memory()
        self._application()

    def _subject(self, key: str, program: str, *arguments: str) -> None:
        """One subject in a process of its own; what it measured is one sample of each figure."""
        if key in self.missing:
            return
        try:
            done = subprocess.run(
                [str(peer_environment.python()), str(PROGRAMS / program), *arguments],
                capture_output=True,
                text=True,
                timeout=300,
                env=self._variables,
            )
        except subprocess.TimeoutExpired:
            self.missing[key] = "did not end in 300 s"
            return
        if done.returncode != 0:
            reason = peer_environment.last_line(done.stderr)
            self.missing[key] = f"ended with {done.returncode}: {reason}"
            return
        for figure, value in json.loads(peer_environment.last_line(done.stdout)).items():
            self._samples[key, figure].append(value)

    def _median(self, key: str, figure: str) -> float | None:
        values = self._samples.get((key, figure))
        return statistics.median(values) if values else None

    def _python_emit(self, emit: dict[str, tuple[str, str]]) -> None:
        for shape in ("0attrs", "3attrs"):
            for figure in ("ns", "p50_ns", "p99_ns"):
                self._set(f"python.emit_{shape}_{figure}", self._median(f"forebay {shape}", figure))
        self._set("python.loop_ns", self._median("forebay 3attrs", "loop_ns"))
        self._set("python.timer_floor_ns", self._median("forebay 3attrs", "floor_ns"))
        p50, p99 = (self._median("forebay 3attrs", name) for name in ("p50_ns", "p99_ns"))
        if p50 and p99 is not None:
            self.figures["python.emit_3attrs_p99_over_p50"] = p99 / p50
        for name, (peer, shape) in emit.items():
            theirs = self._median(f"{peer} {shape}", "ns")
            self._set(f"python.{peer}.emit_{shape}_ns", theirs)
            self._set(
                f"python.{peer}.emit_{shape}_p99_ns", self._median(f"{peer} {shape}", "p99_ns")
            )
            self._ratio(name, theirs, self._median(f"forebay {shape}", "ns"))
        self._set(_SUPPRESSED, self._median("forebay_suppressed 3attrs", "ns"))
        plain = self._median("forebay 3attrs", "ns")
        for name, subject in ((_IN_CONTEXT, "forebay_in_context"), (_IN_TRACE, "forebay_in_trace")):
            with_it = self._median(f"{subject} 3attrs", "ns")
            if with_it is not None and plain is not None:
                self.figures[name] = with_it - plain
        theirs = self._median("noop_handler 3attrs", "ns")
        ours = self._median("forebay_handler 3attrs", "ns")
        self._set("python.noop_handler.stdlib_ns", theirs)
        self._set("python.stdlib_handler_ns", ours)
        self._ratio(_HANDLER, theirs, ours)
        for key in ("forebay 0attrs", "forebay 3attrs", "forebay_handler 3attrs"):
            if self._median(key, "lost"):
                self.missing[key] = "records were lost: the bursts did not fit, do not use it"

    def _delivered(self) -> None:
        ours = self._median("forebay delivered", "delivered_per_s")
        theirs = self._median("opentelemetry delivered", "delivered_per_s")
        self._set("python.forebay.delivered_per_s", ours)
        self._set("python.opentelemetry.delivered_per_s", theirs)
        lost = self._samples.get(("forebay delivered", "lost"))
        self._set("python.delivered_lost", max(lost) if lost else None)
        self._set(
            "python.opentelemetry.delivered_lost", self._median("opentelemetry delivered", "lost")
        )
        if ours is not None and theirs:
            self.ratios["python.delivered_per_s.opentelemetry"] = ours / theirs

    def _memory(self) -> None:
        worst: list[float] = []
        for key, suffix in (("memory", ""), ("memory evict", "_evict_oldest")):
            for figure in ("growth_bytes", "second_half_range_bytes", "bound_bytes"):
                self._set(f"memory.{figure}{suffix}", self._median(key, figure))
            worst += self._samples.get((key, "growth_over_bound"), [])
        self._set("memory.growth_over_bound", max(worst) if worst else None)

    def _application(self) -> None:
        up = self._median("application up", "p99_ns")
        self._set("application.p99_ns.up", up)
        for mode in ("down", "hang", "reset"):
            p99 = self._median(f"application {mode}", "p99_ns")
            self._set(f"application.p99_ns.{mode}", p99)
            if p99 is not None and up:
                self.figures[f"application.p99_over_up.{mode}"] = p99 / up

    # -- the books --

    def _take(self, found: Values, theirs: str, name: str) -> None:
        self._set(name, found.get(theirs))

    def _set(self, name: str, value: float | None) -> None:
        if value is not None:
            self.figures[name] = value

    def _ratio(self, name: str, theirs: float | None, ours: float | None) -> None:
        if theirs is not None and ours:
            self.ratios[name] = theirs / ours

    def _valid(self, found: Values, count: str, name: str) -> None:
        if found.get(count):
            self.missing[f"{name} (validity)"] = f"{count} is {found[count]:.0f} and should be 0"

    def result(self, machine: dict[str, Any]) -> dict[str, Any]:
        def chosen(values: Values) -> Values:
            return {
                name: float(f"{value:.6g}")
                for name, value in sorted(values.items())
                if self.only is None or report.matches(name, self.only)
            }

        return {
            "ratios": chosen(self.ratios),
            "figures": chosen(self.figures),
            "machine": machine,
            "missing": self.missing,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=pathlib.Path, help="where the figures are written")
    parser.add_argument("--only", metavar="NAME", help="a name, or the beginning of some")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--write-readme", action="store_true", help="replace the last table in benchmarks/README.md"
    )
    options = parser.parse_args()
    if options.write_readme and options.only is not None:
        parser.error("--write-readme needs the whole run, without --only")
    machine = report.machine(ROOT)
    run = Run(options.only, max(1, options.repeats))
    run.cpp()
    run.python()
    machine["load_after"] = os.getloadavg()[0]
    result = run.result(machine)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if options.write_readme:
        report.write_readme(ROOT / "benchmarks" / "README.md", result)
    print(report.table({**result["ratios"], **result["figures"]}, options.only))
    for what, reason in run.missing.items():
        print(f"missing: {what}: {reason}")
    if not result["ratios"] and not result["figures"]:
        print("nothing was measured")


if __name__ == "__main__":
    main()
