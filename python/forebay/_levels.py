"""Levels: the names and numbers of `logging`, and what they are as OpenTelemetry severities."""

from __future__ import annotations

import sys

from ._errors import OptionError

# TRACE is OpenTelemetry's; `logging` has no name below DEBUG.
_NUMBERS = {
    "TRACE": 1,
    "DEBUG": 10,
    "INFO": 20,
    "WARN": 30,
    "WARNING": 30,
    "ERROR": 40,
    "CRITICAL": 50,
    "FATAL": 50,
}
_HIGHEST = 1_000_000


def level_number(value: object, path: str) -> int:
    """The number, 1 or more, of a level given by name (in any case) or number.

    Names that were registered with ``logging.addLevelName`` count too.

    Raises:
        OptionError: it is neither; ``path`` names the option in the message.
    """
    if isinstance(value, str):
        name = value.strip().upper()
        number = _NUMBERS.get(name)
        if number is None and "logging" in sys.modules:
            registered = sys.modules["logging"].getLevelName(value.strip())
            number = registered if isinstance(registered, int) and registered > 0 else None
        if number is None:
            raise OptionError(f"{path}: {value!r} is not one of {', '.join(_NUMBERS)}, or a number")
        return number
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= _HIGHEST:
            raise OptionError(f"{path}: {value} is not in 0..{_HIGHEST}")
        return max(int(value), 1)
    raise OptionError(f"{path}: {value!r} is not a level: a name or a number is")


def severity_number(level: int) -> int:
    """The OpenTelemetry severity, 1..24, of a level number of `logging`.

    Each ten has four severities: 20 is INFO, 21 and 22 the next two, 23 to 29 the last. 1 to 9 are
    TRACE to TRACE4, and 53 and above are FATAL4.
    """
    ten, rest = divmod(level, 10)
    if ten >= 6:
        return 24
    if ten == 0:
        return min(max(rest, 1), 4)
    return 4 * ten + 1 + min(rest, 3)
