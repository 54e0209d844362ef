"""A process that emits from several threads until it is killed, and a witness of what it emitted.

The witness is a file of the test's own, mapped into the process: a thread stores its count there
after each call of emit that came back. It survives SIGKILL like any mapped file, and knows nothing
of the ledger.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

from tests.waiting import wait_until

_PROGRAM = """
import mmap, os, struct, sys, threading, time
import forebay

endpoint, run_directory, witness_path, threads, policy, end = sys.argv[1:]
threads = int(threads)
collector = forebay.Collector(
    service_name="crashing",
    exporter=forebay.OtlpHttpExporter(endpoint, timeout=30.0),
    lanes=[
        forebay.Lane(
            "urgent",
            min_level="WARNING",
            queue_records=1024,
            on_full=policy,
            gap_records=False,
        ),
        forebay.Lane("normal", queue_records=1024, on_full=policy, gap_records=False),
    ],
    batch=forebay.BatchOptions(max_records=200, max_delay=0.02),
    retry=forebay.RetryOptions(initial=0.01, max=0.05),
    run_directory=run_directory,
)
log = collector.logger("crash")
with open(witness_path, "r+b") as file:
    # As native 64-bit numbers: struct.pack_into() writes zeros first, and a kill may come between.
    witness = memoryview(mmap.mmap(file.fileno(), threads * 64)).cast("Q")
stop = threading.Event()

def work(thread):
    count, at = 0, thread * 8
    while not stop.is_set():
        (log.warning if count % 10 == 0 else log.info)("record", uid=count * threads + thread)
        count += 1
        witness[at] = count

running = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(threads)]
for thread in running: thread.start()
deadline = time.monotonic() + 60
while not all(witness[n * 8] > 100 for n in range(threads)):
    assert time.monotonic() < deadline, "it does not get to emit"
    time.sleep(0.001)
print("emitting", flush=True)
sys.stdin.readline()
if end == "abort":
    os.abort()
elif end == "_exit":
    os._exit(0)
elif end == "return":
    sys.exit(0)       # with daemon threads that go on emitting
elif end == "shutdown":
    stop.set()
    for thread in running: thread.join()
    receipt = collector.shutdown(20)
    audit, stats = collector.audit(), collector.stats()
    assert receipt.complete
    assert audit.balanced and audit.difference == 0, audit
    assert stats.held == 0 and stats.difference == 0, stats
"""


class EmittingProcess:
    """The process, from its start to its end, whichever that is."""

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        *,
        threads: int = 4,
        policy: str = "drop_newest",
        end: str = "shutdown",
    ) -> None:
        self.threads = threads
        self.run_directory = folder / "run"
        self._witness = folder / "witness"
        self._witness.write_bytes(bytes(threads * 64))
        arguments = [endpoint, str(self.run_directory), str(self._witness), str(threads)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments, policy, end],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_it_emits(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "emitting\n", self.process.communicate()[1]

    def wait_for_records(self, count: int) -> None:
        """Until its threads have emitted so many more."""
        target = self.witness() + count
        assert wait_until(lambda: self.witness() >= target, timeout=20)

    def witness(self) -> int:
        """How many calls of emit have come back; each thread may be within one more."""
        content = self._witness.read_bytes()
        return sum(struct.unpack_from("=Q", content, n * 64)[0] for n in range(self.threads))

    def end_itself(self) -> int:
        """Let it end in the way that it was told; its return code."""
        _, errors = self.process.communicate("\n", timeout=60)
        if self.process.returncode > 0:
            raise AssertionError(errors)
        return self.process.returncode

    def send_signal(self, number: int) -> None:
        """End it by a signal, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        assert self.process.returncode == -number

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=30)
