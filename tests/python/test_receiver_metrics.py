"""The receiver for tests, on the path of metrics: all that it does for logs, it does there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
import zstandard
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from forebay.testing import MetricPoint, Receiver, Scope
from tests.python.otlp_metrics import encoded, json_of
from tests.python.receiver_client import FULL_SUCCESS, PROTOBUF, Client, batch, status_of

PATH = "/v1/metrics"
POINTS = [
    MetricPoint("orders", "sum", scope=Scope("shop"), attributes={"n": n}, value=n)
    for n in range(4)
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_points_come_out_as_they_went_in_whatever_the_codec(receiver: Receiver) -> None:
    """Plain, gzip, zstd and JSON, and an empty request is a success."""
    client = Client(receiver)
    plain = encoded(*POINTS)
    for encoding, body in (
        (None, plain),
        ("gzip", gzip.compress(plain)),
        ("zstd", zstandard.compress(plain)),
        (None, b""),
    ):
        status, answer, headers = client.send(body, path=PATH, encoding=encoding)
        assert (status, answer, headers["Content-Type"]) == (200, FULL_SUCCESS, PROTOBUF)
    text = json_of(*POINTS).encode()
    status, answer, _ = client.send(text, path=PATH, content_type="application/json")
    assert (status, json.loads(answer)) == (200, {"partialSuccess": {}})
    assert receiver.metric_points() == POINTS * 4
    assert receiver.records() == []


def test_the_counts_tell_records_from_points(receiver: Receiver) -> None:
    """Also when both come twice, from loggers and meters of one name."""
    client = Client(receiver)
    for batch_id in ("a", "b", "b"):
        client.send(batch(3), batch_id=batch_id)
    for batch_id in ("m", "m"):
        client.send(encoded(*POINTS), path=PATH, batch_id=batch_id)
    counts = receiver.counts()
    assert (counts.records, counts.unique_records) == (9, 6)
    assert (counts.points, counts.unique_points) == (8, 4)
    assert (counts.batches, counts.unique_batches) == (5, 3)
    assert (counts.point_batches, counts.unique_point_batches) == (2, 1)
    assert (counts.scopes, counts.point_scopes) == ({"shop": 6}, {"shop": 4})
    assert len(receiver.metric_points()) == 4
    assert len(receiver.metric_points(unique=False)) == 8
    assert len(receiver.records()) == 6


@pytest.mark.parametrize("content_type", [PROTOBUF, "application/json"])
def test_a_partial_success_names_points(receiver: Receiver, content_type: str) -> None:
    """In the official message, and the count leaves out what was rejected."""
    receiver.partial(3, message="too many")
    is_json = content_type != PROTOBUF
    body = json_of(*POINTS).encode() if is_json else encoded(*POINTS)
    status, answer, _ = Client(receiver).send(body, path=PATH, content_type=content_type)
    assert status == 200
    if is_json:
        partial = json.loads(answer)["partialSuccess"]
        assert partial == {"rejectedDataPoints": "3", "errorMessage": "too many"}
    else:
        told = ExportMetricsServiceResponse.FromString(answer).partial_success
        assert (told.rejected_data_points, told.error_message) == (3, "too many")
    Client(receiver).send(batch(2))
    counts = receiver.counts()
    assert (counts.points, counts.records) == (1, 2)
    assert (counts.rejected, counts.rejected_points) == (3, 3)


def test_faults_meet_whichever_signal_comes_next(receiver: Receiver) -> None:
    """A status, a cut before and after, a refused codec and a limit."""
    body = encoded(*POINTS)
    receiver.fail(429, retry_after=2)
    status, answer, headers = Client(receiver).send(body, path=PATH)
    assert (status, headers["Retry-After"], status_of(answer)[0]) == (429, "2", 8)
    receiver.cut()
    with pytest.raises(ConnectionError):
        Client(receiver).send(body, path=PATH, batch_id="a")
    receiver.cut_before()
    with pytest.raises(ConnectionError):
        Client(receiver).send(body, path=PATH, batch_id="a")
    receiver.refuse_codec("zstd")
    compressed = zstandard.compress(body)
    assert Client(receiver).send(compressed, path=PATH, encoding="zstd")[0] == 415
    receiver.max_body(len(body) - 1)
    assert Client(receiver).send(body, path=PATH)[0] == 413
    receiver.clear()
    assert Client(receiver).send(body, path=PATH, batch_id="a")[0] == 200
    counts = receiver.counts()
    assert (counts.points, counts.unique_points, counts.cut, counts.aborted) == (8, 4, 1, 1)


def test_requests_of_a_wrong_kind_are_answered_as_for_logs(receiver: Receiver) -> None:
    """Path, method, type and body."""
    client = Client(receiver)
    assert client.send(encoded(), path="/v1/metrics/")[0] == 404
    assert client.send(encoded(), path=PATH, method="GET")[0] == 405
    assert client.send(encoded(), path=PATH, content_type="text/plain")[0] == 415
    for body in (encoded(*POINTS)[:-1], b"\x0f\x01", batch()):
        status, answer, _ = client.send(body, path=PATH)
        assert (status, status_of(answer)[0]) == (400, 3)
    bad = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": 1}]}]}]})
    assert client.send(bad.encode(), path=PATH, content_type="application/json")[0] == 400
    assert receiver.counts().batches == 0


def test_validation_on_arrival_finds_a_bad_point_behind_a_good_metric() -> None:
    """Without it only the first metric of a scope is looked at."""
    good = b"\x12\x03\x0a\x01m"  # ScopeMetrics.metrics { name: "m" }
    bad = b"\x12\x06\x2a\x04\x0a\x02\x10\x01"  # a gauge's point whose time is no fixed64
    scope = good + bad
    resource = b"\x12" + bytes([len(scope)]) + scope
    body = b"\x0a" + bytes([len(resource)]) + resource
    for validate, expected in ((False, 200), (True, 400)):
        with Receiver(validate=validate, keep=False) as receiver:
            assert Client(receiver).send(body, path=PATH)[0] == expected
