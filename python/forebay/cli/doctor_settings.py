"""What is in force for a service that calls forebay.start() with no more than a name."""

from __future__ import annotations

from collections.abc import Iterator

from .._console import view_beside
from .._environment import Environment
from .._exporters import Exporter, FileExporter, _without_secrets
from .._metric_options import MetricsOptions
from .._options import BatchOptions
from .doctor import Check
from .doctor_machine import memory_limit

# The core's defaults, as docs/options.md has them.
_BATCH = {"max_records": "8,192", "max_bytes": "4 MiB", "max_delay": "1 s"}


def checks(environment: Environment, *, names_endpoint: bool) -> Iterator[Check]:
    """Each option's value, and whether the environment has it or it is the default.

    Args:
        names_endpoint: ``--endpoint`` stands in for the environment's.
    """
    for name, value in _values(environment):
        variable = environment.sources.get(name)
        source = "default" if variable is None else f"environment: {variable}"
        if name == "endpoint" and names_endpoint:
            source = "--endpoint"
        yield Check("ok", "setting", f"{name} = {value} ({source})")


def _values(environment: Environment) -> Iterator[tuple[str, str]]:
    exporter = environment.exporter
    if exporter is not None:
        name = "endpoint" if exporter.logs_endpoint is None else "logs_endpoint"
        yield name, _without_secrets(exporter.logs_endpoint or exporter.endpoint)
        if exporter.metrics_endpoint is not None:
            yield "metrics_endpoint", _without_secrets(exporter.metrics_endpoint)
        yield "headers", ", ".join(exporter.headers) or "none"
        yield "timeout", _seconds(exporter.timeout) if exporter.timeout else "no limit"
        yield "compression", exporter.compression
        for name in ("ca_file", "client_certificate", "client_key"):
            path = getattr(exporter, name)
            if path is not None:
                yield name, path
    batch = environment.batch or BatchOptions()
    for name, default in _BATCH.items():
        given = getattr(batch, name)
        if given is None:
            text = default
        else:
            text = _seconds(given) if name == "max_delay" else f"{given:,}"
        yield f"batch.{name}", text
    metrics = environment.metrics.options or MetricsOptions()
    yield "metrics.interval", _seconds(60.0 if metrics.interval is None else metrics.interval)
    yield "metrics.temporality", metrics.temporality or "cumulative"
    yield "memory_limit", f"{memory_limit() >> 20} MiB"
    if not environment.console and not environment.no_exporter:
        yield "console", f"auto, which here shows {_view(exporter)}"


def _view(exporter: Exporter | None) -> str:
    # Any directory: it is about there being a destination.
    view = view_beside(exporter or FileExporter("."), "auto", has_destination=exporter is not None)
    return {"pretty": "records for people", "json": "records as JSON lines"}.get(
        view or "", "nothing"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"
