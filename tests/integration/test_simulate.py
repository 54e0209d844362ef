"""What ``forebay simulate`` foretells is what then happens."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

import forebay
from forebay.cli import main
from forebay.testing import Receiver
from tests.integration.reporting import assert_same, reporting_to

RATE = 4000  # records/s
# Each with a number, as a service's are: a message that never changes is no part of the record.
MESSAGE = "checkout {:08} finished " + "x" * 178
MESSAGE_BYTES = len(MESSAGE.format(0))

# Small pauses of retry and breaker, so that chance has little to say; and bytes that do not depend
# on how well a text compresses. The queue holds more than half a second of the load, so that a
# machine that is busy with other things does not make losses of its own.
CONFIG = """
memory_limit = 16777216
[[lanes]]
name = "urgent"
min_level = "WARNING"
queue_records = 4096
backlog_share = 0.5
[[lanes]]
name = "normal"
queue_records = 8192
[batch]
max_records = 500
max_delay = 0.1
[backlog]
max_bytes = 262144
[retry]
initial = 0.02
max = 0.05
[breaker]
open_initial = 0.02
open_max = 0.05
[exporter]
type = "otlp_http"
compression = "none"
"""


class PacedLoad:
    """INFO at a steady rate, and each hundredth a WARNING, until it is stopped."""

    def __init__(self, collector: forebay.Collector) -> None:
        self._log = collector.logger("paced")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.begun = 0.0
        self.infos = self.warnings = 0

    def _run(self) -> None:
        emitted = 0
        self.begun = time.monotonic()
        while not self._stop.wait(0.005):
            due = int((time.monotonic() - self.begun) * RATE)
            for n in range(emitted, due):
                if n % 100:
                    self._log.info(MESSAGE.format(n))
                    self.infos += 1
                else:
                    self._log.warning(MESSAGE.format(n))
                    self.warnings += 1
            emitted = due

    def __enter__(self) -> PacedLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.begun


def test_a_simulation_comes_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Losses and deliveries of a real run through an outage are those of its simulation, ±10 %.

    The simulation is asked for what the real run was: its own count of records, its own times.
    """
    with (
        Receiver(keep=False) as receiver,
        reporting_to(
            receiver.endpoint,
            exporter_compression="none",
            memory_limit=16 << 20,
            lanes=[
                forebay.Lane("urgent", min_level="WARNING", queue_records=4096, backlog_share=0.5),
                forebay.Lane("normal", queue_records=8192),
            ],
            batch=forebay.BatchOptions(max_records=500, max_delay=0.1),
            backlog=forebay.BacklogOptions(max_bytes=256 << 10),
            retry=forebay.RetryOptions(initial=0.02, max=0.05),
            breaker=forebay.BreakerOptions(open_initial=0.02, open_max=0.05),
        ) as collector,
    ):
        with PacedLoad(collector) as load:
            time.sleep(1.5)
            receiver.stop()
            outage = load.elapsed
            time.sleep(5)
            receiver.start()
            outage_length = load.elapsed - outage
            time.sleep(1.5)
            length = load.elapsed
        assert collector.flush(timeout=30).complete
        real, _ = assert_same(collector, receiver)

    config = tmp_path / "forebay.toml"
    config.write_text(CONFIG)
    code = main(
        [
            "simulate",
            f"--rate=info={load.infos / length},warning={load.warnings / length}",
            f"--length={length}s",
            f"--outage={outage_length}s@{outage}s",
            f"--record-bytes={MESSAGE_BYTES}",
            f"--config={config}",
            "--json",
        ]
    )
    assert code == 0
    simulated = json.loads(capsys.readouterr().out)
    normal = simulated["lanes"]["normal"]
    # The outage is what loses, and it is worth a comparison.
    assert real.lanes["normal"].lost > 5000
    assert simulated["lanes"]["urgent"]["lost"] == real.lanes["urgent"].lost == 0
    assert set(normal["lost_by_reason"]) == {"dropped.queue_full_newest"}
    assert normal["emitted"] == pytest.approx(real.lanes["normal"].emitted, rel=0.001)
    assert normal["lost"] == pytest.approx(real.lanes["normal"].lost, rel=0.1)
    assert normal["delivered"] == pytest.approx(real.lanes["normal"].delivered, rel=0.1)
