"""Answers that are meant to hurt: however large they claim or come, memory stays bounded."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.python.in_memory import run_python

# 16 MiB, which would become 16 GiB: gzip may be put end to end.
BOMB = gzip.compress(bytes(256 << 20), 9) * 64


@contextmanager
def answering(head: bytes, body: bytes) -> Iterator[tuple[str, list[int]]]:
    """A server that answers each request so; and how much of each body was taken."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[int] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            content = b""
            while b"\r\n\r\n" not in content:
                content += connection.recv(65536)
            headers, _, rest = content.partition(b"\r\n\r\n")
            length = int(headers.lower().split(b"content-length:")[1].split()[0])
            while len(rest) < length:
                rest += connection.recv(65536)
            taken.append(0)
            connection.sendall(head)
            for at in range(0, len(body), 65536):
                connection.sendall(body[at : at + 65536])
                taken[-1] = at

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


PROGRAM = """
import resource, sys
import forebay
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter(sys.argv[1]),
    retry=forebay.RetryOptions(initial=0.01, max=0.02),
)
log = forebay.get_logger("x")
log.info("m")
before = peak()
for _ in range(10):
    log.info("m")
    collector.flush(0.5)
grown = peak() - before
collector.shutdown(2)
stats = collector.stats()
assert collector.audit().balanced and stats.held == 0, stats
print(grown, stats.emitted, stats.delivered, stats.notes["responses_malformed"])
"""


@pytest.mark.parametrize("status", [b"200 OK", b"503 Service Unavailable"])
@pytest.mark.parametrize("length", ["told", "chunked"])
def test_a_bomb_in_an_answer_is_neither_opened_nor_read_to_its_end(
    status: bytes, length: str
) -> None:
    """At most 4 MiB of it are taken, and the connection is closed; the status counts."""
    head = b"HTTP/1.1 " + status + b"\r\nContent-Encoding: gzip\r\n"
    head += b"Content-Type: application/x-protobuf\r\n"
    body = BOMB
    if length == "told":
        head += b"Content-Length: %d\r\n\r\n" % len(body)
    else:
        head += b"Transfer-Encoding: chunked\r\n\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with answering(head, body) as (endpoint, taken):
        done = run_python(PROGRAM, endpoint)
    grown, emitted, delivered, malformed = map(int, done.stdout.split())
    # Ten answers of 16 MiB each: one is in memory at a time, and no more of it than 4 MiB.
    assert grown < 24 << 20
    assert emitted == 11
    if status.startswith(b"200"):
        assert delivered == 11
        assert malformed == len(taken)
    else:
        assert delivered == 0
        assert len(taken) >= 10
    # What the sockets' buffers hold may have been sent besides.
    assert max(taken) < len(BOMB) - (1 << 20)
