"""A collector for one test, in memory: what `forebay.testing` gives out as a fixture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from . import _lifecycle
from ._collector import Collector
from ._exporters import MemoryExporter
from ._levels import level_number, severity_number
from ._otlp.logs import LogRecord, Scope
from ._otlp.metrics import Kind, MetricPoint
from ._stats import Audit
from ._testing_points import (
    asked,
    in_order_of_time,
    newest_of_one_series,
    select_points,
    shown,
)

# Most characters of a record in the text of an assertion.
_LONGEST_SHOWN = 300


class MemoryCollector:
    """The process default of one test, and what was emitted into it.

    Attributes:
        collector: The collector itself.
    """

    def __init__(self, collector: Collector, exporter: MemoryExporter) -> None:
        self.collector = collector
        self._exporter = exporter

    def records(
        self,
        *,
        level: int | str | None = None,
        logger: str | None = None,
        text: str | None = None,
        internal: bool = False,
        attributes: Mapping[str, object] | None = None,
        **more: object,
    ) -> list[LogRecord]:
        """The records emitted so far, in the order of their time.

        Args:
            level: This level and above.
            logger: Of the logger with that name, and those below it (``shop`` has ``shop.orders``).
            text: With it in the message.
            internal: Also records that Forebay made itself (gap records and the like).
            attributes: With these attributes, and these values.
            more: The same, in short: ``records(order=42)``. Names that are no identifiers, or are
                taken here: ``records(attributes={"http.route": "/x", "level": 3})``.
        """
        found = self._select(level, logger, text, internal, _both(attributes, more))
        return [record for _, record in found]

    def _select(
        self,
        level: int | str | None,
        logger: str | None,
        text: str | None,
        internal: bool,
        attributes: Mapping[str, object],
    ) -> list[tuple[Scope, LogRecord]]:
        lowest = 0 if level is None else severity_number(level_number(level, "level"))
        return [
            (scope, record)
            for scope, record in self._all()
            if record.severity_number >= lowest
            and (logger is None or f"{scope.name}.".startswith(f"{logger}."))
            and (text is None or text in str(record.body))
            and (internal or "forebay.internal" not in record.attributes)
            and all(
                name in record.attributes and record.attributes[name] == value
                for name, value in attributes.items()
            )
        ]

    def record(self, **wanted: Any) -> LogRecord:
        """The only record that `records` finds.

        Raises:
            AssertionError: there is none, or there are several; the text shows them.
        """
        found = self.records(**wanted)
        assert len(found) == 1, (
            f"{len(found)} records, not one, with {asked(**wanted)}{self._shown(found)}"
        )
        return found[0]

    def _shown(self, found: list[LogRecord]) -> str:
        """These records, or those that there are."""
        there = self._select(None, None, None, bool(found), {})
        if not there:
            return (
                "; there are none at all. Records of the standard library's logging are here only "
                'with capture_logging, as in memory_collector(capture_logging="INFO") or by the '
                "fixture forebay_collector_options"
            )
        texts = [_text(scope, each) for scope, each in there if not found or each in found]
        return f"{':' if found else '; there are:'}{shown(texts)}"

    def messages(self, **wanted: Any) -> list[str]:
        """The messages of what `records` finds."""
        return [str(record.body) for record in self.records(**wanted)]

    def metric_points(
        self,
        name: str | None = None,
        *,
        kind: Kind | None = None,
        meter: str | None = None,
        internal: bool = False,
        attributes: Mapping[str, object] | None = None,
        **more: object,
    ) -> list[MetricPoint]:
        """The metric points of now and of every collection before, in the order of their time.

        Args:
            name: Of the metric with that name.
            kind: ``"gauge"``, ``"sum"``, ``"histogram"`` and so on.
            meter: Of the meter with that name, and those below it.
            internal: Also what Forebay measures about itself (meter ``forebay``).
            attributes: With these attributes, and these values.
            more: The same, in short; as for `records`. An attribute that is called ``name``:
                ``metric_points(attributes={"name": "x"})``.
        """
        return select_points(
            in_order_of_time(self._metric_points()),
            name,
            kind=kind,
            meter=meter,
            internal=internal,
            attributes=_both(attributes, more),
        )

    def metric_point(self, name: str | None = None, **wanted: Any) -> MetricPoint:
        """The newest point of the only series that `metric_points` finds.

        A cumulative point, which is the default, counts all there was so far.

        Raises:
            AssertionError: there is none, or there are several series; the text shows them.
        """
        found = self.metric_points(name, **wanted)
        there = found or self.metric_points()
        named = {} if name is None else {"name": name}
        return newest_of_one_series(found, asked(**named, **wanted), there)

    def clear(self) -> None:
        """Forget what was emitted so far."""
        self._flush()
        self._exporter.clear()

    def audit(self) -> Audit:
        """As `Collector.audit`."""
        return self.collector.audit()

    def _flush(self) -> None:
        receipt = self.collector.flush(30)
        assert receipt.complete, receipt

    def _metric_points(self) -> list[MetricPoint]:
        self._flush()
        return self._exporter.metric_points()

    def _all(self) -> list[tuple[Scope, LogRecord]]:
        self._flush()
        found = [pair for logs in self._exporter.resource_logs() for pair in logs.records()]
        return sorted(found, key=lambda pair: pair[1].time_unix_nano)


def _both(
    attributes: Mapping[str, object] | None, more: Mapping[str, object]
) -> Mapping[str, object]:
    if attributes is None:
        return more
    if not isinstance(attributes, Mapping):
        raise TypeError(
            f"attributes: {attributes!r} is not a mapping; of an attribute that is called so: "
            'attributes={"attributes": ...}'
        )
    return {**attributes, **more}


def _text(scope: Scope, record: LogRecord) -> str:
    inside = ", ".join(f"{key}={value!r}" for key, value in record.attributes.items())
    return f"{record.severity_text} {scope.name} {record.body!r} {{{inside}}}"[:_LONGEST_SHOWN]


@contextmanager
def memory_collector(**options: Any) -> Iterator[MemoryCollector]:
    """A process default in memory, for the time of a ``with``; the one before comes back.

    Args:
        options: As for `forebay.start`. Without ``service_name`` the service is called ``test``.
    """
    from . import start

    options.setdefault("service_name", "test")
    options.setdefault("console", "off")
    exporter = options.setdefault("exporter", MemoryExporter())
    before = _lifecycle.set_aside()
    try:
        collector = start(**options)
        try:
            yield MemoryCollector(collector, exporter)
        finally:
            collector.shutdown(30)
            audit = collector.audit()
            assert audit.balanced, audit
    finally:
        _lifecycle.put_back(before)
