"""What ``capture_logging=`` hangs into the root logger, and how it stays there."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from . import _celery
from ._logging import LoggingHandler, takes_for
from ._warnings import warn_once

if TYPE_CHECKING:
    from ._collector import Collector


class _Level(int):
    """A level that was set here: as long as the root logger has this object, nobody set another.

    Others read it from there, and put it back later: pytest's ``caplog``, ``assertLogs``. When they
    do so after the capture, it is the level that was there before it, however it is compared.
    """

    before: int | None = None  # while captured

    def __int__(self) -> int:
        return super().__int__() if self.before is None else int(self.before)

    def __repr__(self) -> str:
        return repr(int(self))

    def __bool__(self) -> bool:
        return bool(int(self))

    def __hash__(self) -> int:
        return hash(int(self))

    def __eq__(self, other: object) -> bool:
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return int(self) != other

    def __lt__(self, other: int) -> bool:
        return int(self) < other

    def __le__(self, other: int) -> bool:
        return int(self) <= other

    def __gt__(self, other: int) -> bool:
        return int(self) > other

    def __ge__(self, other: int) -> bool:
        return int(self) >= other


class _CaptureHandler(LoggingHandler):
    """The handler of ``capture_logging=``. It hears when a configuration of `logging` begins."""

    capture: _Capture | None = None

    def close(self) -> None:
        """What `logging.config` calls before all else, with each handler that there is."""
        super().close()
        if self.capture is not None:
            self.capture.closed_by_others()


class _Capture:
    """A handler in the root logger, and the level that it needs there."""

    def __init__(self, collector: Collector, level: int) -> None:
        self._collector = collector
        self._root = logging.getLogger()
        self._handler = _CaptureHandler(level, collector=collector)
        self._handler.capture = self
        self._level = _Level(level)
        self._before: int = logging.NOTSET

    def hang_in(self) -> None:
        """Be in the root logger, also again; nothing where the application sees to that itself."""
        if self._has_other(self._root):
            self.hang_out()
            warn_once(
                "the root logger has a LoggingHandler of this collector, so capture_logging adds "
                "none, or each record would arrive twice; that handler's level holds"
            )
            return
        self._root.addHandler(self._handler)
        self._level.before = None
        if self._root.level is not self._level and self._root.level > self._level:
            self._before = self._root.level
            self._root.setLevel(self._level)

    def hang_out(self) -> None:
        """Leave the root logger. A level that somebody else has set stays."""
        self._root.removeHandler(self._handler)
        self._level.before = self._before
        if self._root.level is self._level:
            self._root.setLevel(self._before)

    def begin(self) -> None:
        """Hang in, and follow whoever configures anew."""
        self.hang_in()
        self._end_following = _celery.follow(self._handler, self._has_other)
        _captures.append(self)
        _watch()

    def end(self) -> None:
        """Undo all of it."""
        _captures.remove(self)
        if not _captures:
            _unwatch()
        self._end_following()
        self.hang_out()
        self._handler.capture = None
        self._handler.close()

    def is_alone_in_root(self) -> bool:
        return self._root.handlers == [self._handler]

    def step_aside(self) -> None:
        """Leave the root logger for the time of a `logging.basicConfig`."""
        self._root.removeHandler(self._handler)

    def closed_by_others(self) -> None:
        if self._handler in self._root.handlers:
            _watch()  # by now `logging.config` is there
        elif not self._collector.is_shut_down and not self._has_other(self._root):
            warn_once(
                "the handler of capture_logging was taken off the root logger, and nothing is "
                "captured any more; configure logging before forebay.start(), or by dictConfig, "
                "fileConfig or logging.basicConfig (not by a basicConfig that was imported from "
                "logging before start)"
            )

    def _has_other(self, logger: logging.Logger) -> bool:
        return any(
            handler is not self._handler and takes_for(self._collector, handler)
            for handler in logger.handlers
        )


def capture(collector: Collector, level: int) -> Callable[[], None]:
    """Hang a handler into the root logger, and have it let `level` through.

    When `logging` is configured anew, both are done again on top of the new configuration, as if
    that had come first. Where the root logger has a handler of the same collector, none is added.

    Returns:
        What undoes both; a level that was changed again meanwhile stays.
    """
    made = _Capture(collector, level)
    made.begin()
    return made.end


# Those that were not undone: one, but for tests.
_captures: list[_Capture] = []
# What was put in the places of functions of `logging`: where, the name, what was there, and ours.
_watched: list[tuple[Any, str, Any, Any]] = []


def _watch() -> None:
    """Hear when `logging` is configured anew, as long as something is captured.

    What is replaced of `logging.config` is inside of dictConfig and fileConfig, so whoever has
    imported those before is heard, too; and the handler is back before the call returns. Where
    nobody has loaded that module yet, its first call is heard by the handler's ``close``.
    """
    _replace(logging, "basicConfig", _around_basic_config)
    config = sys.modules.get("logging.config")
    if config is not None:
        _replace(config, "_install_loggers", _around_file_config)
        configurator = getattr(config, "DictConfigurator", None)
        _replace(configurator, "common_logger_config", _around_dict_config)


def _replace(where: Any, name: str, around: Callable[[Any], Any]) -> None:
    before = getattr(where, name, None)
    if before is not None and not any((at, of) == (where, name) for at, of, *_ in _watched):
        ours = around(before)
        setattr(where, name, ours)
        _watched.append((where, name, before, ours))


def _unwatch() -> None:
    while _watched:
        where, name, before, ours = _watched.pop()
        if getattr(where, name, None) is ours:
            setattr(where, name, before)


def _around_basic_config(before: Callable[..., None]) -> Callable[..., None]:
    @wraps(before)
    def basic_config(**options: Any) -> None:
        # It does nothing where the root logger has a handler, and means the application's.
        for each in list(_captures):
            if options.get("force") or each.is_alone_in_root():
                each.step_aside()
        try:
            before(**options)
        finally:
            _hang_in_again()

    return basic_config


def _around_file_config(before: Callable[..., None]) -> Callable[..., None]:
    @wraps(before)
    def install_loggers(*arguments: Any, **options: Any) -> None:
        try:
            before(*arguments, **options)
        finally:
            _hang_in_again()

    return install_loggers


def _around_dict_config(before: Callable[..., None]) -> Callable[..., None]:
    @wraps(before)
    def common_logger_config(
        configurator: Any, logger: logging.Logger, *arguments: Any, **options: Any
    ) -> None:
        try:
            before(configurator, logger, *arguments, **options)
        finally:
            if logger is logging.root:
                _hang_in_again()

    return common_logger_config


def _hang_in_again() -> None:
    for each in list(_captures):
        each.hang_in()
