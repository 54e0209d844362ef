"""Fork: a child starts over with an empty ledger, and the parent loses nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from forebay.testing import Receiver
from tests.python.in_memory import run_python


def bodies(receiver: Receiver) -> Counter[object]:
    return Counter(received.record.body for received in receiver.records())


def test_a_child_has_an_empty_ledger_and_its_own_identity() -> None:
    """Other instance id, other stats file, nothing counted; and it delivers what it emits."""
    with Receiver() as receiver:
        run_python(
            """
            import os, sys
            import forebay
            collector = forebay.start(
                service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1])
            )
            log = forebay.get_logger("x")
            for i in range(100):
                log.info("parent")
            mine = (collector.instance_id, collector.stats_file)
            pid = os.fork()
            if pid == 0:
                try:
                    stats = collector.stats()
                    assert stats.emitted == stats.held == stats.delivered == 0, stats
                    assert log.info("child")
                    assert collector.instance_id != mine[0]
                    assert collector.stats_file != mine[1]
                    assert collector.shutdown(10).complete
                    stats = collector.stats()
                    assert (stats.emitted, stats.delivered) == (1, 1), stats
                    assert collector.audit().balanced
                except BaseException:
                    import traceback
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            log.info("parent")
            assert collector.shutdown(10).complete
            stats = collector.stats()
            assert (stats.emitted, stats.delivered) == (101, 101), stats
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == {"parent": 101, "child": 1}
        assert receiver.counts().unique_records == 102


def test_forks_while_threads_emit_lose_nothing_and_send_nothing_twice() -> None:
    """Twenty children out of a process whose threads never stop."""
    with Receiver() as receiver:
        done = run_python(
            """
            import os, sys, threading
            import forebay
            collector = forebay.start(
                service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]),
                lanes=[forebay.Lane("only", on_full="block")],
            )
            log = forebay.get_logger("x")
            stop = threading.Event()
            emitted = [0] * 4
            def work(n):
                while not stop.is_set():
                    emitted[n] += log.info("parent", n=n)
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for thread in threads: thread.start()
            children = []
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    code = 1
                    try:
                        for _ in range(50):
                            assert log.info("child")
                        assert collector.shutdown(20).complete
                        stats = collector.stats()
                        assert (stats.emitted, stats.delivered) == (50, 50), stats
                        code = 0
                    finally:
                        os._exit(code)
                children.append(pid)
            codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
            stop.set()
            for thread in threads: thread.join()
            assert codes == [0] * 20, codes
            assert collector.shutdown(30).complete
            stats = collector.stats()
            assert stats.delivered == stats.emitted == sum(emitted), stats
            assert collector.audit().balanced
            print(sum(emitted))
            """,
            receiver.endpoint,
            timeout=110,
        )
        counts = receiver.counts()
        assert counts.unique_records == int(done.stdout) + 20 * 50
        assert bodies(receiver)["child"] == 20 * 50


def test_fork_before_the_first_record_works() -> None:
    """As gunicorn's preload_app does: start in the master, emit in the workers only."""
    with Receiver() as receiver:
        run_python(
            """
            import os, sys
            import forebay
            collector = forebay.start(
                service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]),
                capture_logging="INFO",
            )
            log = forebay.get_logger("x")
            assert len(os.listdir("/proc/self/task")) == 1
            for n in range(3):
                if os.fork() == 0:
                    import logging
                    log.info("worker", n=n)
                    logging.info("through logging")
                    sys.exit(0)        # atexit ships what is held
            for _ in range(3):
                assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == {"worker": 3, "through logging": 3}
        assert len({str(r.resource["service.instance.id"]) for r in receiver.records()}) == 3


def test_a_grandchild_works_too() -> None:
    """Each fork starts over."""
    with Receiver() as receiver:
        run_python(
            """
            import os, sys
            import forebay
            collector = forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            log = forebay.get_logger("x")
            log.info("0")
            for depth in ("1", "2"):
                pid = os.fork()
                if pid != 0:
                    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
                    break
                log.info(depth)
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == {"0": 1, "1": 1, "2": 1}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_ship_what_they_emit(method: str, tmp_path: object) -> None:
    """They leave with os._exit, which runs no atexit handler."""
    program = f"{tmp_path}/program.py"
    with open(program, "w") as file:
        file.write(
            """
import multiprocessing, sys
import forebay

def work(endpoint, n):
    forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(endpoint))
    forebay.get_logger("x").info("child", n=n)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]))
    forebay.get_logger("x").info("parent")
    children = [context.Process(target=work, args=(sys.argv[1], n)) for n in range(3)]
    for child in children: child.start()
    for child in children: child.join()
    assert [child.exitcode for child in children] == [0] * 3
"""
        )
    with Receiver() as receiver:
        run_python(
            "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')",
            program,
            receiver.endpoint,
            method,
        ) if method == "fork" else _run_file(program, receiver.endpoint, method)
        assert bodies(receiver) == {"parent": 1, "child": 3}


def _run_file(program: str, *arguments: str) -> None:
    """Spawned children import the main program again, so it must be a file."""
    import subprocess
    import sys

    subprocess.run([sys.executable, program, *arguments], check=True, timeout=60)


def test_multiprocessing_loaded_after_start_is_noticed() -> None:
    """The finalizer is registered at the fork, not at the start."""
    with Receiver() as receiver:
        run_python(
            """
            import sys
            import forebay
            assert "multiprocessing.util" not in sys.modules
            forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            log = forebay.get_logger("x")
            import multiprocessing
            context = multiprocessing.get_context("fork")
            child = context.Process(target=lambda: log.info("child"))
            child.start()
            child.join()
            assert child.exitcode == 0
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == {"child": 1}


def test_a_pool_whose_workers_end_after_one_task_loses_nothing() -> None:
    """As Celery's max_tasks_per_child=1 and maxtasksperchild do."""
    with Receiver() as receiver:
        run_python(
            """
            import sys, multiprocessing
            import forebay
            forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]))
            log = forebay.get_logger("x")
            def task(n):
                return log.info("task", n=n)
            with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
                assert pool.map(task, range(10), chunksize=1) == [True] * 10
                pool.close()
                pool.join()
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == {"task": 10}


def test_a_child_holds_none_of_its_parents_connections() -> None:
    """The receiver's end closes with the parent's own, however long a child lives."""
    with Receiver() as receiver:
        run_python(
            """
            import os, sys
            import forebay

            def connections():
                # /proc/net/tcp of all processes: column 10 is the inode of an established socket.
                tcp = set()
                for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
                    with open(table) as rows:
                        for row in list(rows)[1:]:
                            fields = row.split()
                            if fields[3] == "01":
                                tcp.add(fields[9])
                held = set()
                for fd in os.listdir("/proc/self/fd"):
                    try:
                        target = os.readlink(f"/proc/self/fd/{fd}")
                    except OSError:
                        continue
                    if target.startswith("socket:["):
                        held.add(target[8:-1])
                return held & tcp

            collector = forebay.start(
                service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1])
            )
            log = forebay.get_logger("x")
            for _ in range(3):
                log.info("parent")
                assert collector.flush(10).complete
            kept = connections()
            assert len(kept) == 1, kept
            pid = os.fork()
            if pid == 0:
                held = connections() & kept
                delivered = log.info("child") and collector.shutdown(10).complete
                os._exit(1 if held else 0 if delivered else 2)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            log.info("parent")
            assert collector.flush(10).complete
            assert connections() == kept, "the parent's connection lives on"
            assert collector.shutdown(10).complete
            assert collector.stats().delivered == 4
            assert collector.audit().balanced
            """,
            receiver.endpoint,
        )
        assert bodies(receiver) == {"parent": 4, "child": 1}


def test_a_child_asks_each_of_many_callbacks_once() -> None:
    """At once, as its parent does: none of them is late, and none is lost."""
    run_python(
        """
        import os
        import forebay
        exporter = forebay.MemoryExporter()
        options = forebay.MetricsOptions(self_metrics=False)
        collector = forebay.Collector(exporter=exporter, metrics=options)
        calls = []
        for i in range(40):
            collector.observable_gauge(f"gauge{i}", lambda i=i: calls.append(i) or i)
        assert collector.flush(30).complete
        pid = os.fork()
        if pid == 0:
            try:
                exporter.clear()
                calls.clear()
                assert collector.flush(30).complete
                assert collector.stats().notes["callbacks_late"] == 0
                assert sorted(calls) == list(range(40))
                told = {point.name: point.value for point in exporter.metric_points()}
                assert told == {f"gauge{i}": i for i in range(40)}
                assert collector.audit().balanced
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        """
    )
