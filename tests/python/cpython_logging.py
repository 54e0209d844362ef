"""CPython's own tests of `logging`, with our handler where theirs has a `StreamHandler`.

Two ways. Where a test logs through the root logger's handler and reads lines (levels, filters,
exceptions, `MemoryHandler`, `QueueHandler`, a fork while locks are held), that handler becomes
ours, and the bodies that arrive are the lines. Where a test makes its `StreamHandler` itself, or
has `basicConfig`, `dictConfig` or `fileConfig` make it, the class of that name is ours for so long.

The others of ``test.test_logging`` have no part for a handler like ours: they are about stdlib's
own handlers (files, rotation, sockets, syslog, HTTP, mail), whose classes and streams they look at;
about formatters, adapters, loggers and records by themselves; about a configuration that is refused
before it makes a handler, or is fetched from a socket; or they run scripts of their own, in
processes that know nothing of us. `logging.shutdown` they try on handlers that are fakes.

Run by test_logging_cpython.py, in a process that has no pytest: they want the root logger for
themselves.
"""

from __future__ import annotations

import io
import logging
import sys
from typing import Any, ClassVar
from unittest import mock

from test import test_logging as cpython  # type: ignore[import-not-found, import-untyped, unused-ignore]

import forebay


def _collector() -> tuple[forebay.Collector, forebay.MemoryExporter]:
    exporter = forebay.MemoryExporter()
    lanes = [forebay.Lane("all")]
    return forebay.Collector(service_name="cpython", exporter=exporter, lanes=lanes), exporter


def _end(collector: forebay.Collector) -> None:
    collector.shutdown(30)
    audit = collector.audit()
    assert audit.balanced, audit
    assert collector.stats().lost == 0


class Arrived(io.StringIO):
    """What has arrived by the time that somebody looks, a body a line."""

    def __init__(self, collector: forebay.Collector, exporter: forebay.MemoryExporter) -> None:
        super().__init__()
        self._collector = collector
        self._exporter = exporter

    def getvalue(self) -> str:
        assert self._collector.flush(30).complete
        self.writelines(str(record.body) + "\n" for record in self._exporter.records())
        self._exporter.clear()
        return super().getvalue()


class AtTheRoot:
    """Between CPython's set-up and its tests: the root logger's handler becomes ours.

    A formatter's output is the body of a record, so the bodies that arrive are the lines that a
    `StreamHandler` would have written.
    """

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        self.collector, exporter = _collector()
        theirs: logging.Handler = self.root_hdlr  # type: ignore[has-type]
        ours = forebay.LoggingHandler(logger=self.collector.logger("cpython", level=1))
        ours.setFormatter(theirs.formatter)
        root: logging.Logger = self.root_logger  # type: ignore[attr-defined]
        root.removeHandler(theirs)
        theirs.close()
        root.addHandler(ours)
        self.root_hdlr = ours
        self.stream = Arrived(self.collector, exporter)
        memory_handler = getattr(self, "mem_hdlr", None)
        if memory_handler is not None:
            memory_handler.setTarget(ours)

    def tearDown(self) -> None:
        super().tearDown()  # type: ignore[misc]
        _end(self.collector)


class OnAStream(forebay.LoggingHandler):
    """Our handler as a `StreamHandler`: what arrives is written to the stream at once."""

    terminator = "\n"
    made: ClassVar[list[forebay.Collector]] = []

    def __init__(self, stream: Any = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.collector, self.exporter = _collector()
        self.made.append(self.collector)
        super().__init__(logger=self.collector.logger("cpython", level=1))
        if isinstance(stream, cpython.BadStream):
            # What can fail on the way to ours is the formatter.
            self.formatter = mock.Mock(format=stream.write)

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        assert self.collector.flush(30).complete
        if self.formatter is None or isinstance(self.formatter, logging.Formatter):
            for arrived in self.exporter.records():
                self.stream.write(str(arrived.body) + self.terminator)
        self.exporter.clear()


class _TellsItsErrors(OnAStream):
    def handleError(self, record: logging.LogRecord) -> None:
        self.error_record = record


class InPlace:
    """While CPython's test runs, `logging.StreamHandler` and what is derived from it are ours."""

    def run(self, result: Any = None) -> Any:
        with (
            mock.patch.object(logging, "StreamHandler", OnAStream),
            mock.patch.object(cpython, "TestStreamHandler", _TellsItsErrors),
            mock.patch.object(cpython, "CustomHandler", type("CustomHandler", (OnAStream,), {})),
        ):
            try:
                return super().run(result)  # type: ignore[misc]
            finally:
                while OnAStream.made:
                    _end(OnAStream.made.pop())


# All of their tests.
_AT_THE_ROOT = (
    "BuiltinLevelsTest",
    "BasicFilterTest",
    "CustomLevelsAndFiltersTest",
    "MemoryHandlerTest",
    "MemoryTest",
    "ExceptionTest",
    "ChildLoggerTest",
    "LogRecordFactoryTest",
    "QueueHandlerTest",
)
# These of their tests.
_IN_PLACE = {
    "HandlerTest": ("test_post_fork_child_no_deadlock",),
    "StreamHandlerTest": ("test_error_handling",),
    "WarningsTest": ("test_warnings",),
    "ModuleLevelMiscTest": ("test_subclass_logger_cache",),
    "BasicConfigTest": (
        "test_datefmt", "test_force", "test_format", "test_handlers", "test_incompatible",
        "test_level", "test_stream", "test_strformatstyle", "test_stringtemplatestyle",
        "test_style",
    ),
    "ConfigFileTest": (
        "test_config0_ok", "test_config0_using_cp_ok", "test_config1_ok", "test_config4_ok",
        "test_config5_ok", "test_config6_ok", "test_config7_ok", "test_config_set_handler_names",
        "test_defaults_do_no_interpolation", "test_logger_disabling",
    ),
    "ConfigDictTest": (
        "test_config0_ok", "test_config11_ok", "test_config14_ok",
        "test_config17_ok", "test_config1_ok", "test_config4_ok", "test_config4a_ok",
        "test_config5_ok", "test_config7_ok", "test_config_10_ok", "test_config_8_ok",
        "test_config_8a_ok", "test_config_9_ok", "test_config_callable_filter_works",
        "test_config_filter_method_works", "test_config_filter_works", "test_90195",
    ),
}  # fmt: skip


def _without(theirs: type, wanted: tuple[str, ...]) -> dict[str, None]:
    """A test that is None is none."""
    return {test: None for test in dir(theirs) if test.startswith("test") and test not in wanted}


for _name in _AT_THE_ROOT:
    _theirs = getattr(cpython, _name)
    globals()[_name] = type(_name, (AtTheRoot, _theirs), {"__module__": __name__})
for _name, _wanted in _IN_PLACE.items():
    _theirs = getattr(cpython, _name)
    _members = {"__module__": __name__, **_without(_theirs, _wanted)}
    globals()[_name] = type(_name, (InPlace, _theirs), _members)
del _name, _wanted, _theirs, _members
