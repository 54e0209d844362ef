"""The logs of web servers, whose loggers do not propagate to the root."""

from __future__ import annotations

from typing import Any

from ._levels import level_number


def uvicorn_log_config(level: int | str = "INFO", *, access: bool = True) -> dict[str, Any]:
    """What uvicorn's ``log_config`` takes, with Forebay's handler in place of its own.

    ``uvicorn.run(app, log_config=forebay.uvicorn_log_config())``. The records go to the process
    default, whichever is started, with uvicorn's loggers as scopes.

    Args:
        level: The lowest level of uvicorn's own records.
        access: Whether it writes its access log: False where `forebay.asgi.RequestMiddleware` does.

    Raises:
        OptionError: a level that does not exist.
    """
    number = level_number(level, "level")
    handlers = {"handlers": ["forebay"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"forebay": {"class": "forebay.LoggingHandler"}},
        "loggers": {
            "uvicorn": {**handlers, "level": number},
            "uvicorn.error": {"level": number},
            "uvicorn.access": {
                **(handlers if access else {"handlers": [], "propagate": False}),
                "level": number,
            },
        },
    }
