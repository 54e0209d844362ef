"""Measures what a user waits for: the import of ``forebay``, and ``forebay tail`` over local files.

An import is told in processor time of the process and its children: what the machine does beside
it hardly shows. ``tail`` is told in the wall-clock time that a user waits, start of the interpreter
included.
"""

from __future__ import annotations

import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

import peer_environment
from books import Books

_IMPORT = "command_line.import_adds_ms"
_TAIL = "command_line.tail_mb_per_s"
_TAIL_FOUND = "command_line.tail_filtered_mb_per_s"
_BYTES = 100_000_000
_STARTS = 10

# Records as a service has them, until the files hold _BYTES.
_WRITE = """
import pathlib, sys, forebay
directory, wanted = pathlib.Path(sys.argv[1]), int(sys.argv[2])
collector = forebay.Collector(
    service_name="bench",
    exporter=forebay.FileExporter(directory),
    lanes=[forebay.Lane("all", on_full="block")],
)
log = collector.logger("shop.orders")
i = 0
while sum(p.stat().st_size for p in directory.glob("**/*") if p.is_file()) < wanted:
    for _ in range(20_000):
        i += 1
        log.info("request finished", route="/items/search", status=200, elapsed_ms=12.5, order=i)
    collector.flush(30)
log.error("payment failed", order=i)
collector.shutdown(timeout=30)
assert collector.audit().balanced
"""


class CommandLine:
    def __init__(self, books: Books) -> None:
        self._books = books

    def run(self) -> None:
        """Measure what is wanted."""
        if not self._books.wants(_IMPORT, _TAIL, _TAIL_FOUND):
            return
        self._books.missing.update(peer_environment.make())
        if self._books.wants(_IMPORT):
            print("bench: import", flush=True)
            self._import()
        if self._books.wants(_TAIL, _TAIL_FOUND):
            print("bench: tail of 100 MB", flush=True)
            with tempfile.TemporaryDirectory() as directory:
                self._tail(pathlib.Path(directory))

    def _import(self) -> None:
        empty: list[float] = []
        ours: list[float] = []
        for _ in range(self._books.repeats * _STARTS):
            empty.append(self._processor_ms("-c", "pass"))
            ours.append(self._processor_ms("-c", "import forebay"))
        self._books.set("command_line.empty_interpreter_ms", statistics.median(empty))
        self._books.set(_IMPORT, statistics.median(ours) - statistics.median(empty))

    def _processor_ms(self, *arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._python(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3

    def _tail(self, directory: pathlib.Path) -> None:
        self._python("-c", _WRITE, str(directory), str(_BYTES))
        size = sum(p.stat().st_size for p in directory.glob("**/*") if p.is_file())
        for name, filters in ((_TAIL, []), (_TAIL_FOUND, ["--level", "error"])):
            rates = []
            for _ in range(self._books.repeats):
                begin = time.perf_counter()
                out = self._python("-m", "forebay", "tail", *filters, str(directory))
                rates.append(size / 1e6 / (time.perf_counter() - begin))
                if "payment failed" not in out:
                    self._books.missing[name] = "tail did not show the last record"
            self._books.set(name, statistics.median(rates))

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(peer_environment.python()), *arguments],
            capture_output=True,
            text=True,
            env=peer_environment.variables(),
        )
        if done.returncode != 0:
            reason = peer_environment.last_line(done.stderr)
            self._books.missing["command_line"] = f"ended with {done.returncode}: {reason}"
        return done.stdout
