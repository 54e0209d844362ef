"""For tests: an OTLP/HTTP receiver that counts, and that can be told to misbehave.

    with forebay.testing.Receiver() as receiver:
        with forebay.Collector(exporter=forebay.OtlpHttpExporter(receiver.endpoint)) as collector:
            receiver.cut()              # takes the next batch, and resets instead of an answer
            collector.logger("shop").info("sold", price=12)
        assert receiver.counts().unique_records == 1
        assert receiver.records()[0].record.attributes == {"price": 12}

It is a real server on a real socket, in the standard library alone; it needs no running collector.

For pytest there is a collector in memory, which is the process default for one test:

    from forebay.testing import forebay_collector

    def test_orders_are_logged(forebay_collector):
        place_order(42)
        record = forebay_collector.record(level="INFO", logger="shop", order=42)
        assert record.body == "order placed"

Metric points are asked for in the same way:

    assert forebay_collector.metric_point("orders", region="eu").value == 1

What the collector is made with besides, such as ``{"capture_logging": "INFO"}``, is what a fixture
of your own called ``forebay_collector_options`` returns.

A test that also takes ``forebay_clock`` decides what time it is in that collector:

    def test_a_limit_lets_go_after_a_minute(forebay_collector, forebay_clock):
        ...
        forebay_clock.advance(60)
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._otlp.faults import Fault, FaultScript
from ._otlp.http_server import Server
from ._otlp.intake import Intake, TakenBatch
from ._otlp.logs import LogRecord, Scope, Value
from ._otlp.metrics import Exemplar, MetricPoint
from ._otlp.tally import Counts, Tally

if TYPE_CHECKING:
    from ._manual_clock import ManualClock
    from ._pytest_fixture import forebay_clock, forebay_collector, forebay_collector_options
    from ._testing_memory import MemoryCollector, memory_collector

__all__ = [
    "Counts",
    "Exemplar",
    "LogRecord",
    "ManualClock",
    "MemoryCollector",
    "MetricPoint",
    "ReceivedRecord",
    "Receiver",
    "Scope",
    "TakenBatch",
    "Value",
    "forebay_clock",
    "forebay_collector",
    "forebay_collector_options",
    "memory_collector",
]


@dataclass(frozen=True)
class ReceivedRecord:
    """A log record, with where it came from."""

    resource: dict[str, Value]
    scope: Scope
    record: LogRecord
    batch_id: str | None


class Receiver:
    """An OTLP/HTTP server for logs and metrics on 127.0.0.1.

    It takes ``POST /v1/logs`` and ``/v1/metrics`` as protobuf or JSON, plain, gzip or zstd, and
    answers as the OpenTelemetry Collector does, also to what is wrong. Batches are told apart by
    the header ``Forebay-Batch-Id``.

    Every method is safe from any thread, while requests are being served. Faults that were scripted
    by `fail`, `cut`, `cut_before` and `partial` are used up in that order, one request each but for
    ``times``; `stall`, `refuse_codec`, `max_body` and `slow_body` hold until they are changed.

    Args:
        port: TCP port; 0 takes a free one, which stays the same over `stop` and `start`.
        keep: keep the bodies of the batches taken, for `records` and `metric_points`. Costs their
            size in memory.
        validate: decode each record and point on arrival, and answer 400 if it is malformed.
            Otherwise only the first record or metric of each scope and the frame around the rest
            are looked at, which is about 50 times faster.
        control: also answer ``GET /counts`` and ``POST /control``, for scripts.
        on_batch: called with each batch before it is acknowledged, in the connection's thread. An
            OSError from it answers 503, and the batch is not counted.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        keep: bool = True,
        validate: bool = False,
        control: bool = False,
        on_batch: Callable[[TakenBatch], None] | None = None,
    ) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._kept: list[tuple[TakenBatch, bool]] = []
        self._intake = Intake(
            tally=Tally(),
            faults=FaultScript(),
            keep=on_batch if on_batch is not None else _nothing,
            kept=self._keep if keep else _nothing_more,
            control=self.control if control else None,
            validate=validate,
        )
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0  # of the process that has the thread

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> Receiver:
        """Listen. After `stop` it comes back on the same port, with its counts.

        Raises:
            OSError: the port is taken.
        """
        if self._server is not None:
            return self
        self._pid = os.getpid()
        server = Server(("127.0.0.1", self._port), self._intake)
        self._port = server.server_address[1]
        self._server = server
        self._intake.faults.set_stopped(False)
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name="forebay-receiver", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and break off every connection, as a process that is killed does.

        In a forked child it does nothing: the server is its parent's.
        """
        server, thread = self._server, self._thread
        if server is None or thread is None or os.getpid() != self._pid:
            return
        self._server = None
        server.shutdown()
        server.server_close()
        thread.join()
        self._intake.faults.set_stopped(True)
        server.reset_connections()
        server.wait_until_idle(time.monotonic() + 5)

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port; 0 before the first `start` if it was not given."""
        return self._port

    @property
    def endpoint(self) -> str:
        """The base URL, to which an exporter appends ``/v1/logs`` or ``/v1/metrics``."""
        return f"http://127.0.0.1:{self._port}"

    # -- what it took -------------------------------------------------------------------------

    def counts(self) -> Counts:
        """What it has taken and answered so far, counted by itself."""
        return self._intake.tally.counts()

    def batches(self, *, unique: bool = True) -> list[TakenBatch]:
        """The batches taken, in order of arrival; with ``unique`` those sent twice only once."""
        with self._lock:
            return [batch for batch, first in self._kept if first or not unique]

    def records(self, *, unique: bool = True) -> list[ReceivedRecord]:
        """The log records taken, in order of arrival, decoded now.

        A partial success leaves its whole batch in here: OTLP does not say which were rejected.
        """
        result = []
        for batch in self.batches(unique=unique):
            for resource_logs in batch.resource_logs():
                for scope, record in resource_logs.records():
                    result.append(
                        ReceivedRecord(resource_logs.resource, scope, record, batch.batch_id)
                    )
        return result

    def metric_points(self, *, unique: bool = True) -> list[MetricPoint]:
        """The metric points taken, as `records` gives the log records."""
        return [point for batch in self.batches(unique=unique) for point in batch.metric_points()]

    def open_connections(self) -> int:
        """How many connections are open now."""
        server = self._server
        return 0 if server is None else server.open_connections()

    def wait_for(self, condition: Callable[[Counts], bool], timeout: float = 10.0) -> Counts:
        """Wait until the counts meet a condition.

        Raises:
            TimeoutError: they did not within ``timeout`` seconds; says what they were.
        """
        deadline = time.monotonic() + timeout
        while True:
            counts = self.counts()
            if condition(counts):
                return counts
            if time.monotonic() >= deadline:
                raise TimeoutError(f"not within {timeout} s; {counts}")
            time.sleep(0.002)

    # -- faults -------------------------------------------------------------------------------

    def stall(self, seconds: float = float("inf")) -> None:
        """Hold back every answer for this long from now; ``stall(0)`` ends it.

        Requests are read, and are taken and answered when the stall is over, also those whose
        sender has given up by then.
        """
        self._intake.faults.stall(seconds)

    def fail(
        self,
        status: int = 503,
        *,
        retry_after: float | str | None = None,
        times: int | None = 1,
        message: str = "failed on request",
    ) -> None:
        """Answer with this status, and take nothing.

        Args:
            status: the HTTP status.
            retry_after: the header's value: seconds, or an HTTP date.
            times: for how many requests; None until `clear`.
            message: the text of the google.rpc.Status.
        """
        if not 300 <= status <= 599:
            raise ValueError(f"status: {status} is not in 300..599")
        self._intake.faults.add(
            Fault("fail", times, status=status, retry_after=retry_after, message=message)
        )

    def cut(self, *, times: int | None = 1) -> None:
        """Take the request, and reset the connection instead of an answer."""
        self._intake.faults.add(Fault("cut", times))

    def cut_before(self, *, times: int | None = 1) -> None:
        """Reset the connection before the body is read; nothing is taken."""
        self._intake.faults.add(Fault("cut_before", times))

    def partial(self, rejected: int, *, message: str = "rejected", times: int | None = 1) -> None:
        """Answer 200 with a partial success that rejects so many records, or points.

        More than the batch holds may be asked for: servers get that wrong, too.
        """
        self._intake.faults.add(Fault("partial", times, rejected=rejected, message=message))

    def refuse_codec(self, codec: str, status: int | None = 415) -> None:
        """Answer batches in ``"zstd"``, ``"gzip"`` or ``"none"`` with a status; None: take them."""
        self._intake.faults.refuse_codec(codec, status)

    def max_body(self, max_bytes: int | None) -> None:
        """Answer 413 to bodies that are larger, before or after decompression; None: no limit."""
        self._intake.faults.set_max_body(max_bytes)

    def slow_body(self, bytes_per_second: float | None) -> None:
        """Read bodies at this rate; None: as fast as they come."""
        self._intake.faults.set_body_rate(bytes_per_second)

    def clear(self) -> None:
        """Behave again: end a stall, forget scripted faults, lift every limit."""
        self._intake.faults.clear()

    def control(self, commands: dict[str, Any]) -> None:
        """Do what a script asked for, by the methods' names.

        ``{"stall": 3}`` is ``stall(3)``; ``{"fail": {"status": 429, "times": 2}}`` passes keywords;
        ``{"cut": true}`` and ``{"clear": true}`` pass nothing.

        Raises:
            ValueError: there is no such fault, or a value is out of range.
            TypeError: an argument is unknown or missing.
        """
        for name, value in commands.items():
            if name not in _FAULTS:
                raise ValueError(f"unknown fault: {name}; known: {', '.join(_FAULTS)}")
            method = getattr(self, name)
            if isinstance(value, dict):
                method(**value)
            elif value is True:
                method()
            else:
                method(value)

    def _keep(self, batch: TakenBatch, first: bool) -> None:
        with self._lock:
            self._kept.append((batch, first))


_FAULTS = (
    "stall",
    "fail",
    "cut",
    "cut_before",
    "partial",
    "refuse_codec",
    "max_body",
    "slow_body",
    "clear",
)


def __getattr__(name: str) -> Any:
    # They need the compiled core, which a receiver does not; and pytest.
    if name == "MemoryCollector":
        from ._testing_memory import MemoryCollector

        return MemoryCollector
    if name == "memory_collector":
        from ._testing_memory import memory_collector

        return memory_collector
    if name == "ManualClock":
        from ._manual_clock import ManualClock

        return ManualClock
    if name in ("forebay_collector", "forebay_collector_options", "forebay_clock"):
        from . import _pytest_fixture

        return getattr(_pytest_fixture, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _nothing(batch: TakenBatch) -> None:
    pass


def _nothing_more(batch: TakenBatch, first: bool) -> None:
    pass
