"""What the middleware measures: durations and active requests, in series that no client invents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import forebay
from forebay import _request_metrics, asgi, wsgi
from tests.python.in_memory import InMemory, in_memory, run_python
from tests.python.measured_requests import (
    ERROR,
    METHOD,
    SCHEME,
    STATUS,
    active,
    durations,
    newest,
)
from tests.python.test_request_routes import ask_asgi, ask_wsgi

BOUNDS: tuple[float, ...] = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
)


def wsgi_app(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Does what the path says, also while its answer is read."""
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise ZeroDivisionError
    start_response(f"{path[1:4]} So", [])
    yield b"x"
    if path.endswith("/breaks"):
        raise KeyError("later")


def eager_wsgi_app(environ: Any, start_response: Any) -> Any:
    """The same, failing before there is an answer to read."""
    parts = wsgi_app(environ, start_response)
    first = next(parts)
    return (part for part in (first, *parts))


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """The same for ASGI."""
    path = scope["path"]
    if path == "/fails":
        raise ZeroDivisionError
    await send({"type": "http.response.start", "status": int(path[1:4]), "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    if path.endswith("/breaks"):
        raise KeyError("later")
    await send({"type": "http.response.body", "body": b""})


Ask = Callable[..., None]


def through_asgi(memory: InMemory, **options: Any) -> Ask:
    middleware = asgi.RequestMiddleware(asgi_app, collector=memory.collector, **options)
    return lambda path, method="GET": ask_asgi(middleware, path, method=method)


def through_wsgi(memory: InMemory, **options: Any) -> Ask:
    middleware = wsgi.RequestMiddleware(wsgi_app, collector=memory.collector, **options)
    return lambda path, method="GET": ask_wsgi(
        middleware, path, REQUEST_METHOD=method, SERVER_PROTOCOL="HTTP/1.1"
    )


Make = Callable[..., Ask]
both = pytest.mark.parametrize("make", [through_asgi, through_wsgi], ids=["asgi", "wsgi"])


@both
def test_a_request_is_a_measurement_by_the_convention(make: Make) -> None:
    """Name, unit, buckets and attributes; in seconds, the same as in the record."""
    with in_memory() as memory:
        make(memory)("/200/a")
        record = memory.record()
        (point,) = durations(memory)
        assert (point.kind, point.unit, point.count) == ("histogram", "s", 1)
        assert point.bounds == BOUNDS
        assert point.sum == record.attributes["http.server.request.duration"]
        assert point.scope.name == "http.server"
        assert point.attributes == {
            METHOD: "GET",
            SCHEME: "http",
            STATUS: 200,
            "network.protocol.version": "1.1",
        }
        (count,) = newest(memory, "http.server.active_requests")
        assert (count.kind, count.unit, count.value) == ("sum", "{request}", 0)
        assert not count.is_monotonic


@both
def test_an_error_is_told_by_its_class_or_by_its_status(make: Make) -> None:
    """A status that is the client's fault is no error; none was sent, none is told."""
    with in_memory() as memory:
        ask = make(memory)
        ask("/503")
        ask("/404")
        with pytest.raises(ZeroDivisionError):
            ask("/fails")
        with pytest.raises(KeyError):
            ask("/200/breaks")
        found = {(p.attributes.get(STATUS), p.attributes.get(ERROR)) for p in durations(memory)}
        assert found == {
            (503, "503"),
            (404, None),
            (None, "ZeroDivisionError"),
            (200, "KeyError"),
        }
        assert active(memory) == {("GET", "http"): 0}


def test_what_wsgi_raises_before_an_answer_is_an_error_too() -> None:
    """There is nothing to close then."""
    with in_memory() as memory:
        middleware = wsgi.RequestMiddleware(eager_wsgi_app, collector=memory.collector)
        with pytest.raises(ZeroDivisionError):
            ask_wsgi(middleware, "/fails")
        assert [p.attributes.get(ERROR) for p in durations(memory)] == ["ZeroDivisionError"]
        assert active(memory) == {("GET", "http"): 0}


@both
def test_no_series_comes_of_what_a_client_makes_up(make: Make) -> None:
    """Paths without a route are one series, unknown methods are one, in any case."""
    with in_memory() as memory:
        ask = make(memory)
        for i in range(20):
            ask(f"/404/{i}")
            ask("/404/x", f"METHOD{i}")
            ask("/404/x", "get")
        counts = {p.attributes[METHOD]: p.count for p in durations(memory)}
        assert counts == {"GET": 20, "_OTHER": 40}
        assert active(memory) == {("GET", "http"): 0, ("_OTHER", "http"): 0}


@both
def test_the_known_methods_are_those_of_the_environment(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The convention's variable: all of them, case and all."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PROPFIND, GET")
    with in_memory() as memory:
        ask = make(memory)
        for method in ("PROPFIND", "GET", "POST", "propfind"):
            ask("/200", method)
        counts = {p.attributes[METHOD]: p.count for p in durations(memory)}
        assert counts == {"PROPFIND": 1, "GET": 1, "_OTHER": 2}


@both
def test_excluded_paths_and_metrics_false_measure_nothing(make: Make) -> None:
    """The one leaves the record out as well, the other does not."""
    with in_memory() as memory:
        make(memory, exclude=["/200"])("/200")
        assert memory.records() == []
        make(memory, metrics=False)("/201")
        assert memory.record().attributes[STATUS] == 201
        assert durations(memory) == []
        assert active(memory) == {}


@both
def test_handles_that_are_not_kept_count_the_same(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound a series is looked up at each request."""
    monkeypatch.setattr(_request_metrics, "_MOST_KEPT", 1)
    with in_memory() as memory:
        ask = make(memory)
        for _ in range(3):
            for status in range(200, 205):
                ask(f"/{status}")
            ask("/200", "POST")
        counts = {(p.attributes[METHOD], p.attributes[STATUS]): p.count for p in durations(memory)}
        assert counts == {("POST", 200): 3, **{("GET", s): 3 for s in range(200, 205)}}
        assert active(memory) == {("GET", "http"): 0, ("POST", "http"): 0}


def test_metrics_is_a_yes_or_no() -> None:
    """A name would be a mistake."""
    for make in (asgi.RequestMiddleware, wsgi.RequestMiddleware):
        with pytest.raises(forebay.OptionError, match=r"^metrics: 'all' is not True or False"):
            make(None, metrics="all")  # type: ignore[arg-type]


def test_a_request_is_active_until_its_last_byte() -> None:
    """A task that comes after it is not: neither active, nor in the duration."""
    with in_memory() as memory:
        seen: list[object] = []
        now = [0.0]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            seen.append(active(memory))
            now[0] += 2
            await send({"type": "http.response.body", "body": b"x"})
            seen.append(active(memory))
            now[0] += 4  # in the background

        middleware = asgi.RequestMiddleware(app, collector=memory.collector)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("forebay._requests.time", SimpleNamespace(perf_counter=lambda: now[0]))
            ask_asgi(middleware, "/")
        assert seen == [{("GET", "http"): 1}, {("GET", "http"): 0}]
        assert [p.sum for p in durations(memory)] == [2]


def test_a_request_that_is_cancelled_is_not_active_any_more() -> None:
    """Nor is it lost: it has its error type."""
    with in_memory() as memory:

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.Event().wait()

        middleware = asgi.RequestMiddleware(app, collector=memory.collector)

        async def cancel() -> None:
            scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
            task = asyncio.create_task(middleware(scope, None, None))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            assert active(memory) == {("GET", "http"): 1}
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancel())
        (point,) = durations(memory)
        assert (point.count, point.attributes[ERROR]) == (1, "CancelledError")
        assert active(memory) == {("GET", "http"): 0}


def test_series_are_those_of_whichever_collector_is_started() -> None:
    """A middleware may be made before the start, and outlives a shutdown."""
    middleware = wsgi.RequestMiddleware(wsgi_app)
    ask_wsgi(middleware, "/200")
    for _ in range(2):
        exporter = forebay.MemoryExporter()
        collector = forebay.start(service_name="test", exporter=exporter)
        ask_wsgi(middleware, "/200")
        ask_wsgi(middleware, "/200")
        assert collector.shutdown(30).complete
        points = {p.name: p for p in exporter.metric_points()}
        assert points["http.server.request.duration"].count == 2
        assert points["http.server.active_requests"].value == 0


def test_a_forked_child_counts_its_own_requests() -> None:
    """From zero, by the handles that its parent had found."""
    run_python(
        """
        import os
        import forebay
        from forebay import wsgi
        from tests.python.test_request_metrics import wsgi_app
        from tests.python.test_request_routes import ask_wsgi
        exporter = forebay.MemoryExporter()
        collector = forebay.start(exporter=exporter)
        app = wsgi.RequestMiddleware(wsgi_app)
        def count():
            assert collector.flush(30).complete
            name = "http.server.request.duration"
            return [p.count for p in exporter.metric_points() if p.name == name][-1]
        for _ in range(3):
            ask_wsgi(app, "/200")
        assert count() == 3
        pid = os.fork()
        if pid == 0:
            ask_wsgi(app, "/200")
            os._exit(0 if count() == 1 and collector.audit().balanced else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        ask_wsgi(app, "/200")
        assert count() == 4
        """
    )
