"""Exceptions that nobody caught, as records: of a thread, of an event loop, and the one that ends
the process, which has left before it is gone.

python examples/uncaught_exceptions.py
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading

import forebay
from forebay.testing import memory_collector

ENDS = """
import sys
import forebay

forebay.start(service_name="shop", exporter=forebay.FileExporter(sys.argv[1]), console="off")
forebay.capture_exceptions()
raise LookupError("no such warehouse")
"""


def fails(what: str) -> None:
    raise ValueError(what)


async def forgets_a_task() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(forebay.asyncio_exception_handler)
    loop.call_soon(fails, "in a callback")
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def the_one_that_ends_the_process() -> str:
    """Records go to local files: `forebay cat` reads them."""
    with tempfile.TemporaryDirectory() as directory:
        ended = subprocess.run(
            [sys.executable, "-c", ENDS, directory], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert "LookupError: no such warehouse" in ended.stderr  # shown as before
        command = [sys.executable, "-m", "forebay", "cat", directory]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    with memory_collector() as memory:
        undo = forebay.capture_exceptions()
        thread = threading.Thread(target=fails, args=("in a thread",), name="worker-7")
        thread.start()
        thread.join()
        undo()
        asyncio.run(forgets_a_task())
        for record in memory.records(level="ERROR"):
            print(record.body, "-", record.attributes["exception.message"])
        of_thread, of_loop = memory.records(level="ERROR")
        assert of_thread.attributes["thread.name"] == "worker-7"
        assert of_loop.attributes["exception.message"] == "in a callback"
    shown = the_one_that_ends_the_process()
    print(shown, end="")
    assert "uncaught exception" in shown


if __name__ == "__main__":
    main()
