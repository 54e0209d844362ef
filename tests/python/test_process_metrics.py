"""What a process tells of itself is what the system and the interpreter say of it."""

from __future__ import annotations

import gc
import inspect
import mmap
import os
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import (
    cpu_attributes,
    cpython_attributes,
    process_attributes,
    system_attributes,
)
from opentelemetry.semconv._incubating.metrics import cpython_metrics, process_metrics

import forebay
from forebay import MetricsOptions, _process_metrics
from forebay._otlp.metrics import MetricPoint
from tests.python.in_memory import InMemory, in_memory, run_python
from tests.waiting import wait_until

NAMES = {
    process_metrics.PROCESS_CPU_TIME,
    process_metrics.PROCESS_MEMORY_USAGE,
    process_metrics.PROCESS_MEMORY_VIRTUAL,
    process_metrics.PROCESS_THREAD_COUNT,
    process_metrics.PROCESS_UNIX_FILE_DESCRIPTOR_COUNT,
    process_metrics.PROCESS_CONTEXT_SWITCHES,
    process_metrics.PROCESS_PAGING_FAULTS,
    process_metrics.PROCESS_UPTIME,
    cpython_metrics.CPYTHON_GC_COLLECTIONS,
    cpython_metrics.CPYTHON_GC_COLLECTED_OBJECTS,
    cpython_metrics.CPYTHON_GC_UNCOLLECTABLE_OBJECTS,
}
GENERATION = cpython_attributes.CPYTHON_GC_GENERATION
ON = MetricsOptions(process=True, self_metrics=False)


def collected(memory: InMemory) -> list[MetricPoint]:
    """The points of one collection."""
    memory.records()
    assert memory.collector.flush(30).complete
    return memory.exporter.metric_points()


def values(points: list[MetricPoint], name: str, key: str | None = None) -> dict[object, float]:
    found: dict[object, float] = {}
    for point in points:
        if point.name == name:
            assert point.value is not None
            found[None if key is None else point.attributes[key]] = point.value
    return found


def value(points: list[MetricPoint], name: str) -> float:
    return values(points, name)[None]


class Meter:
    """Notes what the convention's package makes of it."""

    made: tuple[str, dict[str, str]]

    def __getattr__(self, kind: str) -> Callable[..., None]:
        def make(**about: Any) -> None:
            about.pop("callbacks", None)
            self.made = kind, about

        return make


def convention(name: str) -> tuple[str, dict[str, str]]:
    """The kind of that metric's instrument, and how it is described."""
    package = cpython_metrics if name.startswith("cpython.") else process_metrics
    make = getattr(package, f"create_{name.replace('.', '_')}")
    meter = Meter()
    make(meter, *([None] * (len(inspect.signature(make).parameters) - 1)))
    return meter.made


def test_every_metric_is_there_with_the_kind_and_the_unit_of_the_convention() -> None:
    """What the convention's own package makes of the name."""
    with in_memory(metrics=ON) as memory:
        points = collected(memory)
    assert {point.name for point in points} == NAMES
    for point in points:
        expected = {"name": point.name, "unit": point.unit, "description": point.description}
        kind = {"gauge": "observable_gauge"}.get(point.kind, "up_down_counter")
        if point.is_monotonic:
            kind = "counter"
        assert convention(point.name) == (f"create_{kind}", expected)


def test_nothing_is_told_where_nobody_asked() -> None:
    """It is an option, and off."""
    with in_memory() as memory:
        assert collected(memory) == []
    with in_memory(metrics=ON, disabled=True) as memory:
        assert collected(memory) == []


def test_processor_time_switches_and_faults_lie_between_two_looks_at_the_system() -> None:
    """None of them ever falls."""
    with in_memory(metrics=ON) as memory:
        before = resource.getrusage(resource.RUSAGE_SELF)
        points = collected(memory)
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = values(points, "process.cpu.time", cpu_attributes.CPU_MODE)
    switches = values(
        points, "process.context_switches", process_attributes.PROCESS_CONTEXT_SWITCH_TYPE
    )
    faults = values(points, "process.paging.faults", system_attributes.SYSTEM_PAGING_FAULT_TYPE)
    assert (len(cpu), len(switches), len(faults)) == (2, 2, 2)
    for told, of_it, name in (
        (cpu, cpu_attributes.CpuModeValues.USER, "ru_utime"),
        (cpu, cpu_attributes.CpuModeValues.SYSTEM, "ru_stime"),
        (switches, process_attributes.ProcessContextSwitchTypeValues.VOLUNTARY, "ru_nvcsw"),
        (switches, process_attributes.ProcessContextSwitchTypeValues.INVOLUNTARY, "ru_nivcsw"),
        (faults, system_attributes.SystemPagingFaultTypeValues.MINOR, "ru_minflt"),
        (faults, system_attributes.SystemPagingFaultTypeValues.MAJOR, "ru_majflt"),
    ):
        assert getattr(before, name) <= told[of_it.value] <= getattr(after, name)


def test_memory_is_what_the_kernel_says() -> None:
    """Of 64 MiB that are touched, all are resident; of 256 that are not, none is."""
    with in_memory(metrics=ON) as memory:
        touched = 64 << 20
        before = collected(memory)
        block = b"x" * touched
        after = collected(memory)
        assert value(after, "process.memory.usage") - value(before, "process.memory.usage") >= (
            touched * 0.9
        )
        del block
        with mmap.mmap(-1, 256 << 20):
            reserved = collected(memory)
        larger = value(reserved, "process.memory.virtual")
        assert larger - value(before, "process.memory.virtual") >= 256 << 20
        assert value(reserved, "process.memory.usage") < larger
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert value(before, "process.memory.usage") <= peak


def test_threads_are_counted() -> None:
    """Those more that a test has begun."""
    with in_memory(metrics=ON) as memory:
        collected(memory)  # the threads of both sides are there now
        done = threading.Event()
        threads = [threading.Thread(target=done.wait) for _ in range(5)]
        before = collected(memory)
        for thread in threads:
            thread.start()
        more = collected(memory)
        done.set()
        for thread in threads:
            thread.join()
        # A thread that answers callbacks may have come as well.
        assert value(more, "process.thread.count") - value(before, "process.thread.count") >= 5


def test_descriptors_are_counted() -> None:
    """As many as the kernel lists, and those more that a test has opened."""
    with in_memory(metrics=ON) as memory:

        def agree() -> bool:
            listed = len(os.listdir("/proc/self/fd")) - 1
            return value(collected(memory), "process.unix.file_descriptor.count") == listed

        # Another callback may read a file at the moment of the count.
        assert wait_until(agree, 30)
        files = [os.open("/", os.O_RDONLY) for _ in range(7)]
        try:
            assert wait_until(agree, 30)
        finally:
            for file in files:
                os.close(file)
        assert wait_until(agree, 30)


def test_descriptors_are_counted_by_an_older_kernel_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the folder has no size they are listed."""
    monkeypatch.setattr(os, "stat", lambda _: os.stat_result([0] * 10))
    assert _process_metrics._file_descriptors() == len(os.listdir("/proc/self/fd")) - 1


def test_the_uptime_is_that_of_the_process() -> None:
    """At least as old as what it has done, and at most as old as who started it knows."""
    begun = time.monotonic()
    done = run_python(
        """
        import time
        begun = time.monotonic()
        from tests.python.in_memory import in_memory
        from tests.python.test_process_metrics import ON, collected, value
        with in_memory(metrics=ON) as memory:
            at_least = time.monotonic() - begun
            print(value(collected(memory), "process.uptime"), at_least)
        """
    )
    told, at_least = map(float, done.stdout.split())
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert at_least - tick <= told <= time.monotonic() - begun + tick


def test_garbage_collection_is_what_the_interpreter_says() -> None:
    """By generation."""
    with in_memory(metrics=ON) as memory:
        gc.disable()
        try:
            cycle: list[object] = []
            cycle.append(cycle)
            del cycle
            gc.collect()
            stats = gc.get_stats()
            points = collected(memory)
            assert stats == gc.get_stats()
        finally:
            gc.enable()
    for name, field in (
        ("cpython.gc.collections", "collections"),
        ("cpython.gc.collected_objects", "collected"),
        ("cpython.gc.uncollectable_objects", "uncollectable"),
    ):
        expected = {i: generation[field] for i, generation in enumerate(stats)}
        assert values(points, name, GENERATION) == expected
    assert stats[2]["collections"] > 0


def test_a_forked_child_tells_of_itself() -> None:
    """Its own age, processor time and garbage, and all of its metrics."""
    run_python(
        """
        import gc, os, resource
        from tests.python.test_process_metrics import (
            GENERATION, NAMES, ON, InMemory, collected, value, values,
        )
        memory = InMemory(metrics=ON)
        for _ in range(3):
            gc.collect()
        gc.disable()
        sum(i * i for i in range(3_000_000))
        before = collected(memory)
        assert values(before, "cpython.gc.collections", GENERATION)[2] >= 3
        pid = os.fork()
        if pid == 0:
            try:
                gc.collect()
                points = collected(memory)
                assert {p.name for p in points} == NAMES
                assert values(points, "cpython.gc.collections", GENERATION) == {0: 0, 1: 0, 2: 1}
                used = resource.getrusage(resource.RUSAGE_SELF)
                assert sum(values(points, "process.cpu.time", "cpu.mode").values()) <= (
                    used.ru_utime + used.ru_stime
                )
                assert value(points, "process.uptime") < value(before, "process.uptime")
                memory.collector.shutdown(30)
                assert memory.collector.audit().balanced
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert {p.name for p in collected(memory)} == NAMES
        """
    )


def test_what_cannot_be_read_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a word: there is no /proc in every jail."""
    monkeypatch.setattr(_process_metrics, "_PROC", str(tmp_path))
    with in_memory(metrics=ON) as memory:
        names = {point.name for point in collected(memory)}
        assert memory.collector.stats().notes["callbacks_failed"] == 0
    assert names == {
        "process.cpu.time",
        "process.context_switches",
        "process.paging.faults",
        "cpython.gc.collections",
        "cpython.gc.collected_objects",
        "cpython.gc.uncollectable_objects",
    }
    assert capfd.readouterr().err == ""


def test_a_shutdown_ends_it_and_the_next_collector_tells_again() -> None:
    """Nobody is asked for a collector that is gone."""
    from forebay._observers import _dispatcher

    before = len(_dispatcher._watched)
    for _ in range(2):
        with in_memory(metrics=ON) as memory:
            assert {point.name for point in collected(memory)} == NAMES
            assert len(_dispatcher._watched) == before + len(NAMES)
        assert len(_dispatcher._watched) == before


def test_a_signal_may_end_it_while_an_instrument_is_made() -> None:
    """Its handler runs on the thread that is in the middle of that."""
    run_python(
        """
        import forebay, os, signal
        from forebay._observers import _dispatcher
        collector = forebay.Collector(
            exporter=forebay.MemoryExporter(),
            metrics=forebay.MetricsOptions(process=True, callback_timeout=0.1),
        )
        signal.signal(signal.SIGUSR1, lambda *_: collector.shutdown(10))
        with _dispatcher._lock:
            signal.raise_signal(signal.SIGUSR1)
        assert collector.is_shut_down
        assert collector.audit().balanced
        """,
        timeout=40,
    )


def test_process_is_a_yes_or_no() -> None:
    """In code; in a file it is the same option."""
    with pytest.raises(forebay.OptionError, match=r"^metrics.process: 'yes' is not True or False"):
        forebay.Collector(metrics=MetricsOptions(process="yes"))  # type: ignore[arg-type]
    from forebay._config import arguments_from

    same = MetricsOptions(process=True)
    assert arguments_from({"metrics": {"process": True}}, ("metrics",))["metrics"] == same
