"""What the demonstration's service does: threads of Python and of C++ that log."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from .demo_metrics import Instruments
from .demo_text import Text, level_of

if TYPE_CHECKING:
    from .. import Collector

_TICK = 0.01


@dataclass(frozen=True)
class Role:
    """A Python thread: which logger it has, and how much it logs."""

    logger: str
    per_second: int


ROLES = (
    Role("demo.api", 12_000),
    Role("demo.worker", 12_000),
    Role("demo.audit", 3_000),
)


class Native(Protocol):
    """The example extension `forebay_example_native`: C++ threads that never take the GIL."""

    def start(self, threads: int, records_per_thread: int) -> None:
        """Begin to emit."""

    def join(self) -> object:
        """Wait until every record was emitted."""


def native_module() -> Native | None:
    """The extension, where it has been built."""
    try:
        return cast(Native, importlib.import_module("forebay_example_native"))
    except ImportError:
        return None


@dataclass
class Load:
    """Runs the threads until it is stopped."""

    collector: Collector
    text: Text
    native: Native | None
    emitted: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    _instruments: Instruments = field(init=False)

    def start(self) -> None:
        """Start every thread."""
        self._instruments = Instruments(self.collector)
        for number, role in enumerate(ROLES):
            self._run(role.logger, self._python, role, number)
        if self.native is not None:
            self._run("native", self._native)

    def _run(self, name: str, function: Callable[..., None], *args: object) -> None:
        def guarded() -> None:
            try:
                function(*args)
            except BaseException as error:
                self.errors.append(error)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _python(self, role: Role, number: int) -> None:
        logger = self.collector.logger(role.logger)
        measure = self._instruments.of(role.logger)
        prepared = [(level_of(line), line) for line in self.text.lines]
        position = number * len(prepared) // len(ROLES)
        emitted = 0
        begun = time.monotonic()
        while not self._stop.wait(_TICK):
            # Behind a full lane that blocks, time is lost; it is not made up for in one burst.
            due = int((time.monotonic() - begun) * role.per_second) - emitted
            if due > role.per_second:
                begun = time.monotonic() - emitted / role.per_second
                due = int(role.per_second * _TICK)
            for _ in range(due):
                level, line = prepared[position]
                logger.log(level, line, line=position, thread=number)
                measure.line(line)
                position = (position + 1) % len(prepared)
                emitted += 1
                self.emitted[role.logger] = emitted
                if self._stop.is_set():
                    return

    def _native(self) -> None:
        assert self.native is not None
        while not self._stop.wait(0.1):
            self.native.start(2, 500)
            self.native.join()

    def stop(self) -> None:
        """Ask every thread to end, and wait for it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            if thread.is_alive():
                raise RuntimeError(f"the thread {thread.name} did not end within 30 s")
