"""LoggingHandler keeps stdlib's contract; its short way is taken only where nothing is lost."""

from __future__ import annotations

import io
import logging
import logging.config
import logging.handlers
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import forebay
from forebay.testing import LogRecord
from tests.python.in_memory import in_memory
from tests.python.logging_bridge import Bridge, takes_the_short_way

# What each record has besides what the call brought.
STANDARD = {
    "code.file.path",
    "code.function.name",
    "code.line.number",
    "thread.id",
    "thread.name",
}


def brought(record: LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.attributes.items() if key not in STANDARD}


def test_a_record_arrives_with_level_place_and_thread(bridge: Bridge) -> None:
    """Body, severity, code.* and thread.* by OpenTelemetry's names."""
    bridge.stdlib.warning("hello %s", "world")
    record = bridge.record()
    assert record.body == "hello world"
    assert (record.severity_number, record.severity_text) == (13, "WARNING")
    assert record.attributes["code.file.path"] == __file__
    assert record.attributes["code.function.name"] == (
        "test_a_record_arrives_with_level_place_and_thread"
    )
    assert isinstance(record.attributes["code.line.number"], int)
    assert record.attributes["thread.id"] == threading.get_ident()
    assert record.attributes["thread.name"] == threading.current_thread().name
    assert set(record.attributes) == STANDARD


def test_the_scope_is_the_name_of_the_stdlib_logger(bridge: Bridge) -> None:
    """One handler serves many loggers."""
    bridge.stdlib.info("m")
    child = logging.getLogger("tests.bridge.child")
    child.info("m")
    bridge.collector.flush(timeout=30)
    scopes = {s.name for r in bridge.exporter.resource_logs() for s, _ in r.records()}
    assert scopes == {"tests.bridge", "tests.bridge.child"}


def test_extra_becomes_attributes_of_any_type(bridge: Bridge) -> None:
    """Nested ones, and no standard field among them."""
    extra = {"order": 42, "items": [{"sku": "a", "price": 1.5}], "raw": b"\x00", "none": None}
    bridge.stdlib.info("m", extra=extra)
    assert brought(bridge.record()) == extra


def test_what_other_handlers_leave_on_the_record_is_no_attribute(bridge: Bridge) -> None:
    """message, asctime and exc_text are set by formatters."""
    first = logging.StreamHandler(io.StringIO())
    first.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    bridge.stdlib.handlers.insert(0, first)
    try:
        raise ValueError("v")
    except ValueError:
        bridge.stdlib.exception("m")
    keys = {"exception.type", "exception.message", "exception.stacktrace"}
    assert set(brought(bridge.record())) == keys


def test_exc_info_and_stack_info_become_attributes(bridge: Bridge) -> None:
    """exception.* by OpenTelemetry's names."""
    try:
        raise ValueError("v")
    except ValueError:
        bridge.stdlib.error("m", exc_info=True, stack_info=True)
    attributes = bridge.record().attributes
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == "v"
    assert "raise ValueError" in str(attributes["exception.stacktrace"])
    assert "test_exc_info_and_stack_info" in str(attributes["code.stacktrace"])


def test_a_level_of_the_users_own_keeps_its_name(bridge: Bridge) -> None:
    """SeverityText is the source's word."""
    logging.addLevelName(35, "NOTEWORTHY")
    bridge.stdlib.log(35, "m")
    bridge.stdlib.log(5, "n")
    first, second = bridge.records()
    assert (first.severity_number, first.severity_text) == (16, "NOTEWORTHY")
    assert second.severity_number == 4


def test_a_stdlib_logger_does_not_change_the_level_of_a_forebay_logger_of_that_name() -> None:
    """Both may be in use: the one is filtered by logging, the other by its own level."""
    with in_memory() as memory:
        own = memory.collector.logger("tests.shared", level="WARNING")
        stdlib = logging.getLogger("tests.shared")
        stdlib.propagate = False
        stdlib.setLevel(logging.DEBUG)
        handler = forebay.LoggingHandler(logger=memory.collector.logger("logging", level=1))
        stdlib.addHandler(handler)
        try:
            stdlib.debug("by logging")
            own.info("no")
            own.warning("by forebay")
        finally:
            stdlib.removeHandler(handler)
        # The warning's lane is sent first.
        assert {record.body for record in memory.records()} == {"by logging", "by forebay"}


# -- the contract ---------------------------------------------------------------------------------


def test_the_short_way_is_taken_where_nothing_is_set(bridge: Bridge) -> None:
    """`handle` is the core's function, bound to the logger."""
    assert takes_the_short_way(bridge.handler)
    assert bridge.handler.handle(logging.makeLogRecord({"msg": "m", "levelno": 20})) is True
    assert bridge.record().body == "m"


def test_set_level_decides_what_comes_through(bridge: Bridge) -> None:
    """It does not cost the short way: logging itself looks at it."""
    bridge.handler.setLevel("ERROR")
    bridge.stdlib.warning("no")
    bridge.stdlib.error("yes")
    assert takes_the_short_way(bridge.handler)
    assert bridge.record().body == "yes"
    assert forebay.LoggingHandler(logging.ERROR).level == logging.ERROR


def test_a_filter_decides_and_may_change_the_record(bridge: Bridge) -> None:
    """As for every handler; without filters the short way is back."""

    def allow(record: logging.LogRecord) -> bool:
        record.user = "me"
        return "no" not in record.getMessage()

    bridge.handler.addFilter(allow)
    assert not takes_the_short_way(bridge.handler)
    bridge.stdlib.info("no")
    bridge.stdlib.info("yes")
    record = bridge.record()
    assert record.body == "yes"
    assert brought(record) == {"user": "me"}
    bridge.handler.removeFilter(allow)
    assert takes_the_short_way(bridge.handler)
    bridge.stdlib.info("no")
    assert bridge.record().body == "no"


def test_a_formatters_output_becomes_the_body(bridge: Bridge) -> None:
    """And extra= and the exception stay attributes; the record itself is not changed."""
    seen: list[logging.LogRecord] = []

    class After(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    bridge.handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    bridge.stdlib.addHandler(After())
    assert not takes_the_short_way(bridge.handler)
    bridge.stdlib.info("a %s", "b", extra={"k": 1})
    record = bridge.record()
    assert record.body == "[INFO] a b"
    assert brought(record) == {"k": 1}
    assert (seen[0].msg, seen[0].args) == ("a %s", ("b",))
    bridge.handler.setFormatter(None)
    assert takes_the_short_way(bridge.handler)


def test_setting_an_attribute_instead_of_calling_a_setter_counts_too(bridge: Bridge) -> None:
    """`handler.formatter = …` and a patched `emit` are seen as they are set."""
    bridge.handler.formatter = logging.Formatter("<%(message)s>")
    bridge.stdlib.info("m")
    assert bridge.record().body == "<m>"
    bridge.handler.formatter = None
    seen: list[str] = []
    bridge.handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    assert not takes_the_short_way(bridge.handler)
    bridge.stdlib.info("patched")
    assert seen == ["patched"]
    assert bridge.records() == []


def test_handle_error_is_called_for_what_fails_on_the_way(bridge: Bridge) -> None:
    """A formatter that raises is the handler's business, not the application's."""
    failed: list[logging.LogRecord] = []

    class Mine(forebay.LoggingHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            failed.append(record)

    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise RuntimeError("broken")

    bridge.attach(Mine(logger=bridge.collector.logger("logging", level=1)))
    assert not takes_the_short_way(bridge.handler)
    bridge.handler.setFormatter(Broken())
    bridge.stdlib.info("m")
    assert [record.msg for record in failed] == ["m"]


@pytest.mark.parametrize("name", ["emit", "handle", "format", "filter", "handleError"])
def test_a_subclass_that_overrides_goes_the_long_way(bridge: Bridge, name: str) -> None:
    """Its method is called, and what it passes on arrives."""
    called: list[str] = []

    def override(self: Any, record: logging.LogRecord) -> Any:
        called.append(name)
        return getattr(forebay.LoggingHandler, name)(self, record)

    mine: Any = type("Mine", (forebay.LoggingHandler,), {name: override})
    bridge.attach(mine(logger=bridge.collector.logger("logging", level=1)))
    assert not takes_the_short_way(bridge.handler)
    bridge.stdlib.info("m")
    if name != "handleError":
        assert called == [name]
    assert bridge.record().body == "m"


def test_a_subclass_that_overrides_nothing_of_that_takes_the_short_way(bridge: Bridge) -> None:
    """A class of one's own for dictConfig costs nothing."""

    class Mine(forebay.LoggingHandler):
        def flush(self) -> None:
            pass

    assert takes_the_short_way(Mine())


def test_flush_flushes_the_collector(bridge: Bridge) -> None:
    """What was logged has left when it returns."""
    bridge.stdlib.info("m")
    bridge.handler.flush()
    assert [record.body for record in bridge.exporter.records()] == ["m"]


def test_close_does_not_shut_the_collector_down(bridge: Bridge) -> None:
    """A handler is not the owner."""
    bridge.handler.close()
    assert not bridge.collector.is_shut_down
    assert bridge.log.info("still open")
    assert bridge.record().body == "still open"


def test_a_formatter_that_logs_ends(bridge: Bridge) -> None:
    """Its own record goes in as it is."""

    class Logs(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            bridge.stdlib.info("from the formatter")
            return "formatted"

    bridge.handler.setFormatter(Logs())
    bridge.stdlib.info("m")
    assert {record.body for record in bridge.records()} == {"from the formatter", "formatted"}


def test_a_value_that_logs_through_logging_ends(bridge: Bridge) -> None:
    """On the short way too."""

    class Logs:
        def __str__(self) -> str:
            bridge.stdlib.info("again", extra={"value": self})
            return "at last"

    bridge.stdlib.info("m", extra={"value": Logs()})
    assert "m" in [record.body for record in bridge.records()]


def test_dict_config_makes_one(bridge: Bridge) -> None:
    """By its public name, before anything is started, with a level and a logger's name."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "forebay": {
                    "class": "forebay.LoggingHandler",
                    "level": "ERROR",
                    "logger": "by.name",
                }
            },
            "loggers": {"tests.configured": {"handlers": ["forebay"]}},
        }
    )
    (handler,) = logging.getLogger("tests.configured").handlers
    assert isinstance(handler, forebay.LoggingHandler)
    assert handler.level == logging.ERROR
    assert takes_the_short_way(handler)
    logging.getLogger("tests.configured").handlers = []


def test_a_collector_may_be_given_that_is_not_the_default(bridge: Bridge) -> None:
    """Each logger of `logging` is a scope of its own, as with the default."""
    bridge.attach(forebay.LoggingHandler(collector=bridge.collector))
    assert takes_the_short_way(bridge.handler)
    bridge.stdlib.debug("m")
    logging.getLogger("tests.bridge.child").info("m")
    assert bridge.scopes() == {"tests.bridge", "tests.bridge.child"}
    assert len(bridge.records()) == 2
    bridge.handler.flush()
    with pytest.raises(forebay.OptionError, match=r"^collector: not beside logger"):
        forebay.LoggingHandler(logger="shop", collector=bridge.collector)
    with pytest.raises(
        forebay.OptionError, match=r"^collector: 'shop' is not a forebay\.Collector"
    ):
        forebay.LoggingHandler(collector="shop")  # type: ignore[arg-type]


def test_a_queue_handler_in_front_works(bridge: Bridge) -> None:
    """Records that another thread hands on keep their own thread's name."""
    import queue

    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, bridge.handler)
    bridge.stdlib.handlers = [logging.handlers.QueueHandler(waiting)]
    listener.start()
    bridge.stdlib.info("m %s", 1, extra={"k": [1]})
    listener.stop()
    record = bridge.record()
    assert record.body == "m 1"
    assert brought(record) == {"k": [1]}
    assert record.attributes["thread.name"] == threading.current_thread().name


def test_flush_finds_its_collector_while_another_thread_makes_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the set of collectors, which may grow while it is looked through."""

    class Growing(weakref.WeakSet[forebay.Collector]):
        def __iter__(self) -> Iterator[forebay.Collector]:
            for each in super().__iter__():
                yield each
                self.add(other.collector)

    with in_memory() as made, in_memory() as other:
        monkeypatch.setattr("forebay._collector._live", Growing([made.collector]))
        handler = forebay.LoggingHandler(collector=made.collector)
        logger = logging.Logger("tests.flush")
        logger.addHandler(handler)
        logger.warning("m")
        handler.flush()
        assert made.collector.stats().delivered == 1
