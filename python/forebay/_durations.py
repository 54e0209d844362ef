"""Durations as people write them."""

from __future__ import annotations

import math
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def seconds_in(text: str) -> float:
    """Seconds out of ``5``, ``5s``, ``250ms``, ``2m`` or ``1h``.

    Raises:
        ValueError: it is not written so; the text says how.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write 5s, 250ms, 2m or 1h")
    seconds = float(match[1]) * _UNITS[match[2]]
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is too long")
    return seconds
