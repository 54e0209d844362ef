"""Exceptions that nobody caught."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading

import pytest

import forebay
from tests.python.in_memory import in_memory, run_python


def test_an_exception_of_a_thread_is_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    """And is shown as before."""
    before = threading.excepthook
    with in_memory() as memory:
        undo = forebay.capture_exceptions(memory.collector)
        seen: list[object] = []
        try:

            def fails() -> None:
                raise ValueError("in a thread")

            thread = threading.Thread(target=fails, name="worker-7")
            # pytest has a hook of its own, which is before ours.
            thread.start()
            thread.join()
            seen.append(threading.excepthook)
        finally:
            undo()
        record = memory.record()
        assert record.body == "uncaught exception in a thread"
        assert record.severity_number == 17
        assert record.attributes["exception.type"] == "ValueError"
        assert record.attributes["thread.name"] == "worker-7"
    assert threading.excepthook is before


test_an_exception_of_a_thread_is_a_record = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)(test_an_exception_of_a_thread_is_a_record)


def test_the_exception_that_ends_the_process_has_arrived(tmp_path: object) -> None:
    """It is shown as Python shows it, and delivered before the exit."""
    done = run_python(
        """
        import sys
        import forebay

        forebay.start(
            service_name="fails", exporter=forebay.FileExporter(sys.argv[1]), console="off"
        )
        forebay.capture_exceptions()
        raise ValueError("the end")
        """,
        str(tmp_path),
        expect=1,
    )
    assert "ValueError: the end" in done.stderr
    shown = run_python(
        "import sys; from forebay.cli import main; sys.exit(main(['cat', sys.argv[1]]))",
        str(tmp_path),
    )
    assert "uncaught exception" in shown.stdout
    assert "the end" in shown.stdout


def test_ctrl_c_and_exit_are_no_errors() -> None:
    """They pass the hook untouched."""
    before = sys.excepthook
    shown: list[object] = []
    sys.excepthook = lambda *args: shown.append(args[0])
    try:
        with in_memory() as memory:
            undo = forebay.capture_exceptions(memory.collector)
            for error in (KeyboardInterrupt(), SystemExit(1)):
                sys.excepthook(type(error), error, None)
            undo()
            assert memory.records() == []
        assert shown == [KeyboardInterrupt, SystemExit]
    finally:
        sys.excepthook = before


def test_undo_leaves_a_hook_that_came_later() -> None:
    """Somebody else's chain is not broken."""
    before = sys.excepthook
    with in_memory() as memory:
        undo = forebay.capture_exceptions(memory.collector)

        def later(*args: object) -> None:
            """Another library's."""

        sys.excepthook = later
        undo()
        assert sys.excepthook is later
        sys.excepthook = before


def test_what_an_event_loop_cannot_raise_anywhere_is_a_record() -> None:
    """The handler is for the process default."""
    exporter = forebay.MemoryExporter()
    collector = forebay.start(service_name="loop", exporter=exporter)
    try:

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(forebay.asyncio_exception_handler)

            def fails() -> None:
                raise ValueError("in a callback")

            loop.call_soon(fails)
            await asyncio.sleep(0.01)

        asyncio.run(main())
        assert collector.flush(30).complete
        (record,) = exporter.records()
        assert record.severity_number == 17
        assert record.attributes["exception.message"] == "in a callback"
        assert "fails" in str(record.attributes["asyncio.handle"])
    finally:
        collector.shutdown(10)


@pytest.mark.parametrize(
    ("capture", "level", "scope"),
    [
        (None, "WARNING", "forebay.exceptions"),
        ("INFO", "WARNING", "asyncio"),
        ("CRITICAL", "WARNING", "forebay.exceptions"),
        ("INFO", "CRITICAL", "forebay.exceptions"),
    ],
)
def test_a_failure_in_an_event_loop_is_one_record_whatever_is_captured(
    capture: str | None, level: str, scope: str
) -> None:
    """The loop's default handler logs it, too: where that line comes here, it is the record."""
    exporter = forebay.MemoryExporter()
    collector = forebay.start(service_name="loop", exporter=exporter, capture_logging=capture)
    logging.getLogger("asyncio").setLevel(level)
    try:

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(forebay.asyncio_exception_handler)
            task = asyncio.create_task(fails())
            await asyncio.wait([task])
            del task
            gc.collect()

        async def fails() -> None:
            raise KeyError("nobody awaits it")

        asyncio.run(main())
        assert collector.flush(30).complete
        (record,) = exporter.records()
        assert str(record.body).startswith("Task exception was never retrieved")
        assert record.severity_number == 17
        assert record.attributes["exception.type"] == "KeyError"
        (logs,) = exporter.resource_logs()
        assert [each.name for each, _ in logs.records()] == [scope]
    finally:
        logging.getLogger("asyncio").setLevel(logging.NOTSET)
        collector.shutdown(10)
        assert collector.audit().balanced
