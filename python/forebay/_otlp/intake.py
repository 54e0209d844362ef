"""What an OTLP server works with: counts, faults, and where what it takes goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .faults import FaultScript
from .tally import Tally


@dataclass(frozen=True)
class TakenBatch:
    """A batch that was taken: its body is decompressed, in the form that came."""

    points: bool
    content_type: str
    body: bytes
    batch_id: str | None
    by_scope: dict[str, int]


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
