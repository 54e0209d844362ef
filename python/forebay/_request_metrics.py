"""What is measured about requests, by OpenTelemetry's conventions: how long, and how many at once.

A series is found by attributes that an application or a server decides, never by what a client may
make up: the route and not the path, a method only if it is known.
"""

from __future__ import annotations

import os

from ._collector import Collector
from ._metrics import BoundHistogram, BoundUpDownCounter, MakesInstruments
from ._metrics import _default as process_default

# The convention's own advice. Unit: s.
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
# RFC 9110, PATCH, and QUERY.
_METHODS = "GET,HEAD,POST,PUT,DELETE,CONNECT,OPTIONS,TRACE,PATCH,QUERY"
# As servers write them, and as the convention does.
_VERSIONS = {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}
# Most series whose handles are kept. Others are looked up by their attributes, which costs more and
# counts the same.
_MOST_KEPT = 1024

_Key = tuple[str, str, "str | None", "int | None", "str | None", "str | None"]


def known_methods() -> frozenset[str]:
    """``OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS``, which takes the place of the usual ones."""
    listed = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") or _METHODS
    return frozenset(method.strip() for method in listed.split(",") if method.strip())


class RequestMetrics:
    """``http.server.request.duration`` and ``http.server.active_requests`` of one middleware."""

    def __init__(self, meter: str, collector: Collector | None) -> None:
        maker: MakesInstruments = process_default if collector is None else collector
        self._durations = maker.histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            meter=meter,
            buckets=_BOUNDS,
        )
        self._active = maker.up_down_counter(
            "http.server.active_requests",
            unit="{request}",
            description="Number of active HTTP server requests.",
            meter=meter,
        )
        self._methods = known_methods()
        # Two threads may both bind one: it is the same series.
        self._kept_durations: dict[_Key, BoundHistogram] = {}
        self._kept_active: dict[tuple[str, str], BoundUpDownCounter] = {}

    def begin(self, method: str, scheme: str, version: str | None) -> MeasuredRequest:
        """A request has come, and is active."""
        if method not in self._methods:
            method = "_OTHER"
        active = self._kept_active.get((method, scheme))
        if active is None:
            active = self._active.bind({"http.request.method": method, "url.scheme": scheme})
            if len(self._kept_active) < _MOST_KEPT:
                self._kept_active[method, scheme] = active
        active.add(1)
        return MeasuredRequest(self, active, method, scheme, _VERSIONS.get(version or ""))

    def record(self, seconds: float, key: _Key) -> None:
        """One that is over."""
        kept = self._kept_durations.get(key)
        if kept is not None:
            kept.record(seconds)
            return
        attributes = _attributes(key)
        if len(self._kept_durations) < _MOST_KEPT:
            self._kept_durations[key] = kept = self._durations.bind(attributes)
            kept.record(seconds)
        else:
            self._durations.record(seconds, attributes)


class MeasuredRequest:
    """One that is under way."""

    __slots__ = ("_active", "_is_active", "_method", "_metrics", "_scheme", "_version")

    def __init__(
        self,
        metrics: RequestMetrics,
        active: BoundUpDownCounter,
        method: str,
        scheme: str,
        version: str | None,
    ) -> None:
        self._metrics = metrics
        self._active = active
        self._is_active = True
        self._method = method
        self._scheme = scheme
        self._version = version

    def answered(self) -> None:
        """Its last byte is sent: not active any more. A second time does nothing."""
        if self._is_active:
            self._is_active = False
            self._active.add(-1)

    def end(
        self, seconds: float, status: int | None, route: str | None, error: BaseException | None
    ) -> None:
        """It is over, once."""
        self.answered()
        failure: str | None = None
        if error is not None:
            failure = type(error).__qualname__
        elif status is not None and status >= 500:
            failure = str(status)
        key = (self._method, self._scheme, self._version, status, route, failure)
        self._metrics.record(seconds, key)


def _attributes(key: _Key) -> dict[str, object]:
    method, scheme, version, status, route, failure = key
    attributes: dict[str, object] = {"http.request.method": method, "url.scheme": scheme}
    for name, value in (
        ("network.protocol.version", version),
        ("http.response.status_code", status),
        ("http.route", route),
        ("error.type", failure),
    ):
        if value is not None:
            attributes[name] = value
    return attributes
