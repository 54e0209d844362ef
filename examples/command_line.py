"""A service, and what the command line says about it: `stats`, `top`, `tail`, `doctor`.

python examples/command_line.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import forebay


def run(*arguments: str) -> str:
    """`forebay ARGUMENTS`, as in a shell beside the service."""
    print("$ forebay " + " ".join(arguments), flush=True)
    command = [sys.executable, "-m", "forebay", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    return done.stdout


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
        # What is in force here, and whether it works.
        assert "nothing to mend" in run("doctor")
        collector.shutdown()


if __name__ == "__main__":
    main()
