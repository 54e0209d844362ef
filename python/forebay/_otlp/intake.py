"""What an OTLP server works with: counts, faults, and where what it takes goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import answers, logs, logs_json, metrics
from .faults import FaultScript
from .logs import ResourceLogs
from .metrics import MetricPoint
from .tally import Tally


@dataclass(frozen=True)
class TakenBatch:
    """A batch that was taken: its body is decompressed, in the form that came.

    Attributes:
        points: It holds metric points, not log records.
        by_scope: How many of them, by instrumentation scope.
    """

    points: bool
    content_type: str
    body: bytes
    batch_id: str | None
    by_scope: dict[str, int]

    def resource_logs(self) -> list[ResourceLogs]:
        """Its log records, decoded now; none where it holds metric points.

        Raises:
            WireError: a record is malformed; arrival finds that only with ``validate``.
        """
        if self.points or not self.body:
            return []
        is_json = self.content_type == answers.JSON
        return logs_json.decode_json(self.body) if is_json else logs.decode_protobuf(self.body)

    def metric_points(self) -> list[MetricPoint]:
        """Its metric points, likewise."""
        if not self.points or not self.body:
            return []
        is_json = self.content_type == answers.JSON
        return metrics.decode_json(self.body) if is_json else metrics.decode_protobuf(self.body)


@dataclass
class Intake:
    """What the server works with: counts, faults, and where what it takes goes."""

    tally: Tally = field(default_factory=Tally)
    faults: FaultScript = field(default_factory=FaultScript)
    # Called before the answer, so that what was acknowledged is kept. An OSError answers 503.
    keep: Callable[[TakenBatch], None] = lambda batch: None
    # Called when it was counted, with whether it is the first of its id.
    kept: Callable[[TakenBatch, bool], None] = lambda batch, first: None
    # Answers GET /counts and POST /control; None: there are no such paths.
    control: Callable[[dict[str, Any]], None] | None = None
    validate: bool = False
