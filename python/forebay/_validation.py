"""Checks of option values, each of which names the option's path, the value and the range."""

from __future__ import annotations

import math

from ._errors import OptionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, ParamSpec, Protocol, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")
    T = TypeVar("T")

    class Group(Protocol):
        """A class of options."""

        def _flatten(self, options: OptionList, path: str) -> None: ...


# What the core takes as the value of an option.
Value = bool | int | float | str | bytes | None


def suggests_names(function: Callable[P, R]) -> Callable[P, R]:
    """Make an unknown keyword a TypeError that tells the nearest name there is."""
    code = function.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in known:
                raise TypeError(_unknown_keyword(function.__qualname__, name, known))
        return function(*args, **kwargs)

    # As `functools.wraps` does: the import of that costs as much as that of all of ours.
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(checked, attribute, getattr(function, attribute))
    setattr(checked, "__wrapped__", function)  # noqa: B010 (no attribute of functions by their type)
    return checked


def suggests_fields(cls: type[T]) -> type[T]:
    """`suggests_names` for the constructor of a class."""
    initializer: Any = cls.__init__
    initializer.__qualname__ = cls.__qualname__
    cls.__init__ = suggests_names(initializer)  # type: ignore[method-assign]
    return cls


def _unknown_keyword(function: str, name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    names = [each for each in known if each != "self"]
    text = f"{function}() got an unexpected keyword argument {name!r}"
    near = get_close_matches(name, names, n=1)
    if near:
        return f"{text}; did you mean {near[0]!r}?"
    return f"{text}; it takes {', '.join(names)}"


class OptionList:
    """The options of a collector as the core takes them: pairs of a path and a value, in order.

    Every function leaves an option out whose value is None, so that the core's default holds, and
    raises `OptionError` for a value that is not in the range.
    """

    def __init__(self) -> None:
        self.pairs: list[tuple[str, Value]] = []

    def add(self, path: str, value: Value) -> None:
        """Add what has been checked."""
        self.pairs.append((path, value))

    def whole(self, path: str, value: object, low: int, high: int) -> None:
        """An integer in ``low..high``."""
        if value is None:
            return
        self.add(path, whole(path, value, low, high))

    def number(self, path: str, value: object, low: float, high: float) -> None:
        """A finite number in ``low..high``."""
        if value is None:
            return
        self.add(path, number(path, value, low, high))

    def seconds(self, path: str, value: object, low: float, high: float) -> None:
        """A duration in seconds, in ``low..high``."""
        if value is None:
            return
        self.add(path, number(path, value, low, high, unit=" s"))

    def text(self, path: str, value: object) -> None:
        """A text that is not empty."""
        if value is None:
            return
        self.add(path, text(path, value))

    def choice(self, path: str, value: object, choices: tuple[str, ...]) -> None:
        """One of some words."""
        if value is None:
            return
        if not isinstance(value, str) or value not in choices:
            raise OptionError(f"{path}: {value!r} is not one of {', '.join(map(repr, choices))}")
        self.add(path, value)

    def group(self, name: str, value: object, kind: type[Group], path: str = "") -> None:
        """An object of options, which spells itself out below its path (by custom its name)."""
        if value is None:
            return
        if not isinstance(value, kind):
            article = "an" if kind.__name__[0] in "AEIO" else "a"
            raise OptionError(f"{name}: {value!r} is not {article} {kind.__name__}")
        value._flatten(self, path or name)

    def flag(self, path: str, value: object) -> None:
        """True or False."""
        if value is None:
            return
        self.add(path, boolean(path, value))


def boolean(path: str, value: object) -> bool:
    """Check that it is True or False."""
    if not isinstance(value, bool):
        raise OptionError(f"{path}: {value!r} is not True or False")
    return value


def whole(path: str, value: object, low: int, high: int) -> int:
    """Check an integer."""
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise OptionError(f"{path}: {value!r} is not a whole number in {low}..{high}")
    result = int(value.__index__())  # type: ignore[attr-defined]
    if not low <= result <= high:
        raise OptionError(f"{path}: {result} is not in {low}..{high}")
    return result


def number(path: str, value: object, low: float, high: float, unit: str = "") -> float:
    """Check a finite number."""
    span = f"{low:g}..{high:g}{unit}"
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise OptionError(f"{path}: {value!r} is not a number in {span}")
    result = float(value)  # type: ignore[arg-type]
    if not (math.isfinite(result) and low <= result <= high):
        raise OptionError(f"{path}: {value!r} is not in {span}")
    return result


def text(path: str, value: object) -> str:
    """Check a text that is not empty and can be UTF-8."""
    if not isinstance(value, str) or not value:
        raise OptionError(f"{path}: {value!r} is not a text of one character or more")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise OptionError(f"{path}: {value!r} holds a lone surrogate") from None
    return value


def short_name(path: str, value: object) -> str:
    """Check a name that is shown in the ledger."""
    if not isinstance(value, str) or not 1 <= len(value) <= 31:
        raise OptionError(f"{path}: {value!r} is not a text of 1..31 characters")
    if not all(c.isascii() and (c.isalnum() or c in "_-") for c in value):
        raise OptionError(f"{path}: {value!r} is not made of letters, digits, '_' and '-'")
    return value


def timeout(value: object, highest: float = 86_400.0, name: str = "timeout") -> float | None:
    """Check the ``timeout`` of a call, in seconds; None waits without end."""
    return None if value is None else number(name, value, 0.0, highest, unit=" s")
