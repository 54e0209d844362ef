"""Middleware for WSGI: Flask, Django, Bottle, and any other.

from forebay.wsgi import PressureMiddleware

app.wsgi_app = PressureMiddleware(app.wsgi_app, lane="audit", routes=["/orders/*"])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from ._collector import Collector
from ._pressure import Pressure
from ._turnstile import Turnstile, answer
from ._validation import suggests_fields

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["PressureMiddleware"]


@suggests_fields
class PressureMiddleware:
    """Answers 503 with ``Retry-After`` on chosen routes while a lane has no room.

    What `forebay.asgi.PressureMiddleware` is for ASGI, with the same options.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        lane: str,
        routes: Iterable[str] = ("*",),
        methods: Iterable[str] | None = None,
        at: Pressure | Literal["pressured", "full"] = "full",
        retry_after: float | None = None,
        collector: Collector | None = None,
    ) -> None:
        """Arguments and errors as for `forebay.asgi.PressureMiddleware`."""
        self.app = app
        self._turnstile = Turnstile(
            lane=lane,
            routes=routes,
            methods=methods,
            at=at,
            retry_after=retry_after,
            collector=collector,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._turnstile.is_open():
            return self.app(environ, start_response)
        method = environ.get("REQUEST_METHOD", "GET")
        seconds = self._turnstile.seconds_to_wait(method, _path(environ))
        if seconds is None:
            return self.app(environ, start_response)
        headers, body = answer(seconds)
        start_response("503 Service Unavailable", headers)
        return [] if method == "HEAD" else [body]


def _path(environ: WSGIEnvironment) -> str:
    """The whole path, as ASGI has it: WSGI gives its bytes as Latin-1, and a mount's part apart."""
    raw = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return str(raw.encode("latin-1", "replace").decode("utf-8", "replace"))
