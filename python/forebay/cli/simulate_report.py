"""What the samples of a simulation say: by lane what became of the records, and when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._stats import Counts, LaneCounts, stats_from
from . import ledger_text
from .demo_view import losses
from .simulate_options import Outage, Question

Sample = dict[str, int]

# From here a queue is full: a record of several slots may find no room a little earlier than at the
# last slot. And below the other a lane is normal again, where the core does not say itself.
_FULL = 0.99
_LOW = 0.6


@dataclass(frozen=True)
class Series:
    """How a lane fared over time. All lists have the same length."""

    queue: list[float] = field(default_factory=list)  # most of its slots in use, 0..1
    backlog: list[float] = field(default_factory=list)  # of all the backlog's bytes, 0..1
    lost: list[int] = field(default_factory=list)  # so far
    held: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class LaneReport:
    """A lane at the end."""

    name: str
    counts: Counts
    lost_by_reason: dict[str, int]
    # Of the loads that go there, together. Unit: s, and records that they did not come to emit.
    waited: float
    not_emitted: int
    peak_queue: float
    peak_backlog: float
    # Unit: s. None: never.
    first_loss_at: float | None
    full_at: float | None
    # From the outage under way, or else the last one, or else the beginning.
    time_to_full: float | None
    # From the end of the last outage until all that was held then had left, nothing waited for the
    # destination and the queue was normal. None: not while it was watched, or no outage.
    recovery: float | None
    series: Series

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        counts = self.counts
        return {
            "emitted": counts.emitted,
            "internal": counts.internal,
            "delivered": counts.delivered,
            "lost": counts.lost,
            "lost_by_reason": self.lost_by_reason,
            "sampled_out": counts.sampled_out,
            "rate_limited": counts.rate_limited,
            "held": counts.held,
            "difference": counts.difference,
            "waited_s": self.waited,
            "not_emitted": self.not_emitted,
            "peak_queue": round(self.peak_queue, 4),
            "peak_backlog": round(self.peak_backlog, 4),
            "first_loss_at_s": self.first_loss_at,
            "full_at_s": self.full_at,
            "time_to_full_s": self.time_to_full,
            "recovery_s": self.recovery,
        }


@dataclass(frozen=True)
class Report:
    """The whole run."""

    asked: Question
    times: list[float]  # s
    lanes: dict[str, LaneReport]
    total: LaneReport
    balanced: bool

    @property
    def end(self) -> float:
        """When nothing was held any more, or nobody looked any longer. Unit: s."""
        return self.times[-1]

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        asked = self.asked
        return {
            "scenario": {
                "loads": [vars(load) for load in asked.loads],
                "outages": [vars(outage) for outage in asked.outages],
                "length_s": asked.length,
                "record_bytes": asked.record_bytes,
                "destination_rate": asked.destination_rate or None,
                "latency_s": asked.latency,
                "seed": asked.seed,
            },
            "lanes": {name: lane.as_object() for name, lane in self.lanes.items()},
            "total": self.total.as_object(),
            "balanced": self.balanced,
            "answer": answer(self),
            "samples": [
                {
                    "at_s": at,
                    "lanes": {
                        name: {
                            "queue": round(lane.series.queue[i], 4),
                            "backlog": round(lane.series.backlog[i], 4),
                            "lost": lane.series.lost[i],
                            "held": lane.series.held[i],
                        }
                        for name, lane in self.lanes.items()
                    },
                }
                for i, at in enumerate(self.times)
            ],
        }


def build_report(asked: Question, samples: Sequence[Sample]) -> Report:
    """Read the samples."""
    times = [round(sample["time_ns"] / 1e9, 3) for sample in samples]
    last = stats_from(samples[-1])
    every = [stats_from(sample) for sample in samples]
    lanes = {}
    for index, name in enumerate(last.lanes):
        loads = [i for i in range(len(asked.loads)) if samples[-1].get(f"loads.{i}.lane") == index]
        lanes[name] = _lane_report(
            name, asked, samples, times, [stats.lanes[name] for stats in every], loads
        )
    total = _total(asked, samples, times, every, lanes)
    laws = ledger_text.laws(samples[-1], list(last.routes))
    balanced = last.difference == 0 and not any(law.difference for law in laws)
    return Report(asked, times, lanes, total, balanced)


def _lane_report(
    name: str,
    asked: Question,
    samples: Sequence[Sample],
    times: Sequence[float],
    counts: Sequence[LaneCounts],
    loads: Sequence[int],
) -> LaneReport:
    slots = max(each.slots for each in counts) or 1
    most = samples[-1]["backlog.max_bytes"]
    series = Series(
        queue=[sample[f"lanes.{name}.peak_slots"] / slots for sample in samples],
        backlog=[sample[f"lanes.{name}.backlog_bytes"] / most for sample in samples],
        lost=[each.lost for each in counts],
        held=[each.held for each in counts],
    )
    waiting = [any(sample.get(f"loads.{i}.waiting") for i in loads) for sample in samples]
    full = [fill >= _FULL or blocked for fill, blocked in zip(series.queue, waiting, strict=True)]
    full_at = _first(times, full)
    states = [sample.get(f"lanes.{name}.state") for sample in samples]
    normal = [
        state == 0 if state is not None else each.room > (1 - _LOW) * slots
        for state, each in zip(states, counts, strict=True)
    ]
    return LaneReport(
        name=name,
        counts=counts[-1],
        lost_by_reason=losses(counts[-1]),
        waited=sum(samples[-1][f"loads.{i}.waited_ms"] for i in loads) / 1000,
        not_emitted=sum(_not_emitted(samples[-1], i) for i in loads),
        peak_queue=max(series.queue),
        peak_backlog=max(series.backlog),
        first_loss_at=_first(times, [lost > 0 for lost in series.lost]),
        full_at=full_at,
        time_to_full=_since_outage(full_at, asked.outages),
        recovery=_recovery(asked.outages, times, counts, normal),
        series=series,
    )


def _total(
    asked: Question,
    samples: Sequence[Sample],
    times: Sequence[float],
    every: Sequence[Counts],
    lanes: dict[str, LaneReport],
) -> LaneReport:
    most = samples[-1]["backlog.max_bytes"]
    each = list(lanes.values())
    fullest = [max(values) for values in zip(*(lane.series.queue for lane in each), strict=True)]
    recoveries = [lane.recovery for lane in each]
    full_at = min((lane.full_at for lane in each if lane.full_at is not None), default=None)
    series = Series(
        queue=fullest,
        backlog=[sample["backlog.peak_bytes"] / most for sample in samples],
        lost=[counts.lost for counts in every],
        held=[counts.held for counts in every],
    )
    return LaneReport(
        name="in sum",
        counts=every[-1],
        lost_by_reason=losses(every[-1]),
        waited=sum(lane.waited for lane in each),
        not_emitted=sum(_not_emitted(samples[-1], i) for i in range(len(asked.loads))),
        peak_queue=max(fullest),
        peak_backlog=max(series.backlog),
        first_loss_at=_first(times, [lost > 0 for lost in series.lost]),
        full_at=full_at,
        time_to_full=_since_outage(full_at, asked.outages),
        recovery=None if None in recoveries else max(r for r in recoveries if r is not None),
        series=series,
    )


def _not_emitted(sample: Sample, load: int) -> int:
    return sample[f"loads.{load}.wanted"] - sample[f"loads.{load}.emitted"]


def _first(times: Sequence[float], happened: Sequence[bool]) -> float | None:
    return next((at for at, it_did in zip(times, happened, strict=True) if it_did), None)


def _since_outage(at: float | None, outages: Sequence[Outage]) -> float | None:
    if at is None:
        return None
    begun = [outage.start for outage in outages if outage.start <= at]
    return round(at - max(begun, default=0.0), 3)


def _gone(counts: LaneCounts) -> int:
    """Records that have left, after having been held."""
    early = ("early_drop", "queue_full_newest", "memory", "too_large")
    return (
        counts.delivered
        + counts.rejected
        + counts.unknown
        + counts.expired
        + sum(n for reason, n in counts.dropped_by_reason.items() if reason not in early)
    )


def _recovery(
    outages: Sequence[Outage],
    times: Sequence[float],
    counts: Sequence[LaneCounts],
    normal: Sequence[bool],
) -> float | None:
    if not outages:
        return None
    end = max(outage.end for outage in outages)
    begin = bisect_left(times, end)
    if begin >= len(times):
        # Nothing was held any more before it ended, and nothing came.
        return 0.0 if counts[-1].held == 0 else None
    to_go = counts[begin].held + _gone(counts[begin])
    for at, each, is_normal in zip(times[begin:], counts[begin:], normal[begin:], strict=True):
        waits = each.held_by_place.get("in_backlog", 0)
        if is_normal and waits == 0 and _gone(each) >= to_go:
            return round(at - end, 3)
    return None


# -- in words ---------------------------------------------------------------------------------


def answer(report: Report) -> str:
    """One or two sentences: what would I lose?"""
    total = report.total
    emitted = total.counts.emitted
    if total.counts.lost == 0:
        text = (
            f"You would lose nothing: of {_records(emitted)} none is lost; at the worst the fullest"
            f" queue is {percent(total.peak_queue)} full and the backlog"
            f" {percent(total.peak_backlog)}"
        )
    else:
        lossy = {name: lane for name, lane in report.lanes.items() if lane.counts.lost}
        parts = ", ".join(
            f"{lane.counts.lost:,} in {name} ({' and '.join(lane.lost_by_reason)})"
            for name, lane in lossy.items()
        )
        others = [
            name for name, lane in report.lanes.items() if name not in lossy and lane.counts.emitted
        ]
        text = f"You would lose {_records(total.counts.lost)} of {emitted:,} ({_share(total)})"
        text += f": {parts}"
        if others:
            text += f"; none in {', '.join(others)}"
    waits = {name: lane for name, lane in report.lanes.items() if lane.waited}
    if waits:
        parts = ", ".join(f"{lane.waited:,.1f} s in {name}" for name, lane in waits.items())
        text += f". Callers would wait {parts}"
        if total.not_emitted:
            text += f", and {_records(total.not_emitted)} would not have been emitted by the end"
    return f"{text}.{_when(report)}"


def _when(report: Report) -> str:
    total = report.total
    text = ""
    if total.first_loss_at is not None:
        since = _since_outage(total.first_loss_at, report.asked.outages)
        outage = any(o.start <= total.first_loss_at for o in report.asked.outages)
        text += f" The first loss comes {since:,.1f} s after the "
        text += "outage's beginning" if outage else "beginning"
    if report.asked.outages:
        text += "; a" if text else " A"
        if total.recovery is None:
            text += (
                f"ll is not normal again within {report.end - _last_end(report):,.0f} s after it"
            )
        else:
            text += f"ll is normal again {total.recovery:,.1f} s after its end"
    return f"{text}." if text else ""


def _last_end(report: Report) -> float:
    return max(outage.end for outage in report.asked.outages)


def _records(n: int) -> str:
    return "1 record" if n == 1 else f"{n:,} records"


def _share(lane: LaneReport) -> str:
    part = lane.counts.lost / max(lane.counts.emitted, 1)
    return "under 0.1 %" if part < 0.001 else percent(part, 1)


def percent(part: float, digits: int = 0) -> str:
    """A part of 1 in percent."""
    return f"{100 * part:.{digits}f} %"
