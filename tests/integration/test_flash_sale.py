"""A flash sale: orders bring 10,000 audit records a second, and the destination takes 5,000.

All of it is real: uvicorn and the example's service, clients on keep-alive connections, and an
OpenTelemetry Collector that is as slow as what stands behind it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.flash_sale import load
from tests.integration.otelcol_process import OtelCollector
from tests.ports import free_port
from tests.waiting import wait_until

EXAMPLE = Path(load.__file__).parent


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the example; killed at the end, if it has not ended by then."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=EXAMPLE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ended(process: subprocess.Popen[str]) -> dict[str, object]:
    """End it in good order; the JSON object in the last line that it printed."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    result = json.loads(out.splitlines()[-1])
    assert isinstance(result, dict)
    return result


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def test_a_flash_sale_is_told_to_its_clients_and_loses_nothing(
    otel_collector_binary: Path, tmp_path: Path
) -> None:
    """503 with Retry-After on the audit route only; all else goes on, and everything recovers."""
    with running("backend.py", "--rate", "5000") as backend:
        assert backend.stdout is not None
        collector = OtelCollector(
            otel_collector_binary,
            tmp_path,
            config="config-slow.yaml",
            environment={"OTELCOL_BACKEND": backend.stdout.readline().strip()},
        )
        collector.start()
        try:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            with running(
                *("-m", "uvicorn", "service:app", "--port", str(port), "--log-level", "warning"),
                OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
                FOREBAY_RUN_DIR=str(tmp_path / "run"),
            ) as service:
                assert wait_until(lambda: answers(f"{url}/status"), timeout=30)
                timeline = asyncio.run(load.sale(url))
                receipt = ended(service)
        finally:
            collector.stop()
        taken = ended(backend)

    samples = {
        phase: [s for s in timeline.samples if s.phase == phase]
        for phase in ("calm", "sale", "after")
    }
    # The pressure appears with the sale, and clients of the audit route are told to come again.
    assert {s.state for s in samples["calm"]} == {"normal"}
    assert {"pressured", "full"} & {s.state for s in samples["sale"]}
    assert timeline.order_statuses[503] > 0
    assert timeline.order_statuses[200] > timeline.order_statuses[503] / 10
    assert set(timeline.order_statuses) == {200, 503}
    waits = [int(wait) for wait in timeline.retry_after if wait is not None]
    assert len(waits) == timeline.order_statuses[503]
    assert all(1 <= wait <= 30 for wait in waits), sorted(set(waits))
    # Nobody else is, nor slowed: the service never waits for the destination.
    assert set(timeline.status_statuses) == {200}
    pressed = statistics.median(s.status_ms or 0 for s in samples["sale"] if s.state != "normal")
    rushed = statistics.median(s.status_ms or 0 for s in samples["sale"] if s.state == "normal")
    assert pressed < 3 * rushed + 5, "milliseconds; both under the same load"
    # It recovers by itself.
    assert samples["after"][-1].state == "normal"
    assert samples["after"][-1].refused == 0
    # Every order that was accepted is audited, and is where it belongs.
    assert receipt["balanced"]
    assert (receipt["lost"], receipt["refused"], receipt["difference"]) == (0, 0, 0)
    assert receipt["emitted"] == 20 * timeline.order_statuses[200]
    assert receipt["delivered"] == receipt["emitted"] == taken["audit.orders"]
