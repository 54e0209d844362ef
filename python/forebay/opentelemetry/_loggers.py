"""LoggerProvider and Logger of OpenTelemetry's API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs
from opentelemetry.context import attach, detach

from .. import _core
from .._bridges import bridge_logger
from .._collector import Collector
from .._lifecycle import get_collector
from ._provider import Provider
from ._records import LEVELS, emit, emit_record, level_of

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.context import Context
    from opentelemetry.util.types import AnyValue, Attributes

# A record's call site is not in the API, whose proxy passes it on.
_core.pass_over_frames_of(f"{os.path.dirname(_logs.__file__)}{os.sep}")

# Lets everything through: it is the library that reports who decides.
_EVERYTHING = 1
# A program that makes the names of loggers out of data must not grow without bound.
MOST_SCOPES = 4096


class Logger(_logs.Logger):
    """Emits records of one scope: what `LoggerProvider.get_logger` returns. Never raises."""

    def __init__(
        self,
        provider: LoggerProvider,
        name: str,
        version: str | None,
        schema_url: str | None,
        attributes: Attributes,
    ) -> None:
        super().__init__(name, version, schema_url, attributes)
        self._provider = provider
        self._logger, self._scope = scope_of(provider._logger, name, version, attributes)

    def emit(
        self,
        record: LogRecord | None = None,
        *,
        timestamp: int | None = None,
        observed_timestamp: int | None = None,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        severity_text: str | None = None,
        body: AnyValue | None = None,
        attributes: Attributes = None,
        event_name: str | None = None,
        exception: BaseException | None = None,
    ) -> None:
        """Emit a record: one that was made, or one of what the keywords say.

        Args:
            record: The record. Keywords beside it are not looked at.
            timestamp: When it happened. Unit: ns since 1970. None: ``observed_timestamp``, or now.
            observed_timestamp: When it was seen. Forebay's own is the time at which the record is
                encoded.
            context: Whose span it belongs to. None: the current one.
            severity_number: None: unspecified.
            severity_text: Kept beside a severity for which `logging` has no name of its own (it has
                one for 5 DEBUG, 9 INFO, 13 WARN, 17 ERROR and 21 FATAL).
            body: A text, or any value.
            attributes: Of any type: nested lists and dicts stay so.
            event_name: Becomes the attribute ``otel.event.name``.
            exception: Adds ``exception.type``, ``.message`` and ``.stacktrace``, where
                ``attributes`` have none.
        """
        if record is not None:
            emit_record(self._logger, self._scope, record)
            return
        token = None if context is None else attach(context)
        try:
            emit(
                self._logger,
                self._scope,
                time_unix_nano=timestamp or observed_timestamp,
                severity_number=severity_number,
                severity_text=severity_text,
                body=body,
                attributes=attributes,
                event_name=event_name,
                exception=exception,
            )
        finally:
            if token is not None:
                detach(token)

    def enabled(
        self,
        *,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Whether such a record would be taken now; without a severity, whether any would."""
        collector = self._provider.collector or get_collector()
        if collector is not None and collector._disabled:
            return False
        return self._logger.is_enabled_for(level_of(severity_number) or LEVELS[-1])


class LoggerProvider(Provider, _logs.LoggerProvider):
    """OpenTelemetry's LoggerProvider: what its loggers emit are records of a collector.

    Args:
        collector: Where they go. None: the process default, whichever is started; what is emitted
            before that is counted as ``not_started``.
    """

    def __init__(self, collector: Collector | None = None) -> None:
        super().__init__(collector)
        self._logger = bridge_logger("opentelemetry", collector)
        self._loggers: dict[tuple[str, str | None], Logger] = {}

    def get_logger(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Logger:
        """The logger of a scope.

        Args:
            name: Of the scope. None counts as an empty one.
            version: Of the scope. Two versions of one name in one process: the first holds.
            schema_url: Not reported.
            attributes: Of the scope.
        """
        key = (name if isinstance(name, str) else "", str(version) if version else None)
        found = self._loggers.get(key) if attributes is None else None
        if found is not None:
            return found
        made = Logger(self, *key, schema_url, attributes)
        if attributes is None and len(self._loggers) < MOST_SCOPES:
            return self._loggers.setdefault(key, made)
        return made


def scope_of(
    logger: _core.Logger, name: str, version: str | None, attributes: Any
) -> tuple[_core.Logger, str | None]:
    """What the records of a scope are emitted through, and under which name.

    A scope that has only a name is one beside what `forebay.get_logger` gives for that name: the
    level of the one is none of the other's.
    """
    pairs = [(str(key), value) for key, value in _items(attributes)]
    if not pairs and version is None:
        return logger, name
    owner = logger._owner
    return _core.get_logger(owner, name, version, _EVERYTHING, pairs or None), None


def _items(attributes: Any) -> list[tuple[Any, Any]]:
    return list(attributes.items()) if isinstance(attributes, Mapping) else []
