"""The ranges of numbers, which Python and the core both check."""

from __future__ import annotations

from typing import Any

import pytest

import forebay
from forebay import _core

# The numbers that both sides check: path, lowest, highest, a step beyond each.
NUMBERS: list[tuple[str, float, float, float]] = [
    ("batch.max_records", 1, 1_000_000, 1),
    ("batch.max_bytes", 1024, 16 << 20, 1),
    ("batch.max_delay", 0.0, 3600.0, 0.5),
    ("backlog.max_bytes", 64 << 10, 1 << 40, 1),
    ("retry.initial", 0.001, 3600.0, 0.0005),
    ("lanes[0].queue_records", 8, 1 << 26, 1),
    ("lanes[0].backlog_share", 0.0, 1.0, 0.5),
    ("lanes[0].on_full[0].timeout", 0.0, 86_400.0, 0.5),
    ("lanes[0].weight", 1, 100, 1),
    ("lanes[0].early_drop.start", 0.0, 1.0, 0.5),
    ("lanes[0].rate_limit.per_second", 0.0, 1e9, 1.0),
    ("lanes[0].rate_limit.burst", 1, 1 << 31, 1),
    ("lanes[0].high_watermark", 0.0, 1.0, 0.5),
    ("lanes[0].low_watermark", 0.0, 1.0, 0.5),
    ("sampling[0].ratio", 0.0, 1.0, 0.5),
    ("sampling[0].first", 0, 1 << 31, 1),
    ("sampling[0].then_every", 0, 1 << 31, 1),
    ("sampling[0].interval", 0.001, 86_400.0, 0.0005),
    ("recorder.records", 64, 1 << 20, 1),
    ("recorder.window", 0.001, 86_400.0, 0.0005),
    ("limits.summary_interval", 0.01, 3600.0, 0.005),
    ("breaker.failures", 1, 1000, 1),
    ("breaker.open_initial", 0.001, 3600.0, 0.0005),
    ("backlog.stale_share", 0.0, 1.0, 0.5),
    ("metrics.publish_interval", 0.01, 86_400.0, 0.005),
]

# What must stand beside an option to make it one.
BESIDE: dict[str, list[tuple[str, Any]]] = {
    "lanes[0].rate_limit.burst": [("lanes[0].rate_limit.per_second", 1.0)],
    "lanes[0].high_watermark": [("lanes[0].low_watermark", 0.0)],
    "sampling[0].ratio": [("sampling[0].type", "ratio")],
    **{f"sampling[0].{n}": [("sampling[0].type", "burst")] for n in ("first", "then_every")},
    "sampling[0].interval": [("sampling[0].type", "burst")],
}


@pytest.mark.parametrize(("path", "low", "high", "step"), NUMBERS, ids=[n[0] for n in NUMBERS])
def test_the_core_has_the_same_ranges(path: str, low: float, high: float, step: float) -> None:
    """Python's check comes first for the sake of types; the core, which C++ uses too, agrees."""
    base: list[tuple[str, Any]] = [
        ("service_name", "t"),
        ("exporter.type", "memory"),
        ("lanes[0].name", "one"),
        ("lanes[0].on_full[0]", "block"),
        ("retry.max", 86_400.0),
        *BESIDE.get(path, []),
    ]
    for value in (low - step, high + step):
        with pytest.raises(forebay.OptionError) as caught:
            _core.Collector([*base, (path, value)])
        assert str(caught.value).startswith(f"{path}: ")
    accepted = high if path.endswith("watermark") and "high" in path else low
    _core.Collector([*base, (path, accepted)]).shutdown(0)
