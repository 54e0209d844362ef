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
from collections.abc import Callable
from typing import Any

from . import _celery

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


def seconds_left(deadline: float) -> float:
    """What is left until ``deadline`` of the monotonic clock; never negative."""
    return max(deadline - time.monotonic(), 0.0)
