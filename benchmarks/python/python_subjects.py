"""Runs the Python subjects, each repeat in a process of its own, and books what they measured."""

from __future__ import annotations

import peer_environment
import report
from books import Books

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
# A counter's add: with its attributes, or on what is bound to them.
_COUNTERS = {
    f"python.counter_{shape}.{peer}": (peer, shape)
    for shape in ("bound", "3attrs")
    for peer in ("opentelemetry", "prometheus_client")
}
_SUPPRESSED = "python.suppressed_ns"
# What it adds to a call that three attributes are bound around it, and that there is a span.
_IN_CONTEXT = "python.context_3_attributes_adds_ns"
_IN_TRACE = "python.trace_adds_ns"
_HANDLER = "python.stdlib_handler.noop_handler"
_FORMATTED = "python.stdlib_formatted_handler.stream_handler"
_DELIVERED = ["python.delivered_per_s.opentelemetry", "python.delivered_lost"]
# 45 us a call: fewer calls say the same.
_FEWER_RECORDS = {"loguru_enqueue": 20_000}


class PythonSubjects:
    def __init__(self, books: Books) -> None:
        self._books = books

    def run(self) -> None:
        emit = {
            f"python.emit_{shape}.{peer}": (peer, shape)
            for shape, peers in _PYTHON_EMIT.items()
            for peer in peers
        }
        own = [
            f"python.emit_3attrs_{figure}" for figure in ("ns", "p50_ns", "p99_ns", "p99_over_p50")
        ]
        jobs = [job for name, job in emit.items() if self._books.wants(name)]
        own += [_IN_CONTEXT, _IN_TRACE]
        shapes = {shape for _, shape in jobs} | ({"3attrs"} if self._books.wants(*own) else set())
        jobs = [("forebay", shape) for shape in sorted(shapes)] + jobs
        for name, subject in (
            (_SUPPRESSED, "forebay_suppressed"),
            (_IN_CONTEXT, "forebay_in_context"),
            (_IN_TRACE, "forebay_in_trace"),
        ):
            if self._books.wants(name):
                jobs.append((subject, "3attrs"))
        if self._books.wants(_HANDLER):
            jobs += [("forebay_handler", "3attrs"), ("noop_handler", "3attrs")]
        if self._books.wants(_FORMATTED):
            jobs += [("forebay_handler_formatted", "3attrs"), ("stream_handler", "3attrs")]
        counters = [pair for name, pair in _COUNTERS.items() if self._books.wants(name)]
        jobs += [(f"{peer}_counter", shape) for peer, shape in counters]
        jobs += [("forebay_counter", shape) for shape in sorted({shape for _, shape in counters})]
        memory = self._books.wants("memory.growth_over_bound")
        modes = self._books.wants(
            *(name for name, _, _ in report.GATES if name.startswith("application"))
        )
        if not jobs and not self._books.wants(*_DELIVERED) and not memory and not modes:
            return
        self._books.missing.update(peer_environment.make())
        for repeat in range(self._books.repeats):
            print(f"bench: python, repeat {repeat + 1} of {self._books.repeats}", flush=True)
            for subject, shape in jobs:
                records = str(_FEWER_RECORDS.get(subject, 200_000))
                arguments = ["--subject", subject, "--shape", shape, "--records", records]
                self._books.subject(f"{subject} {shape}", "emit_time.py", *arguments)
            if self._books.wants(*_DELIVERED):
                zstd = ["--subject", "forebay", "--compression", "zstd"]
                self._books.subject("forebay delivered", "delivered.py", *zstd)
                gzip = ["--subject", "opentelemetry", "--compression", "gzip"]
                self._books.subject("opentelemetry delivered", "delivered.py", *gzip)
            for mode in ("up", "down", "hang", "reset") if modes else ():
                self._books.subject(f"application {mode}", "application.py", "--mode", mode)
        if memory:
            print("bench: memory, ten million records with the destination down", flush=True)
            self._books.subject("memory", "memory.py")
            evict = ["--on-full", "drop_oldest", "--on-backlog-full", "evict_oldest"]
            self._books.subject("memory evict", "memory.py", *evict)
        self._python_emit(emit)
        self._counters()
        self._delivered()
        self._memory()
        self._application()

    def _python_emit(self, emit: dict[str, tuple[str, str]]) -> None:
        for shape in ("0attrs", "3attrs"):
            for figure in ("ns", "p50_ns", "p99_ns"):
                self._books.set(
                    f"python.emit_{shape}_{figure}", self._books.median(f"forebay {shape}", figure)
                )
        self._books.set("python.loop_ns", self._books.median("forebay 3attrs", "loop_ns"))
        self._books.set("python.timer_floor_ns", self._books.median("forebay 3attrs", "floor_ns"))
        p50, p99 = (self._books.median("forebay 3attrs", name) for name in ("p50_ns", "p99_ns"))
        if p50 and p99 is not None:
            self._books.figures["python.emit_3attrs_p99_over_p50"] = p99 / p50
        for name, (peer, shape) in emit.items():
            theirs = self._books.median(f"{peer} {shape}", "ns")
            self._books.set(f"python.{peer}.emit_{shape}_ns", theirs)
            self._books.set(
                f"python.{peer}.emit_{shape}_p99_ns",
                self._books.median(f"{peer} {shape}", "p99_ns"),
            )
            self._books.ratio(name, theirs, self._books.median(f"forebay {shape}", "ns"))
        self._books.set(_SUPPRESSED, self._books.median("forebay_suppressed 3attrs", "ns"))
        plain = self._books.median("forebay 3attrs", "ns")
        for name, subject in ((_IN_CONTEXT, "forebay_in_context"), (_IN_TRACE, "forebay_in_trace")):
            with_it = self._books.median(f"{subject} 3attrs", "ns")
            if with_it is not None and plain is not None:
                self._books.figures[name] = with_it - plain
        theirs = self._books.median("noop_handler 3attrs", "ns")
        ours = self._books.median("forebay_handler 3attrs", "ns")
        self._books.set("python.noop_handler.stdlib_ns", theirs)
        self._books.set("python.stdlib_handler_ns", ours)
        self._books.ratio(_HANDLER, theirs, ours)
        theirs = self._books.median("stream_handler 3attrs", "ns")
        ours = self._books.median("forebay_handler_formatted 3attrs", "ns")
        self._books.set("python.stream_handler.stdlib_formatted_ns", theirs)
        self._books.set("python.stdlib_formatted_handler_ns", ours)
        self._books.ratio(_FORMATTED, theirs, ours)
        for key in (
            "forebay 0attrs",
            "forebay 3attrs",
            "forebay_handler 3attrs",
            "forebay_handler_formatted 3attrs",
        ):
            if self._books.median(key, "lost"):
                self._books.missing[key] = (
                    "records were lost: the bursts did not fit, do not use it"
                )

    def _counters(self) -> None:
        for name, (peer, shape) in _COUNTERS.items():
            theirs = self._books.median(f"{peer}_counter {shape}", "ns")
            ours = self._books.median(f"forebay_counter {shape}", "ns")
            self._books.set(f"python.{peer}.counter_{shape}_ns", theirs)
            self._books.set(f"python.counter_{shape}_ns", ours)
            self._books.ratio(name, theirs, ours)
            if self._books.median(f"forebay_counter {shape}", "lost"):
                self._books.missing[f"forebay_counter {shape}"] = "measurements were not taken"

    def _delivered(self) -> None:
        ours = self._books.median("forebay delivered", "delivered_per_s")
        theirs = self._books.median("opentelemetry delivered", "delivered_per_s")
        self._books.set("python.forebay.delivered_per_s", ours)
        self._books.set("python.opentelemetry.delivered_per_s", theirs)
        lost = self._books.samples.get(("forebay delivered", "lost"))
        self._books.set("python.delivered_lost", max(lost) if lost else None)
        self._books.set(
            "python.opentelemetry.delivered_lost",
            self._books.median("opentelemetry delivered", "lost"),
        )
        if ours is not None and theirs:
            self._books.ratios["python.delivered_per_s.opentelemetry"] = ours / theirs

    def _memory(self) -> None:
        worst: list[float] = []
        for key, suffix in (("memory", ""), ("memory evict", "_evict_oldest")):
            for figure in ("growth_bytes", "second_half_range_bytes", "bound_bytes"):
                self._books.set(f"memory.{figure}{suffix}", self._books.median(key, figure))
            worst += self._books.samples.get((key, "growth_over_bound"), [])
        self._books.set("memory.growth_over_bound", max(worst) if worst else None)

    def _application(self) -> None:
        up = self._books.median("application up", "p99_ns")
        self._books.set("application.p99_ns.up", up)
        for mode in ("down", "hang", "reset"):
            p99 = self._books.median(f"application {mode}", "p99_ns")
            self._books.set(f"application.p99_ns.{mode}", p99)
            if p99 is not None and up:
                self._books.figures[f"application.p99_over_up.{mode}"] = p99 / up
