"""What the integration tests share: a receiver, and the real OpenTelemetry Collector."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.testing import Receiver
from tests.integration.otelcol_process import OtelCollector

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of this test's own, running."""
    with Receiver() as running:
        yield running


@pytest.fixture(scope="session")
def otel_collector_binary() -> Path:
    """The Collector's program, built if need be. Not to have one is an error, not a skip."""
    built = subprocess.run(
        [ROOT / "scripts" / "build-collector"], stdout=subprocess.PIPE, check=True, text=True
    )
    return Path(built.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def victoria_metrics_binary() -> Path:
    """VictoriaMetrics, built if need be. Not to have it is an error, not a skip."""
    built = subprocess.run(
        [ROOT / "scripts" / "build-victoriametrics"], stdout=subprocess.PIPE, check=True, text=True
    )
    return Path(built.stdout.strip().splitlines()[-1])


@pytest.fixture
def otel_collector(otel_collector_binary: Path, tmp_path: Path) -> Iterator[OtelCollector]:
    """A Collector that takes everything and keeps it in a file; running, on a port of its own."""
    collector = OtelCollector(otel_collector_binary, tmp_path)
    collector.start()
    yield collector
    collector.stop()


@pytest.fixture
def refusing_otel_collector(otel_collector_binary: Path, tmp_path: Path) -> Iterator[OtelCollector]:
    """A Collector that refuses in four ways; `endpoint_of` names them (config-faults.yaml)."""
    collector = OtelCollector(
        otel_collector_binary,
        tmp_path,
        config="config-faults.yaml",
        endpoint_names=(
            "OTELCOL_QUEUE_ENDPOINT",
            "OTELCOL_MEMORY_ENDPOINT",
            "OTELCOL_SMALL_ENDPOINT",
            "OTELCOL_DIRECT_ENDPOINT",
        ),
    )
    collector.start()
    yield collector
    collector.stop()
