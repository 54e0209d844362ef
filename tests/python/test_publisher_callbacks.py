"""Callbacks of observable instruments that hang, where processes publish their series."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import forebay
from forebay.prometheus import text
from tests.python.in_memory import start_python
from tests.waiting import wait_until

PROCESS = """
import sys, threading
import forebay
hangs = threading.Event()

def depth():
    hangs.set()
    threading.Event().wait()

options = forebay.MetricsOptions(
    interval=3600, callback_timeout=3600, publish_directory=sys.argv[1], publish_interval=0.05
)
collector = forebay.start(exporter=forebay.MemoryExporter(), metrics=options, console="off")
forebay.observable_gauge("depth", depth)
assert hangs.wait(30)
orders = forebay.counter("orders")
for line in sys.stdin:
    orders.add(int(line))
    print("counted", flush=True)
"""


def has_published(directory: Path, orders: int) -> bool:
    """Whether the one process there has, and nothing of what is observed."""
    published = [path.read_text() for path in directory.glob("*.om")]
    assert not any("\ndepth" in series for series in published)
    return any(re.search(rf"^orders_total.* {orders}$", each, re.M) for each in published)


def test_a_process_that_is_killed_in_a_callback_has_published_what_it_counted(
    tmp_path: Path,
) -> None:
    """A publication does not wait for what may take an hour."""
    process = start_python(PROCESS, str(tmp_path))
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for step in ("3\n", "4\n"):
            process.stdin.write(step)
            process.stdin.flush()
            assert process.stdout.readline() == "counted\n"
        assert wait_until(lambda: has_published(tmp_path, 7), timeout=30)
    finally:
        process.kill()
        process.communicate()
    shown = text(directory=tmp_path).splitlines()
    assert [line.rpartition(" ")[2] for line in shown if line.startswith("orders_total")] == ["7"]


def test_a_scrape_waits_for_callbacks_and_is_none_of_the_publications_business(
    tmp_path: Path,
) -> None:
    """Another process sees what is counted meanwhile."""
    hangs, is_over = threading.Event(), threading.Event()

    def depth() -> int:
        hangs.set()
        is_over.wait(60)
        return 42

    options = forebay.MetricsOptions(
        interval=3600, callback_timeout=3600, publish_directory=tmp_path, publish_interval=0.05
    )
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as collector:
        collector.observable_gauge("depth", depth)
        assert hangs.wait(30)
        scraped: list[str] = []
        scrape = threading.Thread(target=lambda: scraped.append(text(collector)))
        scrape.start()
        collector.counter("orders").add(7)
        try:
            assert wait_until(lambda: has_published(tmp_path, 7), timeout=30)
            assert scraped == []
            assert collector.stats().notes["callbacks_late"] == 0
        finally:
            is_over.set()
        scrape.join(60)
        assert any(line.startswith("depth") for line in scraped[0].splitlines())
    assert collector.stats().notes["callbacks_late"] == 0
    assert collector.audit().balanced
