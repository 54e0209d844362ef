"""OpenTelemetry's environment variables, by the rules of its specification.

An empty variable is an unset one. A bad value warns once and counts as unset: a typo in a
deployment never keeps a service from starting. What is given in code wins over the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._environment_destination import pairs, read_destination
from ._environment_metrics import MetricsEnvironment, read_metrics
from ._errors import OptionError
from ._exporters import OtlpHttpExporter
from ._options import BatchOptions
from ._validation import OptionList
from ._warnings import warn_once


@dataclass(frozen=True)
class Environment:
    """What the environment asks for."""

    service_name: str | None = None
    # Without service.name, which is in service_name.
    resource: Mapping[str, str] = field(default_factory=dict)
    # None where no endpoint is named that can be followed.
    exporter: OtlpHttpExporter | None = None
    # An endpoint is named, whether or not it can be followed.
    names_endpoint: bool = False
    # Records are to go to the console, or nowhere: unless code says where.
    console: bool = False
    no_exporter: bool = False
    # Whatever code says.
    disabled: bool = False
    batch: BatchOptions | None = None
    metrics: MetricsEnvironment = field(default_factory=MetricsEnvironment)
    # Where an option came from: "timeout" and "batch.max_delay" by the name of a variable.
    sources: Mapping[str, str] = field(default_factory=dict)


def read_environment(
    environ: Mapping[str, str] = os.environ, *, has_destination: bool = False
) -> Environment:
    """Read the variables that `forebay.start` follows.

    Args:
        has_destination: Code says where records go, so it is not told where they go instead. Bad
            values are told all the same.
    """
    sources: dict[str, str] = {}
    resource = _resource(environ)
    in_resource = resource.pop("service.name", None)
    disabled = _disabled(environ)
    kind = _kind_of_exporter(environ)
    _refuse_what_is_not_followed(environ)
    otlp = read_destination(environ)
    if kind == "otlp" and not has_destination and not disabled:
        otlp.tell_what_has_no_effect()
    exporter = otlp.exporter if kind == "otlp" else None
    if exporter is not None:
        sources.update(otlp.sources)
    return Environment(
        service_name=environ.get("OTEL_SERVICE_NAME", "").strip() or in_resource or None,
        resource=resource,
        exporter=exporter,
        names_endpoint=otlp.names_endpoint,
        console=kind == "console",
        no_exporter=kind == "none",
        disabled=disabled,
        batch=_batch(environ, sources),
        metrics=read_metrics(environ, sources),
        sources=sources,
    )


# Of several the first is followed.
_KINDS = ("otlp", "console", "none")

# Variables of the specification that Forebay has nothing for, and what to do instead.
_NOT_FOLLOWED = {
    "OTEL_CONFIG_FILE": "use forebay.from_config",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "use forebay.from_config",
    "OTEL_LOG_LEVEL": "Forebay's own messages are few, and told once each",
    "OTEL_EXPORTER_OTLP_INSECURE": "it is for gRPC; the scheme of the endpoint decides",
    "OTEL_EXPORTER_OTLP_LOGS_INSECURE": "it is for gRPC; the scheme of the endpoint decides",
    "OTEL_EXPORTER_OTLP_METRICS_INSECURE": "it is for gRPC; the scheme of the endpoint decides",
    "OTEL_METRIC_EXPORT_TIMEOUT": "OTEL_EXPORTER_OTLP_TIMEOUT holds for each request",
    "OTEL_BLRP_EXPORT_TIMEOUT": "OTEL_EXPORTER_OTLP_TIMEOUT holds for each request",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "give lanes=[forebay.Lane(queue_records=…)]",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "give max_record_bytes",
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "give max_record_bytes",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "give max_record_bytes",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "give max_record_bytes",
}


def _refuse_what_is_not_followed(environ: Mapping[str, str]) -> None:
    for variable, instead in _NOT_FOLLOWED.items():
        if environ.get(variable, "").strip():
            warn_once(f"{variable} is ignored: {instead}")


def _disabled(environ: Mapping[str, str]) -> bool:
    value = environ.get("OTEL_SDK_DISABLED", "").strip().lower()
    if value not in ("", "true", "false"):
        warn_once(f"OTEL_SDK_DISABLED is ignored: {value!r} is not true or false")
    return value == "true"


def _kind_of_exporter(environ: Mapping[str, str]) -> str:
    """The one of the list that is followed: there is one destination from the environment."""
    value = environ.get("OTEL_LOGS_EXPORTER", "").strip().lower()
    kinds = {part.strip() for part in value.split(",") if part.strip()}
    unknown = kinds - set(_KINDS)
    if unknown:
        names = ", ".join(sorted(map(repr, unknown)))
        warn_once(f"OTEL_LOGS_EXPORTER: {names} ignored; there are {', '.join(_KINDS)}")
    known = [kind for kind in _KINDS if kind in kinds]
    for kind in known[1:]:
        instead = '; forebay.start(console="pretty") or "json" shows records there, too'
        warn_once(
            f"OTEL_LOGS_EXPORTER: {kind!r} ignored beside {known[0]!r}"
            + (instead if kind == "console" else "")
        )
    return known[0] if known else "otlp"


def _batch(environ: Mapping[str, str], sources: dict[str, str]) -> BatchOptions | None:
    fields: dict[str, Any] = {}
    for variable, name, scale in (
        ("OTEL_BLRP_SCHEDULE_DELAY", "max_delay", 1000),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "max_records", 1),
    ):
        value = environ.get(variable, "").strip()
        if not value:
            continue
        if not re.fullmatch(r"\+?[0-9]{1,12}", value):
            warn_once(f"{variable} is ignored: {value!r} is not a whole number")
            continue
        number: Any = int(value) if scale == 1 else int(value) / scale
        try:
            BatchOptions(**{name: number})._flatten(OptionList(), "batch")
        except OptionError as error:
            warn_once(f"{variable} is ignored: {error}")
            continue
        fields[name] = number
        sources[f"batch.{name}"] = variable
    return BatchOptions(**fields) if fields else None


def _resource(environ: Mapping[str, str]) -> dict[str, str]:
    value = environ.get("OTEL_RESOURCE_ATTRIBUTES", "").strip()
    try:
        return pairs(value)
    except ValueError as error:
        # Half a resource would be worse than none: the specification says to discard all of it.
        warn_once(f"OTEL_RESOURCE_ATTRIBUTES is ignored: {error}")
        return {}
