"""Middleware for WSGI: Flask, Django, Bottle, and any other.

from forebay.wsgi import PressureMiddleware, RequestMiddleware

app.wsgi_app = PressureMiddleware(app.wsgi_app, lane="audit", routes=["/orders/*"])
app.wsgi_app = RequestMiddleware(app.wsgi_app, exclude=["/healthz"])

For Django's routes see `forebay.django`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from ._collector import Collector
from ._pressure import Pressure
from ._requests import Request, RequestLog, tell_route
from ._turnstile import Turnstile, answer
from ._validation import suggests_fields

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["PressureMiddleware", "RequestMiddleware", "set_route"]


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


@suggests_fields
class RequestMiddleware:
    """Binds what is known of a request to all that is logged in it, and writes one record about it.

    What `forebay.asgi.RequestMiddleware` is for ASGI, with the same options. What the application
    logs while its answer is being read has the context, too.

    WSGI has no place for the route. Flask's is found; Django's `forebay.django.route_middleware`
    tells, and any other application may with `set_route`. An exception that leaves Flask before an
    answer was begun (``PROPAGATE_EXCEPTIONS``) leaves a record without ``http.route``.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        logger: str = "http.server",
        exclude: Iterable[str] = (),
        metrics: bool = True,
        collector: Collector | None = None,
    ) -> None:
        """Arguments and errors as for `forebay.asgi.RequestMiddleware`."""
        self.app = app
        self._log = RequestLog(logger=logger, exclude=exclude, metrics=metrics, collector=collector)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = self._log.begin(
            environ.get("REQUEST_METHOD", "GET"),
            _path(environ),
            environ.get("wsgi.url_scheme", "http"),
            environ.get("REMOTE_ADDR"),
            environ.get("HTTP_TRACEPARENT"),
            environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/"),
        )
        request.lie_in(environ)

        def start_on(status: str, *rest: Any) -> Any:
            # An application may start over with an error, as long as nothing was sent.
            request.status = int(status[:3]) if status[:3].isdigit() else None
            if request.route is None:
                request.route = _flask_route(environ)
            return start_response(status, *rest)

        try:
            with request.bound():
                answer = self.app(environ, start_on)
        except BaseException as error:
            request.end(error)
            raise
        return _Answer(answer, request)


def set_route(environ: WSGIEnvironment, route: str) -> None:
    """Tell `RequestMiddleware` the route of a request: its path with names for what varies.

    For applications whose framework it does not know: ``set_route(environ, "/orders/<number>")``
    anywhere in the request. The last word counts. Without the middleware nothing happens.

    Args:
        environ: The request's.
        route: ``http.route`` of its record. A part that the application is mounted at belongs to
            it.
    """
    tell_route(environ, route)


def _flask_route(environ: WSGIEnvironment) -> str | None:
    """While an answer begins, Flask's request still lies there."""
    rule = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    return f"{environ.get('SCRIPT_NAME', '')}{rule}" if isinstance(rule, str) else None


class _Answer:
    """The application's answer, read in its context; the request ends with it."""

    def __init__(self, answer: Iterable[bytes], request: Request) -> None:
        self._answer = answer
        self._parts = iter(answer)
        self._request = request

    def __iter__(self) -> _Answer:
        return self

    def __next__(self) -> bytes:
        try:
            with self._request.bound():
                return next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self._request.end(error)
            raise

    def close(self) -> None:
        """The server is done with it."""
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                with self._request.bound():
                    close()
        finally:
            self._request.end()
