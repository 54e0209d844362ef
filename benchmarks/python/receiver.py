"""A local OTLP/HTTP receiver that only counts, so that it is never what is measured.

It answers as soon as a body has come in whole and opens the bodies when it is asked
(``GET /count``), after the clock has stopped. Run as a program it prints its port and serves
until its standard input ends::

    python receiver.py --mode up|hang|reset
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_RESOURCE_LOGS, _SCOPE_LOGS, _LOG_RECORDS = 1, 2, 2
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _messages(data: bytes, begin: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the length-delimited fields of that number lie."""
    at = begin
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _LENGTH:
            size, at = _varint(data, at)
            if tag >> 3 == wanted:
                yield at, at + size
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
    if at != end:
        raise ValueError("a message ends in the middle of a field")


def count_records(body: bytes) -> int:
    """The log records in one ExportLogsServiceRequest in protobuf form."""
    return sum(
        1
        for resource in _messages(body, 0, len(body), _RESOURCE_LOGS)
        for scope in _messages(body, *resource, _SCOPE_LOGS)
        for _ in _messages(body, *scope, _LOG_RECORDS)
    )


def decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return zlib.decompress(body, wbits=31)
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body


class CountingReceiver:
    """Serves in daemon threads, one a connection. ``mode``: ``up``, ``hang`` or ``reset``."""

    def __init__(self, mode: str = "up") -> None:
        self._mode = mode
        self._bodies: list[tuple[bytes, str]] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def count(self) -> dict[str, int]:
        bodies = list(self._bodies)
        return {
            "records": sum(count_records(decoded(body, how)) for body, how in bodies),
            "requests": len(bodies),
            "bytes": sum(len(body) for body, _ in bodies),
        }

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._mode == "reset":
            # A linger time of zero turns close() into a reset.
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            while self._request(connection, stream):
                pass

    def _request(self, connection: socket.socket, stream: BinaryIO) -> bool:
        start = stream.readline().split()
        if not start:
            return False
        headers: dict[str, str] = {}
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = stream.read(int(headers.get("content-length", "0")))
        if start[0] == b"GET":
            text = json.dumps(self.count()).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        elif self._mode == "up":
            self._bodies.append((body, headers.get("content-encoding", "")))
            connection.sendall(_OK)
        return True


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["up", "hang", "reset"], default="up")
    options: Any = parser.parse_args(argv)
    receiver = CountingReceiver(options.mode)
    print(receiver.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
