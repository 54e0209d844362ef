"""Signals while the main thread waits in flush() or shutdown()."""

from __future__ import annotations

import pytest

from forebay.testing import Receiver
from tests.python.in_memory import run_python

# A destination that stands still, and a signal that comes while the main thread waits for it.
_BEGIN = """
import os, signal, sys, threading, time
import forebay
from forebay import _exit, _own_thread
from forebay.testing import Receiver

receiver = Receiver().__enter__()
receiver.stall()
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter(receiver.endpoint), console="off", service_name="waits"
)
forebay.get_logger("x").info("m")

def signal_while(wait):
    def send():
        while not collector.stats().held_by_place["in_flight"]:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        wait()
    except KeyboardInterrupt:
        thread.join()
        assert _own_thread._under_way, "it was over by then"
    else:
        raise AssertionError("nothing was heard")
"""


def run_stalled(source: str) -> str:
    """Run it with the receiver in the same process, and return its standard error."""
    return run_python(f"{_BEGIN}\n{source}").stderr


def test_ctrl_c_ends_a_flush_and_a_later_one_is_complete() -> None:
    """What was under way goes on."""
    run_stalled("""
signal_while(lambda: collector.flush(timeout=None))
assert not collector.flush(timeout=0.05).complete
receiver.clear()
assert collector.flush(timeout=30).complete
collector.shutdown(timeout=30)
assert collector.audit().balanced and collector.stats().delivered == 1, collector.stats()
""")


def test_the_exit_after_a_flush_that_was_interrupted_is_as_any() -> None:
    """A flush without a timeout does not hold it up."""
    told = run_stalled("signal_while(lambda: collector.flush(timeout=None))")
    assert told.startswith("forebay: 1 record was sent and not answered for (unknown) at exit: ")
    assert told.count("\n") == 1


def test_ctrl_c_ends_a_shutdown_and_a_later_one_has_its_receipt() -> None:
    """Records are refused at once, and what was hung in is out; the first receipt is the one."""
    run_stalled("""
import logging
root = logging.getLogger()
collector.shutdown(timeout=0)
collector = forebay.start(exporter=collector.exporter, console="off", capture_logging="INFO")
root.info("m")
signal_while(lambda: collector.shutdown(timeout=None))
assert collector.is_shut_down and root.handlers == []
receiver.clear()
receipt = collector.shutdown(timeout=30)
assert receipt.delivered == 1 and receipt.complete, receipt
assert collector.shutdown() is receipt
assert not forebay.get_logger("x").info("late")
assert collector.audit().balanced
""")


_INTERRUPTED = f"""{_BEGIN}
signal_while(lambda: collector.shutdown(timeout=None))
"""


def test_the_exit_after_a_shutdown_that_was_interrupted_is_as_any() -> None:
    """The one without a timeout ends with it, also where nobody answers, and says what was lost."""
    told = run_python(f"{_INTERRUPTED}\n_exit.TIMEOUT = 0.5").stderr
    assert told.startswith("forebay: 1 record was sent and not answered for (unknown) at exit: ")
    assert told.count("\n") == 1


def test_what_is_sent_after_an_interrupted_shutdown_is_sent_at_exit() -> None:
    """The exit gives it its time."""
    done = run_python(f"""{_INTERRUPTED}
receiver.clear()
_exit.run()
assert collector.is_shut_down and collector.stats().delivered == 1
assert collector.audit().balanced
""")
    assert done.stderr == ""


def test_a_shutdown_with_less_time_hurries_the_one_that_is_under_way() -> None:
    """Both end by the sooner deadline, with one receipt."""
    run_stalled("""
receipts = []
first = threading.Thread(target=lambda: receipts.append(collector.shutdown(timeout=None)))
first.start()
while not collector.stats().held_by_place["in_flight"]:
    time.sleep(0.001)
while collector.prometheus_text():  # none once the core has begun
    time.sleep(0.001)
receipts.append(collector.shutdown(timeout=0.2))
first.join(30)
assert not first.is_alive()
for receipt in receipts:
    assert receipt.unknown == 1 and not receipt.complete, receipt
assert collector.audit().balanced
""")


def test_a_handler_that_raises_nothing_changes_nothing() -> None:
    """It runs while the flush waits, which then is complete."""
    run_stalled("""
signal.signal(signal.SIGALRM, lambda *_: receiver.clear())
signal.setitimer(signal.ITIMER_REAL, 0.2)
receipt = collector.flush(timeout=None)
assert receipt.complete and receipt.delivered == 1, receipt
collector.shutdown(timeout=30)
assert collector.audit().balanced
""")


def test_a_child_that_a_handler_forks_does_not_wait_for_the_parents_thread() -> None:
    """It comes back from the handler into the flush, which is its own then."""
    run_stalled("""
parent, children = os.getpid(), []
signal.signal(signal.SIGALRM, lambda *_: children.append(os.fork()))
signal.setitimer(signal.ITIMER_REAL, 0.2)
threading.Thread(target=lambda: children or time.sleep(1) or receiver.clear()).start()
receipt = collector.flush(timeout=None)
if os.getpid() != parent:
    os._exit(receipt.delivered)
assert receipt.complete and receipt.delivered == 1, receipt
(child,) = children
assert os.waitpid(child, 0)[1] == 0
collector.shutdown(timeout=30)
assert collector.audit().balanced
""")


def test_other_threads_and_the_exit_begin_none() -> None:
    """There the call is direct."""
    done = run_python(
        """
        import _thread, atexit, threading
        import forebay

        collector = forebay.Collector(exporter=forebay.MemoryExporter())
        log = collector.logger("x")
        log.info("m")
        begin, begun = _thread.start_new_thread, []

        def counting(*arguments):
            begun.append(arguments)
            return begin(*arguments)

        thread = threading.Thread(target=lambda: collector.flush(30))
        _thread.start_new_thread = counting
        thread.start()
        thread.join()
        assert begun == []
        assert collector.flush(30).complete and len(begun) == 1
        log.info("n")

        @atexit.register
        def at_exit():
            assert collector.shutdown(30).delivered == 1 and len(begun) == 1
            assert collector.audit().balanced
            print("ended")
        """
    )
    assert done.stdout == "ended\n"


def test_a_collector_that_is_ending_is_shut_down_for_who_asks() -> None:
    """`start` makes a new one meanwhile, whose loggers and records are its own."""
    run_stalled("""
signal_while(lambda: collector.shutdown(timeout=None))
assert collector.is_shut_down and forebay.get_collector() is None
later = forebay.start(exporter=forebay.MemoryExporter(), console="off")
assert later is not collector and forebay.get_collector() is later
assert forebay.get_logger("x").info("m")
receiver.clear()
assert collector.shutdown(timeout=30).delivered == 1
assert forebay.get_collector() is later and forebay.get_logger("x").info("m")
later.shutdown(timeout=30)
assert later.stats().delivered == 2 and later.audit().balanced and collector.audit().balanced
""")


def test_what_an_interrupted_shutdown_loses_is_told_where_it_ends_before_the_program() -> None:
    """Nobody has its receipt."""
    told = run_stalled("""
signal_while(lambda: collector.shutdown(timeout=None))
collector._core.shutdown(0)  # ends it, with a receipt that nobody tells of either
_own_thread.wait_for_the_rest(time.monotonic() + 20)
""")
    assert told.startswith("forebay: 1 record was sent and not answered for (unknown) at shutdown:")
    assert told.count("\n") == 1


@pytest.mark.parametrize("call", ["aflush(None)", "ashutdown(None)"])
def test_what_a_coroutine_no_longer_waits_for_does_not_keep_the_program(call: str) -> None:
    """Its thread ends with the collector, at exit."""
    told = run_stalled(f"""
import asyncio
_exit.TIMEOUT = 0.5
async def wait():
    waiting = asyncio.ensure_future(collector.{call})
    while not collector.stats().held_by_place["in_flight"]:
        await asyncio.sleep(0.001)
    waiting.cancel()
asyncio.run(wait())
""")
    assert told.startswith("forebay: 1 record was sent and not answered for (unknown) at exit: ")
    assert told.count("\n") == 1


def test_ctrl_c_at_exit_ends_the_wait_and_costs_others_nothing() -> None:
    """No traceback; the one whose destination hangs tells what it lost, and the rest arrives."""
    with Receiver() as well:
        told = run_python(
            f"""{_BEGIN}
others = [
    forebay.Collector(
        exporter=forebay.OtlpHttpExporter(sys.argv[1]), batch=forebay.BatchOptions(max_delay=30)
    )
    for _ in range(4)
]
for other in others:
    other.logger("x").info("m")
def interrupt():
    while not all(each.is_shut_down for each in others):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
_exit.TIMEOUT, _exit.TIMEOUT_UNANSWERED = 30, 3
""",
            well.endpoint,
        ).stderr
        assert well.counts().unique_records == 4
    assert told.startswith("forebay: 1 record was sent and not answered for (unknown) at exit: ")
    assert told.count("\n") == 1


def test_ctrl_c_is_heard_while_a_scrape_waits_for_a_callback() -> None:
    """As in a flush."""
    run_python("""
import os, signal, threading, time
import forebay

collector = forebay.start(exporter=forebay.MemoryExporter(), console="off")
asked, over = threading.Event(), threading.Event()
forebay.observable_gauge("g", lambda: asked.set() or over.wait() and 1)
def interrupt():
    asked.wait()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    collector.prometheus_text()
except KeyboardInterrupt:
    over.set()
else:
    raise AssertionError("not heard")
collector.shutdown()
assert collector.prometheus_text() == ""
assert collector.prometheus_text(openmetrics=True) == "# EOF\\n"
assert collector.audit().balanced
""")


def test_ctrl_c_at_exit_is_heard_also_where_the_destination_has_answered() -> None:
    """It is worth more than half a second, but not to who asks for the end."""
    told = run_python(
        f"""{_BEGIN}
receiver.clear()
assert collector.flush(30).complete
receiver.stall()
forebay.get_logger("x").info("m")
def interrupt():
    while _exit._ending is None:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
_exit.TIMEOUT = 600
"""
    ).stderr
    assert told.startswith("forebay: 1 record was sent and not answered for (unknown) at exit: ")
    assert told.count("\n") == 1


def test_what_a_coroutine_loses_that_is_cancelled_at_once_is_told() -> None:
    """Its shutdown has a thread, which may not have begun by then."""
    told = run_python(
        f"""{_BEGIN}
import asyncio

async def main():
    task = asyncio.ensure_future(collector.ashutdown(0.1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

asyncio.run(main())
while collector._receipt is None:
    time.sleep(0.001)
"""
    ).stderr
    assert "(unknown) at " in told
    assert told.count("\n") == 1
