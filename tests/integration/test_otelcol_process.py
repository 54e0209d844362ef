"""The Collector of the integration tests is what they take it for."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.integration.otelcol_process import OtelCollector, json_objects
from tests.waiting import wait_until


def send(endpoint: str, body: str, headers: dict[str, str] | None = None) -> int:
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "checkout"
    of_scope = of_resource.scope_logs.add()
    of_scope.scope.name = "orders"
    record = of_scope.log_records.add(time_unix_nano=1_700_000_000_000_000_001, severity_number=9)
    record.body.string_value = body
    record.attributes.add(key="n").value.int_value = 2**63 - 1
    record.attributes.add(key="ratio").value.double_value = 0.5
    record.attributes.add(key="raw").value.bytes_value = b"\x00\xff"
    record.attributes.add(key="list").value.array_value.values.add().bool_value = True
    record.attributes.add(key="none").value.SetInParent()
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    try:
        connection.request(
            "POST",
            "/v1/logs",
            request.SerializeToString(),
            {"Content-Type": "application/x-protobuf"} | (headers or {}),
        )
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_writes_what_it_acknowledged_and_every_value_survives(
    otel_collector: OtelCollector,
) -> None:
    """A record that got 200 is in `records()`, with the types that it was sent with."""
    assert otel_collector.records() == []
    assert send(otel_collector.endpoint, "first") == 200
    (record,) = otel_collector.wait_for_records(1)
    assert record.body == "first"
    assert record.time_unix_nano == 1_700_000_000_000_000_001
    assert (record.severity_number, record.scope) == (9, "orders")
    assert record.resource == {"service.name": "checkout"}
    assert record.attributes == {
        "n": 2**63 - 1,
        "ratio": 0.5,
        "raw": b"\x00\xff",
        "list": [True],
        "none": None,
    }


def test_a_kill_right_after_the_answer_loses_nothing(otel_collector: OtelCollector) -> None:
    """Ten kills, each at once after a 200: every acknowledged record was written, on one port."""
    endpoint = otel_collector.endpoint
    bodies = [f"before kill {i}" for i in range(10)]
    for body in bodies:
        assert send(endpoint, body) == 200
        otel_collector.kill()
        with pytest.raises(ConnectionRefusedError):
            send(endpoint, "nobody is there")
        otel_collector.restart()
    assert otel_collector.endpoint == endpoint
    assert [record.body for record in otel_collector.records()] == bodies


def test_two_run_side_by_side(
    otel_collector: OtelCollector, otel_collector_binary: Path, tmp_path: Path
) -> None:
    """Ports and files are each one's own."""
    (tmp_path / "other").mkdir()
    other = OtelCollector(otel_collector_binary, tmp_path / "other")
    other.start()
    try:
        assert send(other.endpoint, "for the other") == 200
        assert [record.body for record in other.wait_for_records(1)] == ["for the other"]
        assert otel_collector.records() == []
    finally:
        other.stop()


def test_the_refusing_one_refuses_in_each_way(refusing_otel_collector: OtelCollector) -> None:
    """503 from the memory limiter and from a dead backend; 401 and 400 at the small one."""
    at = refusing_otel_collector.endpoint_of
    token = {"Authorization": "Bearer test-token"}
    # The limiter measures every 100 ms: it takes records until it has measured once.
    assert wait_until(lambda: send(at("OTELCOL_MEMORY_ENDPOINT"), "early") == 503, timeout=10)
    assert send(at("OTELCOL_DIRECT_ENDPOINT"), "x") == 503
    assert send(at("OTELCOL_SMALL_ENDPOINT"), "x") == 401
    assert send(at("OTELCOL_SMALL_ENDPOINT"), "x" * 8192, token) == 400
    assert send(at("OTELCOL_SMALL_ENDPOINT"), "small enough", token) == 200
    statuses = [send(at("OTELCOL_QUEUE_ENDPOINT"), str(i)) for i in range(10)]
    assert statuses[0] == 200
    assert statuses[-1] == 503
    written = [record.body for record in refusing_otel_collector.wait_for_records(1)]
    assert [body for body in written if body != "early"] == ["small enough"]


def test_a_collector_that_cannot_start_says_why(
    otel_collector_binary: Path, tmp_path: Path
) -> None:
    """A wrong configuration is an error with the Collector's own words, and leaves no process."""
    collector = OtelCollector(otel_collector_binary, tmp_path, config="no-such-file.yaml")
    with pytest.raises(RuntimeError, match=r"no-such-file\.yaml"):
        collector.start()
    collector.stop()


def test_a_file_that_a_kill_cut_is_read_to_its_last_whole_object() -> None:
    """A kill leaves a missing line end and a torn end; any other torn middle is a fault."""
    assert list(json_objects('{"a": 1}{"a": 2}\n{"a": 3}\n{"a"')) == [{"a": 1}, {"a": 2}, {"a": 3}]
    torn = '{"resourceLogs": [{"resource": {"attr{"resourceLogs": [1]}\n{"resourceLogs": [2]}\n'
    assert list(json_objects(torn)) == [{"resourceLogs": [1]}, {"resourceLogs": [2]}]
    with pytest.raises(ValueError, match="delimiter"):
        list(json_objects('{"a"\n{"a": 2}\n'))
