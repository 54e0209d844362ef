"""Servers that fork: what all their processes say they delivered is what arrived, once each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forebay._stats_file import list_stats_files, read_stats_file
from forebay.testing import Receiver
from tests.integration.gunicorn_process import Gunicorn
from tests.python.in_memory import run_python
from tests.waiting import wait_until

WORKERS = 4

# Loaded by gunicorn's master: forebay is started there, and with `master_emits` has its threads
# there as well, before any worker is forked. Each worker writes its audit down when it ends.
APPLICATION = """
import atexit, json, logging, os, sys
import forebay

collector = forebay.start(
    service_name="shop",
    exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"]),
    lanes=[forebay.Lane("only", on_full="block")],
    batch=forebay.BatchOptions(max_delay=0.1),
)
log = forebay.get_logger("shop.api")
bridge = logging.getLogger("shop.bridge")
bridge.setLevel(logging.INFO)
bridge.propagate = False
bridge.addHandler(forebay.LoggingHandler())
if os.environ.get("MASTER_EMITS"):
    log.info("loaded", uid=f"{os.getpid()}.load")

def audit():
    collector.shutdown(10)
    with open(f"{os.environ['AUDITS']}/{os.getpid()}", "w") as file:
        stats, audit = collector.stats(), collector.audit()
        json.dump({"balanced": audit.balanced, "difference": stats.difference,
                   "held": stats.held, "emitted": stats.emitted, "delivered": stats.delivered,
                   "instance": collector.instance_id}, file)

atexit.register(audit)
served = 0

def application(environ, start_response):
    global served
    for _ in range(10):
        served += 1
        log.info("served", uid=f"{os.getpid()}.{served}")
        bridge.info("bridged", extra={"uid": f"{os.getpid()}.b{served}"})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class Shop(Gunicorn):
    """gunicorn with ``preload_app`` and four workers."""

    def __init__(self, folder: Path, receiver: Receiver, *, master_emits: bool) -> None:
        environment = {
            "RECEIVER": receiver.endpoint,
            "MASTER_EMITS": "1" if master_emits else "",
        }
        super().__init__(folder, APPLICATION, environment, workers=WORKERS, arguments=["--preload"])

    def get(self) -> int:
        """Ask once; the pid of the worker that served."""
        answer = self.ask()
        assert answer.status == 200
        return int(answer.body)

    def get_many(self, requests: int, threads: int = 4) -> Counter[int]:
        """Ask from several threads; how often each worker served."""
        pids: list[int] = []

        def work() -> None:
            pids.extend(self.get() for _ in range(requests // threads))

        running = [threading.Thread(target=work) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert len(pids) == requests // threads * threads
        return Counter(pids)


@pytest.fixture
def serve(tmp_path: Path, receiver: Receiver) -> Iterator[Callable[[bool], Shop]]:
    running: list[Shop] = []

    def start(master_emits: bool) -> Shop:
        server = Shop(tmp_path, receiver, master_emits=master_emits)
        running.append(server)
        server.wait_for_boots(WORKERS)
        return server

    yield start
    for server in running:
        server.kill()


def assert_all_arrived(server: Shop, receiver: Receiver, served: Counter[int]) -> None:
    """Ledgers, audits and receiver agree, process by process and in sum."""
    ledgers, audits = server.ledgers(), server.read_audits()
    arrived: Counter[str] = Counter()
    for received in receiver.records():
        uid = received.record.attributes["uid"]
        assert isinstance(uid, str)
        arrived[uid] += 1
        # Sent by the process that emitted it, and by no other.
        pid = int(uid.partition(".")[0])
        assert received.resource["service.instance.id"] == ledgers[pid].instance_id
    assert set(arrived.values()) == {1}
    for pid, ledger in ledgers.items():
        assert ledger.state == "ended"
        assert ledger.balanced
        assert ledger.numbers["held"] == 0
        audit = audits[pid]
        assert (audit["balanced"], audit["difference"], audit["held"]) == (True, 0, 0)
        for name in ("emitted", "delivered"):
            assert audit[name] == ledger.numbers[name], (pid, name)
    by_pid = Counter(int(uid.partition(".")[0]) for uid in arrived.elements())
    for pid, times in served.items():
        assert ledgers[pid].numbers["emitted"] - by_pid[pid] == 0
        assert by_pid[pid] == times * 20
    delivered = sum(ledger.numbers["delivered"] for ledger in ledgers.values())
    assert delivered == receiver.counts().unique_records == arrived.total()
    instances = {ledger.instance_id for ledger in ledgers.values()}
    assert len(instances) == len(ledgers)


@pytest.mark.parametrize("master_emits", [False, True], ids=["quiet_master", "master_emits"])
def test_gunicorn_with_preload_loses_nothing_over_sighup_and_sigterm(
    serve: Callable[[bool], Shop], receiver: Receiver, master_emits: bool
) -> None:
    """Four workers, then four new ones after SIGHUP: what each served has arrived, once."""
    server = serve(master_emits)
    served = server.get_many(200)
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_boots(2 * WORKERS)
    assert wait_until(lambda: len(server.said(r"Worker exiting \(pid: (\d+)\)")) >= WORKERS, 30)
    served += server.get_many(200)
    server.end()
    assert served.total() == 400
    assert len(served) > WORKERS  # before and after
    assert_all_arrived(server, receiver, served)
    parents = {pid for pid in server.ledgers() if pid not in served}
    if master_emits:
        assert server.process.pid in parents
        assert server.ledgers()[server.process.pid].numbers["emitted"] == 1
    else:
        # A worker that nobody asked has emitted nothing, and the master neither.
        assert all(server.ledgers()[pid].numbers["emitted"] == 0 for pid in parents)


def test_a_gunicorn_worker_that_is_killed_is_replaced_and_its_loss_is_known(
    serve: Callable[[bool], Shop], receiver: Receiver
) -> None:
    """SIGKILL for one worker: its own file says what it held, the others lose nothing."""
    server = serve(False)
    served = server.get_many(80)
    victim = served.most_common(1)[0][0]
    receiver.stall()
    while server.get() != victim:
        pass
    os.kill(victim, signal.SIGKILL)
    server.wait_for_boots(WORKERS + 1)
    receiver.clear()
    server.get_many(80)
    server.end()
    ledgers = server.ledgers()
    dead = ledgers.pop(victim)
    assert dead.state == "killed"
    assert dead.balanced
    assert dead.lost_in_crash is not None
    assert dead.lost_in_crash > 0
    assert dead.lost_in_crash_margin is not None
    arrived = Counter(
        str(received.record.attributes["uid"]).partition(".")[0] for received in receiver.records()
    )
    assert all(ledger.state == "ended" and ledger.balanced for ledger in ledgers.values())
    for pid, ledger in ledgers.items():
        assert arrived[str(pid)] == ledger.numbers["delivered"] == ledger.numbers["emitted"]
    emitted, delivered = dead.numbers["emitted"], dead.numbers["delivered"]
    # Those in flight when it died may be there; what it never sent is not.
    assert delivered <= arrived[str(victim)] <= delivered + dead.numbers["in_flight"]
    assert emitted == delivered + dead.lost_in_crash


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_with_one_task_a_child_loses_none_of_ten(
    receiver: Receiver, tmp_path: Path, method: str
) -> None:
    """10 in, 10 out, from ten processes, which end without atexit handlers."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import multiprocessing, os, sys
            import forebay

            def task(n):
                if forebay.get_collector() is None:
                    forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]))
                log = forebay.get_logger("task")
                for k in range(100):
                    log.info("task", uid=n * 100 + k)
                return os.getpid()

            if __name__ == "__main__":
                forebay.start(service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]))
                forebay.get_logger("main").info("main", uid=-1)
                context = multiprocessing.get_context(sys.argv[2])
                with context.Pool(2, maxtasksperchild=1) as pool:
                    pids = pool.map(task, range(10), chunksize=1)
                    pool.close()
                    pool.join()
                assert len(set(pids)) == 10, pids
                collector = forebay.get_collector()
                assert collector.shutdown(10).complete
                assert collector.audit().balanced
                assert collector.stats().delivered == 1
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(program), receiver.endpoint, method],
        env=os.environ | {"FOREBAY_RUN_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    arrived = [received.record.attributes["uid"] for received in receiver.records()]
    assert sorted(map(str, arrived)) == sorted(map(str, range(-1, 1000)))
    files = [read_stats_file(path) for path in list_stats_files(tmp_path / "run")]
    assert len(files) == 11
    assert all(file.state == "ended" and file.balanced for file in files)
    assert sum(file.numbers["delivered"] for file in files) == 1001


def test_a_hundred_forks_under_four_threads_that_fill_the_queue(
    receiver: Receiver, tmp_path: Path
) -> None:
    """No child hangs, each has its own ledger; the parent loses none, and none is sent for it."""
    done = run_python(
        """
        import os, sys, threading, time
        import forebay
        collector = forebay.start(
            service_name="s", exporter=forebay.OtlpHttpExporter(sys.argv[1]),
            lanes=[
                forebay.Lane(
                    "only", queue_records=128, on_full="drop_newest", gap_records=False
                )
            ],
            batch=forebay.BatchOptions(max_delay=0.05),
            run_directory=sys.argv[2],
        )
        parent, child = forebay.get_logger("parent"), forebay.get_logger("child")
        stop = threading.Event()
        taken = [0] * 4
        def work(n):
            while not stop.is_set():
                for _ in range(100):
                    taken[n] += parent.info("record", n=n)
                time.sleep(0.001)    # paces the load: forks fall into emits and between them
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads: thread.start()
        for turn in range(100):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    assert collector.stats().emitted == 0
                    for k in range(turn % 3):
                        assert child.info("record", turn=turn, k=k)
                    if turn % 10 == 0:
                        assert collector.shutdown(20).complete
                        stats = collector.stats()
                        assert stats.emitted == stats.delivered == turn % 3, stats
                        assert collector.audit().balanced
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        stop.set()
        for thread in threads: thread.join()
        assert collector.shutdown(30).complete
        stats = collector.stats()
        assert stats.delivered == sum(taken), (stats, taken)
        assert stats.emitted == stats.delivered + stats.dropped
        assert stats.dropped == stats.dropped_by_reason["queue_full_newest"]
        assert collector.audit().balanced
        print(stats.delivered)
        """,
        receiver.endpoint,
        str(tmp_path),
        timeout=100,
    )
    # By scope and instance. The batch id tells the instance, without decoding every record.
    arrived: Counter[tuple[str, str]] = Counter()
    for batch in receiver.batches():
        assert batch.batch_id is not None
        for scope, n in batch.by_scope.items():
            arrived[scope, batch.batch_id.rpartition("-")[0]] += n
    assert [n for (scope, _), n in arrived.items() if scope == "parent"] == [int(done.stdout)]
    # Those that shut down have sent all; the others left by os._exit, which is like a crash.
    shut_down = [turn % 3 for turn in range(0, 100, 10) if turn % 3]
    assert sum(n for (scope, _), n in arrived.items() if scope == "child") >= sum(shut_down)
    files = [read_stats_file(path) for path in list_stats_files(tmp_path)]
    by_instance = {file.instance_id: file for file in files}
    for (_, instance), n in arrived.items():
        numbers = by_instance[instance].numbers
        assert numbers["delivered"] <= n <= numbers["delivered"] + numbers["in_flight"]
    assert all(file.balanced for file in files)
    assert sum(file.state == "ended" for file in files) == 1 + len(shut_down)
