"""Exceptions and stacks as text. Called by the core while it emits, so nothing here may raise."""

from __future__ import annotations

import sys
from types import FrameType

# Most characters of a traceback. What is cut is its middle: the innermost frames and the message
# are at its end, and where it all began is at its start.
MAX_TEXT = 128 * 1024


def describe(exc: BaseException) -> tuple[str, str, str]:
    """Name, message and traceback of an exception.

    The name is qualified with its module, but for built-in ones. The traceback has causes,
    contexts, groups and notes, as Python prints them. What cannot be had (a ``__str__`` that
    raises) is told in words instead.
    """
    return _name(exc), _message(exc), _cut(_traceback(exc))


def stack_text(stacklevel: int = 1) -> str:
    """The stack as `logging` writes it for ``stack_info``, down to the frame that emits.

    Args:
        stacklevel: 1 is the caller of this function, 2 its caller and so on.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_back is not None and stacklevel > 1:
        frame = frame.f_back
        stacklevel -= 1
    return stack_text_of(frame)


def stack_text_of(frame: FrameType | None) -> str:
    """The same, down to this frame."""
    try:
        import traceback

        text = "Stack (most recent call last):\n" + "".join(traceback.format_stack(frame))
    except Exception as error:
        return f"<no stack: {type(error).__name__}>"
    return _cut(text.rstrip("\n"))


def _name(exc: BaseException) -> str:
    cls = type(exc)
    module = cls.__module__
    if module == "builtins":
        return cls.__qualname__
    return f"{module}.{cls.__qualname__}"


def _message(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception as error:
        return f"<no message: {type(error).__name__} in __str__>"


def _traceback(exc: BaseException) -> str:
    try:
        import traceback

        return "".join(traceback.format_exception(type(exc), exc, exc.__traceback__)).rstrip("\n")
    except Exception as error:
        return f"<no traceback: {type(error).__name__} while formatting it>"


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
