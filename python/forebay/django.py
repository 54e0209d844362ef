"""Django's route, for `RequestMiddleware`: one line in the settings.

MIDDLEWARE = [..., "forebay.django.route_middleware"]

Django keeps the route that matched in its own request, where neither WSGI nor ASGI sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._requests import tell_route

__all__ = ["route_middleware"]


def route_middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware of Django that tells the route of each request that matched one.

    For `forebay.wsgi.RequestMiddleware` or the one of `forebay.asgi` around the application;
    without one it does nothing. The route is written as Django writes it, with a slash before it:
    ``/orders/<int:number>``, or with the regular expression of ``re_path``. Its place among others
    does not matter, and it is for views of both kinds, without a thread between.
    """
    from asgiref.sync import iscoroutinefunction

    if iscoroutinefunction(get_response):

        async def tell_later(request: Any) -> Any:
            response = await get_response(request)
            _tell(request)
            return response

        return tell_later

    def tell(request: Any) -> Any:
        response = get_response(request)
        _tell(request)
        return response

    return tell


# Django asks a middleware for these.
vars(route_middleware).update(sync_capable=True, async_capable=True)


def _tell(request: Any) -> None:
    # Set by the resolver, and None where nothing matched.
    match = request.resolver_match
    if match is not None:
        environ = getattr(request, "scope", request.META)
        tell_route(environ, f"{request.META.get('SCRIPT_NAME', '')}/{match.route}")
