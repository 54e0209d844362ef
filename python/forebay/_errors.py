"""What Forebay raises. Emitting raises `forebay.QueueFull` alone, and only where asked for."""

from __future__ import annotations


class ForebayError(Exception):
    """The base of everything that Forebay raises."""


class OptionError(ForebayError, ValueError):
    """An option has a bad value.

    The message begins with the option's path and names the value and what it may be:
    ``lanes[0].queue_records: 2 is not in 8..67108864``. Raised before any thread or file is made.
    """
