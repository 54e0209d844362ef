"""All that stdlib's `logging` has to hang on a handler, on Forebay's: a filter, a formatter, a
subclass, a factory, captured warnings, and a queue in front.

python examples/logging_in_depth.py
"""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import queue
import warnings
from typing import Any

import forebay
from forebay.testing import MemoryCollector, memory_collector

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_health_checks": {"()": "__main__.NoHealthChecks", "path": "/healthz"}},
    "formatters": {"audit": {"format": "{name}: {message}", "style": "{"}},
    "handlers": {
        # As it is: the message is the body, extra= becomes attributes. The cheapest.
        "all": {"class": "forebay.LoggingHandler", "filters": ["no_health_checks"]},
        # A formatter's output becomes the body.
        "audit": {"class": "forebay.LoggingHandler", "formatter": "audit", "logger": "audit"},
        "tagged": {"class": "__main__.Tagged", "team": "payments", "level": "ERROR"},
        "made": {"()": "__main__.for_shipping", "level": "WARNING"},
    },
    "loggers": {
        "shop.audit": {"handlers": ["audit"], "propagate": False},
        "shop.payments": {"handlers": ["tagged"], "propagate": False},
        "shop.shipping": {"handlers": ["made"], "propagate": False},
    },
    "root": {"handlers": ["all"], "level": "INFO"},
}


class NoHealthChecks(logging.Filter):
    """Lets all through but requests to one path."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "path", None) != self._path


class Tagged(forebay.LoggingHandler):
    """Adds an attribute to every record."""

    def __init__(self, team: str, **options: Any) -> None:
        super().__init__(**options)
        self._team = team

    def emit(self, record: logging.LogRecord) -> None:
        record.team = self._team
        super().emit(record)


def for_shipping() -> forebay.LoggingHandler:
    return forebay.LoggingHandler(logger="shipping")


def log_through_all_of_them() -> None:
    logging.getLogger("shop.web").info("request finished", extra={"path": "/items"})
    logging.getLogger("shop.web").info("request finished", extra={"path": "/healthz"})
    logging.getLogger("shop.audit").info("order %d was changed", 7, extra={"by": "admin"})
    logging.getLogger("shop.payments").error("card refused", extra={"order": 7})
    logging.getLogger("shop.shipping").warning("the van is late")
    # What Python warns of comes through the logger py.warnings.
    logging.captureWarnings(True)
    warnings.warn("price() is deprecated: use quote()", DeprecationWarning, stacklevel=1)
    logging.captureWarnings(False)


def log_through_a_queue() -> None:
    """For handlers beside ours that are slow: the caller waits for none of them.

    What comes through a queue is handed over on the listener's thread: `forebay.context` and the
    trace of the caller are lost, and an exception is a part of the message. LoggingHandler itself
    does not wait: put it beside a QueueHandler, not behind, where you have the choice.
    """
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, forebay.LoggingHandler())
    log = logging.getLogger("shop.queued")
    log.propagate = False
    log.addHandler(logging.handlers.QueueHandler(waiting))
    listener.start()
    log.info("sold %d items", 3, extra={"lines": [7, 9]})
    listener.stop()


def show(memory: MemoryCollector) -> None:
    for record in memory.records():
        own = {
            name: value
            for name, value in record.attributes.items()
            if not name.startswith(("code.", "thread."))
        }
        print(f"{record.severity_text:<8} {str(record.body).splitlines()[0]} {own or ''}")


def main() -> None:
    warnings.simplefilter("always")
    # In a service: forebay.start(service_name="shop"). Handlers may be made before it or after.
    with memory_collector() as memory:
        logging.config.dictConfig(LOGGING)
        log_through_all_of_them()
        log_through_a_queue()
        show(memory)
        assert len(memory.records()) == 6
        assert memory.record(text="refused").attributes["team"] == "payments"
        assert memory.record(by="admin").body == "shop.audit: order 7 was changed"
        assert memory.record(logger="py.warnings", text="use quote()")
        assert memory.record(text="sold 3 items").attributes["lines"] == [7, 9]
        assert memory.messages(path="/healthz") == []


if __name__ == "__main__":
    main()
