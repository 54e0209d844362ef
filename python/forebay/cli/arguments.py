"""Types of arguments that several commands take."""

from __future__ import annotations

import argparse
import re

from .._durations import seconds_in

_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def duration(text: str) -> float:
    """Seconds out of ``5``, ``5s``, ``250ms``, ``2m`` or ``1h``."""
    try:
        return seconds_in(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def interval(text: str) -> float:
    """As `duration`, between 50 ms and an hour."""
    seconds = duration(text)
    if not 0.05 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not in 50ms..1h")
    return seconds


def size(text: str) -> int:
    """Bytes out of ``65536``, ``64k``, ``4M`` or ``1G`` (powers of 1024)."""
    match = re.fullmatch(r"(\d+)\s*([kmg]?)i?b?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 65536, 64k, 4M or 1G")
    return int(match[1]) * _SIZES[match[2]]


def port(text: str) -> int:
    """A TCP port, 0..65535."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not in 0..65535")
    return number


def status(text: str) -> int:
    """An HTTP status that is a failure, 300..599."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 300 <= number <= 599:
        raise argparse.ArgumentTypeError(f"{text!r} is not in 300..599")
    return number
