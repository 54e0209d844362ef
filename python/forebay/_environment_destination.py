"""What OpenTelemetry's environment variables say of an OTLP destination.

A setting is read whether or not an endpoint is named: a bad value is told either way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._errors import OptionError
from ._exporters import OtlpHttpExporter, _without_secrets
from ._validation import OptionList
from ._warnings import warn_once

_LONGEST_TIMEOUT_MS = 3_600_000


@dataclass(frozen=True)
class Destination:
    """What is named, and what of it can be followed."""

    exporter: OtlpHttpExporter | None
    names_endpoint: bool
    # Option -> variable.
    sources: Mapping[str, str]
    # What says that the receiver speaks gRPC; empty: nothing does.
    grpc: str
    # Variables with good values.
    followed: tuple[str, ...]

    def tell_what_has_no_effect(self) -> None:
        """Where records go to local files though the environment speaks of a destination."""
        if self.grpc:
            warn_once(
                f"{self.grpc}, and Forebay speaks http/protobuf: set "
                "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, and in OTEL_EXPORTER_OTLP_ENDPOINT the "
                "receiver's HTTP port, usually 4318; meanwhile records go to local files"
            )
        elif self.followed and not self.names_endpoint:
            have = "has" if len(self.followed) == 1 else "have"
            warn_once(
                f"{', '.join(self.followed)} {have} no effect: no endpoint is set, so records go "
                "to local files; set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318, or where "
                "your receiver is"
            )


def read_destination(environ: Mapping[str, str]) -> Destination:
    """Read every variable; each bad value is told once and counts as unset."""
    endpoint, variable = _endpoint(environ)
    sources = dict.fromkeys(endpoint, variable)
    url = next(iter(endpoint.values()), "")
    _add_metrics_endpoint(environ, endpoint, sources)
    protocol_variable, protocol = _protocol(environ)
    grpc = ""
    if protocol == "grpc":
        grpc = f"{protocol_variable}=grpc"
    elif not protocol and re.search(r":4317(?:/|$)", url):
        grpc = f"{variable}={_without_secrets(url)} has gRPC's port"
    settings: dict[str, Any] = {}
    for name, field, read in _SETTINGS:
        for of_setting, value in _given(environ, name):
            parsed = _parsed(of_setting, field, read, value)
            if parsed is not None:
                settings[field] = parsed
                sources[field] = of_setting
                break
    _add_client(environ, settings, sources)
    followed = [name for field, name in sources.items() if field not in endpoint]
    if protocol == "http/protobuf":
        followed.append(protocol_variable)
    if "otlp" in re.split(r"[\s,]+", environ.get("OTEL_LOGS_EXPORTER", "").lower()):
        followed.append("OTEL_LOGS_EXPORTER")
    return Destination(
        exporter=OtlpHttpExporter(**endpoint, **settings) if endpoint and not grpc else None,
        names_endpoint=any(value for _, value in _given(environ, "ENDPOINT")),
        sources=sources,
        grpc=grpc,
        followed=tuple(followed),
    )


def _given(environ: Mapping[str, str], name: str) -> Iterator[tuple[str, str]]:
    """The variable for logs, then the one for all signals; an empty one is an unset one."""
    for variable in (f"OTEL_EXPORTER_OTLP_LOGS_{name}", f"OTEL_EXPORTER_OTLP_{name}"):
        value = environ.get(variable, "").strip()
        if value:
            yield variable, value


def _endpoint(environ: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    for variable, url in _given(environ, "ENDPOINT"):
        fields = {"logs_endpoint" if "LOGS" in variable else "endpoint": url}
        if _is_good(variable, fields):
            return fields, variable
    return {}, ""


def _add_metrics_endpoint(
    environ: Mapping[str, str], endpoint: dict[str, Any], sources: dict[str, str]
) -> None:
    """Where metrics go, if that is not what follows from where records go."""
    variable = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
    url = environ.get(variable, "").strip()
    if url and not endpoint:
        if _is_good(variable, {"metrics_endpoint": url}):
            warn_once(
                f"{variable} is ignored: no endpoint for log records is set, and points go where "
                "records go; set OTEL_EXPORTER_OTLP_ENDPOINT, too"
            )
        return
    if not (url and _is_good(variable, {**endpoint, "metrics_endpoint": url})):
        # Beside an endpoint for logs the one for all signals is that of the others.
        variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
        base = environ.get(variable, "").strip()
        if "logs_endpoint" not in endpoint or not base:
            return
        if not _is_good(variable, {"endpoint": base}):
            return
        url = f"{base.rstrip('/')}/v1/metrics"
    endpoint["metrics_endpoint"] = url
    sources["metrics_endpoint"] = variable


def _protocol(environ: Mapping[str, str]) -> tuple[str, str]:
    for variable, value in _given(environ, "PROTOCOL"):
        protocol = value.lower()
        if protocol not in ("grpc", "http/protobuf"):
            warn_once(f"{variable} is ignored: {value!r} is not http/protobuf")
        # http/json at least says that it is HTTP, whatever the port.
        if protocol in ("grpc", "http/protobuf", "http/json"):
            return variable, protocol
    return "", ""


def _parsed(variable: str, field: str, read: Callable[[str], Any], value: str) -> Any:
    try:
        parsed = read(value)
    except ValueError as error:
        warn_once(f"{variable} is ignored: {error}")
        return None
    return parsed if _is_good(variable, {field: parsed}) else None


def _add_client(
    environ: Mapping[str, str], settings: dict[str, Any], sources: dict[str, str]
) -> None:
    """Both halves or neither."""
    pair: dict[str, str] = {}
    variables: dict[str, str] = {}
    for field in ("client_certificate", "client_key"):
        for variable, value in _given(environ, field.upper()):
            pair[field], variables[field] = value, variable
            break
    if pair and _is_good(", ".join(variables.values()), pair):
        settings.update(pair)
        sources.update(variables)


def _is_good(variable: str, fields: Mapping[str, Any]) -> bool:
    try:
        OtlpHttpExporter(**fields)._flatten(OptionList())
    except OptionError as error:
        # Of a header not even the name: where somebody forgot it, a token is in its place.
        text = "a name or a value in it is none of a header" if "headers" in fields else error
        warn_once(f"{variable} is ignored: {text}")
        return False
    return True


def _headers(value: str) -> dict[str, str]:
    # Never the value in the text: it may be a token.
    if ";" in value:
        raise ValueError("there is a ; in it, and headers have no properties; in a value it is %3B")
    try:
        return pairs(value)
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


# OTEL_EXPORTER_OTLP_…, the option, how it is read.
_SETTINGS: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("HEADERS", "headers", _headers),
    ("TIMEOUT", "timeout", _timeout_seconds),
    ("COMPRESSION", "compression", _compression),
    ("CERTIFICATE", "ca_file", str),
)


def pairs(text: str) -> dict[str, str]:
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
