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
from ._warnings import say, warn_once

if TYPE_CHECKING:
    from ._collector import Collector
    from ._stats import Receipt

# Both in seconds, for all collectors together.
TIMEOUT = 5.0
# Where an attempt has failed, and the destination never answered: it will hardly begin to now. A
# destination whose first request is still under way is another matter: a program that ends at once
# would else lose everything, each time, to a destination whose first answer takes a little longer.
TIMEOUT_UNANSWERED = 0.5
# How often it is looked whether that first request has failed, and signals are heard.
LOOK_EVERY = 0.1
# What a collector has to send, at the least.
_LEAST = 0.05
# Of handlers of signals that raise: more of them than anyone sends.
_MOST_INTERRUPTS = 16


class _Hook:
    """What multiprocessing holds by a weak reference."""


_hook = _Hook()
_shut_down_all: Callable[[], None] | None = None
_known_to_multiprocessing = False
_has_run_at_exit = False
# While collectors are shut down.
_ending: _Ending | None = None


def install(shut_down_all: Callable[[], None]) -> None:
    """Call ``shut_down_all`` at exit of this process and of its children. Once is enough."""
    global _shut_down_all
    if _shut_down_all is None:
        _shut_down_all = shut_down_all
        atexit.register(_run_at_exit)
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
        _finalize_in_child(_hook)
    if _has_run_at_exit:
        warn_once("a collector that is made while Python ends is not shut down by itself")
    _tell_multiprocessing()


def _run_at_exit() -> None:
    global _has_run_at_exit
    _has_run_at_exit = True
    run()


def _after_fork_in_child() -> None:
    global _ending
    _ending = None


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


class _Ending:
    """By when collectors are to be shut down, and what handlers of signals raised meanwhile."""

    def __init__(self) -> None:
        now = time.monotonic()
        self.deadline = now + TIMEOUT
        self.unanswered = now + TIMEOUT_UNANSWERED
        self.raised: BaseException | None = None

    def interrupt(self, error: BaseException) -> None:
        """A handler of a signal has raised: whoever sent it will not wait."""
        self.deadline = min(self.deadline, time.monotonic() + TIMEOUT_UNANSWERED)
        if not isinstance(error, (KeyboardInterrupt, SystemExit)):
            self.raised = error


def shut_down_all(collectors: Sequence[Collector]) -> None:
    """Shut them down, within `TIMEOUT` for all of them.

    One that a handler of a signal calls while it is under way has what is left of that time.

    Raises:
        BaseException: the last that a handler of a signal raised meanwhile, after all is done.
            None of Ctrl-C and ``sys.exit``: the end comes.
    """
    global _ending
    outer = _ending
    ending = _ending = _Ending() if outer is None else outer
    try:
        for collector in _by_readiness(collectors, ending):
            for _ in range(_MOST_INTERRUPTS):
                try:
                    shut_down(collector, ending)
                    break
                except BaseException as error:  # while it was told what is lost
                    ending.interrupt(error)
    finally:
        _ending = outer
    try:
        wait_for_the_rest(max(ending.deadline, time.monotonic() + TIMEOUT_UNANSWERED))
    except BaseException as error:
        ending.interrupt(error)
    if outer is None and ending.raised is not None:
        raise ending.raised


def _by_readiness(collectors: Sequence[Collector], ending: _Ending) -> Sequence[Collector]:
    """Those first whose destinations answer: one that hangs takes nothing of their time."""
    if len(collectors) < 2:
        return collectors
    slow: list[Collector] = []
    try:
        share = max(TIMEOUT_UNANSWERED / len(collectors), _LEAST)
        for collector in collectors:
            if not collector.flush(min(share, seconds_left(ending.deadline))).complete:
                slow.append(collector)
        while slow and seconds_left(min(ending.deadline, ending.unanswered)):
            time.sleep(_LEAST)
            slow = [collector for collector in slow if _holds(collector)]
    except BaseException as error:
        ending.interrupt(error)
    return [*(each for each in collectors if each not in slow), *slow]


def shut_down(collector: Collector, ending: _Ending) -> None:
    """Shut it down by the deadline, and sooner where nobody answers, or at Ctrl-C.

    Also where a shutdown with more time is still under way: in another thread, or left behind by a
    handler of a signal that raised.
    """
    try:
        until = _flush_for_the_last_time(collector, ending)
    except BaseException as error:
        ending.interrupt(error)
        until = 0.0
    collector._uncapture.clear()
    for _ in range(_MOST_INTERRUPTS):
        try:
            receipt = collector.shutdown(seconds_left(until))
        except BaseException as error:
            ending.interrupt(error)
            until = 0.0
        else:
            tell_losses(collector, receipt)
            break


def _flush_for_the_last_time(collector: Collector, ending: _Ending) -> float:
    """Return by when it is to be shut down."""
    until = min(ending.deadline, max(ending.unanswered, time.monotonic() + _LEAST))
    # Back before its time: there are no threads that would do it.
    if collector.flush(seconds_left(until)).complete or time.monotonic() < until:
        return ending.deadline
    # A wait in steps, for the main thread hears signals only in between when the program ends; and
    # not another flush, which would be another attempt.
    while _holds(collector):
        deadline = ending.deadline
        if collector.last_error and not collector.stats().destination_answered:
            deadline = min(deadline, ending.unanswered)
        if not seconds_left(deadline):
            return deadline
        time.sleep(min(LOOK_EVERY, seconds_left(deadline)))
    return ending.deadline


def _holds(collector: Collector) -> bool:
    stats = collector.stats()
    return stats.held != 0 or stats.metrics.held != 0


def tell_losses(collector: Collector, receipt: Receipt) -> None:
    """Say once what a shutdown lost whose receipt nobody reads."""
    # Before it is taken on: whoever comes second may be the one that ends the exit.
    at = "shutdown" if _ending is None else "exit"
    if not collector._untold:
        return
    try:
        collector._untold = False
        lost = collector.stats().dropped_by_reason.get("shutdown", 0)
        told = []
        if receipt.unknown:
            told.append(
                f"{_records_were(receipt.unknown)} sent and not answered for (unknown) at {at}"
            )
        if lost:
            told.append(f"{_records_were(lost)} let go at {at}")
        if told:
            why = collector.last_error or "no time was left"
            say(*(f"{each}: {why}" for each in told))
    except BaseException:  # of a handler of a signal: rather twice than never
        collector._untold = True
        raise


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
