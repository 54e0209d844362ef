"""The collectors that the benchmarks measure, and how they see that a queue is empty."""

from __future__ import annotations

import time
from typing import Any

import forebay

QUEUE_RECORDS = 65_536


class NullExporter(forebay.ConsoleExporter):
    """Acknowledges everything and keeps nothing, after encoding and compressing it.

    The core has it for benchmarks only, so the package has no class for it.
    """

    def _flatten(self, options: Any) -> None:
        options.add("exporter.type", "null")
        options.add("exporter.compression", "zstd")


def to_nowhere(**options: Any) -> forebay.Collector:
    """One lane of the default size, drained, encoded and compressed, and then forgotten."""
    return forebay.Collector(
        service_name="bench",
        exporter=NullExporter(),
        lanes=[forebay.Lane("only", queue_records=QUEUE_RECORDS)],
        **options,
    )


def to(url: str, **options: Any) -> forebay.Collector:
    """The default collector, but for ``options``, to an OTLP/HTTP receiver."""
    return forebay.Collector(
        service_name="bench", exporter=forebay.OtlpHttpExporter(url), **options
    )


def settle(collector: forebay.Collector) -> None:
    """Wait until the drain thread has taken all that is in the queues."""
    deadline = time.monotonic() + 10
    while collector.stats().held_by_place.get("in_queue", 0):
        if time.monotonic() > deadline:
            raise RuntimeError("the drain thread did not empty the queue in 10 s")
        time.sleep(0.0005)


def lost(collector: forebay.Collector) -> int:
    return collector.stats().lost
