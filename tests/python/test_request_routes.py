"""`http.route` in the record about a request: what the real frameworks tell, and who tells it."""

from __future__ import annotations

import asyncio
import json
import wsgiref.util
from typing import Any

import pytest

from forebay import asgi, wsgi
from tests.python.in_memory import InMemory, in_memory, run_python
from tests.python.measured_requests import ROUTE, durations


def ask_wsgi(app: Any, path: str, **environ: Any) -> None:
    """One request, its answer read to the end."""
    environ = {"PATH_INFO": path, **environ}
    wsgiref.util.setup_testing_defaults(environ)
    answer = app(environ, lambda *_: lambda _: None)
    list(answer)
    getattr(answer, "close", lambda: None)()


def ask_asgi(app: Any, path: str, **more: Any) -> None:
    """The same."""

    async def send(message: Any) -> None:
        """Nobody listens."""

    first = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        # The client stays.
        return next(first, None) or await asyncio.Event().wait()

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": b"", "http_version": "1.1", "root_path": "", **more,
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))


def routes(memory: InMemory) -> list[object]:
    """Of the records about requests; None where one has no route."""
    # An ERROR comes by another lane.
    records = sorted(memory.records(), key=lambda r: r.time_unix_nano)
    return [r.attributes.get("http.route") for r in records]


def flask_service(memory: InMemory) -> Any:
    import flask

    service = flask.Flask("shop")
    orders = flask.Blueprint("orders", "shop", url_prefix="/orders")

    @orders.get("/<int:number>")
    def order(number: int) -> str:
        return str(number)

    @service.get("/fails/<why>")
    def fails(why: str) -> str:
        raise ZeroDivisionError(why)

    @service.get("/streams/<int:n>")
    def streams(n: int) -> Any:
        return flask.Response(str(i) for i in range(n))

    service.register_blueprint(orders)
    service.logger.disabled = True
    service.wsgi_app = wsgi.RequestMiddleware(  # type: ignore[method-assign]
        service.wsgi_app, collector=memory.collector
    )
    return service


def test_flask_tells_the_rule() -> None:
    """Of a blueprint, of a view that fails, of a stream; where none matched there is none."""
    with in_memory() as memory:
        service = flask_service(memory)
        for path in ("/orders/7", "/fails/now", "/streams/3", "/nowhere"):
            ask_wsgi(service, path)
        assert routes(memory) == [
            "/orders/<int:number>",
            "/fails/<why>",
            "/streams/<int:n>",
            None,
        ]


def test_flask_below_a_mount_tells_the_whole_route() -> None:
    """As the path is whole."""
    with in_memory() as memory:
        ask_wsgi(flask_service(memory), "/orders/7", SCRIPT_NAME="/shop")
        record = memory.record()
        assert record.attributes["url.path"] == "/shop/orders/7"
        assert record.attributes["http.route"] == "/shop/orders/<int:number>"


def test_an_exception_that_flask_lets_through_leaves_no_route() -> None:
    """Flask has forgotten the request by then, and has begun no answer."""
    with in_memory() as memory:
        service = flask_service(memory)
        service.config["PROPAGATE_EXCEPTIONS"] = True
        with pytest.raises(ZeroDivisionError):
            ask_wsgi(service, "/fails/now")
        assert routes(memory) == [None]


_DJANGO = """
import json, sys
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path, re_path
from django.utils.decorators import async_only_middleware, sync_only_middleware
import forebay
from forebay import asgi, wsgi
from tests.python.test_request_routes import ask_asgi, ask_wsgi

def fine(request, **_):
    return HttpResponse("x")

async def waits(request, **_):
    return HttpResponse("x")

def fails(request):
    raise ZeroDivisionError

# Django adapts what is around these.
@sync_only_middleware
def old(get_response):
    return lambda request: get_response(request)

@async_only_middleware
def new(get_response):
    async def middleware(request):
        return await get_response(request)
    return middleware

urlpatterns = [
    path("orders/<int:number>", fine),
    path("v1/", include([path("waits/<slug:name>/", waits)])),
    re_path("^old/(?P<year>[0-9]{4})$", fine),
    path("fails", fails),
    path("", fine),
]
settings.configure(
    ROOT_URLCONF="__main__",
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[
        "forebay.django.route_middleware",
        *(["__main__.old", "__main__.new"] if sys.argv[2] == "among others" else []),
    ],
    LOGGING_CONFIG=None,
)
django.setup()
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

exporter = forebay.MemoryExporter()
collector = forebay.start(exporter=exporter)
if sys.argv[1] == "wsgi":
    app, ask, mounted = get_wsgi_application(), ask_wsgi, {"SCRIPT_NAME": "/shop"}
    app = wsgi.RequestMiddleware(app)
else:
    app, ask, mounted = get_asgi_application(), ask_asgi, {"root_path": "/shop"}
    app = asgi.RequestMiddleware(app)
for asked in ("/orders/7", "/v1/waits/a/", "/old/1999", "/fails", "/", "/nowhere"):
    ask(app, asked)
ask(app, "/orders/7" if sys.argv[1] == "wsgi" else "/shop/orders/7", **mounted)
assert collector.flush(30).complete
records = sorted(exporter.records(), key=lambda r: r.time_unix_nano)
print(json.dumps([r.attributes.get("http.route") for r in records]))
"""


@pytest.mark.parametrize("among", ["alone", "among others"])
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_djangos_middleware_tells_the_route(kind: str, among: str) -> None:
    """Of functions and coroutines, under either protocol, beside middleware of another kind."""
    done = run_python(_DJANGO, kind, among)
    assert json.loads(done.stdout) == [
        "/orders/<int:number>",
        "/v1/waits/<slug:name>/",
        "/^old/(?P<year>[0-9]{4})$",
        "/fails",
        "/",
        None,
        "/shop/orders/<int:number>",
    ]


def test_starlettes_mounts_and_fastapis_routers_tell_the_whole_route() -> None:
    """The part of the mount, or of the server's root path, included."""
    import fastapi
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def order(request: Any) -> PlainTextResponse:
        return PlainTextResponse("x")

    with in_memory() as memory:
        inner = Mount("/shop", routes=[Route("/orders/{number}", order)])
        ask_asgi(asgi.RequestMiddleware(Starlette(routes=[inner]), collector=memory.collector),
                 "/shop/orders/7")  # fmt: skip
        router = fastapi.APIRouter(prefix="/orders")

        @router.get("/{number}")
        def look_up(number: int) -> int:
            return number

        service = fastapi.FastAPI()
        service.include_router(router)
        behind = asgi.RequestMiddleware(service, collector=memory.collector)
        ask_asgi(behind, "/orders/7")
        ask_asgi(behind, "/api/orders/7", root_path="/api")
        assert routes(memory) == [
            "/shop/orders/{number}",
            "/orders/{number}",
            "/api/orders/{number}",
        ]


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_a_mount_is_the_route_of_an_application_that_tells_none(framework: str) -> None:
    """Once, with names for what varies, in the record and in the series."""
    import fastapi
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Host, Mount, Route

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def item(request: Any) -> PlainTextResponse:
        return PlainTextResponse("x")

    below = Starlette(routes=[Route("/in/{x}", item), Mount("/deep/{y}", raw)])
    of_a_host = Starlette(routes=[Mount("/of/{host}", raw)])
    mounts = [
        Host("other.example", of_a_host),
        Mount("/raw", raw),
        Mount("/sub", below),
        Mount("/of/{customer}", below),
        Mount("/", raw),
    ]
    wanted = {
        "/raw": "/raw",
        "/raw/x/y": "/raw",
        "/sub/in/3": "/sub/in/{x}",
        "/sub/nowhere": "/sub",
        "/of/7/in/3": "/of/{customer}/in/{x}",
        "/of/7/deep/8/9": "/of/{customer}/deep/{y}",
        "/of/7/nowhere": "/of/{customer}",
        "/else": "/",
        "/api/raw/x": "/api/raw",
        "/api/of/7/deep/8/9": "/api/of/{customer}/deep/{y}",
    }
    service: Any = Starlette(routes=mounts)
    if framework == "fastapi":
        service = fastapi.FastAPI()
        service.router.routes.extend(mounts)
    with in_memory() as memory:
        behind = asgi.RequestMiddleware(service, collector=memory.collector)
        for path in wanted:
            # Without its last slash a mount is a redirect, but that "/" takes it here.
            path += "/" if path == "/raw" else ""
            ask_asgi(behind, path, root_path="/api" if path.startswith("/api") else "")
        series = {point.attributes[ROUTE] for point in durations(memory)}
        assert routes(memory) == list(wanted.values())
        assert series == set(wanted.values())


def test_any_application_may_tell_its_route() -> None:
    """What it says wins, also from a copy of the scope; without a middleware nothing happens."""

    def plain(environ: Any, start_response: Any) -> list[bytes]:
        wsgi.set_route(environ, "/orders/<number>")
        start_response("200 OK", [])
        return [b"x"]

    async def modern(scope: Any, receive: Any, send: Any) -> None:
        scope["path_template"] = "not this"
        asgi.set_route(dict(scope), "/orders/{number}")

    with in_memory() as memory:
        ask_wsgi(wsgi.RequestMiddleware(plain, collector=memory.collector), "/orders/7")
        ask_asgi(asgi.RequestMiddleware(modern, collector=memory.collector), "/orders/7")
        assert routes(memory) == ["/orders/<number>", "/orders/{number}"]
        ask_wsgi(plain, "/orders/7")
        ask_asgi(modern, "/orders/7")
        assert memory.records() == []
