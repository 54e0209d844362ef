"""The bridge from stdlib `logging`."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from types import MethodType
from typing import TYPE_CHECKING

from . import _core, _exit

if TYPE_CHECKING:
    from ._collector import Collector

# The logger of a handler that was given none. The scope of its records is the name of the logger of
# `logging` that was called.
SCOPE = "logging"
# Lower than any level that a record can have: it is `logging` that decides what comes here.
_EVERYTHING = 1

# Where one of these is overridden, or set on the handler, the record goes the long way.
_OVERRIDABLE = (
    "handle",
    "emit",
    "filter",
    "format",
    "handleError",
    "acquire",
    "release",
    "__getattribute__",
)


class _Busy(threading.local):
    """Set while this thread is in a formatter, filter or override of some handler of ours."""

    handling = False


_busy = _Busy()


class LoggingHandler(logging.Handler):
    """Hands records of `logging` over to a Forebay collector.

    Keeps the contract of `logging.Handler`: filters, `setLevel`, `handleError`, subclasses. A
    formatter's output becomes the body; without one the body is the message, with its arguments
    %-formatted. What ``extra=`` brought becomes attributes, of any type; ``exc_info`` becomes
    ``exception.type``, ``.message`` and ``.stacktrace``; place and thread of the call become
    ``code.*`` and ``thread.*``. `flush` flushes the collector, `close` never shuts it down.

    Where nothing is set or overridden, ``handle`` is a function of the core: no lock, no filter
    loop.

    Args:
        level: The lowest level taken, by name or number.
        logger: Whose records they become: a `forebay.Logger`, or the name of one of the process
            default. None: the process default's. It binds at first use, so a handler may be made
            before `forebay.start`, also by ``logging.config``. A logger that is given here is the
            scope of all records; else that is the logger of `logging` that was called.
        collector: Whose records they become, instead of the process default's.

    Raises:
        OptionError: both ``logger`` and ``collector`` are given, or an argument has a bad value.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        logger: _core.Logger | str | None = None,
        *,
        collector: Collector | None = None,
    ) -> None:
        if collector is not None:
            self._logger = _logger_of(collector, logger)
        elif isinstance(logger, _core.Logger):
            self._logger = logger
        else:
            from ._lifecycle import get_logger

            self._logger = get_logger(SCOPE if logger is None else logger, level=_EVERYTHING)
        super().__init__(level)
        self._choose_way()

    def __repr__(self) -> str:
        level = logging.getLevelName(self.level)
        return f"<{type(self).__name__} {self._logger.name!r} ({level})>"

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter, lock and emit, as `logging.Handler` does; the long way."""
        if _busy.handling:
            # A formatter or filter of ours logs: its record goes in as it is, or it would come here
            # for ever.
            return _core.handle_record(self._logger, record)
        _busy.handling = True
        try:
            return bool(super().handle(record))
        finally:
            _busy.handling = False

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record over, with the formatter's output as body where there is one."""
        try:
            if self.formatter is not None or type(self).format is not logging.Handler.format:
                formatted = _with_body(record, self.format(record))
            elif record.args:
                # Formatted here, so that an error in it is handleError's.
                formatted = _with_body(record, record.getMessage())
            else:
                formatted = record
        except RecursionError:
            raise
        except Exception:
            # What could not be formatted goes in raw, with the error beside it.
            _core.handle_record(self._logger, record, True)
            self.handleError(record)
        else:
            _core.handle_record(self._logger, formatted)

    def flush(self) -> None:
        """Wait until what was emitted has left the process.

        5 s at most, and half a second where the destination has never answered, or fails at
        present: ``logging.config`` and ``logging.shutdown`` flush every handler that there is.
        Nothing is let go of.
        """
        collector = _collector_of(self._logger)
        if collector is not None and not collector.is_shut_down:
            _exit.flush_while_it_answers(collector)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        super().setFormatter(fmt)
        self._choose_way()

    def addFilter(self, filter: logging._FilterType) -> None:
        super().addFilter(filter)
        self._choose_way()

    def removeFilter(self, filter: logging._FilterType) -> None:
        super().removeFilter(filter)
        self._choose_way()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in _OVERRIDABLE or name in ("formatter", "filters"):
            self._choose_way()

    def _choose_way(self) -> None:
        """Put the core's function in the place of `handle`, or take it away again.

        `logging` asks the handler for ``handle`` for each record, and finds an attribute of the
        instance before the method of the class. So the choice costs nothing where records pass.
        """
        own = self.__dict__
        fast = own.get("handle")
        if isinstance(fast, MethodType) and fast.__func__ is _core.handle_record:
            del own["handle"]
        plain = (
            not own.get("filters")
            and own.get("formatter") is None
            and "_logger" in own
            and not any(name in own for name in _OVERRIDABLE)
            and _overrides_nothing(type(self))
        )
        if plain:
            own["handle"] = MethodType(_core.handle_record, self._logger)


# Whose handleError tells what logging's does.
_PLAIN = logging.NullHandler()


def tell_format_error(record: logging.LogRecord, error: BaseException) -> None:
    """What `logging` does where a template does not take its arguments; called by the core."""
    try:
        raise error
    except Exception:
        _PLAIN.handleError(record)
    except BaseException:  # the core has seen to it that it comes again
        return


def _overrides_nothing(cls: type[LoggingHandler]) -> bool:
    return all(getattr(cls, name) is getattr(LoggingHandler, name) for name in _OVERRIDABLE)


def _logger_of(collector: Collector, logger: object) -> _core.Logger:
    from ._collector import Collector
    from ._errors import OptionError

    if logger is not None:
        raise OptionError("collector: not beside logger, which has a collector of its own")
    if not isinstance(collector, Collector):
        raise OptionError(f"collector: {collector!r} is not a forebay.Collector")
    return collector.logger(SCOPE, level=_EVERYTHING)


def _with_body(record: logging.LogRecord, body: str) -> logging.LogRecord:
    """The same record with another message. Other handlers see the first one after us."""
    copy = object.__new__(logging.LogRecord)
    copy.__dict__.update(record.__dict__)
    copy.msg = body
    copy.args = None
    return copy


def _collector_of(logger: _core.Logger) -> Collector | None:
    from ._lifecycle import get_collector

    for collector in _live_collectors():
        if collector._core is logger._owner:
            return collector
    return get_collector()


def _live_collectors() -> list[Collector]:
    from ._collector import _live

    while True:
        # Again, where another thread made a collector meanwhile: a lock would have to survive fork.
        with suppress(RuntimeError):
            return list(_live)


def takes_for(collector: Collector, handler: logging.Handler) -> bool:
    """Whether what this handler gets becomes records of that collector."""
    if not isinstance(handler, LoggingHandler):
        return False
    owner = handler._logger._owner
    if owner is None:
        from ._lifecycle import get_collector

        return get_collector() in (None, collector)
    return owner is collector._core


def is_captured(name: str, level: int) -> bool:
    """Whether a record of that logger of `logging` comes to the process default."""
    from ._lifecycle import get_collector

    collector = get_collector()
    logger: logging.Logger | None = logging.getLogger(name)
    if collector is None or logger is None or not logger.isEnabledFor(level):
        return False
    while logger is not None:
        for handler in logger.handlers:
            if handler.level <= level and not handler.filters and takes_for(collector, handler):
                return True
        logger = logger.parent if logger.propagate else None
    return False
