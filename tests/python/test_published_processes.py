"""Real processes that publish their series into one directory, and what each of them shows."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay._publications import read_directory
from forebay.prometheus import asgi_app, text, wsgi_app
from tests.python.in_memory import run_python
from tests.waiting import wait_until


def shown(directory: Path, process: str = "sum") -> dict[str, float]:
    """``name{labels}`` -> value, without the labels of the scope, and Forebay's own."""
    found = {}
    for line in text(directory=directory, process=process).splitlines():
        if not line.startswith(("#", "forebay_", "otel_sdk_")):
            series, _, value = line.rpartition(" ")
            series = re.sub(r'otel_scope_[a-z]+="[^"]*",?', "", series)
            found[series.replace(",}", "}").replace("{}", "")] = float(value)
    return found


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[forebay.Collector]:
    options = forebay.MetricsOptions(publish_directory=tmp_path / "series", publish_interval=0.02)
    with forebay.Collector(
        service_name="a shop/1", exporter=forebay.MemoryExporter(), metrics=options
    ) as made:
        yield made


# Counts, says so, and does what it is told by lines of its standard input.
PROCESS = """
import os, sys
import forebay
options = forebay.MetricsOptions(publish_directory=sys.argv[1], publish_interval=float(sys.argv[2]))
collector = forebay.start(exporter=forebay.MemoryExporter(), metrics=options, console="off")
orders = forebay.counter("orders")
forebay.gauge("depth").set(7)
for line in sys.stdin:
    orders.add(int(line))
    print("counted", flush=True)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that publishes; all are gone at the end."""
    running = []

    def begin(directory: Path, interval: float = 0.02) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(directory), str(interval)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "FOREBAY_RUN_DIR": str(tmp_path / "run")},
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def tell(process: subprocess.Popen[str], count: int) -> None:
    """Have it count; returns when it has."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{count}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "counted\n"


def test_a_process_publishes_again_and_again(collector: forebay.Collector, tmp_path: Path) -> None:
    """Into a file that is named after service, pid and instance, and is always a whole one."""
    directory = tmp_path / "series"
    orders = collector.counter("orders")
    for count in range(1, 4):
        orders.add(1)

        def is_published(count: int = count) -> bool:
            found = read_directory(directory).publications
            return any(
                addends == [count]
                for each in found
                for family in each.families
                if family.name == "orders"
                for samples in family.series.values()
                for (suffix, _), addends in samples.items()
                if suffix == "_total"
            )

        assert wait_until(is_published, timeout=30)
    (file,) = directory.glob("*.om")
    assert file.name == f"a_shop_1.{os.getpid()}.{collector.instance_id}.om"
    assert file.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert collector.publish_directory == str(directory)


def test_the_process_that_is_asked_shows_what_it_just_counted(tmp_path: Path) -> None:
    """Without waiting for the interval, and by any of its collectors' apps."""
    options = forebay.MetricsOptions(publish_directory=tmp_path, publish_interval=3600)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as made:
        made.counter("orders").add(5)
        made.gauge("depth").set(7)
        assert shown(tmp_path)["orders_total"] == 5
        assert text(made) == text(directory=tmp_path)  # it is where the collector publishes
        assert shown(tmp_path)[f'depth{{process="{os.getpid()}"}}'] == 7
        made.counter("orders").add(1)
    # After its shutdown, what it counted is there, and its gauge is not.
    assert shown(tmp_path) == {"orders_total": 6}


def test_several_processes_are_added_up_and_one_that_was_killed_keeps_its_counts(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """Killed after its last publication it loses nothing; of a stuck one the last numbers show."""
    first, second, third = (start(tmp_path) for _ in range(3))
    for number, process in enumerate((first, second, third)):
        tell(process, 10**number)
    assert wait_until(lambda: shown(tmp_path).get("orders_total") == 111, timeout=30)
    os.kill(third.pid, signal.SIGSTOP)
    found = shown(tmp_path)
    assert found["orders_total"] == 111
    assert {series for series in found if series.startswith("depth")} == {
        f'depth{{process="{process.pid}"}}' for process in (first, second, third)
    }
    second.kill()
    second.wait()
    tell(first, 1000)
    assert wait_until(lambda: shown(tmp_path)["orders_total"] == 1111, timeout=30)
    assert f'depth{{process="{second.pid}"}}' not in shown(tmp_path)
    each = shown(tmp_path, "each")
    assert each['orders_total{process="ended"}'] == 10
    assert each[f'orders_total{{process="{first.pid}"}}'] == 1001
    assert set(shown(tmp_path, str(third.pid))) < set(each)


def test_a_process_that_ends_publishes_what_it_counted_last(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """And folds itself: no file stays for each process that ever was."""
    for count in (1, 10, 100):
        process = start(tmp_path, 3600)
        tell(process, count)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
        assert list(tmp_path.glob("*.om")) == []
    assert shown(tmp_path) == {"orders_total": 111}


def test_a_forked_child_publishes_its_own_file_and_none_of_its_parents(tmp_path: Path) -> None:
    """Its counts begin at zero; those of its parent are there once."""
    run_python(
        """
        import os, sys
        import forebay
        from forebay.prometheus import text

        directory = sys.argv[1]
        collector = forebay.start(
            exporter=forebay.MemoryExporter(),
            console="off",
            metrics=forebay.MetricsOptions(publish_directory=directory, publish_interval=3600),
        )
        orders = forebay.counter("orders")
        orders.add(100)
        assert "orders_total" in text()
        mine = set(os.listdir(directory))
        pid = os.fork()
        if pid == 0:
            try:
                text()
                assert set(os.listdir(directory)) == mine
                orders.add(1)
                lines = [line for line in text().splitlines() if line.startswith("orders_total")]
                assert lines[0].endswith(" 101"), lines
                assert len(set(os.listdir(directory)) - mine) == 1
                collector.shutdown(10)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        orders.add(1000)
        lines = [line for line in text().splitlines() if line.startswith("orders_total")]
        assert lines[0].endswith(" 1101"), lines
        assert collector.audit().balanced
        """,
        str(tmp_path),
    )


@contextmanager
def no_room_for_files() -> Iterator[None]:
    """No file grows: a full disk, also for root. Nor does pytest's own output, if it is a file."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_what_cannot_be_published_is_counted_and_what_was_there_stays(tmp_path: Path) -> None:
    """A full disk holds up no measurement, and the sums do not fall."""
    options = forebay.MetricsOptions(publish_directory=tmp_path, publish_interval=3600)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as made:
        made.counter("orders").add(5)
        assert shown(tmp_path)["orders_total"] == 5
        with no_room_for_files():
            made.counter("orders").add(1)
            left = shown(tmp_path)["orders_total"]
            failed = made.stats().notes["publications_failed"]
            was_published = made._core.publish_metrics()
        assert left == 5
        assert failed == 1
        assert was_published is False
        assert made.stats().notes["publications_failed"] == 2
        assert [path.suffix for path in tmp_path.iterdir()] == [".om"]


def test_a_directory_that_cannot_be_made_costs_nothing_but_the_publication(tmp_path: Path) -> None:
    """What is in its place is left as it is."""
    (tmp_path / "file").write_text("a file")
    options = forebay.MetricsOptions(publish_directory=tmp_path / "file", publish_interval=3600)
    with forebay.Collector(exporter=forebay.MemoryExporter(), metrics=options) as made:
        made.counter("orders").add(5)
        assert made._core.publish_metrics() is False
        assert "orders_total" in made.prometheus_text()
    assert (tmp_path / "file").read_text() == "a file"


def test_an_endpoint_answers_for_all_for_each_and_for_one(
    collector: forebay.Collector, tmp_path: Path
) -> None:
    """By WSGI and by ASGI; a process that is not there is 404."""
    collector.counter("orders").add(3)
    directory = tmp_path / "series"
    got: dict[str, str] = {}

    def start_response(status: str, given: list[tuple[str, str]], *rest: object) -> None:
        got.clear()
        got.update(given, status=status)

    app: Any = wsgi_app(directory=directory)
    for query, status, part in (
        ("", "200 OK", b"orders_total 3\n"),
        ("process=sum", "200 OK", b"orders_total 3\n"),
        ("process=each", "200 OK", b'process="%d"} 3\n' % os.getpid()),
        (f"process={os.getpid()}", "200 OK", b'process="%d"} 3\n' % os.getpid()),
        ("process=17x", "404 Not Found", b"'17x'"),
    ):
        body = b"".join(app({"REQUEST_METHOD": "GET", "QUERY_STRING": query}, start_response))
        assert got["status"] == status
        assert part in body
        assert got["Content-Length"] == str(len(body))

        sent: list[dict[str, Any]] = []

        async def send(message: Any, sent: list[dict[str, Any]] = sent) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        scope = {"type": "http", "method": "GET", "headers": [], "query_string": query.encode()}
        app_on_loop: Any = asgi_app(collector)
        asyncio.run(app_on_loop(scope, receive, send))
        assert sent[0]["status"] == int(status[:3])
        assert sent[1]["body"] == body


def test_the_directory_may_be_given_by_the_environment(tmp_path: Path) -> None:
    """As other directories of Forebay's; what code says wins."""
    run_python(
        """
        import os, sys
        import forebay
        os.environ["FOREBAY_METRICS_DIR"] = sys.argv[1]
        collector = forebay.start(exporter=forebay.MemoryExporter(), console="off")
        assert collector.publish_directory == sys.argv[1]
        collector.shutdown()
        options = forebay.MetricsOptions(publish_directory="elsewhere")
        collector = forebay.start(
            exporter=forebay.MemoryExporter(), console="off", metrics=options
        )
        assert collector.publish_directory == os.path.abspath("elsewhere")
        """,
        str(tmp_path),
    )
