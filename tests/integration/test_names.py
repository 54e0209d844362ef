"""A destination whose name nobody answers for: emit, flush and the end do not wait for it.

In a network and a mount namespace of the test's own, where the one resolver is the test's.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.python.in_memory import run_python

# Ports below 1024, and its own loopback.
UNSHARE = ["unshare", "--map-root-user", "--mount", "--net"]

PROGRAM = """
import fcntl, socket, struct, subprocess, sys, threading, time
kind, resolv_conf = sys.argv[1:]
subprocess.run(["mount", "--bind", resolv_conf, "/etc/resolv.conf"], check=True)
with socket.socket() as any_socket:                     # bring the loopback up
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.1", 53))
asked = threading.Event()
def serve():
    while True:
        query, sender = resolver.recvfrom(4096)
        asked.set()
        if kind == "unknown":                           # NXDOMAIN
            resolver.sendto(query[:2] + b"\\x81\\x83" + query[4:], sender)
threading.Thread(target=serve, daemon=True).start()

import forebay
collector = forebay.start(
    exporter=forebay.OtlpHttpExporter("http://collector.example.test:4318", timeout=20.0),
    lanes=[forebay.Lane("only", queue_records=4096, on_full="drop_newest")],
    retry=forebay.RetryOptions(initial=0.01, max=0.05),
)
log = forebay.get_logger("x")
log.info("first")
assert asked.wait(30), "the resolver is not asked"
slowest = 0.0
for n in range(2000):
    begin = time.perf_counter()
    assert log.info("record", n=n)
    slowest = max(slowest, time.perf_counter() - begin)
assert slowest < 0.25, slowest
if kind == "unknown":
    deadline = time.monotonic() + 30
    while "resolve" not in collector.last_error:
        assert time.monotonic() < deadline, collector.last_error
        time.sleep(0.01)
begin = time.monotonic()
assert not collector.flush(0.5).complete
assert time.monotonic() - begin < 2
stats = collector.stats()
assert (stats.emitted, stats.held, stats.notes["ambiguous_attempts"]) == (2001, 2001, 0), stats
begin = time.monotonic()
collector.shutdown(0.5)
assert time.monotonic() - begin < 3
stats = collector.stats()
assert stats.dropped_by_reason["shutdown"] == 2001 and stats.held == 0, stats
assert collector.audit().balanced
"""


@pytest.mark.parametrize("kind", ["silent", "unknown"])
def test_a_name_that_does_not_resolve_holds_up_nobody(kind: str, tmp_path: Path) -> None:
    """Nothing was sent, so nothing is ambiguous; the process ends at once after its shutdown."""
    allowed = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    if allowed.returncode != 0:
        pytest.skip(f"this kernel gives no namespaces to a test: {allowed.stderr.strip()}")
    resolv_conf = tmp_path / "resolv.conf"
    # One attempt that takes as long as a resolver may be given: 30 s.
    resolv_conf.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    begin = time.monotonic()
    run_python(PROGRAM, kind, str(resolv_conf), before=UNSHARE)
    assert time.monotonic() - begin < 20
