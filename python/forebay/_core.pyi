"""The native module. What Python code may rely on; everything else of it is private to Forebay.

Long because the module is one.
"""

import logging
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar, final

__all__ = [
    "Bell",
    "Bound",
    "BoundCounter",
    "BoundGauge",
    "BoundHistogram",
    "BoundUpDownCounter",
    "Collector",
    "Counter",
    "Gauge",
    "Grant",
    "Histogram",
    "Logger",
    "ObservableCounter",
    "ObservableGauge",
    "ObservableUpDownCounter",
    "Observation",
    "Observer",
    "PressureWatch",
    "RoomWaiter",
    "UpDownCounter",
    "context_variable",
    "decompress",
    "emit_bridged",
    "emit_or_full",
    "get_default",
    "get_logger",
    "handle_record",
    "pass_over_frames_of",
    "request",
    "set_default",
    "simulate",
    "use_context",
    "use_trace",
    "version",
    "wait_for_room",
]

_Options: TypeAlias = list[tuple[str, bool | int | float | str | bytes | None]]
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

    @property
    def _owner(self) -> Collector | None: ...
    def bind(self, /, **attributes: object) -> Logger:
        """The same logger with attributes that each of its records has.

        What this one has bound is bound to the new one too; of one name the later counts, and a
        record's own attributes win. The values are converted once, here.

        Args:
            attributes: What to bind: values of any type, as in a log call.

        Raises:
            ValueError: more than 128 attributes would be bound.
        """

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

    async def adebug(
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
        """`debug` for a coroutine: waits for room where the lane's policy is to wait.

        Emits when it is awaited, and then like `debug`, but that ``Block(timeout=...)`` stops this
        coroutine and not the event loop. It stands in one line with blocked threads, and goes on to
        what comes next in ``on_full`` when the timeout is over. Cancelled while it waits, it has
        emitted nothing. A lane that does not block answers at once.
        """

    async def ainfo(
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
        """`info` for a coroutine, as `adebug` is."""

    async def awarning(
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
        """`warning` for a coroutine, as `adebug` is."""

    async def aerror(
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
        """`error` for a coroutine, as `adebug` is."""

    async def acritical(
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
        """`critical` for a coroutine, as `adebug` is."""

    async def aexception(
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
        """`exception` for a coroutine, as `adebug` is: of the exception at the time of the call."""

    async def alog(
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
        """`log` for a coroutine, as `adebug` is."""

    def is_enabled_for(self, level: int) -> bool:
        """Whether a record at ``level``, a number of `logging`, would be emitted now."""

@final
class Collector:
    """The core's collector. `forebay.Collector` wraps it."""

    def __init__(self, options: _Options) -> None:
        """Validate everything, start nothing. Raises `forebay.OptionError`."""

    def stats(self) -> dict[str, int]: ...
    def audit(self) -> dict[str, int]: ...
    def flush(self, timeout: float | None) -> dict[str, int]: ...
    def shutdown(self, timeout: float | None) -> dict[str, int]: ...
    def text(self, name: str) -> str: ...
    def take_metrics(self) -> list[bytes]: ...
    def metrics_text(self, format: str) -> str | None: ...
    def publish_metrics(self) -> bool | None: ...
    def take_memory(self) -> list[bytes]: ...
    def advance(self, nanoseconds: int) -> bool: ...
    def dump_recorder(self, seconds: float | None) -> int: ...
    @property
    def pressure(self) -> int: ...

@final
class Bound:
    """Attributes, converted once: ``outer``'s, and those of the dict, which win.

    ``trace``: 16 bytes of trace id, 8 of span id and one of flags; None: ``outer``'s.
    """

    def __new__(
        cls, outer: Bound | None, attributes: dict[str, object], trace: bytes | None = None
    ) -> Bound: ...

context_variable: ContextVar[Bound]

def use_context() -> None:
    """From now on emit looks into the context variable."""

def use_trace() -> None:
    """From now on emit looks for the current span of OpenTelemetry's API."""

class Bell:
    """A file descriptor that becomes readable when a thread of the core has something to tell."""

    def __init__(self) -> None: ...
    def fileno(self) -> int: ...
    def take(self) -> list[int]: ...

@final
class RoomWaiter:
    """A place in a lane's line. Rings its bell with its number when its turn has come."""

    def __init__(
        self, collector: Collector, lane: str, records: int, bell: Bell, number: int
    ) -> None: ...
    @property
    def status(self) -> int: ...
    def use(self) -> None: ...
    def close(self) -> None: ...

@final
class Grant:
    """Room that is set aside. `forebay.Grant` wraps it."""

    @property
    def left(self) -> int: ...
    def release(self) -> None: ...

@final
class PressureWatch:
    """Keeps what the drain thread tells of pressure. `forebay.PressureWatch` wraps it."""

    def __init__(self, collector: Collector, bell: Bell) -> None: ...
    @property
    def status(self) -> int: ...
    def take(self) -> list[tuple[int, str, int]]: ...
    def lane_state(self, lane: str) -> int | None: ...
    def close(self) -> None: ...

def get_logger(
    collector: Collector | None,
    name: str,
    version: str | None,
    level: int,
    attributes: list[tuple[str, object]] | None,
) -> Logger: ...
def emit_or_full(
    logger: Logger, waited: bool, level: int, msg: object, /, *args: object, **attributes: Any
) -> bool | tuple[Collector | None, str, int, float | None]: ...
def emit_bridged(
    logger: Logger,
    name: str | None,
    level: int,
    level_name: str | None,
    message: object,
    attributes: dict[str, Any] | None,
    exc_info: _ExcInfo,
    time_unix_nano: int,
    place: tuple[str, str, int] | None,
    /,
) -> bool:
    """A record of another library: never raises, and never waits for an event loop's sake.

    ``name``: of the logger beside ``logger`` that it belongs to; None: ``logger`` itself.
    """

def wait_for_room(collector: Collector, lane: str, records: int, timeout: float | None) -> int: ...
def request(
    collector: Collector, lane: str, records: int, record_bytes: int, timeout: float | None
) -> tuple[int, int, Grant | None]: ...
def set_default(collector: Collector | None) -> None: ...
def get_default() -> Collector | None: ...
def send_metrics(collector: Collector | None, request: bytes) -> int:
    """An outcome of the C ABI: 0 where the points of the request were taken."""

def handle_record(logger: Logger, record: logging.LogRecord, t: bool = ..., /) -> bool: ...
def pass_over_frames_of(directory: str) -> None:
    """Take no call site from code in files whose names begin so."""

def container_memory_limit() -> int | None: ...
def calls_a_function_at(signal: int) -> bool: ...
def library_parts() -> str: ...
def trusted_authorities(options: _Options) -> tuple[str, str, str]: ...
def decompress(codec: str, data: bytes, max_bytes: int) -> bytes: ...
def simulate(options: _Options, scenario: _Options) -> list[dict[str, int]]:
    """Run a collector under virtual time; samples in order, each with ``time_ns``.

    The names are those of the C ABI's `simulate`. Raises `forebay.OptionError`. The GIL is released
    meanwhile.
    """

_Attributes: TypeAlias = Mapping[str, object] | None
_Bound = TypeVar("_Bound")

class _Instrument:
    def __new__(
        cls,
        collector: Collector | None,
        name: str,
        unit: str,
        description: str,
        meter: str,
        meter_version: str,
        bounds: Sequence[float] | None,
        is_real: bool,
        /,
    ) -> Any: ...

class BoundCounter:
    """A counter's series: what `Counter.bind` returns."""

    def add(self, amount: float, /) -> None: ...

class BoundUpDownCounter:
    """An up-down counter's series: what `UpDownCounter.bind` returns."""

    def add(self, amount: float, /) -> None: ...

class BoundGauge:
    """A gauge's series: what `Gauge.bind` returns."""

    def set(self, amount: float, /) -> None: ...

class BoundHistogram:
    def record(self, amount: float, /) -> None: ...

class Counter(_Instrument):
    """A sum that only grows: what `forebay.counter` returns.

    What is no amount (NaN, infinite, below zero, not a number) is counted as
    ``measurements_invalid`` and never raised. Safe from any thread.
    """

    def add(self, amount: float, attributes: _Attributes = ..., context: object = ...) -> None:
        """Add to the series of these attributes."""

    def bind(self, attributes: _Attributes = ...) -> BoundCounter:
        """The series of those attributes, found once: the quickest way to add."""

class UpDownCounter(_Instrument):
    """A sum that goes both ways: what `forebay.up_down_counter` returns."""

    def add(self, amount: float, attributes: _Attributes = ..., context: object = ...) -> None:
        """Add to the series of these attributes."""

    def bind(self, attributes: _Attributes = ...) -> BoundUpDownCounter:
        """The series of those attributes, found once."""

class Gauge(_Instrument):
    """The value that was set last: what `forebay.gauge` returns."""

    def set(self, amount: float, attributes: _Attributes = ..., context: object = ...) -> None:
        """Set the series of these attributes."""

    def bind(self, attributes: _Attributes = ...) -> BoundGauge:
        """The series of those attributes, found once."""

class Histogram(_Instrument):
    def record(self, amount: float, attributes: _Attributes = ..., context: object = ...) -> None:
        """Record into the series of these attributes."""

    def bind(self, attributes: _Attributes = ..., *, type: Any = ...) -> Any: ...

class ObservableCounter(_Instrument): ...
class ObservableUpDownCounter(_Instrument): ...
class ObservableGauge(_Instrument): ...

@final
class Observation:
    def observe(self, amount: object, attributes: _Attributes = ...) -> None: ...
    def end(self, failures: int = ...) -> None: ...

@final
class Observer:
    def __init__(self, instrument: object, bell: Bell, number: int) -> None: ...
    def take(self) -> Observation | None: ...
    def close(self) -> None: ...
