"""A real Celery worker with a pool of processes, which come and go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from forebay._stats_file import StatsFile, StatsFileError, list_stats_files, read_stats_file
from forebay.testing import Receiver
from tests.waiting import wait_until

APPLICATION = """
import logging
import os

import celery.signals
import forebay
from celery import Celery
from celery.utils.log import get_task_logger

folder = os.environ["BROKER"]
app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": folder + "/q", "data_folder_out": folder + "/q",
    "control_folder": folder + "/control",
}
if os.environ.get("WORKER"):
    forebay.start(
        service_name="shop", capture_logging="INFO", console="off",
        exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"]),
        # Longer than any child lives: what it has is shipped at its end, or never.
        batch=forebay.BatchOptions(max_delay=60),
    )

@celery.signals.worker_process_shutdown.connect
def leaving(**_):
    logging.getLogger("shop.life").info("child leaves")

@app.task
def work(n):
    logging.getLogger("shop.tasks").info("task ran", extra={"n": n})
    get_task_logger("shop").info("task's own logger", extra={"n": n})
"""
# One child at a time, and each leaves after three tasks.
TASKS = 18
CHILDREN = TASKS // 3


def ledgers(folder: Path) -> list[StatsFile]:
    found = []
    for path in list_stats_files(folder / "run"):
        with suppress(StatsFileError):  # not ready: its process is making it
            found.append(read_stats_file(path))
    return found


def ended_children(folder: Path, worker: subprocess.Popen[bytes]) -> list[StatsFile]:
    """Those that had a task."""
    return [
        file
        for file in ledgers(folder)
        if file.pid != worker.pid and file.state == "ended" and file.numbers["emitted"] >= 6
    ]


def test_a_worker_whose_children_come_and_go_loses_nothing(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Celery takes the root logger for itself, and its children end with ``os._exit``.

    Of the child that is there when the worker stops nothing is asked: the kernel kills it (it was
    forked by a thread that ends first, and billiard set PR_SET_PDEATHSIG).
    """
    (tmp_path / "shop_tasks.py").write_text(APPLICATION)
    for name in ("q", "control", "run"):
        (tmp_path / name).mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.getenv("PYTHONPATH")])),
        "BROKER": str(tmp_path),
        "RECEIVER": receiver.endpoint,
        "FOREBAY_RUN_DIR": str(tmp_path / "run"),
    }
    send = f"from shop_tasks import work\nfor n in range({TASKS}): work.delay(n)"
    subprocess.run([sys.executable, "-c", send], env=environment, cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "celery", "-A", "shop_tasks", "worker", "-l", "INFO"]
    pool = ["--concurrency", "1", "--max-tasks-per-child", "3"]
    silent = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    log = (tmp_path / "worker.log").open("w")
    worker = subprocess.Popen(
        [*command, *pool, *silent],
        env={**environment, "WORKER": "1"},
        cwd=tmp_path,
        stdout=log,
        stderr=log,
    )
    try:
        said = (tmp_path / "worker.log").read_text
        assert wait_until(lambda: len(ended_children(tmp_path, worker)) == CHILDREN, 60), said()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.wait()
        log.close()
    found = Counter(
        (str(r.record.body), r.record.attributes.get("n"))
        for r in receiver.records()
        if r.scope.name.startswith(("shop", "celery.task", "logging"))
    )
    for n in range(TASKS):
        assert found["task ran", n] == 1, found
        assert found["task's own logger", n] == 1, found
    assert found["child leaves", None] >= CHILDREN, found
    (parent,) = (file for file in ledgers(tmp_path) if file.pid == worker.pid)
    for file in (parent, *ended_children(tmp_path, worker)):
        assert (file.state, file.balanced) == ("ended", True), file
        assert file.numbers["delivered"] == file.numbers["emitted"] + file.numbers["internal"]
