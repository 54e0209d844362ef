"""An OTLP/HTTP server: reads requests, decides, takes, answers.

Strict where the OpenTelemetry Collector is strict, and with its answers (answers.py). It knows
nothing of files or of scripts for its faults: those come in through `Intake`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from . import answers, compression, logs, logs_json, metrics, schema
from .answers import Answer
from .intake import Intake, TakenBatch
from .wire import WireError

PATHS = {"/v1/logs": False, "/v1/metrics": True}  # True: metric points
# The Collector's limit, on the body after decompression. Above it the answer is 400.
MAX_DECOMPRESSED_BYTES = 20 << 20
# What is read of a body at all. Beyond it the connection is closed after the answer.
MAX_WIRE_BYTES = 64 << 20
BATCH_ID_HEADER = "Forebay-Batch-Id"


class _Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the file was closed
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            self.close_connection = True
            return
        path = self.path.split("?", 1)[0]
        if self.server.intake.control is not None and path in ("/counts", "/control"):
            self._serve_control(path)
        else:
            self._serve_export(path)

    # -- control ------------------------------------------------------------------------------

    def _serve_control(self, path: str) -> None:
        body = self._read_body(rate=None)
        if body is None:
            return
        intake = self.server.intake
        if path == "/control" and intake.control is not None:
            try:
                commands = json.loads(body)
                if not isinstance(commands, dict):
                    raise ValueError("an object was expected")
                intake.control(commands)
            except (ValueError, TypeError) as error:
                self._write(Answer(400, json.dumps({"error": str(error)}).encode(), answers.JSON))
                return
        counts = intake.tally.counts().as_dict()
        self._write(Answer(200, json.dumps(counts).encode(), answers.JSON))

    # -- export -------------------------------------------------------------------------------

    def _serve_export(self, path: str) -> None:
        intake = self.server.intake
        content_type = self.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()
        wrong = self._wrong_request(path, content_type)
        if wrong is None and intake.faults.next("cut_before"):
            intake.tally.aborted()
            self._reset()
            return
        body = self._read_body(rate=intake.faults.body_rate())
        if body is None:
            intake.tally.aborted()
            return
        if wrong is not None:
            self._answer(wrong)
            return
        if not intake.faults.wait_while_stalled():
            # Stopped meanwhile: what a killed process had only read is lost.
            intake.tally.aborted()
            self._reset()
            return
        try:
            batch, codec = self._decode(PATHS[path], content_type, body)
        except _Refused as refusal:
            self._answer(refusal.answer)
            return
        fault = intake.faults.next("cut", "partial")
        rejected = fault.rejected if fault is not None and fault.kind == "partial" else 0
        try:
            intake.keep(batch)
        except OSError as error:
            self._answer(answers.refused(503, f"cannot be written: {error}", content_type))
            return
        first = intake.tally.take(
            batch.batch_id,
            batch.by_scope,
            points=batch.points,
            rejected=rejected,
            codec=codec,
            wire_bytes=len(body),
        )
        intake.kept(batch, first)
        if fault is not None and fault.kind == "cut":
            intake.tally.cut()
            self._reset()
            return
        message = fault.message if fault is not None else ""
        self._answer(answers.accepted(content_type, rejected, message, points=batch.points))

    def _wrong_request(self, path: str, content_type: str) -> Answer | None:
        if path not in PATHS:
            return answers.text(404, "404 page not found")
        if self.command != "POST":
            return answers.text(405, "405 method not allowed, supported: [POST]")
        if content_type not in (answers.PROTOBUF, answers.JSON):
            return answers.text(
                415,
                f"415 unsupported media type, supported: [{answers.JSON}, {answers.PROTOBUF}]",
            )
        return None

    def _decode(self, points: bool, content_type: str, body: bytes) -> tuple[TakenBatch, str]:
        """The batch and its codec, or `_Refused` with the answer."""
        faults = self.server.intake.faults
        if fault := faults.next("fail"):
            headers = {}
            if fault.retry_after is not None:
                headers["Retry-After"] = f"{fault.retry_after}"
            raise _Refused(answers.refused(fault.status, fault.message, content_type, headers))
        encoding = self.headers.get("Content-Encoding", "")
        codec = "none" if encoding in ("", "identity") else encoding
        if status := faults.codec_status(codec):
            raise _Refused(answers.text(status, f"unsupported Content-Encoding: {encoding}"))
        if codec not in ("none", "gzip", "zstd"):
            message = f"unsupported Content-Encoding: {encoding}"
            raise _Refused(answers.refused(400, message, content_type))
        max_body = faults.max_body()
        try:
            limit = MAX_DECOMPRESSED_BYTES if max_body is None else max_body
            if len(body) > limit:
                raise compression.TooLargeError
            plain = compression.decompress(codec, body, limit) if body else b""
        except compression.TooLargeError:
            status = 400 if max_body is None else 413
            message = "http: request body too large"
            raise _Refused(answers.refused(status, message, content_type)) from None
        except compression.CompressionError as error:
            raise _Refused(answers.refused(400, str(error), content_type)) from None
        except compression.CodecMissingError as error:
            raise _Refused(answers.refused(415, str(error), content_type)) from None
        by_scope = self._count(points, content_type, plain)
        batch_id = self.headers.get(BATCH_ID_HEADER)
        return TakenBatch(points, content_type, plain, batch_id, by_scope), codec

    def _count(self, points: bool, content_type: str, plain: bytes) -> dict[str, int]:
        validate = self.server.intake.validate
        try:
            if content_type == answers.JSON:
                return _count_json(points, plain)
            if points:
                if validate:
                    metrics.decode_protobuf(plain)
                else:
                    schema.check_first_points(plain)
                return schema.count_points(plain)
            if validate:
                logs.decode_protobuf(plain)
            else:
                logs.check_first_records(plain)
            return logs.count_by_scope(plain)
        except WireError as error:
            if content_type == answers.JSON and not _is_text(plain):
                # A Collector stumbles over its own error message here.
                message = b'{"code": 13, "message": "failed to marshal error message"}'
                raise _Refused(Answer(500, message, answers.JSON)) from None
            prefix = "" if content_type == answers.JSON else "proto: "
            raise _Refused(answers.refused(400, f"{prefix}{error}", content_type)) from None

    # -- the connection -----------------------------------------------------------------------

    def _read_body(self, rate: float | None) -> bytes | None:
        """The body as it came over the wire; None if it broke off (the connection is done for)."""
        try:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = self._read_chunked()
            else:
                length = int(self.headers.get("Content-Length", "0"))
                if not 0 <= length <= MAX_WIRE_BYTES:
                    raise ValueError(f"Content-Length: {length}")
                body = self._read_exactly(length, rate)
        except ValueError:
            self.close_connection = True
            self._write(answers.refused(400, "http: request body too large"))
            return None
        except (OSError, EOFError):
            self.close_connection = True
            return None
        return body

    def _read_exactly(self, length: int, rate: float | None) -> bytes:
        body = self.rfile.read(length) if rate is None else self._read_slowly(length)
        if len(body) < length:
            raise EOFError
        return body

    def _read_slowly(self, length: int) -> bytes:
        faults = self.server.intake.faults
        parts: list[bytes] = []
        missing = length
        while missing:
            rate = faults.body_rate()
            step = missing if rate is None else min(missing, max(1, int(rate / 20)))
            part = self.rfile.read(step)
            if not part:
                break
            parts.append(part)
            missing -= len(part)
            if rate is not None:
                faults.pause(len(part) / rate)
        return b"".join(parts)

    def _read_chunked(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            size = int(self.rfile.readline(1024).split(b";", 1)[0], 16)
            total += size
            if size < 0 or total > MAX_WIRE_BYTES:
                raise ValueError("too large")
            if size == 0:
                break
            parts.append(self._read_exactly(size, None))
            self.rfile.readline(8)
        while self.rfile.readline(65537).strip():  # trailers
            pass
        return b"".join(parts)

    def _answer(self, answer: Answer) -> None:
        self.server.intake.tally.answered(answer.status)
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        with contextlib.suppress(
            OSError
        ):  # the sender may be gone; what it sent is taken all the same
            self.connection.sendall(answer.encode(close=self.close_connection))
            return
        self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        reset(self.connection)


def reset(connection: socket.socket) -> None:
    """Close so that the other end sees a reset, not an orderly end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes a thread that reads from it; close() alone would leave it waiting.
        connection.shutdown(socket.SHUT_RD)
    with contextlib.suppress(OSError):
        connection.close()


def _is_text(body: bytes) -> bool:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def _count_json(points: bool, plain: bytes) -> dict[str, int]:
    counts: dict[str, int] = {}
    if not plain:
        return counts
    if points:
        for point in metrics.decode_json(plain):
            counts[point.scope.name] = counts.get(point.scope.name, 0) + 1
        return counts
    for resource in logs_json.decode_json(plain):
        for scope_logs in resource.scopes:
            name = scope_logs.scope.name
            counts[name] = counts.get(name, 0) + len(scope_logs.records)
    return counts


class Server(socketserver.ThreadingTCPServer):
    """Listens, with a thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], intake: Intake) -> None:
        self.intake = intake
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def opened(self, connection: socket.socket) -> None:
        """A handler has begun to serve this connection."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """It has ended."""
        with self._lock:
            self._open.discard(connection)

    def open_connections(self) -> int:
        """How many connections are being served."""
        with self._lock:
            return len(self._open)

    def wait_until_idle(self, deadline: float) -> bool:
        """Wait until no connection is open; False at the deadline (time.monotonic)."""
        while time.monotonic() < deadline:
            if not self.open_connections():
                return True
            time.sleep(0.005)
        return False

    def reset_connections(self) -> None:
        """Break off every connection, as a killed process does."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            reset(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is nothing to print; anything else is a defect to see."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
