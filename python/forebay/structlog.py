"""structlog's records into Forebay.

import structlog
from forebay.structlog import LoggerFactory, to_forebay

structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, to_forebay],
    logger_factory=LoggerFactory(),
    wrapper_class=structlog.make_filtering_bound_logger("INFO"),
    cache_logger_on_first_use=True,
)

What is bound and what a call adds become attributes, with their types; so no processor is needed
that makes text: no ``TimeStamper``, no ``format_exc_info``, no ``StackInfoRenderer``, no renderer.
``exc_info`` becomes ``exception.*``, and ``stack_info=True`` becomes ``code.stacktrace``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from types import FrameType
from typing import Any

import structlog

from . import _core
from ._bridges import bridge_logger
from ._collector import Collector
from ._exceptions import stack_text_of

__all__ = ["ForebayLogger", "LoggerFactory", "to_forebay"]

# The call site of a record is not in structlog.
_core.pass_over_frames_of(f"{os.path.dirname(structlog.__file__)}{os.sep}")

_LEVELS = {
    "debug": 10,
    "info": 20,
    "msg": 20,
    "log": 20,
    "warning": 30,
    "warn": 30,
    "error": 40,
    "err": 40,
    "failure": 40,
    "exception": 40,
    "critical": 50,
    "fatal": 50,
}


def to_forebay(
    logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
) -> tuple[tuple[object], dict[str, Any]]:
    """The last processor: hands the event over as it is."""
    # What structlog.stdlib.add_log_level adds is the record's severity already.
    if event_dict.get("level") == ("warning" if method_name == "warn" else method_name):
        del event_dict["level"]
    return (event_dict.pop("event", ""),), dict(event_dict)


class ForebayLogger:
    """What structlog wraps: a method for each level, which takes the event and its attributes.

    A record that is refused or dropped is counted and never raised: who logs through structlog did
    not ask for the lane's policy.
    """

    def __init__(self, logger: _core.Logger) -> None:
        self._logger = logger

    @property
    def name(self) -> str:
        """Of the logger; `structlog.stdlib.add_logger_name` reads it."""
        return self._logger.name

    def _emit(
        self, level: int, event: object, exc_info: Any, attributes: Mapping[str, Any]
    ) -> bool:
        return _core.emit_bridged(
            self._logger, None, level, None, event, dict(attributes), exc_info, 0, None
        )

    def __repr__(self) -> str:
        return f"<forebay.structlog.ForebayLogger {self.name!r}>"


def _method(name: str, level: int) -> Any:
    def emit(
        self: ForebayLogger,
        event: object = "",
        *,
        exc_info: Any = name == "exception",
        stack_info: Any = False,
        **attributes: Any,
    ) -> bool:
        if stack_info:
            attributes["code.stacktrace"] = stack_text_of(_frame_of_caller())
        return self._emit(level, event, exc_info, attributes)

    emit.__name__ = emit.__qualname__ = name
    emit.__doc__ = f"Emit an event at level {level} of `logging`."
    return emit


for _name, _level in _LEVELS.items():
    setattr(ForebayLogger, _name, _method(_name, _level))


class LoggerFactory:
    """structlog's ``logger_factory``.

    The first argument of `structlog.get_logger`, where there is one, is the logger's name; else it
    is that of the module that asks.

    Args:
        collector: Whose loggers they are. None: the process default's, whichever is started; so
            structlog may be configured before `forebay.start`.
    """

    def __init__(self, collector: Collector | None = None) -> None:
        self._collector = collector

    def __call__(self, *args: Any) -> ForebayLogger:
        name = args[0] if args and isinstance(args[0], str) else _module_of_caller()
        return ForebayLogger(bridge_logger(name, self._collector))


def _module_of_caller() -> str:
    frame = _frame_of_caller()
    return (frame and str(frame.f_globals.get("__name__", ""))) or "structlog"


def _frame_of_caller() -> FrameType | None:
    """The innermost one that is neither structlog's nor Forebay's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in ("structlog", "forebay"):
            return frame
        frame = frame.f_back
    return None
