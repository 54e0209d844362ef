"""What Forebay has to say to people: once a text, and never through the logs that it carries."""

from __future__ import annotations

import os
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# The names of the package's files begin so.
_PACKAGE = os.path.join(os.path.dirname(__file__), "")
_LOGGING = ("logging", "logging.config", "logging.handlers")
_said: set[str] = set()
# A program that makes the names in these texts out of data must not grow without bound.
_MOST_TEXTS = 1000


class ForebayWarning(RuntimeWarning):
    """A setting that was not followed, or a part that works less well than it should."""


def warn_once(text: str) -> None:
    """Warn, the first time that this text comes up in the process.

    The line that the warning shows is the innermost one that is neither Forebay's nor of `logging`.

    Where warnings are errors (``python -W error``) the text goes to standard error: what is wrong
    in a deployment must not keep a service from starting.
    """
    if not _is_first(text):
        return
    _, ours = _frame_of_user()
    try:
        warnings.warn(text, ForebayWarning, stacklevel=ours + 1)
    except ForebayWarning:
        say(f"warning: {text}")


def place_of_user() -> str:
    """File and line of the innermost frame that is neither Forebay's nor of `logging`."""
    frame, _ = _frame_of_user()
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _frame_of_user() -> tuple[FrameType | None, int]:
    """And how many frames are inside it, without this one."""
    count = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_between(frame):
        count += 1
        frame = frame.f_back
    return frame, count


def _is_between(frame: FrameType) -> bool:
    """Whether the user called what calls us: Forebay, or `logging`, which has our handlers."""
    module = frame.f_globals.get("__name__")
    return frame.f_code.co_filename.startswith(_PACKAGE) or module in _LOGGING


def say_once(text: str) -> None:
    """Write a line to standard error, the first time that this text comes up in the process."""
    if _is_first(text):
        say(text)


def _is_first(text: str) -> bool:
    if text in _said or len(_said) >= _MOST_TEXTS:
        return False
    _said.add(text)
    return True


def say(*texts: str) -> None:
    """Write lines to standard error, where there is one."""
    lines = "".join(f"forebay: {text}\n" for text in texts)
    try:
        if sys.stderr is not None:
            sys.stderr.write(lines)
    except (OSError, ValueError):  # closed, or a full disk behind it
        pass
    except RuntimeError:  # this is in a handler of a signal that came in the middle of a write
        _write_past_the_buffer(lines)


def _write_past_the_buffer(lines: str) -> None:
    import select
    from contextlib import suppress

    with suppress(Exception):
        descriptor = sys.stderr.fileno()
        # What a pipe takes at once where it takes anything.
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, lines.encode(errors="replace")[: select.PIPE_BUF])
