"""The SDK's log records into Forebay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from .. import _core
from .._bridges import bridge_logger
from .._collector import Collector
from .._lifecycle import get_collector
from .._warnings import warn_once
from ._loggers import MOST_SCOPES, scope_of
from ._provider import SHUTDOWN_MILLIS, OfACollector, flush_before_the_end, flushed
from ._records import emit_record

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


# Forebay has its own instance id, and does not pretend to be the SDK.
_OWN = ("service.instance.id", "telemetry.")


class ForebayLogExporter(OfACollector, LogRecordExporter):
    """A LogRecordExporter of OpenTelemetry's SDK: its records become records of a collector.

    For ``SimpleLogRecordProcessor`` as well as for ``BatchLogRecordProcessor``; the former is
    enough, since Forebay batches by itself, and leaves nothing in a queue that the ledger does not
    see. A record keeps its time, trace, severity, body, attributes and scope. The resource is the
    collector's: what the SDK's has otherwise is a warning, once.

    Args:
        collector: Where they go. None: the process default, whichever is started; what is exported
            before that is counted as ``not_started``.
    """

    def __init__(self, collector: Collector | None = None) -> None:
        super().__init__(collector)
        self._logger = bridge_logger("opentelemetry", collector)
        # The SDK makes one resource, and another one after a fork.
        self._checked: object = None
        self._scopes: dict[InstrumentationScope, tuple[_core.Logger, str | None]] = {}

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Emit each record.

        Returns:
            FAILURE where one was refused or dropped on the spot; the ledger says which and why.
            What is accepted is delivered, or ends under another name of the ledger.
        """
        taken = True
        for readable in batch:
            self._check_resource(readable.resource)
            logger, name = self._scope_of(readable.instrumentation_scope)
            taken &= emit_record(logger, name, readable.log_record)
        return LogRecordExportResult.SUCCESS if taken else LogRecordExportResult.FAILURE

    def _scope_of(self, scope: InstrumentationScope | None) -> tuple[_core.Logger, str | None]:
        if scope is None:
            return self._logger, None
        found = self._scopes.get(scope)
        if found is None:
            found = scope_of(self._logger, scope.name, scope.version or None, scope.attributes)
            if len(self._scopes) < MOST_SCOPES:
                self._scopes[scope] = found
        return found

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until what was exported has left the process; whether it has. Unit: ms."""
        return flushed(self._given, timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Wait for what was exported; as `ForebayMetricExporter.shutdown`."""
        flush_before_the_end(self._given, timeout_millis / 1000)

    def _check_resource(self, resource: Any) -> None:
        """Say once what the SDK's resource says otherwise than the collector's."""
        if resource is self._checked:
            return
        collector = self._given or get_collector()
        if collector is None:
            return
        self._checked = resource
        own = {**collector._resource, "service.name": collector.service_name}
        if missing := _missing(getattr(resource, "attributes", None) or {}, own):
            warn_once(
                f"the resource of OpenTelemetry's SDK has {', '.join(missing)}, and Forebay's has "
                "not, or otherwise; Forebay's holds: forebay.start(resource=...) takes texts, "
                "numbers and booleans"
            )


def _missing(sdk: Mapping[str, object], own: Mapping[str, object]) -> list[str]:
    return sorted(
        key
        for key, value in sdk.items()
        if not key.startswith(_OWN)
        and own.get(key) != (list(value) if isinstance(value, tuple) else value)
        # The SDK's name for a service that nobody named.
        and not (key == "service.name" and str(value).startswith("unknown_service"))
    )
