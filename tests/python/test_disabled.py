"""A collector that is disabled: everything works, and nothing happens."""

from __future__ import annotations

import asyncio
import logging

import forebay
from tests.python.in_memory import run_python


def test_nothing_is_taken_and_every_call_answers() -> None:
    """At every level, also the one that has none; waiting for room does not wait."""
    with forebay.Collector(exporter=forebay.MemoryExporter(), disabled=True) as collector:
        log = collector.logger("x", level="TRACE")
        for _ in range(3):
            assert log.info("x", n=1)
            assert log.critical("x")
            assert log.log(0, "no severity at all")
        assert asyncio.run(log.ainfo("x")) is True
        with collector.request("normal", 5) as granted:
            assert granted == 5
        assert collector.block_for_room("normal", 3)
        assert asyncio.run(collector.wait_for_room("normal", 3))
        assert not log.is_enabled_for(logging.CRITICAL)
        assert collector.flush(1).complete
        stats = collector.stats()
        assert (stats.emitted, stats.held, collector.instance_id) == (0, 0, "")
        assert collector.audit().balanced


def test_the_environment_disables_a_whole_program_without_threads_or_files(
    tmp_path: object,
) -> None:
    """Loggers made before, `logging`, native threads: all of it."""
    run_python(
        """
        import logging, os, sys, threading
        import forebay

        early = forebay.get_logger("early")
        collector = forebay.start(
            service_name="off", capture_logging="DEBUG", exporter=forebay.FileExporter(sys.argv[1])
        )
        assert logging.getLogger().handlers == []
        assert early.info("x") and forebay.get_logger("late").error("x")
        handler = forebay.LoggingHandler()
        logging.getLogger("app").addHandler(handler)
        logging.getLogger("app").error("x")
        assert collector.stats().emitted == 0
        tasks = os.listdir("/proc/self/task")
        assert len(tasks) == 1, tasks
        assert os.listdir(sys.argv[1]) == []
        assert os.listdir(os.environ["FOREBAY_RUN_DIR"]) == []
        """,
        str(tmp_path),
        environment={"OTEL_SDK_DISABLED": "true", "FOREBAY_RUN_DIR": str(tmp_path)},
    )


def test_a_new_start_takes_records_again() -> None:
    """Loggers go over to it."""
    run_python(
        """
        import os
        import forebay

        log = forebay.get_logger("x")
        forebay.start(disabled=True).shutdown()
        exporter = forebay.MemoryExporter()
        collector = forebay.start(exporter=exporter)
        assert log.info("taken")
        assert collector.flush(30).complete
        assert [r.body for r in exporter.records()] == ["taken"]
        """
    )
