"""Metrics and fork: a child is a writer of its own that begins at zero; the parent loses nothing.

Each scenario is a process of its own. A child that hangs is ended by its alarm, and then its exit
code is not 0.
"""

from __future__ import annotations

import pytest

from forebay.testing import MetricPoint, Receiver
from tests.python.in_memory import run_python

# What the scripts share: a child runs a function under an alarm, and says by its code how it went.
CHILDREN = """
import os, signal, sys, threading, time, traceback
import forebay

def in_child(work):
    pid = os.fork()
    if pid != 0:
        return pid
    code = 1
    signal.alarm(30)
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

def end_well(pids):
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert codes == [0] * len(pids), codes
"""


def totals(receiver: Receiver, name: str) -> dict[str, int]:
    """The last value of each process, by its instance id; cumulative ones never go down."""
    found: dict[str, MetricPoint] = {}
    for point in receiver.metric_points():
        if point.name != name:
            continue
        instance = str(point.resource["service.instance.id"])
        before = found.get(instance)
        if before is not None and before.time_unix_nano > point.time_unix_nano:
            continue
        found[instance] = point
    return {instance: int(point.value or 0) for instance, point in found.items()}


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_many_forks_under_load_end_with_exact_sums(temporality: str) -> None:
    """Threads that measure and collections that run all the while; no child hangs or inherits."""
    run_python(
        CHILDREN
        + """
temporality = sys.argv[1]
exporter = forebay.MemoryExporter()
collector = forebay.start(
    service_name="s", exporter=exporter,
    metrics=forebay.MetricsOptions(interval=0.01, temporality=temporality, self_metrics=False),
)
orders, sizes = forebay.counter("orders"), forebay.histogram("sizes")
bound, bound_size = orders.bind({"how": "bound"}), sizes.bind()
stop = threading.Event()
added = [0] * 4

def work(n):
    while not stop.is_set():
        orders.add(1, {"n": n})
        bound.add(2)
        bound_size.record(1.5)
        added[n] += 1

def child():
    began = time.time_ns()
    assert collector.instance_id != instance
    stats = collector.stats().metrics
    assert (stats.emitted, stats.delivered, stats.held) == (0, 0, 0), stats
    orders.add(1, {"n": 0})
    bound.add(10)
    bound_size.record(3)
    bound_size.record(4)
    assert collector.flush(20).complete
    points = exporter.metric_points()
    of = {}
    for point in points:
        assert point.resource["service.instance.id"] == collector.instance_id
        assert began <= point.start_unix_nano <= point.time_unix_nano, (began, point)
        key = point.name, point.attributes.get("how"), point.attributes.get("n")
        before = of.get(key, 0) if temporality == "delta" else 0
        of[key] = before + (point.count if point.kind == "histogram" else point.value)
    assert of == {
        ("orders", None, 0): 1, ("orders", "bound", None): 10, ("sizes", None, None): 2,
    }, of
    assert collector.shutdown(20).complete
    assert collector.audit().balanced

threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(4)]
for thread in threads: thread.start()
instance = collector.instance_id
for _ in range(25):
    end_well([in_child(child), in_child(child)])
stop.set()
for thread in threads: thread.join()
assert collector.flush(30).complete
assert collector.instance_id == instance
last, summed = {}, {}
for point in sorted(exporter.metric_points(), key=lambda point: point.time_unix_nano):
    assert point.resource["service.instance.id"] == instance
    key = point.name, point.attributes.get("how"), point.attributes.get("n")
    value = point.count if point.kind == "histogram" else point.value
    last[key], summed[key] = value, summed.get(key, 0) + value
found = last if temporality == "cumulative" else summed
assert found == {
    **{("orders", None, n): added[n] for n in range(4)},
    ("orders", "bound", None): 2 * sum(added), ("sizes", None, None): sum(added),
}, (found, added)
assert collector.stats().metrics.lost == 0
assert collector.shutdown(30).complete
assert collector.audit().balanced
""",
        temporality,
        timeout=100,
    )


def test_a_grandchild_is_a_third_writer() -> None:
    """Three instances, each with what it added itself; the series bound in the first goes along."""
    with Receiver() as receiver:
        run_python(
            CHILDREN
            + """
collector = forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]))
orders = forebay.counter("orders").bind({"a": 1})
orders.add(1)
assert collector.flush(20).complete

def grandchild():
    orders.add(100)
    assert collector.shutdown(20).complete

def child():
    orders.add(10)
    end_well([in_child(grandchild)])
    orders.add(10)
    assert collector.shutdown(20).complete

end_well([in_child(child)])
orders.add(1)
assert collector.shutdown(20).complete
""",
            receiver.endpoint,
        )
        assert sorted(totals(receiver, "orders").values()) == [2, 20, 100]


def test_workers_of_a_preloaded_master_report_for_themselves() -> None:
    """As gunicorn's preload_app: instruments, series and the start before the fork."""
    with Receiver() as receiver:
        run_python(
            """
            import os, sys
            import forebay
            early = forebay.counter("orders")
            collector = forebay.start(
                service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1])
            )
            bound = early.bind()
            depth = forebay.observable_gauge("pid", lambda: os.getpid())
            for n in range(1, 4):
                if os.fork() == 0:
                    for _ in range(n):
                        bound.add(1)
                        early.add(10)
                    sys.exit(0)        # the end of the program ships what is held
            for _ in range(3):
                assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
            """,
            receiver.endpoint,
        )
        assert sorted(totals(receiver, "orders").values()) == [11, 22, 33]
        # Each asked its own callback: the master has one more, and measured nothing.
        pids = totals(receiver, "pid")
        assert len(set(pids.values())) == len(pids) == 4


def test_multiprocessing_children_ship_what_they_measure() -> None:
    """Those of a pool that ends each after one task among them."""
    with Receiver() as receiver:
        run_python(
            """
            import multiprocessing, sys
            import forebay
            collector = forebay.start(
                service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1])
            )
            orders = forebay.counter("orders")
            orders.add(1000)
            def task(n):
                orders.add(n)
                return n
            context = multiprocessing.get_context("fork")
            with context.Pool(2, maxtasksperchild=1) as pool:
                assert sum(pool.map(task, range(1, 7), chunksize=1)) == 21
                pool.close()
                pool.join()
            child = context.Process(target=task, args=(500,))
            child.start()
            child.join()
            assert child.exitcode == 0
            """,
            receiver.endpoint,
        )
        assert sorted(totals(receiver, "orders").values()) == [1, 2, 3, 4, 5, 6, 500, 1000]


def test_a_callback_that_forks_costs_neither_process_its_metrics() -> None:
    """The child leaves on the thread that called it, after it measured and asked callbacks."""
    run_python(
        CHILDREN
        + """
exporter = forebay.MemoryExporter()
collector = forebay.start(
    service_name="s",
    exporter=exporter,
    metrics=forebay.MetricsOptions(interval=86400, self_metrics=False),
)
orders = forebay.counter("orders")
orders.add(7)
parent = os.getpid()

def child():
    orders.add(3)
    assert collector.flush(20).complete
    found = {point.name: point.value for point in exporter.metric_points()}
    assert found == {"orders": 3, "forking": -1, "pid": os.getpid()}, found
    assert collector.shutdown(20).complete
    assert collector.audit().balanced

def forks():
    if os.getpid() != parent:
        return -1
    pid = in_child(child)
    end_well([pid])
    return 1

forebay.observable_gauge("pid", lambda: os.getpid())
forebay.observable_gauge("forking", forks)
for _ in range(5):
    assert collector.flush(30).complete
    found = {point.name: point.value for point in exporter.metric_points()}
    assert found == {"orders": 7, "forking": 1, "pid": parent}, found
    exporter.clear()
assert collector.stats().notes["callbacks_failed"] == 0
assert collector.shutdown(20).complete
assert collector.audit().balanced
""",
    )


def test_every_callback_is_asked_in_a_child_and_none_is_late() -> None:
    """Also in the child of a child; as often as in the parent, once a collection."""
    run_python(
        CHILDREN
        + """
exporter = forebay.MemoryExporter()
collector = forebay.start(
    service_name="s",
    exporter=exporter,
    metrics=forebay.MetricsOptions(interval=86400, self_metrics=False),
)
calls = []

def told(n):
    calls.append(n)
    return n

for n in range(5):
    forebay.observable_gauge(f"gauge.{n}", lambda n=n: told(n))

def collected():
    calls.clear()
    exporter.clear()
    assert collector.flush(30).complete
    found = {point.name: point.value for point in exporter.metric_points()}
    assert found == {f"gauge.{n}": n for n in range(5)}, found
    assert sorted(calls) == [0, 1, 2, 3, 4], calls
    assert collector.stats().notes["callbacks_late"] == 0

def child():
    collected()
    end_well([in_child(collected)])
    collected()

collected()
end_well([in_child(child)])
collected()
""",
    )


def test_a_timer_under_way_at_the_fork_ends_in_both_processes() -> None:
    """Once in each, from the same beginning."""
    run_python(
        CHILDREN
        + """
exporter = forebay.MemoryExporter()
collector = forebay.start(
    service_name="s",
    exporter=exporter,
    metrics=forebay.MetricsOptions(interval=86400, self_metrics=False),
)
timer = forebay.histogram("latency", unit="s").time({"route": "/x"})

def measured():
    assert collector.flush(20).complete
    (point,) = exporter.metric_points()
    assert point.attributes == {"route": "/x"}
    return point.count, point.sum

def child():
    time.sleep(0.05)
    timer.__exit__(None, None, None)
    count, duration = measured()
    assert count == 1 and duration >= 0.05, (count, duration)

timer.__enter__()
end_well([in_child(child)])
timer.__exit__(None, None, None)
count, duration = measured()
assert count == 1 and duration >= 0.05, (count, duration)
""",
    )
