"""A collector before a destination that stands still: lanes fill, and empty when it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import forebay
from forebay import _core
from forebay.testing import Receiver

TEXT = "x" * 1000


@dataclass
class Stalled:
    """The collector, and what holds it up."""

    collector: forebay.Collector
    receiver: Receiver
    # The receiver may take more than this collector was told.
    others_send: bool = False

    def fill(self, lane: str) -> int:
        """Emit into a lane, without waiting, until nothing moves any more; how many it took."""
        log = self.collector.logger(lane)
        taken = failures = 0
        deadline = time.monotonic() + 30
        # Full is full when nothing moves: not just when the drain thread is a little behind.
        while failures < 100:
            assert time.monotonic() < deadline, self.collector.stats()
            try:
                answer = _core.emit_or_full(log, False, 20, TEXT)
            except forebay.QueueFull:
                answer = False
            if answer is True:
                taken, failures = taken + 1, 0
            else:
                failures += 1
                time.sleep(0.001)
        return taken

    def go_on(self) -> None:
        """The destination answers again."""
        self.receiver.clear()


@contextmanager
def stalled(*lanes: forebay.Lane, **options: Any) -> Iterator[Stalled]:
    """Lanes named after the loggers that they take; shut down and audited at the end."""
    with Receiver() as receiver:
        receiver.stall()
        options.setdefault("batch", forebay.BatchOptions(max_records=16, max_delay=0.005))
        collector = forebay.Collector(
            service_name="stalled",
            exporter=forebay.OtlpHttpExporter(receiver.endpoint, compression="none"),
            lanes=list(lanes),
            backlog=forebay.BacklogOptions(max_bytes=64 << 10),
            retry=forebay.RetryOptions(initial=0.01, max=0.05),
            **options,
        )
        made = Stalled(collector, receiver)
        try:
            yield made
        finally:
            receiver.clear()
            collector.shutdown(timeout=30)
            audit = collector.audit()
            assert audit.balanced, audit
            stats = collector.stats()
            assert (stats.difference, stats.held) == (0, 0), stats
            assert made.others_send or receiver.counts().unique_records == stats.delivered


def lane(name: str, **options: Any) -> forebay.Lane:
    """A small lane for the logger of its name."""
    options.setdefault("queue_records", 256)
    return forebay.Lane(name, logger=name, **options)


def until(condition: Callable[[], object], timeout: float = 30) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)
