"""The faults that a Receiver plays."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceResponse,
)

from forebay.testing import Receiver, TakenBatch
from tests.python.receiver_client import FULL_SUCCESS, Client, batch, status_of
from tests.waiting import wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_scripted_failures_are_used_up_in_order(receiver: Receiver) -> None:
    """Each takes nothing, says its Retry-After, and then things go on."""
    receiver.fail(503, retry_after=7, times=2)
    receiver.fail(429)
    client = Client(receiver)
    answers = [client.send(batch(), batch_id="a") for _ in range(4)]
    assert [status for status, _, _ in answers] == [503, 503, 429, 200]
    assert [headers.get("Retry-After") for _, _, headers in answers] == ["7", "7", None, None]
    assert status_of(answers[0][1])[0] == 14
    assert receiver.counts().unique_records == receiver.counts().records == 2


def test_an_endless_failure_ends_with_clear(receiver: Receiver) -> None:
    """``times=None`` holds until then."""
    receiver.fail(500, times=None)
    client = Client(receiver)
    assert {client.send(batch())[0] for _ in range(5)} == {500}
    receiver.clear()
    assert client.send(batch())[0] == 200


def test_a_cut_takes_the_batch_and_resets_the_connection(receiver: Receiver) -> None:
    """The sender cannot know; sent again it is told apart by its id."""
    receiver.cut()
    with pytest.raises(ConnectionResetError):
        Client(receiver).send(batch(), batch_id="i-1")
    assert receiver.counts().records == 2
    assert Client(receiver).send(batch(), batch_id="i-1")[0] == 200
    counts = receiver.counts()
    assert (counts.batches, counts.records) == (2, 4)
    assert (counts.unique_batches, counts.unique_records) == (1, 2)
    assert counts.cut == 1
    assert len(receiver.records()) == 2
    assert len(receiver.records(unique=False)) == 4


def test_a_part_of_a_batch_that_was_taken_is_nothing_new(receiver: Receiver) -> None:
    """A batch that was split after its answer was lost is still the same records."""
    client = Client(receiver)
    for batch_id in ("host.1-7", "host.1-7.0", "host.1-7.1.0", "host.1-8", "host.1"):
        client.send(batch(1), batch_id=batch_id)
    assert receiver.counts().unique_batches == 3
    assert [item.batch_id for item in receiver.records()] == ["host.1-7", "host.1-8", "host.1"]


def test_a_cut_before_takes_nothing(receiver: Receiver) -> None:
    """The reset comes before the body is read."""
    receiver.cut_before()
    with pytest.raises((ConnectionResetError, BrokenPipeError, http.client.BadStatusLine)):
        Client(receiver).send(batch(), batch_id="i-1")
    assert receiver.counts().batches == 0
    assert Client(receiver).send(batch(), batch_id="i-1")[0] == 200
    assert receiver.counts().unique_records == 2


@pytest.mark.parametrize(("asked", "rejected"), [(3, 3), (99, 5)])
def test_a_partial_success_counts_what_it_rejects(
    receiver: Receiver, asked: int, rejected: int
) -> None:
    """More than there is may be claimed, and only what there is is counted."""
    receiver.partial(asked, message="no room")
    client = Client(receiver)
    status, answer, _ = client.send(batch(5))
    partial = ExportLogsServiceResponse.FromString(answer).partial_success
    assert (status, partial.rejected_log_records, partial.error_message) == (200, asked, "no room")
    assert client.send(batch(5))[1] == FULL_SUCCESS
    counts = receiver.counts()
    assert (counts.records, counts.rejected) == (10 - rejected, rejected)


@pytest.mark.parametrize("status", [400, 415])
def test_a_codec_can_be_refused(receiver: Receiver, status: int) -> None:
    """Others are still taken, and scripted faults are not used up by it."""
    receiver.refuse_codec("zstd", status)
    receiver.partial(1)
    client = Client(receiver)
    compressed = zstandard.compress(batch())
    assert client.send(compressed, encoding="zstd")[0] == status
    assert client.send(gzip.compress(batch()), encoding="gzip")[0] == 200
    assert receiver.counts().rejected == 1
    receiver.refuse_codec("zstd", None)
    assert client.send(compressed, encoding="zstd")[0] == 200


def test_bodies_over_the_limit_get_413_before_and_after_decompression(receiver: Receiver) -> None:
    """So that splitting can be tried."""
    receiver.max_body(1000)
    client = Client(receiver)
    assert client.send(batch(10))[0] == 413
    assert client.send(zstandard.compress(batch(10)), encoding="zstd")[0] == 413
    assert client.send(batch(3))[0] == 200
    assert receiver.counts().records == 3


def test_a_stall_holds_answers_back_until_it_is_ended(receiver: Receiver) -> None:
    """Nothing is taken during it, and what waited is taken after it."""
    receiver.stall()
    answered = threading.Event()

    def send() -> None:
        assert Client(receiver).send(batch())[0] == 200
        answered.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert not answered.wait(0.2)
    assert receiver.counts().batches == 0
    receiver.stall(0)
    assert answered.wait(10)
    sender.join()
    assert receiver.counts().records == 2


def test_a_stall_ends_by_itself(receiver: Receiver) -> None:
    """After the time that was asked for, and not before."""
    begun = time.monotonic()
    receiver.stall(0.3)
    assert Client(receiver).send(batch())[0] == 200
    assert time.monotonic() - begun >= 0.3


def test_a_slow_reader_takes_its_time(receiver: Receiver) -> None:
    """The rate is that of reading the body."""
    body = batch(20)
    receiver.slow_body(len(body) / 0.3)
    begun = time.monotonic()
    assert Client(receiver).send(body)[0] == 200
    assert time.monotonic() - begun >= 0.25


def test_a_stopped_receiver_refuses_and_comes_back_on_its_port() -> None:
    """Kept connections are reset, what was stalled is lost, the counts go on."""
    receiver = Receiver().start()
    try:
        port = receiver.port
        client = Client(receiver)
        assert client.send(batch())[0] == 200
        receiver.stall()
        failures: list[BaseException] = []

        def send() -> None:
            try:
                Client(receiver).send(batch())
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        assert wait_until(lambda: receiver.open_connections() == 2, timeout=10)
        receiver.stop()
        sender.join(10)
        assert len(failures) == 1
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
        with pytest.raises((OSError, http.client.HTTPException)):
            client.send(batch())
        receiver.clear()
        receiver.start()
        assert receiver.port == port
        assert Client(receiver).send(batch())[0] == 200
        assert receiver.counts().batches == 2
    finally:
        receiver.stop()


def test_many_connections_are_counted_exactly(receiver: Receiver) -> None:
    """Counters hold under threads, with faults scripted meanwhile."""
    body = zstandard.compress(batch(10))

    def send_all(number: int) -> None:
        client = Client(receiver)
        for i in range(50):
            while True:
                try:
                    sent = client.send(body, encoding="zstd", batch_id=f"t{number}-{i}")
                except (OSError, http.client.HTTPException):
                    client = Client(receiver)
                    continue
                if sent[0] == 200:
                    break

    threads = [threading.Thread(target=send_all, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        receiver.cut()
        receiver.cut_before()
        receiver.fail()
    for thread in threads:
        thread.join(60)
    counts = receiver.counts()
    assert counts.unique_batches == 400
    assert counts.unique_records == 4000
    assert counts.records == counts.batches * 10
    assert counts.batches == 400 + counts.cut


def test_the_control_paths_script_it_from_outside() -> None:
    """The same faults by name, and the counts as JSON."""
    with Receiver(control=True) as receiver:
        client = Client(receiver)

        def control(commands: Any) -> int:
            return client.send(json.dumps(commands).encode(), path="/control")[0]

        assert control({"fail": {"status": 429, "times": 2}, "partial": 1}) == 200
        assert [client.send(batch())[0] for _ in range(3)] == [429, 429, 200]
        assert control({"cut": True, "clear": True}) == 200
        assert client.send(batch())[0] == 200
        assert control({"explode": 1}) == 400
        assert control({"fail": {"colour": "red"}}) == 400
        assert control({"stall": -1}) == 400
        assert control([1]) == 400
        counts = json.loads(client.send(b"", path="/counts", method="GET")[1])
        assert (counts["records"], counts["rejected"]) == (3, 1)
        assert counts["statuses"] == {"429": 2, "200": 2}


def test_what_cannot_be_kept_is_not_acknowledged() -> None:
    """A sink that fails answers 503, and the batch counts once it is kept."""
    room = {"left": False}

    def sink(taken: TakenBatch) -> None:
        if not room["left"]:
            raise OSError("no space left")

    with Receiver(on_batch=sink) as receiver:
        client = Client(receiver)
        assert client.send(batch(), batch_id="a")[0] == 503
        assert receiver.counts().batches == 0
        room["left"] = True
        assert client.send(batch(), batch_id="a")[0] == 200
        assert receiver.counts().unique_records == 2
