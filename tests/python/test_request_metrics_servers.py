"""The middleware's metrics in real frameworks and under real servers."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import wsgiref.simple_server
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from forebay import asgi, wsgi
from tests.python.in_memory import in_memory, run_python
from tests.python.measured_requests import ERROR, ROUTE, STATUS, active, durations
from tests.python.test_request_routes import ask_wsgi, flask_service
from tests.waiting import wait_until


def test_flask_has_a_series_a_rule() -> None:
    """The real one, with a blueprint, an error and a stream."""
    with in_memory() as memory:
        service = flask_service(memory)
        for path in ("/orders/7", "/orders/8", "/fails/now", "/streams/3", "/no/1", "/no/2"):
            ask_wsgi(service, path)
        found = {
            (p.attributes.get(ROUTE), p.attributes[STATUS], p.attributes.get(ERROR)): p.count
            for p in durations(memory)
        }
        assert found == {
            ("/orders/<int:number>", 200, None): 2,
            ("/fails/<why>", 500, "500"): 1,
            ("/streams/<int:n>", 200, None): 1,
            (None, 404, None): 2,
        }
        assert active(memory) == {("GET", "http"): 0}


_DJANGO = """
import json, sys
import django
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
import forebay
from forebay import asgi, wsgi
from tests.python.test_request_routes import ask_asgi, ask_wsgi

def fine(request, **_):
    return HttpResponse("x")

def streams(request):
    return StreamingHttpResponse(str(i) for i in range(3))

def fails(request):
    raise ZeroDivisionError

urlpatterns = [
    path("orders/<int:number>", fine), path("fails", fails), path("streams", streams),
]
settings.configure(
    ROOT_URLCONF="__main__",
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["forebay.django.route_middleware"],
    LOGGING_CONFIG=None,
)
django.setup()
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

exporter = forebay.MemoryExporter()
collector = forebay.start(exporter=exporter)
if sys.argv[1] == "wsgi":
    app, ask = wsgi.RequestMiddleware(get_wsgi_application()), ask_wsgi
else:
    app, ask = asgi.RequestMiddleware(get_asgi_application()), ask_asgi
for asked in ("/orders/7", "/orders/8", "/fails", "/streams", "/no/1", "/no/2"):
    ask(app, asked)
assert collector.shutdown(30).complete
assert collector.audit().balanced
print(json.dumps([
    [p.attributes.get("http.route"), p.attributes["http.response.status_code"], p.count]
    for p in exporter.metric_points() if p.name == "http.server.request.duration"
]))
print(json.dumps([
    p.value for p in exporter.metric_points() if p.name == "http.server.active_requests"
]))
"""


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django_has_a_series_a_route(kind: str) -> None:
    """Under either protocol; what matched none is one series."""
    found, still_active = map(json.loads, run_python(_DJANGO, kind).stdout.splitlines())
    assert sorted(found, key=str) == [
        ["/fails", 500, 1],
        ["/orders/<int:number>", 200, 2],
        ["/streams", 200, 1],
        [None, 404, 2],
    ]
    assert still_active == [0]


@contextmanager
def uvicorn_of(app: Any) -> Iterator[int]:
    """A real server in a thread; gives its port."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert wait_until(lambda: server.started, 30)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def test_fastapi_under_uvicorn_has_a_series_a_route() -> None:
    """The real ones, over HTTP/1.1: a route, an error, a stream, and what is not there."""
    import fastapi
    from starlette.responses import StreamingResponse

    service = fastapi.FastAPI()

    @service.get("/orders/{number}")
    def order(number: int) -> int:
        if number == 0:
            raise ZeroDivisionError
        return number

    @service.get("/streams")
    def streams() -> StreamingResponse:
        return StreamingResponse(str(i) for i in range(3))

    with in_memory() as memory:
        service.add_middleware(asgi.RequestMiddleware, collector=memory.collector)
        with uvicorn_of(service) as port:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for path in ("/orders/7", "/orders/8", "/orders/0", "/streams", "/no/1", "/no/2"):
                client.request("GET", path)
                client.getresponse().read()
                client.close()
        found = {
            (p.attributes.get(ROUTE), p.attributes.get(STATUS), p.attributes.get(ERROR)): p.count
            for p in durations(memory)
        }
        # Starlette answers an error outside of all middleware, and lets it go on.
        assert found == {
            ("/orders/{number}", 200, None): 2,
            ("/orders/{number}", None, "ZeroDivisionError"): 1,
            ("/streams", 200, None): 1,
            (None, 404, None): 2,
        }
        assert {p.attributes["network.protocol.version"] for p in durations(memory)} == {"1.1"}
        assert active(memory) == {("GET", "http"): 0}


def take_a_part_and_go(port: int) -> None:
    """Read the beginning of an answer, and reset the connection."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(64)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def test_a_client_that_leaves_uvicorn_in_the_middle_leaves_nothing_active() -> None:
    """It counts once, with the status that it saw."""
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    async def endless(request: Any) -> StreamingResponse:
        async def parts() -> Any:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)

        return StreamingResponse(parts())

    service = Starlette(routes=[Route("/endless", endless)])
    with in_memory() as memory:
        service.add_middleware(asgi.RequestMiddleware, collector=memory.collector)
        with uvicorn_of(service) as port:
            take_a_part_and_go(port)
            assert wait_until(lambda: [p.count for p in durations(memory)] == [1], 30)
        (point,) = durations(memory)
        assert (point.attributes[STATUS], point.attributes[ROUTE]) == (200, "/endless")
        assert active(memory) == {("GET", "http"): 0}


class _Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Not on standard error."""


def test_a_client_that_leaves_a_wsgi_server_in_the_middle_leaves_nothing_active() -> None:
    """The standard library's server closes the answer, which is then over."""

    def endless(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"x" * 1000

    with in_memory() as memory:
        app = wsgi.RequestMiddleware(endless, collector=memory.collector)
        with wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            take_a_part_and_go(server.server_port)
            thread.join(30)
            assert not thread.is_alive()
        (point,) = durations(memory)
        assert (point.count, point.attributes[STATUS]) == (1, 200)
        assert active(memory) == {("GET", "http"): 0}
