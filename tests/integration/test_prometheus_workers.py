"""A real gunicorn whose workers publish their series: any answers for all, and no count is lost.

Workers end after some requests and others take their place, or are killed, while requests come.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.gunicorn_process import Gunicorn
from tests.waiting import wait_until

APPLICATION = """
import os
import flask
import forebay
from forebay.prometheus import wsgi_app
from werkzeug.middleware.dispatcher import DispatcherMiddleware

forebay.start(
    service_name="shop",
    exporter=forebay.MemoryExporter(),
    console="off",
    metrics=forebay.MetricsOptions(
        publish_directory=os.environ["SERIES"], publish_interval=float(os.environ["INTERVAL"])
    ),
)
orders = forebay.counter("orders", unit="{order}")
amounts = forebay.histogram("amount", buckets=[0.1, 0.5])
forebay.gauge("depth").set(1)
app = flask.Flask(__name__)

@app.post("/orders")
def take():
    orders.add(1)
    amounts.record(0.1)
    return str(os.getpid())

application = DispatcherMiddleware(app, {"/metrics": wsgi_app()})
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Starts gunicorn with four workers."""
    running = []

    def begin(interval: float, *arguments: str, settings: str = "") -> Gunicorn:
        server = Gunicorn(
            tmp_path,
            APPLICATION,
            {"SERIES": str(tmp_path / "series"), "INTERVAL": str(interval)},
            workers=4,
            arguments=arguments,
            settings=settings,
        )
        running.append(server)
        server.wait_for_boots(4)
        return server

    yield begin
    for server in running:
        server.kill()


def scrape(server: Gunicorn, query: str = "") -> dict[str, float]:
    """``name{labels}`` -> value, without the labels of the scope."""
    answer = server.ask(f"/metrics{query}")
    assert answer.status == 200
    found = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            found[series] = float(value)
    return found


def orders_of(server: Gunicorn) -> float:
    """All that is shown; a scrape may come before anything is published."""
    return scrape(server).get("orders_total", 0.0)


def orders_by_process(server: Gunicorn) -> dict[int, float]:
    """The same of each process that has taken some."""
    found = {}
    for series, value in scrape(server, "?process=each").items():
        if match := re.fullmatch(r'orders_total{process="(\d+)"}', series):
            found[int(match[1])] = value
    return found


class Hammer:
    """Threads that place orders; counts those that were answered."""

    def __init__(self, server: Gunicorn, threads: int) -> None:
        # By the worker's pid.
        self.answers: Counter[int] = Counter()
        self.unanswered = 0
        self._server = server
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answer = self._server.ask("/orders", "POST")
            except (OSError, http.client.HTTPException):  # its worker was killed
                with self._lock:
                    self.unanswered += 1
            else:
                assert answer.status == 200
                with self._lock:
                    self.answers[int(answer.body)] += 1

    @property
    def answered(self) -> int:
        with self._lock:
            return self.answers.total()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.timeout(180)
def test_recycled_workers_lose_no_count_and_leave_no_files(
    serve: Callable[..., Gunicorn], tmp_path: Path
) -> None:
    """Scrapes meanwhile never fall; at the end each request is there exactly once."""
    # With an interval of an hour: only ends and scrapes publish.
    server = serve(3600, "--max-requests", "40", "--max-requests-jitter", "20")
    hammer = Hammer(server, 4)
    last = 0.0
    try:
        while len(server.said(r"Booting worker with pid: (\d+)")) < 16:
            now = orders_of(server)
            assert now >= last
            last = now
    finally:
        hammer.end()
    assert hammer.unanswered == 0
    assert hammer.answered > 400
    # Workers that end just now publish as they do; those that live, when they are asked.
    assert wait_until(lambda: orders_of(server) == hammer.answered, timeout=60)
    found = scrape(server)
    assert found["amount_count"] == found['amount_bucket{le="0.1"}'] == hammer.answered
    assert found["amount_sum"] == pytest.approx(0.1 * hammer.answered)
    each = scrape(server, "?process=each")
    assert sum(n for series, n in each.items() if series.startswith("orders")) == hammer.answered
    assert 'orders_total{process="ended"}' in each
    living = set(map(int, server.said(r"Booting worker with pid: (\d+)"))) - set(
        map(int, server.said(r"Worker exiting \(pid: (\d+)\)"))
    )
    gauges = {int(n) for n in re.findall(r'depth{process="(\d+)"}', " ".join(found))}
    assert gauges <= living
    # One for each that lives, one of those that ended, and its lock.
    assert len(list((tmp_path / "series").iterdir())) <= 4 + 2 + 2
    server.end()
    from forebay.prometheus import text

    rest = text(directory=tmp_path / "series")
    assert re.search(r"^orders_total (\d+)$", rest, re.MULTILINE)[1] == str(  # type: ignore[index]
        hammer.answered
    )
    assert sorted(path.name for path in (tmp_path / "series").iterdir()) == [
        "ended.json",
        "ended.lock",
    ]


def test_a_worker_that_is_killed_loses_what_came_since_its_last_publication_at_most(
    serve: Callable[..., Gunicorn],
) -> None:
    """Never more is shown than was asked for, and what was published once stays."""
    server = serve(0.05)
    hammer = Hammer(server, 3)
    published: dict[int, float] = {}  # by those that are killed then
    try:
        for _ in range(3):
            target = hammer.answered + 30
            assert wait_until(lambda target=target: hammer.answered >= target, timeout=60)  # type: ignore[misc]
            assert wait_until(lambda: orders_by_process(server) != {}, timeout=60)
            found = orders_by_process(server)
            before = orders_of(server)
            pid = max(found)
            published[pid] = found[pid]
            os.kill(pid, signal.SIGKILL)
            assert orders_of(server) >= before
    finally:
        hammer.end()
    since = sum(max(hammer.answers[pid] - count, 0) for pid, count in published.items())
    least = hammer.answered - since
    assert wait_until(lambda: orders_of(server) >= least, timeout=30)
    assert orders_of(server) <= hammer.answered + hammer.unanswered


def test_a_worker_that_hangs_still_shows_what_it_counted(serve: Callable[..., Gunicorn]) -> None:
    """A scrape goes to another one and does not wait for it."""
    server = serve(0.05)
    counts: dict[str, int] = {}

    def ask() -> bool:
        pid = server.ask("/orders", "POST").body.decode()
        counts[pid] = counts.get(pid, 0) + 1
        return len(counts) > 1

    assert wait_until(ask, timeout=60)
    total = sum(counts.values())
    assert wait_until(lambda: orders_of(server) == total, timeout=30)
    stuck = next(iter(counts))
    os.kill(int(stuck), signal.SIGSTOP)
    try:
        each = scrape(server, "?process=each")
        assert each[f'orders_total{{process="{stuck}"}}'] == counts[stuck]
        assert orders_of(server) == total
    finally:
        os.kill(int(stuck), signal.SIGCONT)
