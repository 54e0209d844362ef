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

from ._errors import OptionError
from ._exporters import OtlpHttpExporter, _without_secrets
from ._options import BatchOptions
from ._validation import OptionList
from ._warnings import warn_once

_LONGEST_TIMEOUT_MS = 3_600_000


@dataclass(frozen=True)
class Environment:
    """What the environment asks for."""

    service_name: str | None = None
    # Without service.name, which is in service_name.
    resource: Mapping[str, str] = field(default_factory=dict)
    # None where no endpoint is named.
    exporter: OtlpHttpExporter | None = None
    # Records are to go to the console.
    console: bool = False
    disabled: bool = False
    batch: BatchOptions | None = None


def read_environment(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read the variables that `forebay.start` follows."""
    resource = _resource(environ)
    in_resource = resource.pop("service.name", None)
    kinds = _kinds_of_exporter(environ)
    _refuse_what_is_not_followed(environ)
    return Environment(
        service_name=environ.get("OTEL_SERVICE_NAME") or in_resource or None,
        resource=resource,
        exporter=_exporter(environ) if "otlp" in kinds else None,
        console="console" in kinds and "otlp" not in kinds,
        disabled=_disabled(environ) or kinds == {"none"},
        batch=_batch(environ),
    )


# Variables of the specification that Forebay has nothing for, and what to do instead.
_NOT_FOLLOWED = {
    "OTEL_CONFIG_FILE": "use forebay.from_config",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "use forebay.from_config",
    "OTEL_LOG_LEVEL": "Forebay's own messages are few, and told once each",
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


def _kinds_of_exporter(environ: Mapping[str, str]) -> set[str]:
    value = environ.get("OTEL_LOGS_EXPORTER", "").strip().lower()
    kinds = {part.strip() for part in value.split(",") if part.strip()}
    unknown = kinds - {"otlp", "console", "none"}
    if unknown:
        names = ", ".join(sorted(map(repr, unknown)))
        warn_once(f"OTEL_LOGS_EXPORTER: {names} ignored; there are otlp, console, none")
    return (kinds - unknown) or {"otlp"}


def _batch(environ: Mapping[str, str]) -> BatchOptions | None:
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
    return BatchOptions(**fields) if fields else None


def _resource(environ: Mapping[str, str]) -> dict[str, str]:
    value = environ.get("OTEL_RESOURCE_ATTRIBUTES", "").strip()
    try:
        return _pairs(value)
    except ValueError as error:
        # Half a resource would be worse than none: the specification says to discard all of it.
        warn_once(f"OTEL_RESOURCE_ATTRIBUTES is ignored: {error}")
        return {}


def _exporter(environ: Mapping[str, str]) -> OtlpHttpExporter | None:
    for name, field_name in (("LOGS_ENDPOINT", "logs_endpoint"), ("ENDPOINT", "endpoint")):
        variable = f"OTEL_EXPORTER_OTLP_{name}"
        url = environ.get(variable, "").strip()
        if not url:
            continue
        if _speaks_grpc(environ, variable, url):
            return None
        exporter = _checked(variable, {field_name: url})
        if exporter is not None:
            return _with_settings(environ, {field_name: url})
    return None


def _speaks_grpc(environ: Mapping[str, str], variable: str, url: str) -> bool:
    """Whether what listens there is for gRPC, by what the environment says; then it is told."""
    protocol_variable, protocol = _per_signal(environ, "PROTOCOL")
    if protocol.lower() == "grpc":
        found = f"{protocol_variable}=grpc"
    elif not protocol and re.search(r":4317(?:/|$)", url):
        found = f"{variable}={_without_secrets(url)} has gRPC's port"
    else:
        return False
    warn_once(
        f"{found}, and Forebay speaks http/protobuf: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf "
        "and the receiver's HTTP port, usually 4318; meanwhile records go to local files"
    )
    return True


def _with_settings(environ: Mapping[str, str], fields: dict[str, Any]) -> OtlpHttpExporter:
    """Add each further setting, unless it is bad."""
    readers = (
        ("HEADERS", "headers", _headers),
        ("TIMEOUT", "timeout", _timeout_seconds),
        ("COMPRESSION", "compression", _compression),
        ("CERTIFICATE", "ca_file", str),
    )
    for name, field_name, read in readers:
        variable, value = _per_signal(environ, name)
        if not value:
            continue
        try:
            parsed = read(value)
        except ValueError as error:
            warn_once(f"{variable} is ignored: {error}")
            continue
        if _checked(variable, {**fields, field_name: parsed}) is not None:
            fields[field_name] = parsed
    certificate, certificate_file = _per_signal(environ, "CLIENT_CERTIFICATE")
    key, key_file = _per_signal(environ, "CLIENT_KEY")
    if certificate_file or key_file:
        pair = {"client_certificate": certificate_file or None, "client_key": key_file or None}
        if _checked(f"{certificate}, {key}", {**fields, **pair}) is not None:
            fields.update(pair)
    protocol_variable, protocol = _per_signal(environ, "PROTOCOL")
    if protocol and protocol.lower() != "http/protobuf":
        warn_once(f"{protocol_variable} is ignored: {protocol!r} is not http/protobuf")
    return OtlpHttpExporter(**fields)


def _per_signal(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable for logs where it is set, else the one for all signals."""
    for variable in (f"OTEL_EXPORTER_OTLP_LOGS_{name}", f"OTEL_EXPORTER_OTLP_{name}"):
        value = environ.get(variable, "").strip()
        if value:
            break
    return variable, value


def _checked(variable: str, fields: Mapping[str, Any]) -> OtlpHttpExporter | None:
    exporter = OtlpHttpExporter(**fields)
    try:
        exporter._flatten(OptionList())
    except OptionError as error:
        warn_once(f"{variable} is ignored: {error}")
        return None
    return exporter


def _headers(value: str) -> dict[str, str]:
    # Never the value in the text: it may be a token.
    try:
        return _pairs(value)
    except ValueError:
        raise ValueError("it is not name=value,name=value in percent-encoding") from None


def _timeout_seconds(value: str) -> float:
    if not re.fullmatch(r"\+?[0-9]+", value) or int(value) > _LONGEST_TIMEOUT_MS:
        raise ValueError(f"{value!r} is not a number of milliseconds in 0..{_LONGEST_TIMEOUT_MS}")
    return int(value) / 1000


def _compression(value: str) -> str:
    if value.lower() not in ("none", "gzip", "zstd"):
        raise ValueError(f"{value!r} is not one of none, gzip, zstd")
    return value.lower()


def _pairs(text: str) -> dict[str, str]:
    """``key=value,key2=value2``, percent-encoded; spaces around either are not part of it."""
    from urllib.parse import unquote

    result: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{part.strip()!r} is not key=value")
        if re.search(r"%(?![0-9A-Fa-f]{2})", part):
            raise ValueError(f"{part.strip()!r} has a % that begins no %XX")
        result[_decoded(unquote, key)] = _decoded(unquote, value)
    return result


def _decoded(unquote: Any, text: str) -> str:
    try:
        return str(unquote(text.strip(), errors="strict"))
    except UnicodeDecodeError:
        raise ValueError(f"{text.strip()!r} is not UTF-8 in percent-encoding") from None
