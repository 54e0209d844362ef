"""The middleware that passes pressure on to clients: 503 with Retry-After."""

from __future__ import annotations

import asyncio
import threading
import wsgiref.util
import wsgiref.validate
from collections.abc import Callable
from typing import Any

import pytest

import forebay
from forebay import Pressure, _warnings, asgi, wsgi
from tests.python.stalled import Stalled, lane, stalled, until

Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


def ask_asgi(s: Stalled, **options: Any) -> Ask:
    """A small ASGI service behind the middleware, and a client without sockets."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"taken"})

    options.setdefault("collector", s.collector)
    middleware = asgi.PressureMiddleware(app, **options)

    def ask(path: str, method: str = "GET") -> Answer:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("the body is not the middleware's to read")

        scope = {"type": "http", "method": method, "path": path, "headers": []}
        asyncio.run(middleware(scope, receive, send))
        start, body = sent
        headers = {k.decode(): v.decode() for k, v in start["headers"]}
        return start["status"], headers, body["body"]

    return ask


def ask_wsgi(s: Stalled, **options: Any) -> Ask:
    """The same for WSGI, with the standard library's checks of the protocol between."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"taken"]

    options.setdefault("collector", s.collector)
    middleware = wsgiref.validate.validator(wsgi.PressureMiddleware(app, **options))

    def ask(path: str, method: str = "GET") -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": "",
        }
        wsgiref.util.setup_testing_defaults(environ)
        got: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            got.extend((status, headers))
            return lambda data: None

        answer = middleware(environ, start_response)
        body = b"".join(answer)
        close: Any = getattr(answer, "close", lambda: None)
        close()
        status, headers = got
        return int(status.split()[0]), dict(headers), body

    return ask


BOTH = pytest.mark.parametrize("asking", [ask_asgi, ask_wsgi])


@BOTH
def test_a_full_lane_turns_away_chosen_routes_and_no_others(asking: Any) -> None:
    """And clears when the lane does."""
    with stalled(lane("audit"), lane("rest")) as s:
        ask = asking(s, lane="audit", routes=["/orders/*", "/pay"], methods=["post", "PUT"])
        assert ask("/orders/1", "POST")[0] == 200
        s.fill("audit")
        until(lambda: s.collector.pressure_of("audit") is Pressure.FULL)
        for path in ("/orders", "/orders/1", "/orders/1/lines", "/pay"):
            status, headers, body = ask(path, "POST")
            assert status == 503
            assert int(headers["retry-after"]) >= 1
            assert int(headers["content-length"]) == len(body)
            assert headers["retry-after"].encode() in body
        assert ask("/orders/1", "PUT")[0] == 503
        for path, method in (
            ("/orders/1", "GET"),
            ("/ordersx", "POST"),
            ("/x/orders/1", "POST"),
            ("/pay/now", "POST"),
            ("/", "POST"),
        ):
            assert ask(path, method) == (200, ask("/", "GET")[1], b"taken")
        s.go_on()
        until(lambda: s.collector.pressure is Pressure.NORMAL)
        assert ask("/orders/1", "POST")[0] == 200


@BOTH
def test_another_lane_that_is_full_turns_nobody_away(asking: Any) -> None:
    """Only the chosen lane's data is at stake on these routes."""
    with stalled(lane("audit"), lane("rest")) as s:
        ask = asking(s, lane="audit")
        s.fill("rest")
        until(lambda: s.collector.pressure is Pressure.FULL)
        assert s.collector.pressure_of("audit") is not Pressure.FULL
        assert ask("/orders/1")[0] == 200


@BOTH
def test_all_routes_and_a_retry_after_of_ones_own(asking: Any) -> None:
    """Rounded up to whole seconds; HEAD gets no body."""
    with stalled(lane("audit")) as s:
        ask = asking(s, lane="audit", at=Pressure.PRESSURED, retry_after=2.5)
        s.fill("audit")
        until(lambda: s.collector.pressure >= Pressure.PRESSURED)
        status, headers, body = ask("/étage", "DELETE")
        assert (status, headers["retry-after"]) == (503, "3")
        assert b"in 3 s" in body
        status, headers, body = ask("/", "HEAD")
        assert (status, headers["retry-after"], body) == (503, "3", b"")


@BOTH
def test_without_a_collector_it_is_the_process_default_that_counts(
    asking: Any, recwarn: pytest.WarningsRecorder
) -> None:
    """While there is none everything passes; a lane that it has not is told once."""
    _warnings._said.clear()
    with stalled(lane("audit")) as s:
        ask = asking(s, lane="audit", collector=None)
        other = asking(s, lane="adit", collector=None)
        assert ask("/")[0] == 200
        from forebay import _core, _lifecycle

        _core.set_default(s.collector._core)
        _lifecycle._default = s.collector
        try:
            assert ask("/")[0] == 200
            s.fill("audit")
            until(lambda: s.collector.pressure is Pressure.FULL)
            assert ask("/")[0] == 503
            assert [other("/")[0] for _ in range(3)] == [200] * 3
            told = [str(w.message) for w in recwarn if "adit" in str(w.message)]
            assert told == [
                "PressureMiddleware turns nobody away: lane: 'adit' is not one of 'audit'"
            ]
        finally:
            _core.set_default(None)
            _lifecycle._default = None


def test_websockets_and_lifespan_pass_untouched() -> None:
    """Only a request can be asked to come again."""
    with stalled(lane("audit")) as s:
        seen: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["type"])

        middleware = asgi.PressureMiddleware(app, lane="audit", collector=s.collector)
        s.fill("audit")
        until(lambda: s.collector.pressure is Pressure.FULL)
        nothing: Any = None
        for kind in ("lifespan", "websocket"):
            asyncio.run(middleware({"type": kind, "path": "/"}, nothing, nothing))
        assert seen == ["lifespan", "websocket"]


def test_an_error_of_the_application_passes_through() -> None:
    """The middleware is not there, as far as the application can tell."""
    with stalled(lane("audit")) as s:

        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise LookupError("mine")

        middleware = asgi.PressureMiddleware(app, lane="audit", collector=s.collector)
        nothing: Any = None
        with pytest.raises(LookupError, match="mine"):
            asyncio.run(middleware({"type": "http"}, nothing, nothing))


def test_many_threads_are_answered_alike() -> None:
    """A WSGI server has as many as it likes."""
    with stalled(lane("audit")) as s:
        ask = ask_wsgi(s, lane="audit")
        s.fill("audit")
        until(lambda: s.collector.pressure is Pressure.FULL)
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.extend(ask("/")[0] for _ in range(50)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert answers == [503] * 400


@pytest.mark.parametrize("middleware", [asgi.PressureMiddleware, wsgi.PressureMiddleware])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"lane": ""}, "lane: ''"),
        ({"routes": "/orders"}, "routes: '/orders' is not a list"),
        ({"routes": []}, "routes: there is none"),
        ({"routes": ["orders"]}, "routes[0]: 'orders' is not a path"),
        ({"methods": "GET"}, "methods: 'GET' is not a list"),
        ({"methods": []}, "methods: there is none"),
        ({"methods": ["G T"]}, "methods[0]: 'G T' is not an HTTP method"),
        ({"at": "normal"}, "at: 'normal' is not 'pressured' or 'full'"),
        ({"at": 2}, "at: 2 is not"),
        ({"retry_after": -1}, "retry_after: -1 is not in 0..3600 s"),
    ],
)
def test_a_bad_option_of_the_middleware_is_told(
    middleware: Any, options: dict[str, Any], told: str
) -> None:
    """When it is made, which is when the service starts."""
    with pytest.raises(forebay.OptionError) as caught:
        middleware(None, **{"lane": "audit", **options})
    assert str(caught.value).startswith(told)
    with pytest.raises(TypeError, match="did you mean 'routes'"):
        middleware(None, lane="audit", route=["/"])
