"""What an OTLP/HTTP server answers: byte for byte what the OpenTelemetry Collector does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

# google.rpc.Code for the statuses that a Collector hands out; 2 is UNKNOWN.
_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 12, 429: 8, 502: 14, 503: 14, 504: 14}


@dataclass(frozen=True)
class Answer:
    """A response that is ready to be written."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, *, close: bool) -> bytes:
        """The whole response in one piece, so that it leaves in one packet."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Status"
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"Content-Length: {len(self.body)}"]
        if self.body:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if close:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def accepted(content_type: str, rejected: int = 0, message: str = "", *, points: bool) -> Answer:
    """200. A Collector sends ``partial_success`` even where nothing was rejected."""
    if content_type == JSON:
        partial: dict[str, str] = {}
        if rejected:
            partial["rejectedDataPoints" if points else "rejectedLogRecords"] = str(rejected)
        if message:
            partial["errorMessage"] = message
        return Answer(200, json.dumps({"partialSuccess": partial}).encode(), JSON)
    inner = (b"\x08" + _varint(rejected) if rejected else b"") + _string(2, message)
    return Answer(200, b"\x0a" + _varint(len(inner)) + inner, PROTOBUF)


def refused(
    status: int, message: str, content_type: str = PROTOBUF, headers: dict[str, str] | None = None
) -> Answer:
    """An error with a google.rpc.Status in the request's own content type."""
    code = _RPC_CODES.get(status, 2)
    if content_type == JSON:
        body = json.dumps({"code": code, "message": message}).encode()
        return Answer(status, body, JSON, headers or {})
    body = b"\x08" + _varint(code) + _string(2, message)
    return Answer(status, body, PROTOBUF, headers or {})


def text(status: int, message: str) -> Answer:
    """An error from in front of the OTLP server: plain text."""
    return Answer(status, message.encode() + b"\n", TEXT)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _string(number: int, value: str) -> bytes:
    encoded = value.encode()
    return bytes([number << 3 | 2]) + _varint(len(encoded)) + encoded if encoded else b""
