"""What is written and measured about a request: what `asgi` and `wsgi` share."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from . import _core
from ._bridges import bridge_logger
from ._collector import Collector
from ._context import bind, context
from ._errors import OptionError
from ._request_metrics import MeasuredRequest, RequestMetrics
from ._validation import text

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_INFO, _ERROR = 20, 40
# Where the request lies in a WSGI environ or an ASGI scope, for who knows its route.
_KEY = "forebay.request"


def _attributes(path: str, scheme: str, client: str | None) -> dict[str, object]:
    attributes: dict[str, object] = {"url.path": path, "url.scheme": scheme}
    if client:
        attributes["client.address"] = client
    return attributes


def connection(path: str, scheme: str, client: str | None, traceparent: str | None) -> context:
    """What is logged inside is of this connection, a WebSocket: it has no method and no end."""
    return bind(_attributes(path, scheme, client), trace_of(traceparent))


def trace_of(traceparent: str | None) -> bytes | None:
    """The trace that the header names (W3C Trace Context), as the core takes it; None: none.

    A version that is not known yet is read as far as the known one goes, as the standard asks.
    """
    found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent.strip())
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    return bytes.fromhex(trace + span + flags)


class RequestLog:
    """Writes one record a request, and measures it."""

    def __init__(
        self,
        *,
        logger: str,
        exclude: Iterable[str],
        metrics: bool,
        collector: Collector | None,
    ) -> None:
        self._logger = bridge_logger(text("logger", logger), collector)
        if isinstance(exclude, str) or not isinstance(exclude, Iterable):
            raise OptionError(f"exclude: {exclude!r} is not a list of paths")
        self._exclude = frozenset(text(f"exclude[{i}]", path) for i, path in enumerate(exclude))
        if not isinstance(metrics, bool):
            raise OptionError(f"metrics: {metrics!r} is not True or False")
        self._metrics = RequestMetrics(logger, collector) if metrics else None

    def begin(
        self,
        method: str,
        path: str,
        scheme: str,
        client: str | None,
        traceparent: str | None,
        version: str | None,
    ) -> Request:
        """A request has come."""
        attributes = {"http.request.method": method, **_attributes(path, scheme, client)}
        trace = trace_of(traceparent)
        if path in self._exclude:
            return Request(self._logger, attributes, trace, None, is_written=False)
        metrics = self._metrics
        measured = None if metrics is None else metrics.begin(method, scheme, version)
        return Request(self._logger, attributes, trace, measured, is_written=True)


class Request:
    """One request under way."""

    def __init__(
        self,
        logger: _core.Logger,
        attributes: dict[str, object],
        trace: bytes | None,
        measured: MeasuredRequest | None,
        *,
        is_written: bool,
    ) -> None:
        self._attributes = attributes
        self._trace = trace
        self.status: int | None = None
        self.route: str | None = None
        self._logger = logger
        self._is_written = is_written
        self._measured = measured
        self._seconds: float | None = None
        self._begun = time.perf_counter()

    def lie_in(self, environ: MutableMapping[str, Any]) -> None:
        """From now on `tell_route` finds it there, also in a copy."""
        environ[_KEY] = self

    def bound(self) -> context:
        """What is logged inside is of this request."""
        return bind(self._attributes, self._trace)

    def answered(self) -> None:
        """The last byte of its answer is sent. What the application does after that is not told."""
        if self._seconds is None:
            self._seconds = time.perf_counter() - self._begun
            if self._measured is not None:
                self._measured.answered()

    def end(self, error: BaseException | None = None) -> None:
        """It is over, or has failed; what is said a second time is not heard."""
        if not self._is_written:
            return
        self._is_written = False
        seconds = self._seconds
        if seconds is None:
            seconds = time.perf_counter() - self._begun
        if self._measured is not None:
            self._measured.end(seconds, self.status, self.route, error)
        attributes: dict[str, Any] = {"http.server.request.duration": seconds}
        if self.route is not None:
            attributes["http.route"] = self.route
        if self.status is not None:
            attributes["http.response.status_code"] = self.status
        failed = isinstance(error, Exception)
        level = _ERROR if failed or (self.status or 0) >= 500 else _INFO
        if error is not None and not failed:
            # The client went away, or the server is being stopped.
            attributes["error.type"] = type(error).__qualname__
        with self.bound():
            _core.emit_bridged(
                self._logger,
                None,
                level,
                None,
                "request failed" if failed else "request finished",
                attributes,
                error if failed else None,
                0,
                None,
            )


def tell_route(environ: Mapping[str, Any], route: str) -> None:
    """The request of this WSGI environ, or ASGI scope, has that route; where there is one."""
    request = environ.get(_KEY)
    if isinstance(request, Request):
        request.route = route
