"""A logger of stdlib's in front of a collector in memory: the fixture `bridge`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import MethodType
from typing import Any

import pytest

import forebay
from forebay import _core
from tests.python.in_memory import InMemory


class Bridge(InMemory):
    """A collector behind a logger of stdlib's with one handler."""

    handler: forebay.LoggingHandler
    stdlib: logging.Logger

    def attach(self, handler: forebay.LoggingHandler) -> None:
        self.handler = handler
        self.stdlib.handlers = [handler]


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    made = Bridge()
    made.stdlib = logging.getLogger("tests.bridge")
    made.stdlib.propagate = False
    made.stdlib.setLevel(1)
    made.attach(forebay.LoggingHandler(logger=made.collector.logger("logging", level=1)))
    yield made
    made.stdlib.handlers = []
    made.collector.shutdown(timeout=30)
    assert made.collector.audit().balanced


def takes_the_short_way(handler: logging.Handler) -> bool:
    handle: Any = handler.handle
    return isinstance(handle, MethodType) and handle.__func__ is _core.handle_record
