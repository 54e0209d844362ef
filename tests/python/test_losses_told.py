"""What a shutdown lost is told once, where nobody gets its receipt."""

from __future__ import annotations

import pytest

from tests.ports import free_port
from tests.python.in_memory import run_python, start_python


@pytest.mark.parametrize("block", ["with", "async with"])
def test_what_is_lost_at_the_end_of_a_block_is_told(block: str) -> None:
    """Nobody gets that receipt."""
    source = """
import asyncio, sys, forebay

async def main():
    BLOCK forebay.Collector(exporter=forebay.OtlpHttpExporter(sys.argv[1])) as collector:
        collector.logger("x").info("m")
        ending = collector._end
        collector._end = lambda seconds: ending(0.1)

asyncio.run(main())
print("on", flush=True)
sys.stdin.read()
"""
    process = start_python(source.replace("BLOCK", block), f"http://127.0.0.1:{free_port()}")
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    _, told = process.communicate("", timeout=60)
    assert told.startswith("forebay: 1 record was let go at shutdown: ")
    assert told.count("\n") == 1


def test_a_receipt_that_was_read_in_the_block_is_not_told() -> None:
    """Whoever called `shutdown` has it."""
    done = run_python(
        """
        import sys, forebay
        with forebay.Collector(exporter=forebay.OtlpHttpExporter(sys.argv[1])) as collector:
            collector.logger("x").info("m")
            print(collector.shutdown(0.1).dropped)
        """,
        f"http://127.0.0.1:{free_port()}",
    )
    assert done.stdout.strip() == "1"
    assert done.stderr == ""


def test_ctrl_c_while_a_loss_is_told_does_not_keep_it_untold() -> None:
    """It comes between the numbers and the words."""
    done = run_python(
        """
        import signal, sys, forebay
        collector = forebay.Collector(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
        collector.logger("x").info("m")
        stats = collector.stats
        signals = [signal.SIGINT]

        def interrupted():
            if collector.is_shut_down and signals:
                signal.raise_signal(signals.pop())
            return stats()

        collector.stats = interrupted
        """,
        f"http://127.0.0.1:{free_port()}",
    )
    assert done.stderr.startswith("forebay: 1 record was let go at exit: ")
    assert done.stderr.count("\n") == 1
