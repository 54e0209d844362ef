"""Records and points as the lines that cat, tail and receive print."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .._otlp.logs import LogRecord, ResourceLogs, Scope
from .._otlp.metrics import MetricPoint
from . import paint, point_text, record_text


@dataclass(frozen=True)
class Lines:
    """How they are printed: readably or as JSON, with the resource's attributes or without."""

    style: paint.Style
    as_json: bool = False
    resource: bool = False

    def record(self, logs: ResourceLogs, scope: Scope, record: LogRecord) -> str:
        """A log record."""
        if self.as_json:
            flat = record_text.flat_object(logs, scope, record, resource=self.resource)
            return json.dumps(flat, ensure_ascii=False, default=str) + "\n"
        return record_text.line(logs, scope, record, self.style, resource=self.resource) + "\n"

    def point(self, point: MetricPoint) -> str:
        """A metric point."""
        if self.as_json:
            flat = point_text.flat_object(point, resource=self.resource)
            return json.dumps(flat, ensure_ascii=False) + "\n"
        return point_text.line(point, self.style, resource=self.resource) + "\n"
