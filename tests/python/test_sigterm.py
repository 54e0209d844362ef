"""install_sigterm=: what is held gets its chance, and the process ends as it would have."""

from __future__ import annotations

import signal

from forebay.testing import Receiver
from tests.python.in_memory import run_python

# Before each script: a Python handler runs soon after the signal, not within `kill`.
_TOOLS = """
import os, signal, sys, threading, time, warnings
import forebay

def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)

def terminate():
    os.kill(os.getpid(), signal.SIGTERM)

def elsewhere(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
"""


def run(source: str, *arguments: str, expect: int = 0) -> tuple[str, str]:
    """What a script printed, and what it said on standard error."""
    done = run_python(_TOOLS + source, *arguments, expect=expect)
    return done.stdout, done.stderr


def bodies(receiver: Receiver) -> list[str]:
    return [str(received.record.body) for received in receiver.records()]


def test_sigterm_is_left_alone_uninvited() -> None:
    """No handler is installed, of this signal or another."""
    run(
        """
before = {s: signal.getsignal(s) for s in signal.valid_signals()}
forebay.start(exporter=forebay.MemoryExporter())
forebay.get_logger("x").info("m")
assert before == {s: signal.getsignal(s) for s in signal.valid_signals()}
"""
    )


def test_shutdown_puts_back_what_was_there() -> None:
    """The application's, the system's, and an ignored signal; not over one that came later."""
    run(
        """
def own(*_): pass

def later(*_): pass

for before in (own, signal.SIG_DFL, signal.SIG_IGN):
    signal.signal(signal.SIGTERM, before)
    collector = forebay.start(exporter=forebay.MemoryExporter(), install_sigterm=True)
    assert signal.getsignal(signal.SIGTERM) not in (own, signal.SIG_DFL, signal.SIG_IGN)
    collector.shutdown(10)
    assert signal.getsignal(signal.SIGTERM) == before, before
collector = forebay.start(exporter=forebay.MemoryExporter(), install_sigterm=True)
signal.signal(signal.SIGTERM, later)
collector.shutdown(10)
assert signal.getsignal(signal.SIGTERM) is later
"""
    )


def test_where_the_signal_is_ignored_it_stays_so() -> None:
    """Neither the process nor the collector ends."""
    with Receiver() as receiver:
        printed, _ = run(
            """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter(sys.argv[1]), install_sigterm=True
)
log = forebay.get_logger("x")
log.info("before")
handled = signal.getsignal(signal.SIGTERM)
terminate()
# A handler of Python's runs before the main thread goes on; this is called by hand, to be sure.
handled(signal.SIGTERM, None)
print(collector.is_shut_down, log.info("after"), flush=True)
""",
            receiver.endpoint,
        )
        assert printed == "False True\n"
        assert bodies(receiver) == ["before", "after"]


def test_the_systems_own_end_comes_after_what_is_held_has_left() -> None:
    """The process ends by the signal, as it would have: its parent sees no difference."""
    with Receiver() as receiver:
        run(
            """
forebay.start(
    exporter=forebay.OtlpHttpExporter(sys.argv[1]), install_sigterm=True,
    batch=forebay.BatchOptions(max_delay=60),
)
forebay.get_logger("x").info("held")
terminate()
wait_until(lambda: False)
""",
            receiver.endpoint,
            expect=-signal.SIGTERM,
        )
        assert bodies(receiver) == ["held"]


def test_the_applications_handler_is_called_after_a_flush_and_may_log() -> None:
    """With the signal's number and frame, once for each signal; then it decides what happens."""
    with Receiver() as receiver:
        printed, _ = run(
            """
calls = []
def own(number, frame):
    calls.append((number, collector.stats().delivered))
    forebay.get_logger("x").info("while it stops")

signal.signal(signal.SIGTERM, own)
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter(sys.argv[1]), install_sigterm=True,
    batch=forebay.BatchOptions(max_delay=60),
)
forebay.get_logger("x").info("held")
terminate()
wait_until(lambda: len(calls) == 1)
terminate()
wait_until(lambda: len(calls) == 2)
print(calls == [(signal.SIGTERM, 1), (signal.SIGTERM, 2)], collector.is_shut_down)
""",
            receiver.endpoint,
        )
        assert printed == "True False\n"
        assert bodies(receiver) == ["held", "while it stops", "while it stops"]


def test_off_the_main_thread_it_warns_and_does_nothing() -> None:
    """Only the main thread may set handlers; the collector is started all the same."""
    printed, said = run(
        """
before = signal.getsignal(signal.SIGTERM)
warnings.simplefilter("always")

def start():
    forebay.start(exporter=forebay.MemoryExporter(), install_sigterm=True)

thread = threading.Thread(target=start)
thread.start()
thread.join()
assert signal.getsignal(signal.SIGTERM) == before
print(forebay.get_logger("x").info("m"), forebay.get_collector().shutdown(10).complete)
assert signal.getsignal(signal.SIGTERM) == before
"""
    )
    assert printed == "True True\n"
    assert said.count("install_sigterm has no effect: only the main thread") == 1, said


def test_all_collectors_are_shut_down_and_not_only_the_one_that_was_started() -> None:
    """As at exit."""
    with Receiver() as receiver:
        run(
            """
forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]), install_sigterm=True)
other = forebay.Collector(exporter=forebay.OtlpHttpExporter(sys.argv[1]))
forebay.get_logger("x").info("of the default")
other.logger("x").info("of another")
terminate()
time.sleep(20)
""",
            receiver.endpoint,
            expect=-signal.SIGTERM,
        )
        assert sorted(bodies(receiver)) == ["of another", "of the default"]


def test_a_shutdown_in_another_thread_leaves_a_handler_that_is_none_any_more() -> None:
    """The next collector's takes its place, and is not taken for one before an application's."""
    with Receiver() as receiver:
        run(
            """
def start():
    return forebay.start(exporter=forebay.OtlpHttpExporter(sys.argv[1]), install_sigterm=True)

for _ in range(3):
    elsewhere(start().shutdown)
start()
assert signal.getsignal(signal.SIGTERM).before == signal.SIG_DFL
forebay.get_logger("x").info("m")
terminate()
time.sleep(20)
""",
            receiver.endpoint,
            expect=-signal.SIGTERM,
        )
        assert bodies(receiver) == ["m"]


def test_the_handler_that_a_shutdown_in_another_thread_left_ends_the_process() -> None:
    """It does what the system would have done, and another collector is shut down before."""
    with Receiver() as receiver:
        run(
            """
endpoint = sys.argv[1]
other = forebay.Collector(exporter=forebay.OtlpHttpExporter(endpoint))
default = forebay.start(exporter=forebay.OtlpHttpExporter(endpoint), install_sigterm=True)
elsewhere(default.shutdown)
other.logger("x").info("m")
terminate()
time.sleep(20)
""",
            receiver.endpoint,
            expect=-signal.SIGTERM,
        )
        assert bodies(receiver) == ["m"]


def test_further_signals_have_what_is_left_of_the_firsts_time() -> None:
    """The end comes when it would have come: told by what the shutdowns were given."""
    printed, told = run(
        """
from forebay import _exit
from forebay.testing import Receiver

receiver = Receiver().__enter__()
receiver.stall()
_exit.TIMEOUT = 30
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter(receiver.endpoint, timeout=60), install_sigterm=True
)
forebay.get_logger("x").info("m")
deadlines = []
shut_down = _exit.shut_down

def noted(collector, ending):
    deadlines.append(ending.deadline)
    print(len(set(deadlines)), flush=True)
    shut_down(collector, ending)

_exit.shut_down = noted

def again():
    for number in range(1, 4):
        wait_until(lambda: len(deadlines) == number)
        terminate()
    wait_until(lambda: len(deadlines) == 4)
    receiver.clear()

threading.Thread(target=again).start()
terminate()
time.sleep(20)
""",
        expect=-signal.SIGTERM,
    )
    assert printed.split() == ["1", "1", "1", "1"]
    assert told == ""


def test_a_further_handler_that_raises_takes_nothing_from_the_applications_own() -> None:
    """Ctrl-C, or a time limit, while what is held is flushed: the application hears of SIGTERM."""
    printed, told = run(
        """
from forebay.testing import Receiver

receiver = Receiver().__enter__()
receiver.stall()
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter(receiver.endpoint), install_sigterm=True
)
forebay.get_logger("x").info("m")

def interrupt():
    wait_until(lambda: forebay._own_thread._under_way)
    os.kill(os.getpid(), signal.SIGINT)

forebay._exit.TIMEOUT_UNANSWERED = 60
threading.Thread(target=interrupt).start()
try:
    terminate()
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
forebay._exit.TIMEOUT_UNANSWERED = 0.5
receiver.clear()
"""
    )
    assert printed.split() == ["told", "interrupted"]
    assert told == ""


def test_where_the_systems_end_does_not_come_the_process_ends_all_the_same() -> None:
    """As process 1 of a container, which such a signal does not end."""
    _, told = run(
        """
forebay.start(exporter=forebay.MemoryExporter(), install_sigterm=True)
os.kill = lambda *_: None
signal.raise_signal(signal.SIGTERM)
time.sleep(60)
""",
        expect=128 + signal.SIGTERM,
    )
    assert told == ""


def test_a_handler_of_native_code_stays() -> None:
    """Python cannot call it, so nothing is put before it."""
    printed, told = run(
        """
import ctypes

libc = ctypes.CDLL(None)
native = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _: os.write(1, b"native\\n"))
libc.signal(signal.SIGTERM, native)
collector = forebay.start(exporter=forebay.MemoryExporter(), install_sigterm=True)
terminate()
collector.shutdown(5)
terminate()
print("goes on")
"""
    )
    assert printed.split() == ["native", "native", "goes", "on"]
    assert "native code has set a handler of SIGTERM" in told
