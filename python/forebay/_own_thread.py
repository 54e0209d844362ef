"""What waits in a thread of its own: so that an event loop goes on, and signals are heard."""

from __future__ import annotations

import _thread
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

# How often it is looked whether this has become another process meanwhile. In seconds.
_LOOK_EVERY = 1.0
# Held while a call is under way. Those that nobody waits for any more are among them.
_under_way: set[_thread.LockType] = set()
# The threads are not in the child.
os.register_at_fork(after_in_child=_under_way.clear)


async def in_thread(function: Callable[[], T]) -> T:
    """Run it in a thread that is not asyncio's: that pool may be full of what waits for room.

    Where nobody waits for it any more, it does not keep the process alive either.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def tell(result: T | None, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    try:
        _begin(function, tell)
    except RuntimeError:  # no thread to be had, or the interpreter is ending
        return function()
    return await future


def hearing_signals(function: Callable[[], T]) -> T:
    """Run it so that handlers of signals run meanwhile; what one raises comes out at once.

    Only the main thread runs them, and only between two steps of Python code: there the function
    gets a thread of its own, and goes on in it where a handler has raised. Any other thread calls
    it, and so does the main one where no thread can be begun: when the interpreter ends.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or not main.is_alive():
        return function()
    outcome: list[tuple[T | None, BaseException | None]] = []
    process = os.getpid()
    try:
        done = _begin(function, lambda result, error: outcome.append((result, error)))
    except RuntimeError:
        return function()
    while not done.acquire(timeout=_LOOK_EVERY):
        if os.getpid() != process:  # forked by a handler: the thread is the parent's
            return function()
    ((result, error),) = outcome
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def wait_for_the_rest(deadline: float) -> None:
    """Wait for what nobody waits for any more, until ``deadline`` of the monotonic clock.

    A thread that comes back into an interpreter which is ending would be killed in the middle of
    C++ frames.
    """
    for done in list(_under_way):
        if done.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            done.release()


def _begin(
    function: Callable[[], T], tell: Callable[[T | None, BaseException | None], None]
) -> _thread.LockType:
    """Run it in a thread of its own, whose end releases what is returned."""

    # Not what the thread refers to: who waits may then be the last that does, and the thread, which
    # perhaps comes to its end only after the interpreter has begun to end, takes nothing down.
    calls = [(function, tell)]

    def run() -> None:
        function, tell = calls.pop()
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:
            error = raised
        tell(result, error)
        del function, tell, result, error
        _under_way.discard(done)
        done.release()

    done = _thread.allocate_lock()
    done.acquire()
    _under_way.add(done)
    try:
        # Not by `threading`: this may be in a handler that has interrupted it, with its locks held.
        # Nor are such threads joined at exit: a flush may go on for as long as there are retries.
        _thread.start_new_thread(run, ())
    except RuntimeError:
        _under_way.discard(done)
        raise
    return done
