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
from ._exporters import OtlpHttpExporter
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


def read_environment(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read the variables that `forebay.start` follows."""
    resource = _resource(environ)
    in_resource = resource.pop("service.name", None)
    return Environment(
        service_name=environ.get("OTEL_SERVICE_NAME") or in_resource or None,
        resource=resource,
        exporter=_exporter(environ),
    )


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
        exporter = _checked(variable, {field_name: url})
        if exporter is not None:
            return _with_settings(environ, {field_name: url})
    return None


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
