"""The collector, as Python code sees it: options in, loggers and the ledger out."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal

from . import _core, _exit, _queue_full  # noqa: F401 (the last is for the core, which raises it)
from ._context import watch_for_traces
from ._errors import OptionError
from ._exporters import Exporter, FileExporter, MemoryExporter, check_exporter
from ._lanes import Lane
from ._local_files import fallback_service_name
from ._loggers import LoggerCache
from ._manual_clock import ManualClock, core_collector
from ._metric_options import MetricsOptions
from ._metrics import InstrumentCache, MakesInstruments
from ._options import (
    BacklogOptions,
    BatchOptions,
    BreakerOptions,
    LimitOptions,
    ResourceValue,
    RetryOptions,
    check_resource,
    flatten,
    service_name_of,
)
from ._own_thread import hearing_signals, in_thread
from ._routes import Route, check_routes, in_default_directories, in_default_directory
from ._sampling import FlightRecorder, SamplingRule
from ._stats import Audit, Receipt, Stats, audit_from, receipt_from, stats_from
from ._upstream import Upstream
from ._validation import suggests_fields
from ._validation import timeout as checked_timeout

# Every collector that still exists: tests audit them all.
_live: weakref.WeakSet[Collector] = weakref.WeakSet()
# Those that were not shut down. Kept alive until then: a logger that somebody still holds must not
# lose its records because nobody kept the collector.
_open: set[Collector] = set()

SHUTDOWN_TIMEOUT = 5.0


@suggests_fields
class Collector(Upstream, MakesInstruments):
    """Takes log records and metrics of Python and native code, and ships them to destinations.

    Threads, files and connections are made with the first record, so a collector may be made before
    the process forks; a child starts over with an empty ledger. Everything may be called from any
    thread. A collector lives until it is shut down, or to the end of the process, which shuts it
    down.
    """

    # Long because it says what each option means.
    def __init__(
        self,
        *,
        service_name: str | None = None,
        resource: Mapping[str, ResourceValue] | None = None,
        exporter: Exporter | None = None,
        routes: Sequence[Route] | None = None,
        console: Literal["off", "auto", "pretty", "json"] | None = None,
        lanes: Sequence[Lane] | None = None,
        sampling: Sequence[SamplingRule] | None = None,
        flight_recorder: FlightRecorder | None = None,
        memory_limit: int | None = None,
        max_record_bytes: int | None = None,
        batch: BatchOptions | None = None,
        backlog: BacklogOptions | None = None,
        retry: RetryOptions | None = None,
        breaker: BreakerOptions | None = None,
        limits: LimitOptions | None = None,
        metrics: MetricsOptions | None = None,
        run_directory: str | os.PathLike[str] | None = None,
        redact: Sequence[str] | bool | None = None,
        disabled: bool = False,
        clock: ManualClock | None = None,
    ) -> None:
        """Check every option, and start nothing.

        Args:
            service_name: What the service is called: the resource's ``service.name``. None:
                ``resource["service.name"]``, else ``unknown_service:<executable>``.
            resource: Attributes of everything that the process sends.
            exporter: The destination: an `OtlpHttpExporter`, `FileExporter`, `ConsoleExporter` or
                `MemoryExporter`. None: local files (``FileExporter()``).
            routes: In place of ``exporter``: 1 to 8 ways out, each with one or more exporters.
            console: Beside the exporter, what it has delivered is shown on standard error:
                ``"pretty"`` aligned, and coloured on a terminal unless ``NO_COLOR`` is set;
                ``"json"`` one object a line; ``"auto"`` pretty on a terminal, else json.
            lanes: 1 to 16, highest priority first. None: ``urgent`` (WARNING and up) and
                ``normal``.
            sampling: Rules that let a part of the records go before anything is copied; the first
                that a record meets decides. None: all are kept.
            flight_recorder: Keeps what is below the loggers' level, and sends the last seconds of
                it when an error comes. None: there is none.
            memory_limit: Most memory for queues, batches and backlog. Unit: bytes, 1 MiB..1 TiB.
                None: 48 MiB, but at most 2 % of the container's limit and at least 8 MiB.
            max_record_bytes: Longer records are truncated and counted. Unit: bytes, 256..16 MiB.
                None: 1 MiB. At most a quarter of a lane's room.
            batch: When a batch is finished.
            backlog: The memory of batches that wait for the destination.
            retry: How long to wait before a batch is sent again.
            breaker: When a destination that fails is left alone for a while.
            limits: What all rate limits have in common.
            metrics: How metrics are collected, and views.
            run_directory: Where the stats file is. None: ``$FOREBAY_RUN_DIR``, else ``forebay``
                in the user's runtime directory, else ``/tmp/forebay-<uid>``.
            redact: Keys whose values are never written down, besides Forebay's own short list:
                ``["iban", "*_secret"]``, in any case; ``"!cookie"`` takes one of the list back.
                What stands instead says which rule hit. Attributes of a record, at any depth;
                not the message. None or True: the list alone. False: nothing is redacted.
            disabled: Take nothing: every record is as if it was below its logger's level. No
                thread, no file, no connection.
            clock: For tests: a `forebay.testing.ManualClock`. None: the system's clock.

        Raises:
            OptionError: an option has a bad value; the message begins with the option's path.
            TypeError: there is no such option; the message has the nearest name.
        """
        name = service_name_of(service_name, check_resource(resource))
        name = fallback_service_name() if name is None else name
        self._resource = {"telemetry.sdk.language": "python", **(resource or {})}
        if routes is None:
            exporter = check_exporter(FileExporter() if exporter is None else exporter)
            exporter = in_default_directory(exporter, name, "exporter")
            self._routes: tuple[Route, ...] = (Route("main", (exporter,)),)
        elif exporter is not None:
            raise OptionError("routes: given together with exporter")
        else:
            self._routes = in_default_directories(check_routes(routes), name)
        options = flatten(
            service_name=name,
            resource=self._resource,
            exporter=exporter,
            routes=None if routes is None else self._routes,
            console=console,
            lanes=lanes,
            sampling=sampling,
            flight_recorder=flight_recorder,
            memory_limit=memory_limit,
            max_record_bytes=max_record_bytes,
            batch=batch,
            backlog=backlog,
            retry=retry,
            breaker=breaker,
            limits=limits,
            metrics=metrics,
            run_directory=run_directory,
            redact=redact,
            disabled=disabled,
        )
        self._core = core_collector(options, clock)
        for route in self._routes:
            for each in route.exporters:
                if isinstance(each, MemoryExporter):
                    each._core = self._core
        self._loggers = LoggerCache(self._core)
        self._instrument_cache = InstrumentCache(self._core, metrics)
        self._disabled = disabled
        self._is_ending = False
        self._receipt: Receipt | None = None
        # Whether nobody may have told yet what a shutdown lost whose caller did not wait for it.
        self._untold = True
        self._is_abandoned = False
        # Called once, after shutdown: what was hung into the process is taken out again. What was
        # hung into `logging` stays there at exit: what threads log after it is refused and counted.
        self._undo: list[Callable[[], None]] = []
        self._uncapture: list[Callable[[], None]] = []
        if metrics is not None and metrics.process and not disabled:
            from ._process_metrics import observe_process

            self._undo.append(observe_process(self))
        _live.add(self)
        _open.add(self)
        _exit.install(_shut_down_all)
        watch_for_traces()

    def __repr__(self) -> str:
        state = "" if self._receipt is None else ", shut down"
        to = ", ".join(repr(each) for route in self._routes for each in route.exporters)
        return f"<forebay.Collector {self.service_name!r} to {to}{state}>"

    @property
    def exporter(self) -> Exporter:
        """The destination; with several, the first one of the first route."""
        return self._routes[0].exporters[0]

    @property
    def routes(self) -> tuple[Route, ...]:
        """The ways out. With ``exporter`` there is one, called ``main``."""
        return self._routes

    @property
    def service_name(self) -> str:
        """The resource's ``service.name``."""
        return self._core.text("service_name")

    @property
    def instance_id(self) -> str:
        """The resource's ``service.instance.id``: another one in each process.

        Empty before the first record, which is when a process begins to count.
        """
        return self._core.text("instance_id")

    @property
    def stats_file(self) -> str:
        """The path of the ledger's file; empty where there is none (yet)."""
        return self._core.text("stats_file")

    @property
    def publish_directory(self) -> str:
        """Where the series are published (`MetricsOptions`); empty where they are not."""
        return self._core.text("publish_directory")

    @property
    def last_error(self) -> str:
        """What went wrong last on the way to the destination; empty where nothing did."""
        return self._core.text("last_error")

    @property
    def is_shut_down(self) -> bool:
        """Whether `shutdown` has been called. Records are refused from then on, and counted."""
        return self._is_ending

    def logger(
        self,
        name: str,
        *,
        version: str | None = None,
        level: int | str = "INFO",
        attributes: Mapping[str, object] | None = None,
    ) -> _core.Logger:
        """The logger of that name: the same each time.

        Args:
            name: The instrumentation scope, by custom the module's dotted name.
            version: Of the scope.
            level: The lowest level that is emitted, by name or number.
            attributes: Of the scope.

        Where a logger of the name exists, its settings hold, and other ones warn once.

        Raises:
            OptionError: a name that is empty, or a level that does not exist.
        """
        return self._loggers.get(name, version, level, attributes)

    def prometheus_text(self, *, openmetrics: bool = False) -> str:
        """All series as they stand, as a Prometheus server scrapes them; see `forebay.prometheus`.

        Sums come together since each series began, whatever is exported. Callbacks of observable
        instruments are asked, and waited for up to ``MetricsOptions.callback_timeout``; signals are
        heard meanwhile, as in `flush`. No series after a shutdown.

        Args:
            openmetrics: OpenMetrics 1.0, instead of the text format 0.0.4.
        """
        name = "openmetrics" if openmetrics else "prometheus"
        text = hearing_signals(lambda: self._core.metrics_text(name))
        return text or ("# EOF\n" if openmetrics else "")

    def stats(self) -> Stats:
        """The ledger at this moment."""
        return stats_from(self._core.stats())

    def audit(self) -> Audit:
        """Count what is really inside, and hold it against the ledger.

        Stops draining and shipping for the time of the count, at a batch boundary.
        """
        return audit_from(self._core.audit())

    def flush(self, timeout: float | None = SHUTDOWN_TIMEOUT) -> Receipt:
        """Wait until what was emitted before this call has left the process.

        Args:
            timeout: Seconds to wait at most, 0..86400; None waits as long as retries go on.

        Returns:
            Receipt: what became of records between call and return, and whether it is all.

        Raises:
            OptionError: ``timeout`` is not in its range.

        The GIL is released while waiting. Safe from any thread, also during and after shutdown. On
        the main thread signals are heard meanwhile: Ctrl-C raises ``KeyboardInterrupt`` here at
        once, and what was under way goes on.
        """
        seconds = checked_timeout(timeout)
        return receipt_from(hearing_signals(lambda: self._core.flush(seconds)))

    def shutdown(self, timeout: float | None = SHUTDOWN_TIMEOUT) -> Receipt:
        """Flush, and end: what is held after ``timeout`` is let go, and counted.

        A further call returns the first one's receipt. Records emitted later are refused and
        counted as ``shutdown``. While one is under way, a further call waits with it, and both end
        by the sooner of their deadlines. Arguments, errors, the GIL and signals as for `flush`;
        after a ``KeyboardInterrupt`` the shutdown goes on, and ends at exit at the latest.
        """
        seconds = checked_timeout(timeout)
        self._is_ending = True
        receipt = self._receipt
        if receipt is None:
            try:
                receipt = hearing_signals(lambda: self._end(seconds))
            except BaseException:
                self._abandon()
                raise
            finally:
                # Also where a handler has raised: the core takes nothing any more.
                _exit.take_out(self._uncapture, self._undo)
        return receipt

    def _hang_in(self, undo: Callable[[], None], *, to_logging: bool = False) -> None:
        """What shutdown is to call; at once where it came before."""
        (self._uncapture if to_logging else self._undo).append(undo)
        if self._is_ending:
            _exit.take_out(self._uncapture, self._undo)

    def _abandon(self) -> None:
        """Nobody gets the receipt: what it would tell is said, here or where it ends."""
        self._is_abandoned = True
        if self._receipt is not None:
            _exit.tell_losses(self, self._receipt)

    def _end(self, seconds: float | None) -> Receipt:
        # No lock: a signal handler, or a child forked meanwhile, may come here again. The core lets
        # only one shutdown happen; whoever is first back says what the receipt is.
        receipt = receipt_from(self._core.shutdown(seconds))
        if self._receipt is None:
            self._receipt = receipt
        _open.discard(self)
        if self.publish_directory:
            from pathlib import Path

            from ._publications import fold

            fold(Path(self.publish_directory))  # its own file is the last one now
        if self._is_abandoned:
            _exit.tell_losses(self, receipt)
        return self._receipt

    async def aflush(self, timeout: float | None = SHUTDOWN_TIMEOUT) -> Receipt:
        """`flush` for a coroutine: the event loop goes on meanwhile.

        The wait has a thread of its own. Where the coroutine is cancelled, that thread goes on to
        the end of its timeout, or of the program.
        """
        return await in_thread(lambda: self.flush(timeout))

    async def ashutdown(self, timeout: float | None = SHUTDOWN_TIMEOUT) -> Receipt:
        """`shutdown` for a coroutine: the event loop goes on meanwhile."""
        seconds = checked_timeout(timeout)
        try:
            return await in_thread(lambda: self.shutdown(seconds))
        except BaseException:
            self._abandon()
            raise

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_abandoned |= not self._is_ending  # nobody gets this receipt
        self.shutdown()

    async def __aenter__(self) -> Collector:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_abandoned |= not self._is_ending
        await self.ashutdown()


def open_collectors() -> list[Collector]:
    """Those that were not shut down."""
    return list(_open)


def _shut_down_all() -> None:
    _exit.shut_down_all(list(_open))
