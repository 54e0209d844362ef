"""What Forebay has to say to people: once a text, and never through the logs that it carries."""

from __future__ import annotations

import sys
import warnings

_said: set[str] = set()
# A program that makes the names in these texts out of data must not grow without bound.
_MOST_TEXTS = 1000


class ForebayWarning(RuntimeWarning):
    """A setting that was not followed, or a part that works less well than it should."""


def warn_once(text: str, stacklevel: int = 2) -> None:
    """Warn, the first time that this text comes up in the process.

    Where warnings are errors (``python -W error``) the text goes to standard error: what is wrong
    in a deployment must not keep a service from starting.
    """
    if not _is_first(text):
        return
    try:
        warnings.warn(text, ForebayWarning, stacklevel=stacklevel + 1)
    except ForebayWarning:
        say(f"warning: {text}")


def say_once(text: str) -> None:
    """Write a line to standard error, the first time that this text comes up in the process."""
    if _is_first(text):
        say(text)


def _is_first(text: str) -> bool:
    if text in _said or len(_said) >= _MOST_TEXTS:
        return False
    _said.add(text)
    return True


def say(text: str) -> None:
    """Write a line to standard error, where there is one."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(f"forebay: {text}\n")
    except (OSError, ValueError):  # closed, or a full disk behind it
        pass
