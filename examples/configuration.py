"""A collector out of a TOML file, with the options' own names. What the file leaves open is the
environment's: OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT and the rest.

python examples/configuration.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import forebay

CONFIGURATION = """
service_name = "shop"
memory_limit = 33_554_432
redact = ["iban"]

[[lanes]]
name = "audit"
logger = "audit.*"
on_full = "block(50ms)+fail"

[[lanes]]
name = "rest"
on_full = "drop_oldest"
rate_limit = { per_second = 1000, burst = 5000 }

[batch]
max_delay = 1.0
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "forebay.toml"
        path.write_text(CONFIGURATION)
        collector = forebay.from_config(path)
    forebay.get_logger("audit.payments").info("paid", amount=12.5, iban="DE02 1203 0000 0000 2020")
    forebay.get_logger("shop").info("page shown")
    collector.shutdown()
    print(collector.stats().lanes)
    try:
        forebay.from_config({"lanes": [{"name": "all", "on_full": "explode"}]})
    except forebay.OptionError as error:
        print(f"refused: {error}")


if __name__ == "__main__":
    main()
