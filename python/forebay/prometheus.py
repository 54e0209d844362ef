"""Metrics for a Prometheus server to scrape: applications for WSGI and ASGI, and the text itself.

    from forebay.prometheus import asgi_app, wsgi_app

    app.mount("/metrics", asgi_app())                     # FastAPI, Starlette
    application = DispatcherMiddleware(app, {"/metrics": wsgi_app()})    # Flask, by werkzeug

No server is started. A scrape that asks for OpenMetrics gets it, others the text format.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from ._collector import Collector
from ._lifecycle import get_collector

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["asgi_app", "text", "wsgi_app"]

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def text(collector: Collector | None = None, *, openmetrics: bool = False) -> str:
    """All series of a collector as they stand; see `Collector.prometheus_text`.

    Args:
        collector: None: the process default. Where there is none, there are no series.
        openmetrics: OpenMetrics 1.0, instead of the text format 0.0.4.
    """
    found = collector or get_collector()
    if found is not None:
        return found.prometheus_text(openmetrics=openmetrics)
    return "# EOF\n" if openmetrics else ""


def wsgi_app(collector: Collector | None = None) -> WSGIApplication:
    """A WSGI application that answers each GET with `text`."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        wants_openmetrics = "openmetrics-text" in environ.get("HTTP_ACCEPT", "")
        method = environ.get("REQUEST_METHOD", "GET")
        status, headers, body = _answer(collector, method, openmetrics=wants_openmetrics)
        start_response(status, headers)
        return [] if method == "HEAD" else [body]

    return application


Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def asgi_app(
    collector: Collector | None = None,
) -> Callable[[Scope, _Receive, _Send], Awaitable[None]]:
    """An ASGI application that answers each GET with `text`."""

    async def application(scope: Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        accept = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept")
        wants_openmetrics = b"openmetrics-text" in accept
        method = scope["method"]
        status, headers, body = _answer(collector, method, openmetrics=wants_openmetrics)
        await send(
            {
                "type": "http.response.start",
                "status": int(status[:3]),
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            }
        )
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    return application


def _answer(
    collector: Collector | None, method: str, *, openmetrics: bool
) -> tuple[str, list[tuple[str, str]], bytes]:
    if method not in ("GET", "HEAD"):
        return "405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")], b""
    body = text(collector, openmetrics=openmetrics).encode()
    return (
        "200 OK",
        [
            ("Content-Type", _OPENMETRICS if openmetrics else _TEXT),
            ("Content-Length", str(len(body))),
        ],
        body,
    )
