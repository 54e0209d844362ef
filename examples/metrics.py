"""Counters, gauges and histograms, bound ones and timers, and what a Prometheus server would see.

    python examples/metrics.py

Nothing is started by hand: instruments may be made when a module is imported, and report once
`forebay.start` was called.
"""

from __future__ import annotations

import forebay
from forebay.prometheus import text

orders = forebay.counter("orders", unit="{order}", description="Orders taken")
depth = forebay.gauge("queue.depth", unit="{message}")
latency = forebay.histogram("request.duration", unit="s", buckets=[0.01, 0.1, 1])


@latency.time({"route": "/orders"})
def take_order(region: str) -> None:
    orders.add(1, {"region": region})


def main() -> None:
    collector = forebay.start(service_name="shop")
    forebay.observable_gauge("pool.size", lambda: 8)

    for region in ("eu", "eu", "us"):
        take_order(region)
    hot = orders.bind({"region": "eu"})  # no attributes to look up at each call
    hot.add(10)
    depth.set(17, {"queue": "mail"})
    orders.add(-1)  # no measurement: counted, never raised

    collector.flush(timeout=5)
    points = collector.stats().metrics
    print(f"{points.emitted} points collected, {points.delivered} delivered")
    shown = text()
    print("\n".join(line for line in shown.splitlines() if line.startswith("orders_total")))
    assert collector.stats().notes["measurements_invalid"] == 1
    assert collector.audit().balanced


if __name__ == "__main__":
    main()
