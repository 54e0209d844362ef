"""Which requests a service turns away while a lane is pressed: what `asgi` and `wsgi` share."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable

from ._collector import Collector
from ._errors import OptionError
from ._lifecycle import get_collector
from ._pressure import Pressure
from ._validation import number, text
from ._warnings import warn_once

# How long one estimate of Retry-After holds: a flood of refusals asks for it often. Unit: s.
_ESTIMATE_HOLDS = 0.25
_LONGEST = 3600
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]*")


class Turnstile:
    """Decides for one request after the other. Safe from any thread."""

    def __init__(
        self,
        *,
        lane: str,
        routes: Iterable[str],
        methods: Iterable[str] | None,
        at: Pressure | str,
        retry_after: float | None,
        collector: Collector | None,
    ) -> None:
        self._lane = text("lane", lane)
        self._routes = _pattern(routes)
        self._methods = _method_names(methods)
        self._at = _state(at)
        self._retry_after = (
            None if retry_after is None else number("retry_after", retry_after, 0, _LONGEST, " s")
        )
        self._collector = collector
        if collector is not None:
            collector.pressure_of(lane)  # a lane that is not there is told at once
        self._estimate = (-math.inf, 1)

    def is_open(self) -> bool:
        """Whether no lane is pressed so hard, which is the usual case: one load from memory."""
        collector = self._collector or get_collector()
        return collector is None or collector._core.pressure < self._at

    def seconds_to_wait(self, method: str, path: str) -> int | None:
        """What to answer in Retry-After; None: let it pass. Asked where it `is_open` no more."""
        if self._methods is not None and method not in self._methods:
            return None
        if not self._routes.fullmatch(path):
            return None
        collector = self._collector or get_collector()
        if collector is None:
            return None
        try:
            if collector.pressure_of(self._lane) < self._at:
                return None
        except OptionError as error:
            warn_once(f"PressureMiddleware turns nobody away: {error}")
            return None
        if self._retry_after is not None:
            return max(1, math.ceil(self._retry_after))
        return self._estimated(collector)

    def _estimated(self, collector: Collector) -> int:
        """Whole seconds, at least 1: HTTP knows no parts of one."""
        made_at, seconds = self._estimate
        now = time.monotonic()
        if now - made_at > _ESTIMATE_HOLDS:
            after = collector.stats().lanes[self._lane].retry_after
            seconds = min(_LONGEST, max(1, math.ceil(after or 1.0)))
            self._estimate = (now, seconds)
        return seconds


def answer(seconds: int) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the 503."""
    body = f"This cannot be taken now. Try again in {seconds} s.\n".encode()
    headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("retry-after", str(seconds)),
        ("cache-control", "no-store"),
    ]
    return headers, body


def _pattern(routes: Iterable[str]) -> re.Pattern[str]:
    if isinstance(routes, str) or not isinstance(routes, Iterable):
        raise OptionError(f"routes: {routes!r} is not a list of paths")
    parts = []
    for i, route in enumerate(routes):
        if not isinstance(route, str) or not route.startswith(("/", "*")):
            raise OptionError(f"routes[{i}]: {route!r} is not a path that begins with '/' or '*'")
        # As with loggers: what ends with "/*" is the path itself and all below.
        below = route.endswith("/*")
        path = route[:-2] if below else route
        parts.append(".*".join(map(re.escape, path.split("*"))) + ("(?:/.*)?" if below else ""))
    if not parts:
        raise OptionError("routes: there is none, so nobody would be turned away")
    return re.compile("|".join(parts), re.DOTALL)


def _method_names(methods: Iterable[str] | None) -> frozenset[str] | None:
    if methods is None:
        return None
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        raise OptionError(f"methods: {methods!r} is not a list of HTTP methods")
    names = []
    for i, method in enumerate(methods):
        if not isinstance(method, str) or not _METHOD.fullmatch(method.upper()):
            raise OptionError(f"methods[{i}]: {method!r} is not an HTTP method")
        names.append(method.upper())
    if not names:
        raise OptionError("methods: there is none, so nobody would be turned away")
    return frozenset(names)


def _state(at: object) -> Pressure:
    for state in (Pressure.PRESSURED, Pressure.FULL):
        if at == str(state) or (isinstance(at, Pressure) and at is state):
            return state
    raise OptionError(f"at: {at!r} is not 'pressured' or 'full'")
