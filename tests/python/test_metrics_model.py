"""Any sequence of measurements, from any threads, is what an obvious model makes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from forebay import View
from tests.python.metrics_harness import Harness, Key, Point, Value, harness
from tests.python.metrics_model import Measured, Stream, key_of

THREADS = 3
_RECORD = {"counter": "add", "up_down_counter": "add", "gauge": "set", "histogram": "record"}

# Not shrunk: that takes minutes, and a failure shows its program.
repeatably = settings(
    max_examples=100, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


# -- programs ------------------------------------------------------------------------------------

INTEGERS = st.integers(-100, 100) | st.integers(-(2**50), 2**50)
REALS = (
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
    | st.sampled_from([0.0, -0.0, 5e-324, 2.0**-1022, 0.1, 5.0, 10.0, math.nextafter(10.0, 11.0)])
    | st.floats(-10, 10)
)
NO_MEASUREMENTS = st.sampled_from([math.nan, math.inf, -math.inf])
VALUES = st.one_of(INTEGERS, INTEGERS, REALS, REALS, NO_MEASUREMENTS)

KEYS = st.sampled_from(["a", "b", "http.route", "ä€😀", ""])
ATTRIBUTE_VALUES = st.one_of(
    st.sampled_from([0, 1, False, True, 0.0, -0.0, 1.0, "", "1", "ä", None]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=5),
)
ATTRIBUTES: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    KEYS, ATTRIBUTE_VALUES, max_size=3
)
BUCKETS = st.lists(st.integers(-5, 20) | st.floats(-1e300, 1e300), max_size=5, unique_by=float).map(
    lambda bounds: sorted(map(float, bounds))
)


@dataclass(frozen=True)
class Step:
    instrument: int
    attributes: int
    value: Value
    thread: int
    is_bound: bool
    is_reversed: bool


@dataclass(frozen=True)
class Program:
    """What is made, and what is done: a round of steps before each collection."""

    temporality: str
    histogram: str
    instruments: list[tuple[str, list[View]]]
    attributes: list[dict[str, object]]
    rounds: list[list[Step]]

    def streams(self, instrument: int) -> list[Stream]:
        kind, views = self.instruments[instrument]
        chosen: Sequence[View | None] = views or [None]
        return [
            Stream(
                kind,
                view.name if view is not None and view.name else f"i{instrument}",
                view,
                self.temporality,
                self.histogram,
            )
            for view in chosen
            if view is None or view.aggregation != "drop"
        ]


@st.composite
def views(draw: st.DrawFn, kind: str, instrument: int, number: int, several: bool) -> View:
    """One that means something for that kind."""
    aggregations = [None, "drop", "sum", "explicit", "exponential"]
    is_renamed = several or draw(st.booleans())
    aggregation: Any = draw(st.sampled_from([None, "drop"] if kind == "gauge" else aggregations))
    has_buckets = aggregation not in ("sum", "exponential") and draw(st.booleans())
    return View(
        f"i{instrument}",
        name=f"v{instrument}.{number}" if is_renamed else None,
        aggregation=aggregation,
        buckets=draw(BUCKETS) if has_buckets else None,
        max_buckets=draw(st.sampled_from([None, 2, 3, 10, 160])),
        cardinality_limit=draw(st.sampled_from([None, None, 1, 2, 3])),
        keep_attributes=draw(st.none() | st.lists(KEYS.filter(bool), unique=True, max_size=3)),
        drop_attributes=draw(st.lists(KEYS.filter(bool), unique=True, max_size=2)),
    )


@st.composite
def programs(draw: st.DrawFn) -> Program:
    instruments = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(sorted(_RECORD)))
        count = draw(st.sampled_from([0, 0, 1, 2]))
        instruments.append((kind, [draw(views(kind, number, i, count > 1)) for i in range(count)]))
    attributes: list[dict[str, object]] = [{}]
    attributes += draw(st.lists(ATTRIBUTES, min_size=1, max_size=5))
    steps = st.builds(
        Step,
        instrument=st.integers(0, len(instruments) - 1),
        attributes=st.integers(0, len(attributes) - 1),
        value=VALUES,
        thread=st.integers(0, THREADS - 1),
        is_bound=st.booleans(),
        is_reversed=st.booleans(),
    )
    return Program(
        temporality=draw(st.sampled_from(["cumulative", "delta", "lowmemory"])),
        histogram=draw(st.sampled_from(["explicit", "exponential"])),
        instruments=instruments,
        attributes=attributes,
        rounds=draw(st.lists(st.lists(steps, max_size=12), min_size=1, max_size=4)),
    )


@dataclass
class Run:
    """A program on its way, beside its model."""

    program: Program
    harness: Harness
    measured: dict[str, Measured] = field(default_factory=dict)
    # Of gauges: what each thread set last, in the last round in which one did.
    last: dict[tuple[str, Key], dict[int, Value]] = field(default_factory=dict)
    set_in: dict[tuple[str, Key], int] = field(default_factory=dict)
    starts: dict[tuple[str, Key], int] = field(default_factory=dict)
    # When the collection before was, if a point tells it, and the streams that were there by then.
    last_time: int | None = None
    begun: set[str] = field(default_factory=set)
    invalid: int = 0  # measurements that a stream refused

    def __post_init__(self) -> None:
        collector = self.harness.collector
        self.instruments = [
            getattr(collector, kind)(f"i{number}")
            for number, (kind, _) in enumerate(self.program.instruments)
        ]
        self.bound: dict[tuple[int, int], Any] = {}

    def perform(self, steps: Sequence[Step]) -> None:
        """What one thread does in a round."""
        for step in steps:
            kind, _ = self.program.instruments[step.instrument]
            instrument = self.instruments[step.instrument]
            attributes = self.program.attributes[step.attributes]
            if step.is_bound:
                instrument = self.bound.setdefault(
                    (step.instrument, step.attributes), instrument.bind(attributes)
                )
                getattr(instrument, _RECORD[kind])(step.value)
                continue
            pairs = list(attributes.items())
            given = dict(reversed(pairs) if step.is_reversed else pairs)
            getattr(instrument, _RECORD[kind])(step.value, given)

    def take(self, number: int, step: Step) -> None:
        """The same, for the model."""
        streams = self.program.streams(step.instrument)
        refusing = [stream for stream in streams if not stream.takes(step.value)]
        self.invalid += bool(refusing)
        for stream in streams:
            attributes = self.program.attributes[step.attributes]
            made = self.measured.setdefault(stream.name, Measured(stream))
            if stream in refusing:
                made.refuse(attributes)
                continue
            if stream.is_gauge:
                series = (stream.name, key_of(attributes, stream.view))
                if self.set_in.get(series) != number:
                    self.last[series] = {}
                self.set_in[series] = number
                self.last[series][step.thread] = step.value
            made.take(attributes, step.value)

    def check(self, points: Sequence[Point]) -> None:
        by_name: dict[str, list[Point]] = {}
        for point in points:
            by_name.setdefault(point.name, []).append(point)
        assert set(by_name) <= set(self.measured)
        for name, measured in self.measured.items():
            found = by_name.get(name, [])
            if measured.stream.is_gauge:
                self.check_gauge(measured, found)
            else:
                measured.assert_collected(found)
            self.check_times(measured.stream, found)
        self.last_time = points[0].time if points else None
        self.begun = set(self.measured)

    def check_gauge(self, measured: Measured, points: Sequence[Point]) -> None:
        series = {point.key: point for point in points}
        assert len(series) == len(points)
        ever = set(measured.ever)
        limit = measured.stream.limit()
        shown = series.keys() & ever
        assert min(limit - measured.empty(), len(ever)) <= len(shown) <= limit
        # What there is no room for is the overflow's.
        assert len(series.keys() - ever) == (len(shown) < len(ever))
        for key in series.keys() & ever:
            measured.stream.assert_says_what_it_is(series[key])
            assert series[key].value in self.last[measured.stream.name, key].values()

    def check_times(self, stream: Stream, points: Sequence[Point]) -> None:
        """Cumulative points begin where their series did, deltas where the last ones ended."""
        assert len({point.time for point in points}) <= 1
        for point in points:
            if stream.is_gauge:
                assert point.start == 0
                continue
            assert 0 < point.start <= point.time
            if stream.is_delta:
                if self.last_time is not None and stream.name in self.begun:
                    assert point.start == self.last_time
            else:
                series = (stream.name, point.key)
                assert point.start == self.starts.setdefault(series, point.start)
        if stream.is_delta and points:
            assert len({point.start for point in points}) == 1


@repeatably
@given(programs())
def test_any_measurements_from_any_threads_are_what_the_model_says(program: Program) -> None:
    """Kinds, views, temporalities, attributes; bound or not; collected in between."""
    with (
        harness(
            temporality=program.temporality,
            histogram=program.histogram,
            views=[view for _, views in program.instruments for view in views],
        ) as made,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        run = Run(program, made)
        for number, steps in enumerate(program.rounds):
            for step in steps:
                run.take(number, step)
            work = [[s for s in steps if s.thread == thread] for thread in range(THREADS)]
            list(pool.map(run.perform, work))
            run.check(made.collect())
        assert made.invalid() == run.invalid
