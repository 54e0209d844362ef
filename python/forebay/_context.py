"""Attributes that hold for a stretch of the program, whoever logs there."""

from __future__ import annotations

import functools
import sys
from contextvars import Token
from importlib.machinery import ModuleSpec
from types import TracebackType

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, ParamSpec, TypeVar

    _P = ParamSpec("_P")
    _R = TypeVar("_R")

_TRACE = "opentelemetry.trace"


class context:
    """Bind attributes to every record that is emitted inside.

    ``with forebay.context(user_id=7): ...`` binds for the block, for all loggers and collectors,
    also through `logging`. A `contextvars` variable keeps them: an asyncio task or
    `asyncio.to_thread` started inside has them, another task has not; a thread has them where it
    was started with ``contextvars.copy_context().run``. Blocks nest; of one name the innermost
    counts, and a record's own attributes win over all. The values are converted once, here: a
    change to a list afterwards is not seen.

    ``@forebay.context(job="nightly")`` does it for each call of a function, also an ``async`` one.

    Args:
        attributes: What to bind: values of any type, as in a log call.

    Raises:
        ValueError: more than 128 attributes would be bound, those of the blocks around included.
    """

    __slots__ = ("_attributes", "_entered", "_trace")

    def __init__(self, /, **attributes: object) -> None:
        self._attributes: dict[str, object] = attributes
        self._trace: bytes | None = None
        self._entered: list[tuple[Token[_core.Bound], _core.Bound, _core.Bound | None]] = []

    def __enter__(self) -> None:
        _core.use_context()
        variable = _core.context_variable
        outer = variable.get(None)
        inside = _core.Bound(outer, self._attributes, self._trace)
        self._entered.append((variable.set(inside), inside, outer))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        token, inside, outer = self._entered.pop()
        variable = _core.context_variable
        try:
            variable.reset(token)
        except ValueError:
            # Left in another context than it was entered in, as a generator may be that is closed
            # by the collector of garbage. Where that is a copy of the block's own, the block ends
            # there, too; what anything else has is none of ours.
            if variable.get(None) is inside:
                variable.set(_core.Bound(None, {}, None) if outer is None else outer)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """The function, with the attributes bound at each call."""
        attributes, trace = self._attributes, self._trace
        from inspect import iscoroutinefunction  # as late as that: it costs more than all the rest

        if iscoroutinefunction(function):
            awaited: Callable[..., Awaitable[Any]] = function

            @functools.wraps(function)
            async def bound_later(*args: Any, **kwargs: Any) -> Any:
                with bind(attributes, trace):
                    return await awaited(*args, **kwargs)

            return bound_later  # type: ignore[return-value]

        @functools.wraps(function)
        def bound(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with bind(attributes, trace):
                return function(*args, **kwargs)

        return bound


def bind(attributes: dict[str, object], trace: bytes | None) -> context:
    """The same with names that are no identifiers, and a trace (see `_core.Bound`)."""
    made = context()
    made._attributes = attributes
    made._trace = trace
    return made


class _Watch:
    """Tells the core when OpenTelemetry's API for traces is imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Never finds anything."""
        if name == _TRACE:
            _core.use_trace()
            if self in sys.meta_path:
                sys.meta_path.remove(self)
        return None


_watches = False


def watch_for_traces() -> None:
    """From now on records have the trace of the current span, once there is one."""
    global _watches
    if _watches:
        return
    _watches = True
    if _TRACE in sys.modules:
        _core.use_trace()
    else:
        sys.meta_path.insert(0, _Watch())
