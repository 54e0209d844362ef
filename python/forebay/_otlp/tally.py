"""What a receiver took, counted with and without what was sent twice."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Counts:
    """A receiver's own count at one moment.

    "Taken" is what a receiver has for good, whether or not the sender heard of it: a batch that
    was taken and whose answer was cut off is taken. "Unique" leaves out what came again under a
    ``Forebay-Batch-Id`` that was taken before; a batch without that header is always unique.
    """

    requests: int = 0  # that came in whole, whatever was answered
    aborted: int = 0  # that broke off, or were broken off, before they were whole
    batches: int = 0  # taken, of either signal
    unique_batches: int = 0
    point_batches: int = 0  # those of them that hold metric points
    unique_point_batches: int = 0
    records: int = 0  # log records in the batches taken, less those rejected
    unique_records: int = 0
    points: int = 0  # metric points, likewise
    unique_points: int = 0
    rejected: int = 0  # records and points turned away by a partial success
    rejected_points: int = 0  # the points among them
    refused_batches: int = 0  # answered with another status than 200
    cut: int = 0  # whole requests whose connection was reset instead of an answer
    bytes: int = 0  # of the bodies taken, as they came over the wire
    statuses: dict[str, int] = field(default_factory=dict)  # answers by status
    codecs: dict[str, int] = field(default_factory=dict)  # batches taken, by codec
    scopes: dict[str, int] = field(default_factory=dict)  # unique records, by scope
    point_scopes: dict[str, int] = field(default_factory=dict)  # unique points, by scope

    def as_dict(self) -> dict[str, Any]:
        """Every count by name, ready for JSON."""
        return asdict(self)


def ancestors(batch_id: str) -> list[str]:
    """The id itself, then those of the batches it was split from: ``a.0.1``, ``a.0``, ``a``."""
    result = [batch_id]
    while batch_id.endswith((".0", ".1")):
        batch_id = batch_id[:-2]
        result.append(batch_id)
    return result


class Tally:
    """Counts for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = {
            name: 0
            for name in Counts.__dataclass_fields__
            if name not in ("statuses", "codecs", "scopes", "point_scopes")
        }
        self._statuses: dict[str, int] = {}
        self._codecs: dict[str, int] = {}
        self._scopes: dict[str, int] = {}
        self._point_scopes: dict[str, int] = {}
        self._seen: set[str] = set()

    def take(
        self,
        batch_id: str | None,
        by_scope: dict[str, int],
        *,
        points: bool,
        rejected: int,
        codec: str,
        wire_bytes: int,
    ) -> bool:
        """Count a batch as taken. Returns whether it is the first of its id."""
        kind = "points" if points else "records"
        count = sum(by_scope.values())
        rejected = max(0, min(rejected, count))
        with self._lock:
            unique = batch_id is None or not any(id_ in self._seen for id_ in ancestors(batch_id))
            if batch_id is not None:
                self._seen.add(batch_id)
            numbers = self._numbers
            numbers["batches"] += 1
            numbers[kind] += count - rejected
            numbers["rejected"] += rejected
            if points:
                numbers["point_batches"] += 1
                numbers["rejected_points"] += rejected
            numbers["bytes"] += wire_bytes
            self._codecs[codec] = self._codecs.get(codec, 0) + 1
            if unique:
                numbers["unique_batches"] += 1
                numbers["unique_point_batches"] += points
                numbers["unique_" + kind] += count - rejected
                scopes = self._point_scopes if points else self._scopes
                for scope, n in by_scope.items():
                    scopes[scope] = scopes.get(scope, 0) + n
            return unique

    def answered(self, status: int) -> None:
        """Count the answer to a request that came in whole."""
        with self._lock:
            self._numbers["requests"] += 1
            if status != 200:
                self._numbers["refused_batches"] += 1
            self._statuses[str(status)] = self._statuses.get(str(status), 0) + 1

    def cut(self) -> None:
        """Count a whole request that got a reset for an answer."""
        with self._lock:
            self._numbers["requests"] += 1
            self._numbers["cut"] += 1

    def aborted(self) -> None:
        """Count a request that did not come in whole."""
        with self._lock:
            self._numbers["aborted"] += 1

    def counts(self) -> Counts:
        """All of it, at one moment."""
        with self._lock:
            return Counts(
                **self._numbers,
                statuses=dict(self._statuses),
                codecs=dict(self._codecs),
                scopes=dict(self._scopes),
                point_scopes=dict(self._point_scopes),
            )
