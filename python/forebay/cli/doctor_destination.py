"""Whether a destination can be reached, and what it takes."""

from __future__ import annotations

import email.utils
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from .._authorities import trusted
from .._exporters import OtlpHttpExporter, _without_secrets
from .doctor import Check

# A frame that holds nothing (RFC 8878).
_EMPTY_ZSTD = bytes.fromhex("28b52ffd2000010000")
# A clock that is further off is told. Unit: s.
_SKEW = 5.0


def checks(exporter: OtlpHttpExporter, timeout: float) -> Iterator[Check]:
    """Name, connection, TLS, an empty batch, zstd, and the clock by its answer."""
    url = exporter.url()
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    yield Check("ok", "destination", f"{_without_secrets(url)}, {exporter.compression}")
    begin = time.monotonic()
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Check("fail", "name", f"{host}: {error.strerror or error}", "check host and DNS")
        return
    found = ", ".join(sorted({str(address[4][0]) for address in addresses}))
    yield Check("ok", "name", f"{host} is {found} ({_ms(begin)})")
    begin = time.monotonic()
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        mend = "is the receiver running? Its HTTP port is usually 4318"
        yield Check("fail", "connection", f"{host}:{port}: {_said(error)}", mend)
        return
    yield Check("ok", "connection", f"{host}:{port} ({_ms(begin)})")
    context = None
    if parts.scheme == "https":
        try:
            context = _context(exporter)
            with (
                socket.create_connection((host, port), timeout) as raw,
                context.wrap_socket(raw, server_hostname=host) as wrapped,
            ):
                yield Check("ok", "TLS", f"{wrapped.version()}, by {_authorities(exporter)}")
        except (OSError, ssl.SSLError) as error:
            mend = "give ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE) with the authority's certificate"
            yield Check("fail", "TLS", f"{_said(error)}, by {_authorities(exporter)}", mend)
            return
    yield from _round_trip(exporter, host, port, context, timeout)


def _round_trip(
    exporter: OtlpHttpExporter,
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    timeout: float,
) -> Iterator[Check]:
    begin = time.monotonic()
    try:
        status, date, said = _post(exporter, host, port, context, timeout, None)
    except (OSError, http.client.HTTPException) as error:
        mend = "does it speak OTLP over HTTP there? gRPC has port 4317, HTTP 4318"
        yield Check("fail", "empty batch", _said(error), mend)
        return
    if not 200 <= status < 300:
        mend = {
            401: "give the headers that it asks for (OTEL_EXPORTER_OTLP_HEADERS)",
            403: "give the headers that it asks for (OTEL_EXPORTER_OTLP_HEADERS)",
            404: "the path is wrong: the endpoint is the base, and /v1/logs is appended to it",
        }.get(status, "ask whoever runs the receiver")
        yield Check("fail", "empty batch", f"answered {status} {said}".strip(), mend)
        return
    yield Check("ok", "empty batch", f"answered {status} ({_ms(begin)})")
    if exporter.compression == "zstd":
        status, _, _ = _post(exporter, host, port, context, timeout, _EMPTY_ZSTD)
        if 200 <= status < 300:
            yield Check("ok", "zstd", "taken")
        else:
            text = f"refused with {status}: gzip takes over, at the price of more CPU and bytes"
            yield Check("note", "zstd", text)
    if date is not None:
        skew = date - time.time()
        state, mend = ("ok", "") if abs(skew) < _SKEW else ("fail", "set the clock (NTP)")
        text = f"{abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the receiver's"
        yield Check(state, "clock", "agrees with the receiver's" if state == "ok" else text, mend)


def _post(
    exporter: OtlpHttpExporter,
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    timeout: float,
    zstd: bytes | None,
) -> tuple[int, float | None, str]:
    """Status, the receiver's time, and what it says."""
    connection = (
        http.client.HTTPConnection(host, port, timeout=timeout)
        if context is None
        else http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    )
    headers = {"Content-Type": "application/x-protobuf", **exporter.headers}
    if zstd is not None:
        headers["Content-Encoding"] = "zstd"
    parts = urlsplit(exporter.url())
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, zstd or b"", headers)
        answer = connection.getresponse()
        text = answer.read(200).decode("utf-8", "replace")
        shown = " ".join(text.split()) if text.isprintable() else ""
        return answer.status, _time(answer.getheader("Date")), shown
    finally:
        connection.close()


def _context(exporter: OtlpHttpExporter) -> ssl.SSLContext:
    # As the core does it, whose OpenSSL need not be Python's.
    file, directory, _ = trusted(exporter.ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file or directory:
        context.load_verify_locations(file or None, directory or None)
    if not exporter.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if exporter.client_certificate is not None:
        context.load_cert_chain(exporter.client_certificate, exporter.client_key)
    return context


def _authorities(exporter: OtlpHttpExporter) -> str:
    if not exporter.verify:
        return "nobody's word (verify=False)"
    file, directory, by = trusted(exporter.ca_file)
    if not file and not directory:
        return "no authorities at all (tls_no_ca)"
    return f"{' and '.join(filter(None, (file, directory)))} ({by})"


def _time(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _ms(begin: float) -> str:
    return f"{(time.monotonic() - begin) * 1000:.0f} ms"
