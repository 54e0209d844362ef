"""A client that speaks to a Receiver as an exporter does, byte by byte."""

from __future__ import annotations

import http.client

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)

from forebay._otlp import wire
from forebay.testing import Receiver

PROTOBUF = "application/x-protobuf"
FULL_SUCCESS = b"\x0a\x00"  # what a Collector sends: partial_success, present and empty


class Client:
    """One kept-alive connection."""

    def __init__(self, receiver: Receiver, timeout: float = 10) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=timeout)

    def send(
        self,
        body: bytes,
        *,
        path: str = "/v1/logs",
        method: str = "POST",
        content_type: str | None = PROTOBUF,
        encoding: str | None = None,
        batch_id: str | None = None,
    ) -> tuple[int, bytes, dict[str, str]]:
        headers = {
            "Content-Type": content_type,
            "Content-Encoding": encoding,
            "Forebay-Batch-Id": batch_id,
        }
        present = {name: value for name, value in headers.items() if value is not None}
        self.connection.request(method, path, body, present)
        response = self.connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())


def batch(count: int = 2, scope: str = "shop") -> bytes:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = scope
    for i in range(count):
        record = scope_logs.log_records.add(time_unix_nano=i + 1, severity_number=9)
        record.body.string_value = f"record {i} " + "x" * 200
    return bytes(request.SerializeToString())


def status_of(body: bytes) -> tuple[int, str]:
    """Code and message of a google.rpc.Status."""
    fields = {number: (a, b) for number, _, a, b in wire.fields(body, 0, len(body))}
    a, b = fields.get(2, (0, 0))
    return fields[1][0], body[a:b].decode()
