"""Ten lines that log, and a ledger that says what became of each record.

    python examples/quickstart.py
    python -m forebay tail

No account, no network: without an endpoint records go into local files, and standard error says
where. With OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 they go there instead.
"""

from __future__ import annotations

import forebay


def main() -> None:
    collector = forebay.start(service_name="checkout")
    log = forebay.get_logger("checkout.api")

    log.info("request finished", route="/items", status=200, elapsed_ms=12.5)
    try:
        int("twelve")
    except ValueError:
        log.exception("payment failed", order_id=42)

    collector.shutdown()
    stats = collector.stats()
    print(f"emitted {stats.emitted} = delivered {stats.delivered} + lost {stats.lost}")


if __name__ == "__main__":
    main()
