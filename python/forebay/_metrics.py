"""Instruments: counters, gauges and histograms, of a collector or of the process default.

The signatures are OpenTelemetry's. What is recorded is added up in the core, without a lock, and
collected once an interval; nothing here ever raises for a measurement, or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from . import _core
from ._errors import OptionError
from ._timer import Timer
from ._validation import text
from ._warnings import say_once, warn_once

if TYPE_CHECKING:
    from ._metric_options import MetricsOptions

Counter = _core.Counter
UpDownCounter = _core.UpDownCounter
Gauge = _core.Gauge
BoundCounter = _core.BoundCounter
BoundUpDownCounter = _core.BoundUpDownCounter
BoundGauge = _core.BoundGauge

Attributes = Mapping[str, object]
_P = ParamSpec("_P")
_R = TypeVar("_R")

# Where nobody says it. Unit: s.
_CALLBACK_TIMEOUT = 5.0
# What a second is in the units in which durations are measured.
_UNITS_OF_SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "min": 1 / 60, "h": 1 / 3600}


class BoundHistogram(_core.BoundHistogram):
    """A histogram's series: what ``bind`` returns."""

    __slots__ = ("_scale",)

    _scale: float

    @overload
    def time(self, /) -> Timer: ...
    @overload
    def time(self, function: Callable[_P, _R], /) -> Callable[_P, _R]: ...
    def time(self, function: Callable[..., Any] | None = None, /) -> Any:
        """A `Timer` that records into this series, in the histogram's unit.

        Args:
            function: Where it decorates without a call: ``@series.time``.
        """
        timer = Timer(self.record, self._scale)
        return timer if function is None else timer(function)


class Histogram(_core.Histogram):
    """Records values into buckets: what `forebay.histogram` returns."""

    __slots__ = ("_name", "_scale")

    _name: str
    _scale: float

    def bind(self, attributes: Attributes | None = None, **_: object) -> BoundHistogram:
        """The series of those attributes, found once: the quickest way to record.

        Raises:
            OptionError: the attributes are no mapping.
        """
        bound = super().bind(attributes, type=BoundHistogram)
        assert isinstance(bound, BoundHistogram)
        bound._scale = self._scale
        return bound

    @overload
    def time(self, attributes: Attributes | None = None) -> Timer: ...
    @overload
    def time(self, attributes: Callable[_P, _R], /) -> Callable[_P, _R]: ...
    def time(self, attributes: Any = None) -> Any:
        """A `Timer` in this histogram's unit: seconds, or whichever of ms, us, ns, min, h it is.

        Attributes that are no mapping are told once, and it measures without them.

        ::

            with latency.time({"route": "/orders"}):
                ...

            @latency.time()
            async def handle(request): ...

            @latency.time
            def parse(text): ...
        """
        if callable(attributes) and not hasattr(attributes, "items"):
            return self.bind().time(attributes)
        try:
            bound = self.bind(attributes)
        except Exception:
            say_once(
                f"time() of histogram {self._name!r}: attributes: {type(attributes).__name__} is "
                "no mapping; it measures without them"
            )
            bound = self.bind()
        return bound.time()


class InstrumentCache:
    """The instruments of one collector, or of the process default: same name, same instrument."""

    def __init__(
        self, collector: _core.Collector | None, options: MetricsOptions | None = None
    ) -> None:
        self._collector = collector
        # How long a collection waits for callbacks at present. Unit: s. It holds no collector: who
        # asks for it lives as long as the process.
        self.callback_timeout: Callable[[], float] = (
            _timeout_of_the_default if collector is None else partial(_timeout_of, options)
        )
        # With the description and the buckets that each was made with.
        self._instruments: dict[tuple[object, ...], tuple[Any, str, list[float] | None]] = {}
        self._kinds: dict[tuple[str, str], tuple[str, str]] = {}

    def get(
        self,
        cls: type[Any],
        name: str,
        unit: str,
        description: str,
        meter: str,
        version: str,
        buckets: Sequence[float] | None = None,
    ) -> Any:
        """The instrument of that name, kind, unit and meter."""
        text("name", name)
        for field, value in (("unit", unit), ("description", description), ("meter", meter)):
            if not isinstance(value, str):
                raise OptionError(f"{field}: {value!r} is not a string")
        key = (cls, name.lower(), unit, meter, version)
        bounds = None if buckets is None else _bounds(buckets)
        found = self._instruments.get(key)
        if found is None:
            made = cls(self._collector, name, unit, description, meter, version, bounds, False)
            if cls is Histogram:
                made._name, made._scale = name, _UNITS_OF_SECONDS.get(unit, 1.0)
            found = self._instruments.setdefault(key, (made, description, bounds))
            kind = (cls.__name__, unit)
            if self._kinds.setdefault((name.lower(), meter), kind) != kind:
                before = self._kinds[name.lower(), meter]
                warn_once(
                    f"instrument {name!r} was made before as {before[0]} in {before[1]!r}, and now "
                    f"as {kind[0]} in {kind[1]!r}: both report, and a receiver may refuse one"
                )
        instrument, first_description, first_bounds = found
        if (description and description != first_description) or (
            bounds is not None and bounds != first_bounds
        ):
            warn_once(
                f"instrument {name!r} was made before with another description or other buckets; "
                "the first hold"
            )
        return instrument


def _timeout_of_the_default() -> float:
    from ._lifecycle import get_collector

    started = get_collector()
    return _CALLBACK_TIMEOUT if started is None else started._instrument_cache.callback_timeout()


def _timeout_of(options: MetricsOptions | None) -> float:
    """What holds where the options leave it open; the core has the same."""
    if options is None:
        return _CALLBACK_TIMEOUT
    if options.callback_timeout is not None:
        return options.callback_timeout
    return min(_CALLBACK_TIMEOUT, options.interval or _CALLBACK_TIMEOUT)


def _bounds(buckets: Sequence[float]) -> list[float]:
    try:
        return [float(bound) for bound in buckets]
    except (TypeError, ValueError):
        raise OptionError(f"buckets: {buckets!r} is not a list of numbers") from None


class MakesInstruments:
    """The functions that make instruments: of a collector, and of the process default."""

    _instrument_cache: InstrumentCache

    def counter(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        meter: str = "",
        version: str = "",
    ) -> _core.Counter:
        """A sum that only grows: ``orders.add(1, {"region": "eu"})``.

        May be made before `start`: it binds at first use, and what is added earlier is counted as
        ``measurements_not_started``. The same name gives the same instrument.

        Args:
            name: A letter, then letters, digits and ``_ . - /``, 1..255 in all.
            unit: In UCUM: ``s``, ``By``, ``{order}``.
            description: What it counts.
            meter: The name of the instrumentation scope: who counts.
            version: The scope's version.

        Raises:
            OptionError: an argument has a bad value.
        """
        made = self._instrument_cache.get(_core.Counter, name, unit, description, meter, version)
        assert isinstance(made, _core.Counter)
        return made

    def up_down_counter(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        meter: str = "",
        version: str = "",
    ) -> _core.UpDownCounter:
        """A sum that goes both ways: ``active.add(-1)``. Otherwise as `counter`."""
        made = self._instrument_cache.get(
            _core.UpDownCounter, name, unit, description, meter, version
        )
        assert isinstance(made, _core.UpDownCounter)
        return made

    def gauge(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        meter: str = "",
        version: str = "",
    ) -> _core.Gauge:
        """The value that was set last: ``depth.set(17)``. Otherwise as `counter`."""
        made = self._instrument_cache.get(_core.Gauge, name, unit, description, meter, version)
        assert isinstance(made, _core.Gauge)
        return made

    def histogram(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        meter: str = "",
        version: str = "",
        buckets: Sequence[float] | None = None,
    ) -> Histogram:
        """How values are spread: ``latency.record(0.012, {"route": "/x"})``, or ``latency.time()``.

        Args:
            name, unit, description, meter, version: As for `counter`.
            buckets: Upper bounds, rising, each belongs to its bucket; at most 256. None: those of
                OpenTelemetry, 0 to 10,000. A view that says otherwise wins.

        Raises:
            OptionError: an argument has a bad value.
        """
        made = self._instrument_cache.get(
            Histogram, name, unit, description, meter, version, buckets
        )
        assert isinstance(made, Histogram)
        return made

    def observable_counter(self, name: str, callbacks: object, **about: str) -> object:
        """A sum that somebody else keeps, told by callbacks; see `observable_gauge`."""
        return self._observed(_core.ObservableCounter, name, callbacks, about)

    def observable_up_down_counter(self, name: str, callbacks: object, **about: str) -> object:
        """A sum that goes both ways, told by callbacks; see `observable_gauge`."""
        return self._observed(_core.ObservableUpDownCounter, name, callbacks, about)

    def observable_gauge(self, name: str, callbacks: object, **about: str) -> object:
        """A value that callbacks tell at each collection and each scrape.

        Args:
            name: As for `counter`, as are ``unit``, ``description``, ``meter``, ``version``.
            callbacks: A function, or several. Each is called without an argument, or with
                OpenTelemetry's options if it takes one, on a thread of Forebay's; it returns a
                number, an `Observation`, or an iterable of these. What `float` takes is a number,
                but for texts. One that takes longer than
                ``MetricsOptions.callback_timeout`` is left out of the collection and not called
                again until it returns; an exception is told once and counted. Neither costs the
                others.

        Returns:
            What ends the calls by its ``close()``; they also end with the process.
        """
        return self._observed(_core.ObservableGauge, name, callbacks, about)

    def _observed(
        self, cls: type[Any], name: str, callbacks: object, about: Mapping[str, str]
    ) -> object:
        from ._observers import ObservedInstrument, checked_callbacks

        unknown = set(about) - {"unit", "description", "meter", "version"}
        if unknown:
            raise TypeError(f"there is no argument {sorted(unknown)[0]!r}")
        functions = checked_callbacks(callbacks)
        made = self._instrument_cache.get(
            cls,
            name,
            about.get("unit", ""),
            about.get("description", ""),
            about.get("meter", ""),
            about.get("version", ""),
        )
        return ObservedInstrument(made, functions, name, self._instrument_cache.callback_timeout)


class _ProcessDefault(MakesInstruments):
    def __init__(self) -> None:
        self._instrument_cache = InstrumentCache(None)


_default = _ProcessDefault()
counter = _default.counter
up_down_counter = _default.up_down_counter
gauge = _default.gauge
histogram = _default.histogram
observable_counter = _default.observable_counter
observable_up_down_counter = _default.observable_up_down_counter
observable_gauge = _default.observable_gauge
