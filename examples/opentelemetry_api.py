"""A library that knows OpenTelemetry's API alone, in a program that has Forebay.

    python examples/opentelemetry_api.py

Needs `pip install "forebay[opentelemetry]"`. What stands above `main` is the library's: nothing of
it, and nothing in any instrumentation package, has to change.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry import _logs, metrics
from opentelemetry._logs import SeverityNumber
from opentelemetry.metrics import CallbackOptions, Observation

import forebay
import forebay.opentelemetry
from forebay.prometheus import text

# Made when the library is imported, long before anybody decides where it goes.
meter = metrics.get_meter("shop.library", "1.2")
log = _logs.get_logger("shop.library", "1.2")

orders = meter.create_counter("orders", unit="{order}", description="Orders taken")
duration = meter.create_histogram(
    "order.duration", unit="s", explicit_bucket_boundaries_advisory=[0.01, 0.1, 1]
)


def pool_sizes(options: CallbackOptions) -> Iterable[Observation]:
    yield Observation(8, {"pool": "a"})
    yield Observation(3, {"pool": "b"})


meter.create_observable_gauge("pool.size", callbacks=[pool_sizes])


def take_order(number: int, region: str) -> None:
    orders.add(1, {"region": region})
    duration.record(0.02 * number)
    if log.enabled(severity_number=SeverityNumber.INFO):
        log.emit(
            severity_number=SeverityNumber.INFO,
            body={"order": number, "lines": ["tea", "milk"]},
            attributes={"region": region},
            event_name="order.taken",
        )


def main() -> None:
    collector = forebay.start(service_name="shop")
    assert forebay.opentelemetry.install()

    for number, region in enumerate(("eu", "eu", "us"), 1):
        take_order(number, region)

    collector.flush(timeout=5)
    stats = collector.stats()
    points = stats.metrics.lanes["metrics"]  # Forebay's own have another lane
    print(f"{stats.delivered} records and {points.delivered} points delivered")
    print("\n".join(line for line in text().splitlines() if line.startswith("pool_size")))
    assert (stats.delivered, points.delivered) == (3, 5)
    assert collector.audit().balanced


if __name__ == "__main__":
    main()
