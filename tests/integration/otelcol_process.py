"""A real OpenTelemetry Collector as a process of the test: started, read, killed, started again."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

CONFIGS = Path(__file__).resolve().parents[1] / "otelcol"
READY_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0


@dataclass(frozen=True)
class CollectedRecord:
    """One log record as the Collector wrote it, values turned from OTLP/JSON into Python's."""

    body: Any
    severity_number: int
    severity_text: str
    time_unix_nano: int
    observed_time_unix_nano: int
    event_name: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]
    scope: str
    scope_version: str
    resource: dict[str, Any]
    raw: dict[str, Any]


class OtelCollector:
    """The Collector on free loopback ports, one for each name in `endpoint_names`.

    What it acknowledged is in its file, also after `kill`: it writes unbuffered.
    """

    def __init__(
        self,
        binary: Path,
        folder: Path,
        *,
        config: str = "config.yaml",
        endpoint_names: tuple[str, ...] = ("OTELCOL_ENDPOINT",),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.out = folder / "received.jsonl"
        self.log = folder / "otelcol.log"
        self._command = [str(binary), "--config", str(CONFIGS / config)]
        self._names = endpoint_names
        self._extra = dict(environment or {})
        self._addresses: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Choose ports, and return when the Collector says that it is ready.

        A port may be taken by somebody else between choosing and use: then others are tried.
        """
        assert self._process is None
        attempts = 3
        for attempt in range(1, attempts + 1):
            names = (*self._names, "OTELCOL_HEALTH_ENDPOINT")
            self._addresses = dict(zip(names, free_addresses(len(names)), strict=True))
            try:
                self._launch()
            except RuntimeError as error:
                if attempt == attempts or "address already in use" not in str(error):
                    raise
            else:
                return

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same ports and the same file."""
        self.stop()
        self._launch()

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_TIMEOUT)
        self._process = None

    def stop(self) -> None:
        """End it in good order (SIGTERM). Does nothing when it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT)
            raise
        finally:
            self._process = None

    @property
    def endpoint(self) -> str:
        """The URL that OTEL_EXPORTER_OTLP_ENDPOINT would hold: without /v1/logs."""
        return self.endpoint_of(self._names[0])

    def endpoint_of(self, name: str) -> str:
        """The URL of the receiver whose address is in that variable of its configuration."""
        return f"http://{self._addresses[name]}"

    def records(self) -> list[CollectedRecord]:
        """Every log record that it has written until now, over restarts, in order of writing."""
        return [record for request in self.requests() for record in log_records(request)]

    def requests(self) -> list[dict[str, Any]]:
        """Every request that it has written until now, as OTLP/JSON."""
        text = self.out.read_text() if self.out.exists() else ""
        return list(json_objects(text))

    def wait_for_records(self, count: int, timeout: float = 20.0) -> list[CollectedRecord]:
        """Its records as soon as there are `count` or more, or what there is by the timeout."""
        wait_until(lambda: len(self.records()) >= count, timeout)
        return self.records()

    def _launch(self) -> None:
        environment = os.environ | self._extra | self._addresses | {"OTELCOL_OUT": str(self.out)}
        with self.log.open("ab") as log:
            start = log.tell()
            self._process = subprocess.Popen(
                self._command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        process = self._process
        wait_until(lambda: process.poll() is not None or self._healthy(), READY_TIMEOUT)
        if process.poll() is not None or not self._healthy():
            process.kill()
            process.wait(STOP_TIMEOUT)
            self._process = None
            said = self.log.read_bytes()[start:].decode(errors="replace")
            raise RuntimeError(f"the Collector did not get ready; it said:\n{said[-4000:]}")

    def _healthy(self) -> bool:
        host, _, port = self._addresses["OTELCOL_HEALTH_ENDPOINT"].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def free_addresses(count: int) -> list[str]:
    """Loopback addresses that nobody listens on; all are held until the last is found."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    finally:
        for s in sockets:
            s.close()


_REQUEST = re.compile(r'\{"resource(Logs|Metrics)"')


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a file whose writers may have been killed, also in the middle of one.

    What the next writer appends then is on the same line: a request begins anew there.
    """
    decoder = json.JSONDecoder()
    position = 0
    while (position := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            anew = _REQUEST.search(text, position + 1)
            if anew is not None and "\n" not in text[position : anew.start()]:
                position = anew.start()
                continue
            if "\n" in text[position:].rstrip("\n"):
                raise
            return
        yield value


def log_records(request: Mapping[str, Any]) -> Iterator[CollectedRecord]:
    """The records of one ExportLogsServiceRequest in OTLP/JSON."""
    for of_resource in request.get("resourceLogs", ()):
        resource = attributes(of_resource.get("resource", {}))
        for of_scope in of_resource.get("scopeLogs", ()):
            scope = of_scope.get("scope", {})
            for record in of_scope.get("logRecords", ()):
                yield CollectedRecord(
                    body=any_value(record.get("body", {})),
                    severity_number=record.get("severityNumber", 0),
                    severity_text=record.get("severityText", ""),
                    time_unix_nano=int(record.get("timeUnixNano", 0)),
                    observed_time_unix_nano=int(record.get("observedTimeUnixNano", 0)),
                    event_name=record.get("eventName", ""),
                    trace_id=record.get("traceId", ""),
                    span_id=record.get("spanId", ""),
                    attributes=attributes(record),
                    scope=scope.get("name", ""),
                    scope_version=scope.get("version", ""),
                    resource=resource,
                    raw=record,
                )


def attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {pair["key"]: any_value(pair.get("value", {})) for pair in holder.get("attributes", ())}


def any_value(value: Mapping[str, Any]) -> Any:
    """An AnyValue of OTLP/JSON, where 64-bit integers are strings and bytes are base64."""
    match next(iter(value.items()), None):
        case None:
            return None
        case ("intValue", number):
            return int(number)
        case ("doubleValue", number):
            return float(number)
        case ("bytesValue", text):
            return base64.b64decode(text)
        case ("arrayValue", array):
            return [any_value(item) for item in array.get("values", ())]
        case ("kvlistValue", pairs):
            return {p["key"]: any_value(p.get("value", {})) for p in pairs.get("values", ())}
        case (_, plain):
            return plain
