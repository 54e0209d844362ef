"""Values over time, brought to the columns of a plot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def binned(times: Sequence[float], values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """The most in each bin; where no sample falls into one, what was before."""
    result = []
    i = 0
    last = values[0]
    for right in edges[1:]:
        most: float | None = None
        while i < len(times) and times[i] <= right:
            most = values[i] if most is None else max(most, values[i])
            last = values[i]
            i += 1
        result.append(last if most is None else most)
    return result


def lost_per_second(
    times: Sequence[float], lost: Sequence[int], edges: Sequence[float]
) -> list[float]:
    """Losses a second in each bin, from a count that only grows."""
    at_edges = [_interpolated(times, lost, edge) for edge in edges]
    return [
        (after - before) / (right - left) if right > left else 0.0
        for before, after, left, right in zip(
            at_edges, at_edges[1:], edges, edges[1:], strict=False
        )
    ]


def _interpolated(times: Sequence[float], values: Sequence[int], at: float) -> float:
    i = bisect_left(times, at)
    if i == 0:
        return values[0]
    if i >= len(times):
        return values[-1]
    part = (at - times[i - 1]) / (times[i] - times[i - 1]) if times[i] > times[i - 1] else 1.0
    return values[i - 1] + part * (values[i] - values[i - 1])
