"""Destinations, as options: a collector's ``exporter``, or the ``exporters`` of its routes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

from ._errors import OptionError
from ._validation import OptionList, suggests_fields, whole

if TYPE_CHECKING:
    from . import _core
    from ._otlp.logs import LogRecord, ResourceLogs
    from ._otlp.metrics import MetricPoint

_DAY = 86_400.0
_YEAR = 365 * _DAY
_TIB = 1 << 40
_DEFAULT_ENDPOINT = "http://localhost:4318"


@suggests_fields
@dataclass(frozen=True)
class OtlpHttpExporter:
    """Sends batches to an OTLP/HTTP receiver, in protobuf.

    Header values, and a user, password or query in the endpoint, never show in ``repr`` nor in an
    error message.
    """

    # The base URL of the receiver; "/v1/logs" and "/v1/metrics" are appended to its path.
    endpoint: str = _DEFAULT_ENDPOINT
    _: KW_ONLY
    # The whole URL for log records and for metrics, taken as it is. None: the endpoint's; where
    # only the other one is given and ends with its "/v1/logs" or "/v1/metrics", that one with the
    # path exchanged.
    logs_endpoint: str | None = None
    metrics_endpoint: str | None = None
    # Sent with each request: tokens, tenants. Names are not case-sensitive.
    headers: Mapping[str, str] = field(default_factory=dict)
    # Longest time for one request and its answer. Unit: s, 0..3600. Zero: no limit, and then a
    # destination that never answers holds the route until shutdown.
    timeout: float = 10.0
    # "zstd", "gzip" or "none". Where the destination refuses zstd, gzip takes over, once and
    # loudly.
    compression: str = "zstd"
    # zstd -7..22 (0: 3), gzip 1..9; None: the codec's own default (3; 6). Higher costs CPU.
    compression_level: int | None = None
    # Most requests under way at once. 1..64. None: 2. With 1 the batches of a lane arrive in order,
    # also across retries.
    max_in_flight: int | None = None
    # False takes any certificate: anybody on the way can read and change what is sent.
    verify: bool = True
    # PEM files: authorities to trust, and no others (None: those of ``SSL_CERT_FILE``, Python, the
    # system, certifi: the first that has any), and who we are (mutual TLS).
    ca_file: str | os.PathLike[str] | None = None
    client_certificate: str | os.PathLike[str] | None = None
    client_key: str | os.PathLike[str] | None = None

    def __repr__(self) -> str:
        names = ", ".join(f"{name!r}: …" for name in self.headers)
        return (
            f"OtlpHttpExporter({_without_secrets(self.url())!r}, headers={{{names}}}, "
            f"timeout={self.timeout!r}, compression={self.compression!r})"
        )

    def url(self) -> str:
        """The URL that logs are posted to."""
        if self.logs_endpoint is not None:
            return self.logs_endpoint
        if not self._uses_endpoint():
            return f"{str(self.metrics_endpoint).removesuffix('/v1/metrics')}/v1/logs"
        return f"{str(self.endpoint).rstrip('/')}/v1/logs"

    def _uses_endpoint(self) -> bool:
        # Beside the endpoint of one signal the default is not one that anybody named: the core
        # would send the other signal there.
        own = (self.logs_endpoint, self.metrics_endpoint)
        if None not in own:
            return False
        return own == (None, None) or self.endpoint != _DEFAULT_ENDPOINT

    def _flatten(self, options: OptionList, path: str = "exporter") -> None:
        options.add(f"{path}.type", "otlp_http")
        if self._uses_endpoint():
            _check_url(f"{path}.endpoint", self.endpoint)
            if "?" in self.endpoint:
                raise OptionError(
                    f"{path}.endpoint: {_without_secrets(self.endpoint)!r} has a query, and a "
                    "path has to be appended to it; give logs_endpoint"
                )
            options.add(f"{path}.endpoint", self.endpoint)
        for name in ("logs_endpoint", "metrics_endpoint"):
            url = getattr(self, name)
            if url is not None:
                _check_url(f"{path}.{name}", url)
                options.add(f"{path}.{name}", url)
        for header, value in self.headers.items():
            if not isinstance(header, str) or not _is_token(header):
                raise OptionError(f"{path}.headers: {header!r} is not the name of a header")
            if not isinstance(value, str) or any(c in value for c in "\r\n\0"):
                raise OptionError(f"{path}.headers:{header}: the value is not a text of one line")
            options.add(f"{path}.headers:{header}", value)
        options.seconds(f"{path}.timeout", self.timeout, 0.0, 3600.0)
        options.choice(f"{path}.compression", self.compression, ("zstd", "gzip", "none"))
        if self.compression_level is not None:
            low, high = {"zstd": (-7, 22), "gzip": (1, 9)}.get(self.compression, (0, 0))
            options.whole(f"{path}.compression_level", self.compression_level, low, high)
        options.whole(f"{path}.max_in_flight", self.max_in_flight, 1, 64)
        options.flag(f"{path}.verify", self.verify)
        for name in ("ca_file", "client_certificate", "client_key"):
            value = getattr(self, name)
            if value is not None:
                options.add(f"{path}.{name}", _file(f"{path}.{name}", value))
        urls = (self.url(), self.metrics_endpoint or "")
        if self.verify and self.ca_file is None and any(u.startswith("https:") for u in urls):
            from ._authorities import known_to_python

            for name, place in known_to_python().items():
                options.add(f"{path}.{name}", place)
        if (self.client_certificate is None) != (self.client_key is None):
            missing = "client_key" if self.client_key is None else "client_certificate"
            raise OptionError(f"{path}.{missing}: None, but the other half of the pair is given")


@suggests_fields
@dataclass(frozen=True)
class FileExporter:
    """Writes batches into files of a directory, named by instance id and rotated."""

    # Made where it is missing (0700). None: ``$FOREBAY_DIR``, or ``forebay/<service>`` under the
    # user's state directory.
    directory: str | os.PathLike[str] | None = None
    _: KW_ONLY
    # "jsonl": the OTLP file format, one JSON object a line. "otlp": length-prefixed protobuf in
    # zstd, a tenth of the size, readable with ``forebay cat``.
    format: str = "jsonl"
    # When a new file is begun. Unit: bytes, 4096..1 TiB. None: the core's default.
    max_file_bytes: int | None = None
    # All files of the directory together, whichever process wrote them; the oldest are deleted
    # first. Unit: bytes, 4096..1 PiB, at least ``max_file_bytes``. None: 256 MiB.
    max_total_bytes: int | None = None
    # Older files are deleted. Unit: s, 1 s..10 years. None: 7 days.
    max_age: float | None = None

    def _flatten(self, options: OptionList, path: str = "exporter") -> None:
        if self.directory is None:
            raise OptionError(f"{path}.directory: None, and no service to name it after")
        options.add(f"{path}.type", "file")
        options.add(f"{path}.directory", _path(f"{path}.directory", self.directory))
        options.choice(f"{path}.format", self.format, ("jsonl", "otlp"))
        options.whole(f"{path}.max_file_bytes", self.max_file_bytes, 4096, _TIB)
        options.whole(f"{path}.max_total_bytes", self.max_total_bytes, 4096, 1 << 50)
        options.seconds(f"{path}.max_age", self.max_age, 1.0, 10 * _YEAR)
        if (
            self.max_file_bytes is not None
            and self.max_total_bytes is not None
            and self.max_total_bytes < self.max_file_bytes
        ):
            raise OptionError(
                f"{path}.max_total_bytes: {self.max_total_bytes} is less than "
                f"{path}.max_file_bytes, {self.max_file_bytes}"
            )


@suggests_fields
@dataclass(frozen=True)
class ConsoleExporter:
    """Writes records to standard error."""

    _: KW_ONLY
    # "pretty": aligned, and in colour on a terminal; "json": a JSON object a line; "auto": pretty
    # on a terminal, else json.
    format: str = "auto"

    def _flatten(self, options: OptionList, path: str = "exporter") -> None:
        options.add(f"{path}.type", "console")
        options.choice(f"{path}.format", self.format, ("auto", "pretty", "json"))


@suggests_fields
class MemoryExporter:
    """Keeps delivered batches in memory: for tests, and to look at what is sent.

    Belongs to one collector. What is read with `records`, `metric_points` and so on stays readable
    until `clear`; call the collector's ``flush()`` first. Safe from any thread.
    """

    def __init__(self, *, max_bytes: int | None = None) -> None:
        """Make one.

        Args:
            max_bytes: Room for batches of each signal that were not read yet, 1024..1 TiB; beyond
                it the exporter asks for a retry, like a destination that is full. None: the core's
                default.
        """
        self._max_bytes = (
            None if max_bytes is None else whole("exporter.max_bytes", max_bytes, 1024, _TIB)
        )
        self._core: _core.Collector | None = None
        self._requests: list[bytes] = []
        self._metric_requests: list[bytes] = []

    def __repr__(self) -> str:
        return f"MemoryExporter(max_bytes={self._max_bytes!r})"

    def requests(self) -> list[bytes]:
        """Everything delivered so far: OTLP ``ExportLogsServiceRequest`` messages in protobuf."""
        if self._core is not None:
            self._requests.extend(self._core.take_memory())
        return list(self._requests)

    def resource_logs(self) -> list[ResourceLogs]:
        """Everything delivered so far, decoded, with resources and scopes."""
        from ._otlp.logs import decode_protobuf

        return [logs for request in self.requests() for logs in decode_protobuf(request)]

    def records(self) -> list[LogRecord]:
        """The records delivered so far, decoded, batch by batch."""
        return [record for logs in self.resource_logs() for _, record in logs.records()]

    def metric_requests(self) -> list[bytes]:
        """All metrics delivered so far: ``ExportMetricsServiceRequest`` messages in protobuf."""
        if self._core is not None:
            self._metric_requests.extend(self._core.take_metrics())
        return list(self._metric_requests)

    def metric_points(self) -> list[MetricPoint]:
        """The metric points delivered so far, decoded, batch by batch."""
        from ._otlp.metrics import decode_protobuf

        return [point for request in self.metric_requests() for point in decode_protobuf(request)]

    def clear(self) -> None:
        """Forget what was delivered so far."""
        self.requests()
        self._requests.clear()
        self.metric_requests()
        self._metric_requests.clear()

    def _flatten(self, options: OptionList, path: str = "exporter") -> None:
        if self._core is not None:
            raise OptionError(f"{path}: this MemoryExporter belongs to another collector")
        options.add(f"{path}.type", "memory")
        options.whole(f"{path}.max_bytes", self._max_bytes, 1024, _TIB)


Exporter = OtlpHttpExporter | FileExporter | ConsoleExporter | MemoryExporter


def check_exporter(exporter: object, path: str = "exporter") -> Exporter:
    """Check that it is one of ours."""
    if isinstance(exporter, Exporter):
        return exporter
    raise OptionError(
        f"{path}: {exporter!r} is not an OtlpHttpExporter, FileExporter, ConsoleExporter or "
        "MemoryExporter"
    )


def _is_token(name: str) -> bool:
    return bool(name) and all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name)


def _path(path: str, value: object) -> str:
    try:
        result = os.fsdecode(os.fspath(value))  # type: ignore[call-overload]
    except TypeError:
        raise OptionError(f"{path}: {value!r} is not a path") from None
    if not result or "\0" in result:
        raise OptionError(f"{path}: {value!r} is not a path")
    return str(result)


def _file(path: str, value: object) -> str:
    result = _path(path, value)
    if not os.access(result, os.R_OK) or os.path.isdir(result):
        raise OptionError(f"{path}: {result!r} is not a file that can be read")
    return result


def _check_url(path: str, url: object) -> None:
    from urllib.parse import urlsplit

    wanted = "is not an http:// or https:// URL with a host"
    if not isinstance(url, str):
        raise OptionError(f"{path}: {url!r} {wanted}")
    shown = _without_secrets(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OptionError(f"{path}: {shown!r} {wanted}") from None
    plain = url.isprintable() and not any(c.isspace() for c in url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or not plain:
        raise OptionError(f"{path}: {shown!r} {wanted}")
    if port == 0:
        raise OptionError(f"{path}: {shown!r}: port 0 is not in 1..65535")
    if parts.fragment:
        raise OptionError(f"{path}: {shown!r}: a URL to send to has no fragment")


def _without_secrets(url: str) -> str:
    """Without user, password and query, whether it is a URL or not."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    # All before the last "@", wherever that is: a password may hold any character.
    shown, mark, _ = rest.rpartition("@")[2].partition("?")
    return f"{scheme}{separator}{shown}" + ("?…" if mark else "")
