"""The middleware that binds a request's attributes and writes one record about it."""

from __future__ import annotations

import asyncio
import wsgiref.util
import wsgiref.validate
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import forebay
from forebay import asgi, wsgi
from tests.python.in_memory import InMemory, in_memory

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"

Ask = Callable[..., None]


class Failure(Exception):
    """What the application below raises."""


def ask_asgi(memory: InMemory, **options: Any) -> Ask:
    """A small ASGI service behind the middleware, and a client without sockets."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        memory.log.info("inside")
        if scope["path"] == "/fails":
            raise Failure("on purpose")
        status = int(scope["path"].rpartition("/")[2] or 200)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    middleware = asgi.RequestMiddleware(app, collector=memory.collector, **options)

    def ask(path: str, traceparent: str | None = None) -> None:
        async def send(message: Any) -> None:
            """The client does not listen."""

        async def receive() -> Any:
            raise AssertionError("the body is not the middleware's to read")

        headers = [] if traceparent is None else [(b"traceparent", traceparent.encode())]
        scope = {
            "type": "http", "method": "GET", "path": path, "scheme": "https", "headers": headers,
            "client": ("10.0.0.7", 1234),
        }  # fmt: skip
        asyncio.run(middleware(scope, receive, send))

    return ask


def ask_wsgi(memory: InMemory, **options: Any) -> Ask:
    """The same for WSGI, with the standard library's checks of the protocol between."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/fails":
            memory.log.info("inside")
            raise Failure("on purpose")
        status = environ["PATH_INFO"].rpartition("/")[2] or "200"
        start_response(f"{status} So", [("content-type", "text/plain")])
        # A generator: most of it runs while the server reads.
        return parts()

    def parts() -> Iterator[bytes]:
        memory.log.info("inside")
        yield b"x"

    middleware = wsgiref.validate.validator(
        wsgi.RequestMiddleware(app, collector=memory.collector, **options)
    )

    def ask(path: str, traceparent: str | None = None) -> None:
        environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "REMOTE_ADDR": "10.0.0.7",
            "wsgi.url_scheme": "https",
        }
        if traceparent is not None:
            environ["HTTP_TRACEPARENT"] = traceparent
        wsgiref.util.setup_testing_defaults(environ)
        answer = middleware(environ, lambda *_: lambda _: None)
        try:
            b"".join(answer)
        finally:
            answer.close()  # type: ignore[attr-defined]

    return ask


Make = Callable[..., Ask]
both = pytest.mark.parametrize("make", [ask_asgi, ask_wsgi], ids=["asgi", "wsgi"])


@both
def test_one_record_a_request_and_what_is_logged_in_it_knows_the_request(make: Make) -> None:
    """With the names of the conventions, the duration, and the caller's trace."""
    with in_memory() as memory:
        make(memory)("/orders/200", PARENT)
        inside, finished = memory.records()
        for record in (inside, finished):
            assert record.attributes["http.request.method"] == "GET"
            assert record.attributes["url.path"] == "/orders/200"
            assert record.attributes["url.scheme"] == "https"
            assert record.attributes["client.address"] == "10.0.0.7"
            assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE, SPAN)
        assert (finished.body, finished.severity_number) == ("request finished", 9)
        assert finished.attributes["http.response.status_code"] == 200
        duration = finished.attributes["http.server.request.duration"]
        assert isinstance(duration, float)
        assert 0 < duration < 10


@both
def test_an_error_is_one_and_goes_on_to_the_server(make: Make) -> None:
    """The exception is in the record; a status from 500 on is an error, too."""
    with in_memory() as memory:
        ask = make(memory)
        with pytest.raises(Failure):
            ask("/fails")
        ask("/503")
        records = sorted(memory.records(), key=lambda r: r.time_unix_nano)
        _, failed, _, unavailable = records
        assert (failed.body, failed.severity_number) == ("request failed", 17)
        assert failed.attributes["exception.message"] == "on purpose"
        assert "http.response.status_code" not in failed.attributes
        assert (unavailable.body, unavailable.severity_number) == ("request finished", 17)


@both
def test_excluded_paths_write_no_record_and_bind_all_the_same(make: Make) -> None:
    """Health checks come every second."""
    with in_memory() as memory:
        make(memory, exclude=["/200"])("/200")
        record = memory.record()
        assert (record.body, record.attributes["url.path"]) == ("inside", "/200")


@pytest.mark.parametrize(
    ("header", "valid"),
    [
        (PARENT, True),
        (f"cc-{TRACE}-{SPAN}-09-what-will-be", True),
        (f"00-{TRACE}-{SPAN}-01-more", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        ("garbage", False),
        ("", False),
    ],
)
def test_a_traceparent_is_read_by_the_standards_rules(header: str, valid: bool) -> None:
    """What is not valid is as if there was none."""
    with in_memory() as memory:
        ask_asgi(memory)("/200", header)
        _, finished = memory.records()
        assert (finished.trace_id.hex() == TRACE) is valid


def test_a_bad_option_is_told() -> None:
    """With the field."""
    with pytest.raises(forebay.OptionError, match=r"^exclude: '/healthz' is not a list of paths"):
        asgi.RequestMiddleware(lambda *_: None, exclude="/healthz")  # type: ignore[arg-type]
    with pytest.raises(forebay.OptionError, match=r"^exclude\[0\]: 7"):
        wsgi.RequestMiddleware(lambda *_: [], exclude=[7])  # type: ignore[list-item]


def test_lifespan_passes_untouched() -> None:
    """And what servers may come to ask for later."""
    with in_memory() as memory:
        seen: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["type"])

        middleware = asgi.RequestMiddleware(app, collector=memory.collector)
        for kind in ("lifespan", "webtransport"):
            asyncio.run(middleware({"type": kind}, None, None))  # type: ignore[arg-type]
        assert seen == ["lifespan", "webtransport"]
        assert memory.records() == []


def test_starlette_tells_the_route() -> None:
    """The real one, with a path parameter."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    with in_memory() as memory:

        async def order(request: Any) -> PlainTextResponse:
            memory.log.info("inside", number=request.path_params["number"])
            return PlainTextResponse("x")

        service = Starlette(routes=[Route("/orders/{number}", order)])
        service.add_middleware(asgi.RequestMiddleware, collector=memory.collector)

        async def send(message: Any) -> None:
            """Nobody listens."""

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http", "method": "GET", "path": "/orders/7", "raw_path": b"/orders/7",
            "query_string": b"", "headers": [], "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        asyncio.run(service(scope, receive, send))
        inside, finished = memory.records()
        assert inside.attributes["number"] == "7"
        assert inside.attributes["url.path"] == "/orders/7"
        assert finished.attributes["http.response.status_code"] == 200
        assert finished.attributes.get("http.route") == "/orders/{number}"


def test_what_is_logged_in_a_websocket_knows_its_path_and_trace() -> None:
    """As long as it lives. There is no method, no record at its end, and nothing is measured."""
    with in_memory(metrics=forebay.MetricsOptions(self_metrics=False)) as memory:

        async def app(scope: Any, receive: Any, send: Any) -> None:
            memory.log.info("inside")
            await asyncio.to_thread(memory.log.info, "inside")
            await send({"type": "websocket.close"})

        async def send(message: Any) -> None:
            memory.log.info("inside")

        async def receive() -> Any:
            """Nothing comes."""

        middleware = asgi.RequestMiddleware(app, collector=memory.collector)
        scope = {
            "type": "websocket", "path": "/ws", "scheme": "wss", "client": ("10.0.0.7", 1234),
            "headers": [(b"traceparent", PARENT.encode())],
        }  # fmt: skip
        asyncio.run(middleware(scope, receive, send))
        memory.log.info("after")
        *inside, after = memory.records()
        assert len(inside) == 3
        for record in inside:
            assert record.attributes == {
                "url.path": "/ws", "url.scheme": "wss", "client.address": "10.0.0.7",
            }  # fmt: skip
            assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE, SPAN)
        assert (after.attributes, after.trace_id) == ({}, b"")
        assert memory.exporter.metric_points() == []
