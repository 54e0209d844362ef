"""Standard output where it cannot take what is written: not there, full, or poor in characters."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys

from .._warnings import say


def escape_what_cannot_be_shown() -> None:
    """Let no character fail that the output's encoding has not, such as ``ä`` in ASCII.

    It is written as JSON has it, ``\\u00e4``, so that what is printed as JSON stays JSON. Whoever
    has asked for another way (``PYTHONIOENCODING=ascii:replace``) gets that.
    """
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
        codecs.register_error("forebay.escape", _escaped)
        stream.reconfigure(errors="forebay.escape")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    import json

    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


# What a write fails with. Of an error that is another file's Python tells the name.
_OF_WRITES = (errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EAGAIN, errno.ENOSPC)


def tell_failure(error: OSError) -> None:
    """Say in one line what failed: the output, or something else that nobody has caught."""
    if error.errno in _OF_WRITES and error.filename is None:
        say(f"standard output: {error.strerror}")
    else:
        say(str(error))
    try:
        sys.stdout.flush()
    except OSError:
        let_go()


def let_go() -> None:
    """Throw away what the output did not take. Python would complain once more at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
