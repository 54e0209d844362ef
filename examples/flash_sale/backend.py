"""What stands behind the Collector: it takes OTLP/HTTP logs, so many records a second.

python backend.py --rate 5000          prints its address; SIGTERM ends it, with its counts
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import ClassVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest


class Pace:
    """Lets `rate` records a second pass, one request after the other."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, records: int) -> None:
        """Until those records have passed."""
        with self._lock:
            begin = max(self._free_at, time.monotonic())
            self._free_at = begin + records / self._rate
        time.sleep(max(0.0, self._free_at - time.monotonic()))


class Handler(BaseHTTPRequestHandler):
    """Answers a request once its records have passed."""

    protocol_version = "HTTP/1.1"
    pace: Pace
    taken: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        """Count the records of each scope."""
        request = ExportLogsServiceRequest.FromString(
            self.rfile.read(int(self.headers["Content-Length"]))
        )
        scopes = [scope for resource in request.resource_logs for scope in resource.scope_logs]
        self.pace.wait(sum(len(scope.log_records) for scope in scopes))
        for scope in scopes:
            self.taken[scope.scope.name] += len(scope.log_records)
        self._answer(b"")

    def do_GET(self) -> None:
        """The counts until now."""
        self._answer(json.dumps(self.taken).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=5000, help="records a second")
    Handler.pace = Pace(parser.parse_args().rate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def end(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
    print(json.dumps(Handler.taken), flush=True)


if __name__ == "__main__":
    main()
