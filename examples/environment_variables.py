"""A service that says nothing in code, and is told everything by OpenTelemetry's variables; and
what it says where they ask for gRPC, which Forebay does not speak.

python examples/environment_variables.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from forebay.testing import Receiver

SERVICE = """
import forebay
collector = forebay.start()
forebay.get_logger("shop.orders").info("order placed", number=7)
collector.shutdown()
print(f"{collector.service_name}: delivered {collector.stats().delivered} to {collector.exporter}")
"""


def serve(directory: str, **variables: str) -> tuple[str, str]:
    """What the service prints, and what it says on standard error."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "FOREBAY_"))}
    own = {"FOREBAY_DIR": f"{directory}/logs", "FOREBAY_RUN_DIR": f"{directory}/run"}
    done = subprocess.run(
        [sys.executable, "-c", SERVICE],
        env={**kept, **own, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    print(done.stdout + done.stderr)
    return done.stdout, done.stderr


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, Receiver() as receiver:
        os.mkdir(f"{directory}/run", mode=0o700)
        printed, said = serve(
            directory,
            OTEL_SERVICE_NAME="shop",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=staging,team=orders",
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20secret",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        )
        assert printed.startswith("shop: delivered 1 ")
        assert said == ""
        (received,) = receiver.records()
        assert received.resource["deployment.environment.name"] == "staging"

        # One line that names what to set instead; records go to local files meanwhile.
        printed, said = serve(
            directory,
            OTEL_SERVICE_NAME="shop",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4317",
        )
        assert "http/protobuf" in said
        assert "4318" in said
        assert f"{directory}/logs" in printed

        # A typo never keeps a service from starting.
        printed, said = serve(
            directory, OTEL_SERVICE_NAME="shop", OTEL_EXPORTER_OTLP_ENDPOINT="collector 4318"
        )
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in said
        assert "delivered 1 " in printed

        _, said = serve(directory, OTEL_SDK_DISABLED="true")
        assert said == ""


if __name__ == "__main__":
    main()
