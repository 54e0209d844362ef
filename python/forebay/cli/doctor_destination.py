"""Whether a destination can be reached, and what it takes."""

from __future__ import annotations

import email.utils
import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

from .._authorities import trusted
from .._exporters import OtlpHttpExporter, _without_secrets
from .doctor import Check

# A frame that holds nothing (RFC 8878).
_EMPTY_ZSTD = bytes.fromhex("28b52ffd2000010000")
# A clock that is further off is told. Unit: s.
_SKEW = 5.0
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH, ..._IP_ADDRESS_MISMATCH, ..._CERT_HAS_EXPIRED.
_WRONG_HOST = (62, 64)
_EXPIRED = 10

# Family, and what `socket.connect` takes.
_Address = tuple[int, Any]


def checks(exporter: OtlpHttpExporter, timeout: float) -> Iterator[Check]:
    """Name, connection, TLS, an empty batch, zstd, and the clock by its answer."""
    skew = yield from _reach(exporter, timeout)
    if skew is None:
        yield Check("note", "clock", "cannot be told: no answer that has the receiver's time")
    elif abs(skew) < _SKEW:
        yield Check("ok", "clock", "agrees with the receiver's")
    else:
        text = f"{abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the receiver's"
        yield Check("fail", "clock", text, "set the clock (NTP)")


def _reach(exporter: OtlpHttpExporter, timeout: float) -> Generator[Check, None, float | None]:
    """As far as it goes; how far the receiver's clock is ahead, where it was told."""
    url = exporter.url()
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    yield Check("ok", "destination", f"{_without_secrets(url)}, {exporter.compression}")
    begin = time.monotonic()
    try:
        addresses = _look_up(host, port, timeout)
    except (OSError, UnicodeError) as error:
        yield Check("fail", "name", f"{host}: {_said(error)}", "check host and DNS")
        return None
    found = ", ".join(sorted({str(address[0]) for _, address in addresses}))
    yield Check("ok", "name", f"{host} is {found} ({_ms(begin)})")
    begin = time.monotonic()
    try:
        _connect(addresses, timeout).close()
    except OSError as error:
        mend = "is the receiver running? Its HTTP port is usually 4318"
        yield Check("fail", "connection", f"{host}:{port}: {_said(error)}", mend)
        return None
    yield Check("ok", "connection", f"{host}:{port} ({_ms(begin)})")
    context: ssl.SSLContext | None = None

    def connect() -> socket.socket:
        raw = _connect(addresses, timeout)
        return raw if context is None else context.wrap_socket(raw, server_hostname=host)

    if parts.scheme == "https":
        try:
            context = _context(exporter)
            with context.wrap_socket(_connect(addresses, timeout), server_hostname=host) as wrapped:
                version = wrapped.version()
            yield Check("ok", "TLS", f"{version}, by {_authorities(exporter)}")
        except OSError as error:  # an SSLError is one
            said = f"{_said(error)}, by {_authorities(exporter)}"
            yield Check("fail", "TLS", said, _mend_tls(error))
            return None
    return (yield from _round_trip(exporter, connect))


def _round_trip(
    exporter: OtlpHttpExporter, connect: Callable[[], socket.socket]
) -> Generator[Check, None, float | None]:
    begin = time.monotonic()
    try:
        status, skew, said = _post(exporter, connect, None)
    except (OSError, http.client.HTTPException) as error:
        mend = "does it speak OTLP over HTTP there? gRPC has port 4317, HTTP 4318"
        yield Check("fail", "empty batch", _said(error), mend)
        return None
    if not 200 <= status < 300:
        mend = {
            401: "give the headers that it asks for (OTEL_EXPORTER_OTLP_HEADERS)",
            403: "give the headers that it asks for (OTEL_EXPORTER_OTLP_HEADERS)",
            404: "the path is wrong: the endpoint is the base, and /v1/logs is appended to it",
        }.get(status, "ask whoever runs the receiver")
        yield Check("fail", "empty batch", f"answered {status} {said}".strip(), mend)
        return skew
    yield Check("ok", "empty batch", f"answered {status} ({_ms(begin)})")
    if exporter.compression == "zstd":
        yield _zstd(exporter, connect)
    return skew


def _zstd(exporter: OtlpHttpExporter, connect: Callable[[], socket.socket]) -> Check:
    try:
        status, _, _ = _post(exporter, connect, _EMPTY_ZSTD)
    except (OSError, http.client.HTTPException) as error:
        # Nothing is refused by that, so each batch would be tried again and again.
        mend = "set OTEL_EXPORTER_OTLP_COMPRESSION=gzip, or ask whoever runs the receiver"
        return Check("fail", "zstd", f"no answer: {_said(error)}", mend)
    if 200 <= status < 300:
        return Check("ok", "zstd", "taken")
    text = f"refused with {status}: gzip takes over, at the price of more CPU and bytes"
    return Check("note", "zstd", text)


def _post(
    exporter: OtlpHttpExporter, connect: Callable[[], socket.socket], zstd: bytes | None
) -> tuple[int, float | None, str]:
    """Status, how far the receiver's clock is ahead (s), and what it says."""
    parts = urlsplit(exporter.url())
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    # To the addresses that were found; it would look the name up again, as long as that takes.
    connection.sock = connect()
    headers = {"Content-Type": "application/x-protobuf", **exporter.headers}
    if zstd is not None:
        headers["Content-Encoding"] = "zstd"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, zstd or b"", headers)
        answer = connection.getresponse()
        date = _time(answer.getheader("Date"))
        skew = None if date is None else date - time.time()
        text = answer.read(200).decode("utf-8", "replace")
        shown = " ".join(text.split()) if text.isprintable() else ""
        return answer.status, skew, shown
    finally:
        connection.close()


def _look_up(host: str, port: int, timeout: float) -> list[_Address]:
    """As `socket.getaddrinfo`, which may take as long as it likes, on a thread of its own."""
    done: queue.SimpleQueue[list[_Address] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            done.put([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            done.put(error)

    # Where it is not done in time, it ends with the process.
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = done.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"no answer within {timeout:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _connect(addresses: list[_Address], timeout: float) -> socket.socket:
    """To the first that answers."""
    for number, (family, address) in enumerate(addresses, 1):
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
            return connection
        except OSError:
            connection.close()
            if number == len(addresses):
                raise
    raise OSError("no address")


def _mend_tls(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return "is it a port for TLS?"
    code = getattr(error, "verify_code", None)
    if code is None:
        return "does it speak TLS there? Where it does not, the endpoint begins with http://"
    if code in _WRONG_HOST:
        return "the name in the endpoint must be one that is in the certificate"
    if code == _EXPIRED:
        return "the receiver's certificate has to be renewed; or is the clock here wrong?"
    return "give ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE) with the authority's certificate"


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
