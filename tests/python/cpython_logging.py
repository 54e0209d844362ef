"""CPython's own tests of `logging`, with our handler where theirs has a `StreamHandler`.

Taken are those of levels, filters, exceptions, child loggers, record factories and
`MemoryHandler`: what goes through a handler and comes out as a line. The others of
``test.test_logging`` are about handlers, formatters and configuration of stdlib's own, which ours
has no part in; what ours does under `dictConfig`, `fileConfig` and `QueueHandler` is in
test_logging_handler.py. Run by test_logging_cpython.py, in a process that has no pytest: they want
the root logger for themselves.
"""

from __future__ import annotations

import logging
from typing import Any

from test import test_logging as cpython  # type: ignore[import-not-found, import-untyped, unused-ignore]

import forebay


class OurHandler:
    """Between CPython's set-up and its tests: the root logger's handler becomes ours.

    A formatter's output is the body of a record, so the bodies that arrive are the lines that a
    `StreamHandler` would have written.
    """

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        self.exporter = forebay.MemoryExporter()
        self.collector = forebay.Collector(
            service_name="cpython", exporter=self.exporter, lanes=[forebay.Lane("all")]
        )
        theirs: logging.Handler = self.root_hdlr  # type: ignore[has-type]
        ours = forebay.LoggingHandler(logger=self.collector.logger("cpython", level=1))
        ours.setFormatter(theirs.formatter)
        root: logging.Logger = self.root_logger  # type: ignore[attr-defined]
        root.removeHandler(theirs)
        theirs.close()
        root.addHandler(ours)
        self.root_hdlr = ours
        memory_handler = getattr(self, "mem_hdlr", None)
        if memory_handler is not None:
            memory_handler.setTarget(ours)
        self.lines = 0

    def tearDown(self) -> None:
        super().tearDown()  # type: ignore[misc]
        self.collector.shutdown(30)
        audit = self.collector.audit()
        assert audit.balanced, audit
        assert self.collector.stats().lost == 0

    def assert_log_lines(self, expected: Any, stream: Any = None, pat: str | None = None) -> None:
        """CPython's own check, of the lines that have arrived."""
        if stream is None:
            assert self.collector.flush(30).complete
            bodies = [
                str(record.body)
                for logs in self.exporter.resource_logs()
                for _, record in logs.records()
            ]
            for line in bodies[self.lines :]:
                self.stream.write(line + "\n")  # type: ignore[attr-defined]
            self.lines = len(bodies)
        super().assert_log_lines(expected, stream, pat)  # type: ignore[misc]


_TAKEN = (
    "BuiltinLevelsTest",
    "BasicFilterTest",
    "CustomLevelsAndFiltersTest",
    "MemoryHandlerTest",
    "ExceptionTest",
    "ChildLoggerTest",
    "LogRecordFactoryTest",
)

for _name in _TAKEN:
    globals()[_name] = type(_name, (OurHandler, getattr(cpython, _name)), {"__module__": __name__})
del _name
