"""A service, and what the command line says of it: `stats`, `top`, `tail`, `doctor`; while it goes
on, `tail -f` and `stats --watch`.

python examples/command_line.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import forebay


def run(*arguments: str) -> str:
    """`forebay ARGUMENTS`, as in a shell beside the service."""
    print("$ forebay " + " ".join(arguments), flush=True)
    command = [sys.executable, "-m", "forebay", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    return done.stdout


@contextmanager
def going_on(*arguments: str) -> Iterator[IO[str]]:
    """The same for what does not end by itself: what it prints, until Ctrl-C."""
    print("$ forebay " + " ".join(arguments), flush=True)
    command = [sys.executable, "-m", "forebay", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGINT)


def wait_for(text: str, lines: IO[str]) -> None:
    """Show what comes, up to that."""
    for line in lines:
        print(line, end="")
        if text in line:
            return
    raise AssertionError(f"{text!r} never came")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["FOREBAY_DIR"] = f"{directory}/logs"
        os.environ["FOREBAY_RUN_DIR"] = f"{directory}/run"
        os.mkdir(os.environ["FOREBAY_RUN_DIR"], mode=0o700)
        os.environ["OTEL_SERVICE_NAME"] = "shop"
        collector = forebay.start(console="off")
        log = forebay.get_logger("shop.orders")
        for number in range(5):
            log.info("order placed", number=number)
        log.error("payment failed", number=5)
        collector.flush(timeout=5)
        # The ledger, without asking the process; and its lanes, live.
        assert "emitted" in run("stats", "--service", "shop")
        assert "normal" in run("top", "--service", "shop", "--once", "--interval", "100ms")
        # The records themselves, filtered. Without a path: the service that was written last.
        assert "payment failed" in run("tail", "--level", "error")
        assert "order placed" in run("tail", "--attribute", "number=3")
        # While it goes on.
        with going_on("tail", "-f", "-n", "1", "--level", "error") as lines:
            wait_for("payment failed", lines)
            log.info("order placed", number=6)
            log.error("payment failed again", number=6)
            wait_for("payment failed again number=6", lines)
        with going_on("stats", "--service", "shop", "--watch", "100ms") as lines:
            wait_for("a second:", lines)
            wait_for("a second:", lines)
        # What is in force here, and whether it works.
        assert "nothing to mend" in run("doctor")
        collector.shutdown()


if __name__ == "__main__":
    main()
