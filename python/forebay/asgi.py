"""Middleware for ASGI: Starlette, FastAPI, Django, Litestar, and any other.

from forebay.asgi import PressureMiddleware, RequestMiddleware

app.add_middleware(PressureMiddleware, lane="audit", routes=["/orders/*"], methods=["POST"])
app.add_middleware(RequestMiddleware, exclude=["/healthz"])
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Literal

from ._collector import Collector
from ._pressure import Pressure
from ._requests import RequestLog, connection, tell_route
from ._turnstile import Turnstile, answer
from ._validation import suggests_fields

__all__ = ["PressureMiddleware", "RequestMiddleware", "set_route"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@suggests_fields
class PressureMiddleware:
    """Answers 503 with ``Retry-After`` on chosen routes while a lane has no room.

    For data that must not be lost: better that a client is told to come again, than that its order
    is taken and its audit record is not. Requests on other routes, WebSockets and lifespan pass
    untouched. While no lane is pressed it costs one load from memory.
    """

    def __init__(
        self,
        app: App,
        *,
        lane: str,
        routes: Iterable[str] = ("*",),
        methods: Iterable[str] | None = None,
        at: Pressure | Literal["pressured", "full"] = "full",
        retry_after: float | None = None,
        collector: Collector | None = None,
    ) -> None:
        """Check every option.

        Args:
            app: The application behind it.
            lane: Whose pressure counts.
            routes: Paths; ``*`` stands for any characters. ``/orders/*`` is ``/orders`` and all
                below.
            methods: HTTP methods, in any case. None: all.
            at: ``"full"``, or ``"pressured"`` to turn away already from the high watermark on.
            retry_after: Seconds in the header, 0..3600, rounded up to whole ones. None: estimated
                from the rate at which the lane drains, at least 1.
            collector: Whose lane it is. None: the process default's, whichever is started; while
                there is none, or it has no such lane, everything passes.

        Raises:
            OptionError: an option has a bad value.
        """
        self.app = app
        self._turnstile = Turnstile(
            lane=lane,
            routes=routes,
            methods=methods,
            at=at,
            retry_after=retry_after,
            collector=collector,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._turnstile.is_open() or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seconds = self._turnstile.seconds_to_wait(scope["method"], scope["path"])
        if seconds is None:
            await self.app(scope, receive, send)
            return
        headers, body = answer(seconds)
        await send(
            {
                "type": "http.response.start",
                "status": 503,
                "headers": [(name.encode(), value.encode()) for name, value in headers],
            }
        )
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )


@suggests_fields
class RequestMiddleware:
    """Binds what is known of a request to all that is logged in it, and writes one record about it.

    Bound, with the names of OpenTelemetry's conventions: ``http.request.method``, ``url.path``,
    ``url.scheme``, ``client.address``, and the trace of the header ``traceparent`` (where there is
    a current span of OpenTelemetry, its trace comes first). The record at the end ("request
    finished", or "request failed" with the exception) has besides them
    ``http.response.status_code``, ``http.route``, and ``http.server.request.duration`` in seconds,
    until the last byte of the answer. It is an ERROR from status 500 on.

    Of a WebSocket the same is bound as long as it lives, but for the method, which it has none of;
    no record is written at its end, and nothing is measured. Lifespan passes untouched.

    Measured, by the same conventions: the histogram ``http.server.request.duration`` in seconds, by
    ``http.request.method`` (``_OTHER`` for one that is not known), ``url.scheme``,
    ``network.protocol.version``, ``http.response.status_code``, ``http.route`` and, of what failed,
    ``error.type``: the exception's class, else the status from 500 on. And
    ``http.server.active_requests``, by method and scheme. A path is never part of a series.

    The route of Starlette, FastAPI and Litestar is found; Django's
    `forebay.django.route_middleware` tells, and any other application may with `set_route`. Where
    nobody tells, or no route matched, there is no ``http.route``.
    """

    def __init__(
        self,
        app: App,
        *,
        logger: str = "http.server",
        exclude: Iterable[str] = (),
        metrics: bool = True,
        collector: Collector | None = None,
    ) -> None:
        """Check every option.

        Args:
            app: The application behind it.
            logger: The name of the logger that writes the records, and of the meter.
            exclude: Paths of which no record is written and nothing is measured, such as
                ``/healthz``; context is bound all the same.
            metrics: Whether requests are measured.
            collector: Whose logger it is. None: the process default's, whichever is started.

        Raises:
            OptionError: an option has a bad value.
        """
        self.app = app
        self._log = RequestLog(logger=logger, exclude=exclude, metrics=metrics, collector=collector)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        client = scope["client"][0] if scope.get("client") else None
        traceparent = _header(scope, b"traceparent")
        if kind == "websocket":
            with connection(scope["path"], scope.get("scheme", "ws"), client, traceparent):
                await self.app(scope, receive, send)
            return
        request = self._log.begin(
            scope["method"],
            scope["path"],
            scope.get("scheme", "http"),
            client,
            traceparent,
            scope.get("http_version"),
        )
        request.lie_in(scope)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                # What comes now, such as a background task, keeps no client waiting.
                request.answered()

        error: BaseException | None = None
        with request.bound():
            try:
                await self.app(scope, receive, send_on)
            except BaseException as raised:
                error = raised
                raise
            finally:
                if request.route is None:
                    request.route = _route(scope)
                request.end(error)


def set_route(scope: Scope, route: str) -> None:
    """Tell `RequestMiddleware` the route of a request: its path with names for what varies.

    What `forebay.wsgi.set_route` is for WSGI; a copy of the request's scope will do.
    """
    tell_route(scope, route)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope.get("headers", ()):
        if key.lower() == name:
            return str(value.decode("latin-1"))
    return None


def _route(scope: Scope) -> str | None:
    """Where the framework has put it: Starlette's and FastAPI's route, Litestar's template."""
    route = scope.get("route")
    path = getattr(route, "path", None) or scope.get("path_template")
    if hasattr(route, "routes") or (path is None and "app_root_path" in scope):
        # What is mounted there tells no more. FastAPI does not even tell that.
        return _mounted(scope) or "/"
    # A mount is part of the root path, for what is inside.
    return f"{_mounted(scope)}{path}" if isinstance(path, str) else None


def _mounted(scope: Scope) -> str:
    """The root path, with names for what varies in the paths of Starlette's mounts."""
    whole: str = scope.get("root_path", "")
    told: str = scope.get("app_root_path", whole)
    rest = whole.removeprefix(told)
    if not rest or not scope.get("path_params"):
        return whole
    routes = getattr(scope.get("router"), "routes", ())
    while rest:
        for mount in routes:
            # Mounts take the first that fits, and the end of what they match is called `path`.
            pattern = getattr(mount, "path_regex", None) if hasattr(mount, "routes") else None
            found = None if pattern is None else pattern.match(f"{rest}/")
            if found is not None and len(found["path"]) < len(rest):
                told += mount.path
                rest, routes = f"/{found['path']}".rstrip("/"), mount.routes
                break
        else:
            return whole
    return told
