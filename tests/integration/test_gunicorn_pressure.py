"""Back pressure through a real gunicorn: 503 with Retry-After, on the audit route alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.testing import Receiver
from tests.integration.gunicorn_process import Gunicorn
from tests.waiting import wait_until

# Each order writes records that must not be lost; GET /status writes some that may be.
APPLICATION = """
import atexit, json, os
import forebay
from forebay.wsgi import PressureMiddleware

collector = forebay.start(
    service_name="shop",
    exporter=forebay.OtlpHttpExporter(os.environ["RECEIVER"], compression="none"),
    lanes=[
        forebay.Lane("audit", logger="audit", queue_records=256, on_full="fail", backlog_share=0.5),
        forebay.Lane("rest", queue_records=256),
    ],
    batch=forebay.BatchOptions(max_records=32, max_delay=0.01),
    backlog=forebay.BacklogOptions(max_bytes=64 << 10),
    retry=forebay.RetryOptions(initial=0.01, max=0.05),
)
audit = forebay.get_logger("audit")
log = forebay.get_logger("shop")

def end():
    collector.shutdown(20)
    with open(f"{os.environ['AUDITS']}/{os.getpid()}", "w") as file:
        stats, audit = collector.stats(), collector.audit()
        json.dump({"balanced": audit.balanced, "difference": stats.difference,
                   "audit_emitted": stats.lanes["audit"].emitted,
                   "audit_lost": stats.lanes["audit"].lost,
                   "audit_refused": stats.lanes["audit"].refused}, file)

atexit.register(end)
placed = 0

def shop(environ, start_response):
    global placed
    if environ["PATH_INFO"] == "/status":
        log.info("asked for the status", padding="x" * 500)
    else:
        for _ in range(10):
            placed += 1
            audit.info("order", uid=f"{os.getpid()}.{placed}", padding="x" * 500)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"taken"]

application = PressureMiddleware(shop, lane="audit", routes=["/orders/*"], methods=["POST"])
"""


@pytest.fixture
def server(tmp_path: Path, receiver: Receiver) -> Iterator[Gunicorn]:
    running = Gunicorn(
        tmp_path,
        APPLICATION,
        {"RECEIVER": receiver.endpoint},
        workers=1,
        arguments=["--worker-class", "gthread", "--threads", "4"],
    )
    running.wait_for_boots(1)
    yield running
    running.kill()


def test_orders_are_turned_away_while_their_lane_is_full_and_taken_again_after(
    server: Gunicorn, receiver: Receiver
) -> None:
    """What was answered with 200 has arrived; the other route is never refused."""
    assert server.ask("/orders/1", "POST").status == 200
    receiver.stall()
    statuses: list[int] = []
    deadline = time.monotonic() + 60
    while statuses.count(503) < 20:
        assert time.monotonic() < deadline, statuses
        answer = server.ask("/orders/2", "POST")
        statuses.append(answer.status)
        if answer.status == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert b"Try again" in answer.body
        assert server.ask("/status").status == 200
    assert statuses[0] == 200
    receiver.clear()
    assert wait_until(lambda: server.ask("/orders/3", "POST").status == 200, timeout=30)
    server.end()
    (end,) = server.read_audits().values()
    assert (end["balanced"], end["difference"]) == (True, 0)
    # What the lane had no room for in the middle of an order, the application was told of.
    assert end["audit_lost"] == end["audit_refused"] == statuses.count(500)
    arrived = [
        received.record.attributes["uid"]
        for received in receiver.records()
        if received.scope.name == "audit" and "uid" in received.record.attributes
    ]
    assert len(arrived) == len(set(arrived)) == end["audit_emitted"] - end["audit_refused"]
