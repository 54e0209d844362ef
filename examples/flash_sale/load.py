"""The clients: orders at a rate that rises and falls, and a look at the status now and then.

    python load.py http://127.0.0.1:8000 --out timeline.json

A request is sent when its time has come, whether or not others are answered yet, as real clients
do; one that finds no free connection is counted as `unsent`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 64
SAMPLE = 0.25  # seconds


@dataclass
class Answer:
    status: int
    retry_after: str | None
    body: bytes


@dataclass
class Sample:
    """What happened in SAMPLE seconds."""

    at: float  # seconds since the beginning
    phase: str
    orders: int = 0
    refused: int = 0  # 503
    unsent: int = 0
    status_ms: float | None = None  # median of GET /status
    state: str = "normal"
    held: int = 0  # audit records in the service's memory
    delivered: int = 0  # audit records, since the beginning


@dataclass
class Timeline:
    samples: list[Sample] = field(default_factory=list)
    retry_after: list[str | None] = field(default_factory=list)  # of each 503
    order_statuses: dict[int, int] = field(default_factory=dict)
    status_statuses: dict[int, int] = field(default_factory=dict)
    status_ms: dict[str, list[float]] = field(default_factory=dict)  # by phase


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        # A phase may end while its look is not answered yet; the next one's waits for that.
        self._busy = asyncio.Lock()

    async def ask(self, method: str, target: str) -> Answer:
        """Send a request without a body, and read the answer."""
        async with self._busy:
            return await self._ask(method, target)

    async def _ask(self, method: str, target: str) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in head[1:])
            if colon
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers.get("retry-after"), body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


class Load:
    def __init__(self, url: str) -> None:
        self._connections = [Connection(url) for _ in range(CONNECTIONS)]
        self._free = list(self._connections)
        self._status, self._lane = Connection(url), Connection(url)
        self.timeline = Timeline()
        self._begin = time.monotonic()
        self._sample = Sample(0.0, "calm")
        self._number = 0
        self._asked: set[asyncio.Task[None]] = set()

    async def phase(
        self, name: str, orders_a_second: float, until: Callable[[float], bool]
    ) -> None:
        """Orders at that rate until `until(seconds in this phase)` says so."""
        begin = time.monotonic()
        sent = 0
        looks = asyncio.create_task(self._look(name))
        while not until(time.monotonic() - begin):
            for _ in range(int((time.monotonic() - begin) * orders_a_second) - sent):
                sent += 1
                self._order()
            await asyncio.sleep(0.005)
        looks.cancel()
        with suppress(asyncio.CancelledError):
            await looks

    async def end(self) -> Timeline:
        """Wait for all answers."""
        if self._asked:
            await asyncio.wait(self._asked)
        for connection in (*self._connections, self._status, self._lane):
            connection.close()
        return self.timeline

    @property
    def state(self) -> str:
        """The audit lane's, at the last sample."""
        return self.timeline.samples[-1].state if self.timeline.samples else "normal"

    def _order(self) -> None:
        self._sample.orders += 1
        if not self._free:
            self._sample.unsent += 1
            return
        self._number += 1
        task = asyncio.create_task(self._ask_for_order(self._free.pop(), self._number))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _ask_for_order(self, connection: Connection, number: int) -> None:
        answer = await connection.ask("POST", f"/orders?{number}")
        self._free.append(connection)
        counts = self.timeline.order_statuses
        counts[answer.status] = counts.get(answer.status, 0) + 1
        if answer.status == 503:
            self._sample.refused += 1
            self.timeline.retry_after.append(answer.retry_after)

    async def _look(self, phase: str) -> None:
        """The status 20 times a second, and a sample each SAMPLE."""
        while True:
            self._sample.phase = phase
            took: list[float] = []
            end = time.monotonic() + SAMPLE
            while time.monotonic() < end:
                begin = time.monotonic()
                answer = await asyncio.shield(self._status.ask("GET", "/status"))
                took.append((time.monotonic() - begin) * 1000)
                counts = self.timeline.status_statuses
                counts[answer.status] = counts.get(answer.status, 0) + 1
                await asyncio.sleep(0.05)
            lane = json.loads((await asyncio.shield(self._lane.ask("GET", "/forebay"))).body)
            sample, self._sample = self._sample, Sample(time.monotonic() - self._begin, phase)
            sample.status_ms = statistics.median(took)
            sample.held, sample.state = lane["held"], lane["state"]
            sample.delivered = lane["delivered"]
            self.timeline.status_ms.setdefault(phase, []).extend(took)
            self.timeline.samples.append(sample)


async def sale(
    url: str, calm: float = 100, rush: float = 500, seconds: tuple[float, float, float] = (3, 8, 20)
) -> Timeline:
    """Calm, a sale, and calm again until the lane is normal; `rush` and `calm` in orders/s.

    Args:
        url: The service's.
        calm: Orders a second before and after.
        rush: Orders a second in the sale.
        seconds: How long it is calm, how long the sale lasts, and how long it may take to recover.
    """
    load = Load(url)
    await load.phase("calm", calm, lambda t: t >= seconds[0])
    await load.phase("sale", rush, lambda t: t >= seconds[1])
    # Calm for three seconds at least, so that what follows the sale is seen.
    await load.phase(
        "after", calm, lambda t: t >= seconds[2] or (t >= 3 and load.state == "normal")
    )
    return await load.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--out", type=Path, required=True, help="the timeline, as JSON")
    arguments = parser.parse_args()
    timeline = asyncio.run(sale(arguments.url))
    arguments.out.write_text(json.dumps(asdict(timeline), indent=1) + "\n")
    print(f"orders: {timeline.order_statuses}, status: {timeline.status_statuses}")


if __name__ == "__main__":
    main()
