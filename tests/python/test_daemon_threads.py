"""Daemon threads that are inside of Forebay when the interpreter ends.

Python does not let such a thread go on; what it was in the middle of must not abort the process,
nor hold up what is shipped at exit.
"""

from __future__ import annotations

import pytest

from tests.python.in_memory import run_python

# What comes after it in each program runs with `log`, `collector`, and `at_work()`, which a daemon
# thread calls once it is where it is to be at the end.
BEGIN = """
import atexit, logging, sys, threading, time

def tell():
    # A thread that goes on may be in the middle of counting what it was refused.
    deadline = time.monotonic() + 30
    while (stats := collector.stats()).held and time.monotonic() < deadline:
        time.sleep(0.001)
    print(stats.delivered, stats.held, collector.audit().balanced, stats.difference)

atexit.register(tell)  # runs after ours, which comes later
import forebay

options = {}
if BLOCKS:
    # A lane with room for nothing more, until the shutdown lets go of what is there.
    options = {
        "exporter": forebay.MemoryExporter(max_bytes=8192),
        "lanes": [forebay.Lane("only", queue_records=64, on_full=[forebay.Block(timeout=WAIT)])],
        "batch": forebay.BatchOptions(max_records=4, max_delay=0),
        "backlog": forebay.BacklogOptions(max_bytes=64 << 10),
        "retry": forebay.RetryOptions(initial=3600, max=3600),
    }
options.setdefault("exporter", forebay.MemoryExporter())
collector = forebay.start(service_name="s", **options)
log = forebay.get_logger("s")
turns = threading.Semaphore(0)
at_work = turns.release

class Last:
    def __del__(self, sleep=time.sleep):
        sleep(0.3)

# The interpreter, while it ends, lets go of this early: the threads have time to come back.
sys.ps1 = Last()

class Endless:
    \"\"\"Runs Python code for ever, whatever it is asked.\"\"\"
    def work(self, *_):
        at_work()
        while True:
            pass
    __str__ = __float__ = __bool__ = __index__ = items = getMessage = work

class EndlessError(Exception):
    __str__ = Endless.work

def raise_endless():
    try:
        raise EndlessError
    except EndlessError:
        log.exception("m")

def log_in_endless_span():
    from opentelemetry import trace

    class EndlessSpan(trace.NonRecordingSpan):
        get_span_context = Endless.work

    with trace.use_span(EndlessSpan(trace.INVALID_SPAN_CONTEXT)):
        log.info("m")

class EndlessRecord(logging.LogRecord):
    getMessage = Endless.work
"""

END = """
def work():
    while True:
        STEP
        at_work()

for _ in range(THREADS):
    threading.Thread(target=work, daemon=True).start()
for _ in range(TURNS):
    assert turns.acquire(timeout=60)
if not BLOCKS:
    log.info("in time")
"""


def ends_well(
    step: str,
    *,
    turns: int = 20,
    threads: int = 1,
    blocks: bool = False,
    wait: float | None = None,
    last: str = "",
) -> str:
    """Run a program whose daemon threads do ``step`` without end; what it said at exit.

    ``blocks``: there is no room, and a record waits for ``wait`` seconds. ``last``: what the main
    thread does last.
    """
    program = BEGIN + END.replace("STEP", step) + last
    words = {"BLOCKS": blocks, "THREADS": threads, "TURNS": turns, "WAIT": wait}
    for name, value in words.items():
        program = program.replace(name, str(value))
    done = run_python(program)
    if not blocks:
        assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "step",
    [
        "collector.stats()",
        "collector.audit()",
        "collector.prometheus_text()",
        "collector.flush(0.1)",
        "collector.flush(0)",
        "collector.block_for_room('normal', timeout=0.01)",
        "collector.request('normal', 1, timeout=0.01).release()",
    ],
)
def test_a_daemon_thread_that_comes_back_for_the_interpreter(step: str) -> None:
    """It let go of the GIL, and there is none any more."""
    assert ends_well(step) == "1 0 True 0\n"


@pytest.mark.parametrize("threads", [1, 20])
def test_daemon_threads_that_wait_for_room(threads: int) -> None:
    """The shutdown ends their wait; each record is delivered, refused, or let go."""
    said = ends_well('log.info("x" * 1000)', turns=20, threads=threads, blocks=True)
    assert said.split()[1:] == ["0", "True", "0"]


def test_a_daemon_thread_whose_wait_for_room_ends_while_the_interpreter_does() -> None:
    """Nobody shut the collector down: the wait goes on until its time is over."""
    said = ends_well(
        'log.info("x" * 1000)',
        turns=1,
        blocks=True,
        wait=0.1,
        last="""
while not collector.stats().refused_by_reason.get("block_timeout"):
    time.sleep(0.001)
atexit._clear()
""",
    )
    assert said == ""


@pytest.mark.parametrize(
    "step",
    [
        'log.info("m", a=Endless())',
        'log.info("m", a=[Endless()])',
        'log.info("m", a={"b": Endless()})',
        'log.info("m %s", Endless())',
        "log.info(Endless())",
        'log.info("m", exc_info=Endless())',
        'log.info("m", stack_info=Endless())',
        'log.info("m", stacklevel=Endless())',
        'log.info("m", extra={"a": Endless()})',
        "raise_endless()",
        "log_in_endless_span()",
        'log.bind(a=Endless()).info("m")',
        'collector.counter("n").add(Endless())',
        'collector.counter("n").add(1, {"a": Endless()})',
        'collector.counter("n").add(1, Endless())',
        'collector.counter("n").bind({"a": Endless()})',
        'forebay.LoggingHandler().handle(logging.makeLogRecord({"msg": Endless(), "args": (1,)}))',
        'forebay.LoggingHandler().handle(EndlessRecord("n", 20, "f", 1, "m", (), None))',
    ],
)
def test_a_daemon_thread_whose_value_runs_python_code(step: str) -> None:
    """Our functions are between it and the interpreter's."""
    assert ends_well(step, turns=1) == "1 0 True 0\n"
