"""Metrics for a Prometheus server to scrape: applications for WSGI and ASGI, and the text itself.

    from forebay.prometheus import asgi_app, wsgi_app

    app.mount("/metrics", asgi_app())                     # FastAPI, Starlette
    application = DispatcherMiddleware(app, {"/metrics": wsgi_app()})    # Flask, by werkzeug

No server is started. A scrape that asks for OpenMetrics gets it, others the text format. Where a
service has several worker processes, ``MetricsOptions(publish_directory=...)`` lets each of them
show all; an application of prometheus_client's has its series and ours after `register`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ._collector import Collector
from ._lifecycle import get_collector
from ._own_thread import in_thread
from ._prometheus_client import ForebayCollector

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from prometheus_client import CollectorRegistry

__all__ = ["ForebayCollector", "asgi_app", "register", "text", "wsgi_app"]

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Directory = str | os.PathLike[str]


def text(
    collector: Collector | None = None,
    *,
    openmetrics: bool = False,
    directory: Directory | None = None,
    process: str = "sum",
) -> str:
    """All series of a process, or of all processes of a service, as they stand.

    Args:
        collector: None: the process default. Where there is none, or it was shut down, there are
            no series.
        openmetrics: OpenMetrics 1.0, instead of the text format 0.0.4.
        directory: Where the service's processes publish their series. None: where the collector
            does (`MetricsOptions.publish_directory`). Where it does not, it is alone: the text is
            `Collector.prometheus_text`.
        process: Of several processes. ``"sum"``: counters and histograms added up, those of ended
            processes among them; gauges (up-down counters, too) of living ones, told apart by the
            label ``process``, their pid. ``"each"``: all by that label, ``ended`` for all ended
            ones together. Or one process, as the label has it. Never sums beside their parts:
            ``sum()`` would count twice.

    Raises:
        LookupError: there is no such process.
        OSError, ValueError: what was published cannot be read.

    What several processes published is read from the disk; this one publishes first.
    """
    found = collector or get_collector()
    if directory is None and found is not None:
        directory = found.publish_directory or None
    if directory is not None:
        from ._processes import service_text

        where = Path(os.path.abspath(os.fsdecode(directory)))
        return service_text(where, process, openmetrics=openmetrics)
    shown = "" if found is None else found.prometheus_text(openmetrics=openmetrics)
    # Also while a collector is shut down, and after: no text at all is no OpenMetrics.
    return shown or ("# EOF\n" if openmetrics else "")


def wsgi_app(
    collector: Collector | None = None, *, directory: Directory | None = None
) -> WSGIApplication:
    """A WSGI application that answers each GET with `text`.

    ``?process=each`` and ``?process=<pid>`` are `text`'s argument; a process that is not there is
    404. Arguments as for `text`.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        status, headers, body = _answer(
            collector,
            directory,
            method,
            environ.get("QUERY_STRING", ""),
            openmetrics="openmetrics-text" in environ.get("HTTP_ACCEPT", ""),
        )
        start_response(status, headers)
        return [] if method == "HEAD" else [body]

    return application


Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def asgi_app(
    collector: Collector | None = None, *, directory: Directory | None = None
) -> Callable[[Scope, _Receive, _Send], Awaitable[None]]:
    """An ASGI application that answers each GET with `text`; otherwise as `wsgi_app`.

    On asyncio's event loop the text is made in a thread of its own.
    """

    async def application(scope: Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        accept = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept")
        method = scope["method"]
        query = scope.get("query_string", b"").decode("latin-1")
        wants_openmetrics = b"openmetrics-text" in accept

        def answer() -> _Answer:
            return _answer(collector, directory, method, query, openmetrics=wants_openmetrics)

        status, headers, body = await in_thread(answer) if _is_on_asyncio() else answer()
        await send(
            {
                "type": "http.response.start",
                "status": int(status[:3]),
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            }
        )
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    return application


def register(
    registry: CollectorRegistry | None = None,
    collector: Collector | None = None,
    *,
    directory: Directory | None = None,
) -> ForebayCollector:
    """Show Forebay's series in a registry of prometheus_client's, with those it has.

    Args:
        registry: None: ``prometheus_client.REGISTRY``.
        collector, directory: As for `text`.

    Returns:
        ForebayCollector: what ``registry.unregister`` takes.

    Raises:
        ImportError: prometheus_client is not installed; the extra ``prometheus`` has it.
    """
    from prometheus_client import REGISTRY

    into = REGISTRY if registry is None else registry
    made = ForebayCollector(collector, registry=into, directory=directory)
    into.register(made)
    return made


def _is_on_asyncio() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_Answer = tuple[str, list[tuple[str, str]], bytes]


def _answer(
    collector: Collector | None,
    directory: Directory | None,
    method: str,
    query: str,
    *,
    openmetrics: bool,
) -> _Answer:
    if method not in ("GET", "HEAD"):
        return "405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")], b""
    status, kind = "200 OK", _OPENMETRICS if openmetrics else _TEXT
    process = parse_qs(query).get("process", ["sum"])[-1]
    try:
        shown = text(collector, openmetrics=openmetrics, directory=directory, process=process)
    except LookupError as error:
        status, kind, shown = "404 Not Found", "text/plain; charset=utf-8", f"{error.args[0]}\n"
    body = shown.encode()
    return status, [("Content-Type", kind), ("Content-Length", str(len(body)))], body
