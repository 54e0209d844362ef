"""The receiver for tests: its answers, its faults and its counts, with plain HTTP clients."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from forebay.testing import Receiver
from tests.python.in_memory import run_python
from tests.python.receiver_client import FULL_SUCCESS, PROTOBUF, Client, batch, status_of


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_every_codec_is_taken_over_one_connection(receiver: Receiver) -> None:
    """Plain, identity, gzip and zstd, and the records come out as they went in."""
    client = Client(receiver)
    plain = batch(3)
    for encoding, body in (
        (None, plain),
        ("identity", plain),
        ("gzip", gzip.compress(plain)),
        ("zstd", zstandard.compress(plain)),
    ):
        status, answer, headers = client.send(body, encoding=encoding)
        assert (status, answer) == (200, FULL_SUCCESS)
        assert headers["Content-Type"] == PROTOBUF
        assert not ExportLogsServiceResponse.FromString(answer).partial_success.error_message
    counts = receiver.counts()
    assert (counts.requests, counts.batches, counts.records, counts.unique_records) == (
        4,
        4,
        12,
        12,
    )
    assert counts.codecs == {"none": 2, "gzip": 1, "zstd": 1}
    assert counts.scopes == {"shop": 12}
    records = receiver.records()
    assert len(records) == 12
    assert str(records[4].record.body).startswith("record 1 ")
    assert records[4].scope.name == "shop"


def test_a_body_in_chunks_is_taken(receiver: Receiver) -> None:
    """HTTP/1.1 allows a sender not to know its length."""
    plain = batch(2)
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    connection.request(
        "POST",
        "/v1/logs",
        iter([plain[:7], plain[7:]]),
        {"Content-Type": PROTOBUF, "Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    assert connection.getresponse().status == 200
    assert receiver.counts().records == 2


def test_json_is_taken_and_answered_in_json(receiver: Receiver) -> None:
    """The answer has the request's content type."""
    text = json.dumps(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hi"}}]}]}]}
    )
    status, answer, headers = Client(receiver).send(text.encode(), content_type="application/json")
    assert (status, json.loads(answer)) == (200, {"partialSuccess": {}})
    assert headers["Content-Type"] == "application/json"
    assert [item.record.body for item in receiver.records()] == ["hi"]


def test_metric_points_are_counted(receiver: Receiver) -> None:
    """By point, not by metric."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="orders")
    for value in range(5):
        metric.sum.data_points.add(as_int=value)
    status, _, _ = Client(receiver).send(request.SerializeToString(), path="/v1/metrics")
    assert status == 200
    assert (receiver.counts().points, receiver.counts().records) == (5, 0)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"path": "/v1/log"}, 404, "404 page not found"),
        ({"path": "/v1/logs/"}, 404, "404 page not found"),
        ({"path": "/counts"}, 404, "404 page not found"),
        ({"method": "GET"}, 405, "405 method not allowed, supported: [POST]"),
        ({"method": "PUT"}, 405, "405 method not allowed, supported: [POST]"),
        ({"content_type": "text/plain"}, 415, "415 unsupported media type"),
        ({"content_type": None}, 415, "415 unsupported media type"),
    ],
)
def test_requests_of_a_wrong_kind_are_answered_in_plain_text(
    receiver: Receiver, changes: dict[str, Any], status: int, text: str
) -> None:
    """As the Collector does, and the connection stays usable."""
    client = Client(receiver)
    got, answer, headers = client.send(batch(), **changes)
    assert got == status
    assert answer.decode().startswith(text)
    assert headers["Content-Type"].startswith("text/plain")
    assert client.send(batch())[0] == 200
    assert receiver.counts().batches == 1
    assert receiver.counts().statuses == {str(status): 1, "200": 1}


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (b"\x0f\x01", None, "illegal wireType 7"),
        (batch()[:-1], None, "unexpected EOF"),
        (batch(), "br", "unsupported Content-Encoding: br"),
        (zstandard.compress(batch()), "ZSTD", "unsupported Content-Encoding: ZSTD"),
        (batch(), "gzip, zstd", "unsupported Content-Encoding: gzip, zstd"),
        (batch(), "gzip", "gzip: "),
        (batch(), "zstd", "zstd: "),
        (zstandard.compress(batch())[:-1], "zstd", ""),
        (zstandard.compress(b"\0" * (21 << 20)), "zstd", "http: request body too large"),
    ],
)
def test_bad_bodies_are_answered_with_400_and_a_status(
    receiver: Receiver, body: bytes, encoding: str | None, message: str
) -> None:
    """400, code 3, in the request's content type; also for a body over 20 MiB."""
    client = Client(receiver)
    status, answer, headers = client.send(body, encoding=encoding)
    assert (status, headers["Content-Type"]) == (400, PROTOBUF)
    code, text = status_of(answer)
    assert code == 3
    assert message in text
    assert client.send(batch())[0] == 200
    assert receiver.counts().batches == 1


def test_metrics_on_the_path_of_logs_are_refused(receiver: Receiver) -> None:
    """The first record tells them apart."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.add(name="orders")
    status, answer, _ = Client(receiver).send(request.SerializeToString())
    assert status == 400
    assert "wrong wireType = 2" in status_of(answer)[1]


def test_validation_on_arrival_finds_a_bad_record_behind_a_good_one() -> None:
    """Without it only the first record of a scope is looked at."""
    good = b"\x12\x02\x10\x09"  # ScopeLogs.log_records { severity_number: 9 }
    bad = b"\x12\x02\x12\x09"  # severity_number as a string that does not fit
    scope = good + bad
    resource = b"\x12" + bytes([len(scope)]) + scope
    body = b"\x0a" + bytes([len(resource)]) + resource
    for validate, expected in ((False, 200), (True, 400)):
        with Receiver(validate=validate, keep=False) as receiver:
            assert Client(receiver).send(body)[0] == expected


def test_protobuf_sent_as_json_gets_the_collectors_500(receiver: Receiver) -> None:
    """A trap that the real Collector has, too."""
    status, answer, _ = Client(receiver).send(batch(), content_type="application/json")
    assert status == 500
    assert json.loads(answer)["code"] == 13


def test_an_empty_body_is_a_success(receiver: Receiver) -> None:
    """It is a request without records."""
    assert Client(receiver).send(b"")[:2] == (200, FULL_SUCCESS)
    assert receiver.counts().records == 0


def test_a_forked_child_leaves_its_parents_receiver_alone() -> None:
    """It ends by itself, and the server goes on."""
    done = run_python(
        """
        import os, sys
        from forebay.testing import Receiver
        from tests.python.receiver_client import Client, batch

        child = 0
        with Receiver() as receiver:
            child = os.fork()
            if child == 0:
                sys.exit(7)
            ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            status = Client(receiver).send(batch(1))[0]
        print(ended, status, receiver.counts().records)
        """
    )
    assert done.stdout.split() == ["7", "200", "1"]
