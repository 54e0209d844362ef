"""200,000 records from one thread at full speed, then shutdown, to a local OTLP receiver.

    python delivered.py --subject forebay|opentelemetry [--compression gzip] [--records 200000]

The clock runs from the first record until shutdown has returned. What arrived is counted by the
receiver, in its own process, after the clock has stopped. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from destination import Destination

Emitter = Callable[[int], None]
# Ends the subject; returns how many records it says were delivered, None where it does not say.
Shutdown = Callable[[], int | None]


def _forebay(url: str, compression: str) -> tuple[Emitter, Shutdown]:
    import forebay

    collector = forebay.Collector(
        service_name="bench",
        exporter=forebay.OtlpHttpExporter(url, compression=compression),
        lanes=[forebay.Lane("only", on_full="block")],
    )
    log = collector.logger("bench")

    def emit(records: int) -> None:
        for i in range(records):
            log.info("request finished", route="/items/search", status=i, elapsed_ms=12.5)

    def said_delivered() -> int:
        collector.shutdown(timeout=60)
        return collector.stats().delivered

    return emit, said_delivered


def _opentelemetry(url: str, compression: str) -> tuple[Emitter, Shutdown]:
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    provider = LoggerProvider(Resource({"service.name": "bench"}), shutdown_on_exit=False)
    exporter = OTLPLogExporter(f"{url}/v1/logs", compression=Compression(compression))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    log, info, time_ns = provider.get_logger("bench"), SeverityNumber.INFO, time.time_ns

    def emit(records: int) -> None:
        for i in range(records):
            log.emit(
                timestamp=time_ns(),
                severity_number=info,
                severity_text="INFO",
                body="request finished",
                attributes={"route": "/items/search", "status": i, "elapsed_ms": 12.5},
            )

    def unknown() -> None:
        provider.shutdown()

    return emit, unknown


_SUBJECTS: dict[str, Any] = {"forebay": _forebay, "opentelemetry": _opentelemetry}


def measure(subject: str, compression: str, records: int) -> dict[str, float]:
    with Destination("up") as destination:
        emit, shutdown = _SUBJECTS[subject](destination.url, compression)
        begin = time.perf_counter()
        emit(records)
        emitted = time.perf_counter()
        said = shutdown()
        end = time.perf_counter()
        counts = destination.count()
    if said is not None and said > counts["records"]:
        raise SystemExit(f"{said} said to be delivered, {counts['records']} received: no figure")
    return {
        "delivered_per_s": counts["records"] / (end - begin),
        "delivered": counts["records"],
        "lost": records - counts["records"],
        "requests": counts["requests"],
        "bytes": counts["bytes"],
        "emit_s": emitted - begin,
        "shutdown_s": end - emitted,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", choices=sorted(_SUBJECTS), required=True)
    parser.add_argument("--compression", choices=["zstd", "gzip", "none"], default="gzip")
    parser.add_argument("--records", type=int, default=200_000)
    options = parser.parse_args(argv)
    print(json.dumps(measure(options.subject, options.compression, options.records)))


if __name__ == "__main__":
    main()
