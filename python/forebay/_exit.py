"""Shutdown at the end of the process, whichever way Python ends it.

`atexit` serves the main process and children made by ``os.fork`` that leave with ``sys.exit``.
Children of `multiprocessing` leave with ``os._exit`` and run its finalizers instead, but the
registry of those is emptied after the child has begun; so ours is registered by an after-fork
callback of multiprocessing's own. The children of Celery's pool run not even those, but send a
signal of Celery's. ``os._exit`` and signals without a handler run nothing: what
was held then can be read from the stats file.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _celery
from ._own_thread import wait_for_the_rest
from ._warnings import say

if TYPE_CHECKING:
    from ._collector import Collector
    from ._stats import Receipt

# Both in seconds, for all collectors together.
TIMEOUT = 5.0
# Where an attempt has failed, and the destination never answered: it will hardly begin to now. A
# destination whose first request is still under way is another matter: a program that ends at once
# would else lose everything, each time, to a destination whose first answer takes a little longer.
TIMEOUT_UNANSWERED = 0.5
# How often it is looked whether that first request has failed.
LOOK_EVERY = 0.1


class _Hook:
    """What multiprocessing holds by a weak reference."""


_hook = _Hook()
_shut_down_all: Callable[[], None] | None = None
_known_to_multiprocessing = False
# By when all of them are to be shut down, while they are. Of the monotonic clock.
_deadline: float | None = None


def install(shut_down_all: Callable[[], None]) -> None:
    """Call ``shut_down_all`` at exit of this process and of its children. Once is enough."""
    global _shut_down_all
    if _shut_down_all is None:
        _shut_down_all = shut_down_all
        atexit.register(shut_down_all)
        os.register_at_fork(before=_before_fork)
        _finalize_in_child(_hook)
    _tell_multiprocessing()


def _before_fork() -> None:
    # As late as that: who listens to the same signal since the module was loaded comes first, and
    # what is logged there still goes out.
    _celery.end_with_children(run)
    _tell_multiprocessing()


def _tell_multiprocessing() -> None:
    """Have multiprocessing call us in each child. Nothing where nobody has loaded it."""
    global _known_to_multiprocessing
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not _known_to_multiprocessing:
        _known_to_multiprocessing = True
        util.register_after_fork(_hook, _finalize_in_child)


def _finalize_in_child(_: _Hook) -> None:
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    # The lowest priority: other finalizers may still log.
    util.Finalize(None, run, exitpriority=-1000)


def run() -> None:
    """Shut down what is open, as at exit."""
    if _shut_down_all is not None:
        _shut_down_all()


def shut_down_all(collectors: Sequence[Collector]) -> None:
    """Shut them down, within `TIMEOUT` for all of them.

    One that a handler of a signal calls while it is under way has what is left of that time.
    """
    global _deadline
    before = _deadline
    deadline = time.monotonic() + TIMEOUT if before is None else before
    _deadline = deadline
    try:
        quick_first, deadline = _by_readiness(collectors, deadline)
        for collector in quick_first:
            try:
                deadline = shut_down(collector, deadline)
            except (KeyboardInterrupt, SystemExit):  # while it was told what is lost
                deadline = shut_down(collector, _impatient(deadline))
    finally:
        _deadline = before
    wait_for_the_rest(max(deadline, time.monotonic() + TIMEOUT_UNANSWERED))


def _by_readiness(
    collectors: Sequence[Collector], deadline: float
) -> tuple[Sequence[Collector], float]:
    """Those first whose destinations answer: one that hangs takes nothing of their time."""
    if len(collectors) < 2:
        return collectors, deadline
    quick: list[Collector] = []
    try:
        for collector in collectors:
            if collector.flush(min(TIMEOUT_UNANSWERED, seconds_left(deadline))).complete:
                quick.append(collector)
    except (KeyboardInterrupt, SystemExit):
        deadline = _impatient(deadline)
    return [*quick, *(each for each in collectors if each not in quick)], deadline


def _impatient(deadline: float) -> float:
    return min(deadline, time.monotonic() + TIMEOUT_UNANSWERED)


def shut_down(collector: Collector, deadline: float) -> float:
    """Shut it down by ``deadline``, and sooner where nobody answers, or at Ctrl-C.

    Also where a shutdown with more time is still under way: in another thread, or left behind by a
    handler of a signal that raised.

    Returns:
        By when others are to be shut down.
    """
    try:
        until = _flush_for_the_last_time(collector, deadline)
    except (KeyboardInterrupt, SystemExit):  # of a handler: whoever sent it will not wait
        until, deadline = 0.0, _impatient(deadline)
    collector._uncapture.clear()
    while True:
        try:
            receipt = collector.shutdown(seconds_left(until))
            break
        except (KeyboardInterrupt, SystemExit):
            until, deadline = 0.0, _impatient(deadline)
    tell_losses(collector, receipt)
    return deadline


def _flush_for_the_last_time(collector: Collector, deadline: float) -> float:
    """Return by when it is to be shut down."""
    unanswered = until = min(deadline, time.monotonic() + TIMEOUT_UNANSWERED)
    while not collector.flush(seconds_left(until)).complete:
        if collector.stats().destination_answered:
            break
        if collector.last_error:
            deadline = unanswered
        # Back before its time: there are no threads that would do it.
        if time.monotonic() < until or until >= deadline:
            break
        until = min(deadline, time.monotonic() + LOOK_EVERY)
    return deadline


def tell_losses(collector: Collector, receipt: Receipt) -> None:
    """Say once what a shutdown lost whose receipt nobody reads."""
    # Before it is taken on: whoever comes second may be the one that ends the exit.
    at = "shutdown" if _deadline is None else "exit"
    if not collector._untold:
        return
    collector._untold = False
    lost = collector.stats().dropped_by_reason.get("shutdown", 0)
    why = collector.last_error or "no time was left"
    if receipt.unknown:
        say(f"{_records_were(receipt.unknown)} sent and not answered for (unknown) at {at}: {why}")
    if lost:
        say(f"{_records_were(lost)} let go at {at}: {why}")


def _records_were(number: int) -> str:
    return "1 record was" if number == 1 else f"{number} records were"


def take_out(*hung: list[Callable[[], None]]) -> None:
    """Call what undoes something, each once, though another thread may do so too."""
    for undos in hung:
        while True:
            try:
                undo = undos.pop()
            except IndexError:
                break
            undo()


def flush_while_it_answers(collector: Collector, timeout: float = TIMEOUT) -> None:
    """Flush within the same times, or ``timeout`` where that is less."""
    deadline = time.monotonic() + min(max(timeout, 0.0), TIMEOUT)
    while not collector.flush(min(TIMEOUT_UNANSWERED, seconds_left(deadline))).complete:
        stats = collector.stats()
        fails = any(
            route.destinations and all(each.failures_in_a_row for each in route.destinations)
            for route in stats.routes.values()
        )
        if fails or not stats.destination_answered or not seconds_left(deadline):
            break


def seconds_left(deadline: float) -> float:
    """What is left until ``deadline`` of the monotonic clock; never negative."""
    return max(deadline - time.monotonic(), 0.0)
