"""The native module. What Python code may rely on; everything else of it is private to Forebay."""

import logging
from typing import Any, final

__all__ = [
    "Collector",
    "Logger",
    "decompress",
    "get_default",
    "get_logger",
    "handle_record",
    "set_default",
    "simulate",
    "version",
]

# The PyCapsule "forebay._core._C_API" that native extensions fetch (forebay/c_api.h).
_C_API: object
version: str

# What exc_info= takes: True for the exception being handled, an exception, or sys.exc_info().
_ExcInfo = bool | BaseException | tuple[Any, ...] | None

@final
class Logger:
    """Emits records into a collector: what `forebay.get_logger` and `Collector.logger` return.

    A logger is made once and kept; it holds for the life of the process, through fork, and across
    shutdown and a new start. Safe from any thread. A call copies everything it needs before it
    returns, keeps no object, and never raises for what it is given: a value that OTLP has no type
    for goes in as text, an error in a value's own ``__str__`` or in %-formatting is counted.

    The methods return True where the record was accepted (or is below the level, sampled out or
    rate limited: nothing went wrong), False where it was refused or dropped on the spot. The one
    exception they raise is `forebay.QueueFull`, from a lane whose policy is ``"fail"``.
    """

    @property
    def name(self) -> str: ...
    @property
    def level(self) -> int:
        """The lowest level that is emitted, in the numbers of `logging`. Read-only."""

    def debug(
        self,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at DEBUG.

        Args:
            msg: The body: a text, or any value.
            args: %-formatted into ``msg`` as `logging` does it, where there are any.
            exc_info: Adds ``exception.type``, ``exception.message``, ``exception.stacktrace``.
            stack_info: Adds the caller's stack.
            stacklevel: Whose call it is: 1 the caller's, 2 its caller's.
            extra: More attributes, from a dict; keyword attributes win.
            attributes: The record's attributes, of any type: nested lists and dicts stay so.
        """

    def info(
        self,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at INFO. Arguments as for `debug`."""

    def warning(
        self,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at WARNING. Arguments as for `debug`."""

    def error(
        self,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at ERROR. Arguments as for `debug`."""

    def critical(
        self,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at CRITICAL. Arguments as for `debug`."""

    def exception(
        self,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = True,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at ERROR with the exception being handled. Arguments as for `debug`."""

    def log(
        self,
        level: int,
        msg: object,
        /,
        *args: object,
        exc_info: _ExcInfo = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        extra: dict[str, Any] | None = None,
        **attributes: object,
    ) -> bool:
        """Emit a record at ``level``, a number of `logging`. Arguments as for `debug`."""

    def is_enabled_for(self, level: int) -> bool:
        """Whether a record at ``level``, a number of `logging`, would be emitted now."""

@final
class Collector:
    """The core's collector. `forebay.Collector` wraps it."""

    def __init__(self, options: list[tuple[str, bool | int | float | str | bytes | None]]) -> None:
        """Validate everything, start nothing. Raises `forebay.OptionError`."""

    def stats(self) -> dict[str, int]: ...
    def audit(self) -> dict[str, int]: ...
    def flush(self, timeout: float | None) -> dict[str, int]: ...
    def shutdown(self, timeout: float | None) -> dict[str, int]: ...
    def text(self, name: str) -> str: ...
    def take_memory(self) -> list[bytes]: ...

def get_logger(
    collector: Collector | None,
    name: str,
    version: str | None,
    level: int,
    attributes: list[tuple[str, object]] | None,
) -> Logger: ...
def set_default(collector: Collector | None) -> None: ...
def get_default() -> Collector | None: ...
def handle_record(logger: Logger, record: logging.LogRecord) -> bool: ...
def decompress(codec: str, data: bytes, max_bytes: int) -> bytes: ...
def simulate(
    options: list[tuple[str, bool | int | float | str | bytes | None]],
    scenario: list[tuple[str, bool | int | float | str | bytes | None]],
) -> list[dict[str, int]]:
    """Run a collector under virtual time; samples in order, each with ``time_ns``.

    The names are those of the C ABI's `simulate`. Raises `forebay.OptionError`. The GIL is released
    meanwhile.
    """
