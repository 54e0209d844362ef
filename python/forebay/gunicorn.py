"""gunicorn's logs into Forebay.

gunicorn --logger-class forebay.gunicorn.Logger app:application

What gunicorn says goes to the process default, from each process in which `forebay.start` was
called, and to standard error as before: the master usually has no collector. The access log is
written where ``accesslog`` is set, as gunicorn has it, but as records with attributes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gunicorn import glogging

from ._logging import LoggingHandler

__all__ = ["Logger"]


class Logger(glogging.Logger):  # type: ignore[misc,unused-ignore]
    """gunicorn's ``logger_class``."""

    def setup(self, cfg: Any) -> None:
        """Set gunicorn's two loggers up, and hang Forebay's handler into them."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            if not any(isinstance(handler, LoggingHandler) for handler in logger.handlers):
                logger.addHandler(LoggingHandler())

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """One request, by OpenTelemetry's names."""
        if not self.cfg.accesslog:
            return
        status = resp.status
        if isinstance(status, str):
            status = status.split(None, 1)[0]
        code = int(status) if str(status).isdigit() else 0
        attributes = {
            "http.request.method": environ.get("REQUEST_METHOD", ""),
            "url.path": environ.get("PATH_INFO", ""),
            "http.response.status_code": code,
            "http.response.body.size": getattr(resp, "sent", 0) or 0,
            "http.server.request.duration": request_time.total_seconds(),
            "client.address": environ.get("REMOTE_ADDR", ""),
            "user_agent.original": environ.get("HTTP_USER_AGENT", ""),
        }
        self.access_log.info(
            "%s %s %s",
            attributes["http.request.method"],
            attributes["url.path"],
            code,
            extra={name: value for name, value in attributes.items() if value != ""},
        )
