"""MeterProvider, Meter and instruments of OpenTelemetry's API.

The instruments are the core's own, so a measurement costs what it costs through `forebay.counter`.
Nothing in here raises for what an instrumented library does: a bad name is a warning and an
instrument that does nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import metrics

from .. import _core
from .._collector import Collector
from .._errors import OptionError
from .._metrics import InstrumentCache, _default
from .._observers import CallbackOptions, ObservedInstrument
from .._warnings import warn_once
from ._provider import SHUTDOWN_MILLIS, Provider

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes

_Made = TypeVar("_Made")
_Callbacks = Sequence[Any] | None


class _Measured:
    """What the synchronous ones share: they are all made when `__new__` of the core is through."""

    def __init__(self, *_: object) -> None: ...


# The core's class before the API's: its methods are the ones that count.
class Counter(_Measured, _core.Counter, metrics.Counter):
    """The API's Counter."""


class UpDownCounter(_Measured, _core.UpDownCounter, metrics.UpDownCounter):
    """The API's UpDownCounter."""


class Gauge(_Measured, _core.Gauge, metrics._Gauge):
    """The API's Gauge."""


class Histogram(_Measured, _core.Histogram, metrics.Histogram):
    """The API's Histogram."""


class _Observed:
    """An observable instrument, with the callbacks that it was made with first."""

    def __init__(
        self,
        instrument: object,
        callbacks: Iterable[Any],
        name: str,
        timeout: Callable[[], float],
    ) -> None:
        self._callbacks = list(callbacks)
        asked = map(_asked, self._callbacks)
        self._observed = ObservedInstrument(instrument, asked, name, timeout)

    def has(self, callbacks: Iterable[Any]) -> bool:
        """Whether these are among them."""
        return all(callback in self._callbacks for callback in callbacks)

    def close(self) -> None:
        """End the calls of the callbacks."""
        self._observed.close()


class ObservableCounter(_Observed, metrics.ObservableCounter):
    """The API's ObservableCounter."""


class ObservableUpDownCounter(_Observed, metrics.ObservableUpDownCounter):
    """The API's ObservableUpDownCounter."""


class ObservableGauge(_Observed, metrics.ObservableGauge):
    """The API's ObservableGauge."""


def _asked(callback: Any) -> Callable[[CallbackOptions], object]:
    """A function that asks a callback of the API, which may be a generator that is under way."""
    if isinstance(callback, Generator):

        def ask_generator(options: CallbackOptions) -> object:
            try:
                if inspect.getgeneratorstate(callback) == inspect.GEN_CREATED:
                    # Up to its first yield, which takes the options. Not before it is asked: what
                    # it raises is a callback's failure, and no error of who makes the instrument.
                    next(callback)
                return callback.send(metrics.CallbackOptions(options.timeout_millis))
            except StopIteration:
                return None

        return ask_generator

    def ask(options: CallbackOptions) -> object:
        return callback(metrics.CallbackOptions(options.timeout_millis))

    return ask


class Meter(metrics.Meter):
    """Makes instruments of one scope: what `MeterProvider.get_meter` returns.

    The same name, kind and unit give the same instrument. What the scope has beside name and
    version (its schema URL, attributes) is not reported.
    """

    def __init__(
        self, cache: InstrumentCache, name: str, version: str | None, schema_url: str | None
    ) -> None:
        super().__init__(name, version, schema_url)
        self._cache = cache
        self._observed: dict[object, _Observed] = {}

    def create_counter(self, name: str, unit: str = "", description: str = "") -> metrics.Counter:
        """A `Counter`; see the API."""
        return self._made(Counter, metrics.NoOpCounter, name, unit, description)

    def create_up_down_counter(
        self, name: str, unit: str = "", description: str = ""
    ) -> metrics.UpDownCounter:
        """An `UpDownCounter`; see the API."""
        return self._made(UpDownCounter, metrics.NoOpUpDownCounter, name, unit, description)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> metrics._Gauge:
        """A `Gauge`; see the API."""
        return self._made(Gauge, metrics._NoOpGauge, name, unit, description)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> metrics.Histogram:
        """A `Histogram`; see the API.

        Boundaries that do not rise, or are more than 256, are a warning, and those of OpenTelemetry
        hold instead.
        """
        return self._made(
            Histogram,
            metrics.NoOpHistogram,
            name,
            unit,
            description,
            explicit_bucket_boundaries_advisory,
        )

    def create_observable_counter(
        self, name: str, callbacks: _Callbacks = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableCounter:
        """An `ObservableCounter`; see the API."""
        found: metrics.ObservableCounter = self._watched(
            ObservableCounter,
            _core.ObservableCounter,
            metrics.NoOpObservableCounter,
            (name, callbacks, unit, description),
        )
        return found

    def create_observable_up_down_counter(
        self, name: str, callbacks: _Callbacks = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableUpDownCounter:
        """An `ObservableUpDownCounter`; see the API."""
        found: metrics.ObservableUpDownCounter = self._watched(
            ObservableUpDownCounter,
            _core.ObservableUpDownCounter,
            metrics.NoOpObservableUpDownCounter,
            (name, callbacks, unit, description),
        )
        return found

    def create_observable_gauge(
        self, name: str, callbacks: _Callbacks = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableGauge:
        """An `ObservableGauge`; see the API."""
        found: metrics.ObservableGauge = self._watched(
            ObservableGauge,
            _core.ObservableGauge,
            metrics.NoOpObservableGauge,
            (name, callbacks, unit, description),
        )
        return found

    def _made(
        self,
        cls: type[_Made],
        no_op: Callable[[str], Any],
        name: str,
        unit: str,
        description: str,
        buckets: Sequence[float] | None = None,
    ) -> _Made:
        about = (name, unit or "", description or "", self.name, self.version or "")
        try:
            made: _Made = self._cache.get(cls, *about, buckets)
            return made
        except (OptionError, ValueError) as error:
            if str(error).startswith("buckets"):  # what the message begins with is at fault
                warn_once(f"the advised boundaries of {name!r} are not used: {error}")
                return self._made(cls, no_op, name, unit, description)
            nothing: _Made = self._nothing(no_op, name, error)
            return nothing

    def _nothing(self, no_op: Callable[[str], Any], name: str, error: Exception) -> Any:
        # Of one instrument each: who makes names out of data is told once a name.
        warn_once(f"instrument {name!r} of meter {self.name!r} reports nothing: {error}")
        return no_op(str(name))

    def _watched(
        self,
        cls: type[_Observed],
        core_class: type[Any],
        no_op: Callable[[str], Any],
        about: tuple[str, _Callbacks, str, str],
    ) -> Any:
        name, callbacks, unit, description = about
        scope = (self.name, self.version or "")
        try:
            instrument = self._cache.get(core_class, name, unit or "", description or "", *scope)
        except (OptionError, ValueError) as error:
            return self._nothing(no_op, name, error)
        given = _callbacks_of(name, callbacks)
        found = self._observed.get(instrument)
        if found is None:
            made = cls(instrument, given, name, self._cache.callback_timeout)
            # Of two threads that come here at once, one has made it for nothing.
            found = self._observed.setdefault(instrument, made)
            if found is not made:
                made.close()
        if not found.has(given):
            # As the SDK does. Taking them as well would let a program that makes its instruments
            # again and again be asked by ever more callbacks.
            warn_once(
                f"observable instrument {name!r} was made before with other callbacks; those hold"
            )
        return found

    def end_calls(self) -> None:
        """Ask no callback any more."""
        for observed in list(self._observed.values()):
            observed.close()


def _callbacks_of(name: str, callbacks: object) -> list[Any]:
    """Those that are callbacks as the API has them: functions, or generators under way."""
    if callbacks is None:
        return []
    given: list[Any]
    if isinstance(callbacks, Generator) or not isinstance(callbacks, Iterable):
        given = [callbacks]
    else:
        given = list(callbacks)
    found = [each for each in given if callable(each) or isinstance(each, Generator)]
    if len(found) < len(given):
        warn_once(f"instrument {name!r} has callbacks that are no functions; they are left out")
    return found


class MeterProvider(Provider, metrics.MeterProvider):
    """OpenTelemetry's MeterProvider: what its meters measure goes into a collector's metrics.

    Views, temporality and interval are the collector's (`MetricsOptions`). The ``context`` of a
    measurement is not used: there are no exemplars.

    Args:
        collector: Where it goes. None: the process default, whichever is started; what is measured
            before that is counted as ``measurements_not_started``.
    """

    def __init__(self, collector: Collector | None = None) -> None:
        super().__init__(collector)
        self._meters: dict[tuple[str, str | None], Meter] = {}

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Meter:
        """The meter of that name and version; the first one's ``schema_url`` holds.

        Args:
            name: Of the scope. None counts as an empty one.
            version: Of the scope.
            schema_url, attributes: Not reported.
        """
        key = (name if isinstance(name, str) else "", str(version) if version else None)
        meter = self._meters.get(key)
        if meter is None:
            given = self._given
            cache = (_default if given is None else given)._instrument_cache
            meter = self._meters.setdefault(key, Meter(cache, *key, schema_url))
        return meter

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Flush, and ask no callback any more.

        The collector goes on: it is shut down by whoever started it, or at the end.

        Args:
            timeout_millis: How long to wait at most. Unit: ms.
        """
        super().shutdown(timeout_millis)
        for meter in list(self._meters.values()):
            meter.end_calls()
