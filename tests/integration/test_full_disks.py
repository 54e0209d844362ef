"""Disks without room where `forebay.start()` writes by default: the records', and the ledger's."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.integration.mount_namespace import in_namespace, run

# Ends with one JSON object: the ledger, and what else a test asks for.
_TELLS = """
import glob, json, os, sys, threading
import forebay

def tell(collector, **more):
    stats = collector.stats()
    ledger = {name: getattr(stats, name) for name in ("emitted", "delivered", "lost", "held")}
    ledger["internal"] = stats.internal
    print(json.dumps({**ledger, "balanced": collector.audit().balanced, **more}))
"""

_TO_THE_DEFAULT_DIRECTORY = """
collector = forebay.start(
    service_name="shop",
    console="off",
    batch=forebay.BatchOptions(max_records=200, max_delay=0.01),
    retry=forebay.RetryOptions(initial=0.01, max=0.05),
    breaker=forebay.BreakerOptions(open_initial=0.05, open_max=0.1),
    backlog=forebay.BacklogOptions(max_bytes=128 << 10),
    lanes=[forebay.Lane("all", queue_records=1024, on_backlog_full="evict_oldest")],
)
log = forebay.get_logger("shop")
while collector.stats().lost == 0:
    log.info("order placed", noise=os.urandom(500).hex())
error = collector.last_error
(directory,) = glob.glob(os.environ["XDG_STATE_HOME"] + "/forebay/shop")
for name in os.listdir(directory):
    os.remove(os.path.join(directory, name))  # somebody makes room
log.info("there is room again")
complete = collector.shutdown(20).complete
written = "".join(open(path).read() for path in glob.glob(directory + "/*.jsonl"))
tell(collector, error=error, complete=complete, again="there is room again" in written)
"""


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert answer["balanced"]
    assert answer["held"] == 0
    assert answer["emitted"] + answer["internal"] == answer["delivered"] + answer["lost"]
    return answer


def script(source: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(_TELLS + source), *arguments]


def test_a_service_whose_default_directory_is_full_goes_on_and_counts_what_it_loses(
    tmp_path: Path,
) -> None:
    """A state directory of a megabyte. When there is room again, records go there again."""
    for name in ("state", "run"):
        (tmp_path / name).mkdir(mode=0o700)
    mount = f"mount -t tmpfs -o size=1m none {tmp_path}/state"
    environment = {
        "XDG_STATE_HOME": f"{tmp_path}/state",
        "FOREBAY_RUN_DIR": f"{tmp_path}/run",
        "HOME": str(tmp_path),
    }
    done = run(in_namespace(mount, script(_TO_THE_DEFAULT_DIRECTORY)), environment)
    answer = told(done)
    assert "No space left on device" in answer["error"]
    assert answer["lost"] > 0
    assert (answer["complete"], answer["again"]) == (True, True)
    said = [line for line in done.stderr.splitlines() if "No space left" in line]
    assert len(said) <= 2, done.stderr


_WITH_A_FULL_RUN_DIRECTORY = """
collector = forebay.start(
    service_name="shop", exporter=forebay.FileExporter(sys.argv[1]), console="off"
)
for i in range(1000):
    forebay.get_logger("shop").info("order placed", number=i)
collector.shutdown(20)
tell(collector, file=collector.stats_file, there=os.listdir(os.environ["FOREBAY_RUN_DIR"]))
"""


def test_where_the_run_directory_is_full_the_ledger_is_in_memory(tmp_path: Path) -> None:
    """A store to a page of it that the disk has no room for would end the process."""
    (tmp_path / "run").mkdir(mode=0o700)
    mount = (
        f"mount -t tmpfs -o size=64k,mode=700 none {tmp_path}/run"
        f" && {{ head -c 1m /dev/zero > {tmp_path}/run/others 2>/dev/null; true; }}"
    )
    environment = {"FOREBAY_RUN_DIR": f"{tmp_path}/run", "HOME": str(tmp_path)}
    source = script(_WITH_A_FULL_RUN_DIRECTORY, f"{tmp_path}/logs")
    done = run(in_namespace(mount, source), environment)
    answer = told(done)
    assert (answer["delivered"], answer["lost"]) == (1000, 0)
    assert (answer["file"], answer["there"]) == ("", ["others"])
    assert len([line for line in done.stderr.splitlines() if "run" in line]) == 1, done.stderr


_WITH_MANY_THREADS = """
collector = forebay.start(
    service_name="shop", exporter=forebay.FileExporter(sys.argv[1]), console="off"
)
log = forebay.get_logger("shop")
log.info("a first one")
file = collector.stats_file
with open(os.path.join(os.environ["FOREBAY_RUN_DIR"], "others"), "wb", buffering=0) as others:
    try:
        while others.write(bytes(4096)):
            pass
    except OSError:
        full = True
barrier = threading.Barrier(300)
def work():
    barrier.wait()
    for i in range(10):
        log.info("order placed", number=i)
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(300)]
for thread in threads: thread.start()
for thread in threads: thread.join()
collector.shutdown(20)
tell(collector, file=file, full=full)
"""


def test_where_the_run_directory_becomes_full_more_threads_than_the_ledger_has_room_for_do_no_harm(
    tmp_path: Path,
) -> None:
    """They are counted all the same."""
    (tmp_path / "run").mkdir(mode=0o700)
    mount = f"mount -t tmpfs -o size=4m,mode=700 none {tmp_path}/run"
    environment = {"FOREBAY_RUN_DIR": f"{tmp_path}/run", "HOME": str(tmp_path)}
    done = run(in_namespace(mount, script(_WITH_MANY_THREADS, f"{tmp_path}/logs")), environment)
    answer = told(done)
    assert answer["file"].startswith(f"{tmp_path}/run/")
    assert answer["full"]
    assert "further threads share one counter" in done.stderr
    assert (answer["emitted"], answer["delivered"]) == (3001, 3001)
