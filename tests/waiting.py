"""How tests wait: for a condition, with a deadline; never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether the condition came true within the timeout; it is asked about every 20 ms."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Turns:
    """How often another Python thread got the GIL."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def another_thread() -> Iterator[Turns]:
    """A thread that takes turns: while a call holds the GIL it has none."""
    turns = Turns()
    done = threading.Event()

    def take_turns() -> None:
        while not done.wait(0.001):
            turns.count += 1

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        yield turns
    finally:
        done.set()
        thread.join()
