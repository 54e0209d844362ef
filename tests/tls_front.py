"""Certificates, and TLS in front of a receiver, which itself speaks plain HTTP."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forebay.testing import Receiver


def make_certificate(folder: Path, name: str, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for a host (``IP:`` or ``DNS:``), and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    make_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    request = folder / f"{name}.csr"
    openssl("req", *make_key, "-keyout", key, "-out", request, "-subj", "/CN=test")
    sign(request, key, certificate, host, days=1)
    return certificate, key


def sign(request: Path, key: Path, certificate: Path, host: str, days: int) -> None:
    """A certificate that ends in so many days; below zero: it ended so long ago."""
    issued = request.with_suffix(".txt")
    issued.touch()
    settings = request.with_suffix(".cnf")
    settings.write_text(
        f"[ca]\ndefault_ca=test\n[test]\ndatabase={issued}\nnew_certs_dir={request.parent}\n"
        "default_md=sha256\nrand_serial=yes\nunique_subject=no\npolicy=any\nx509_extensions=made\n"
        f"[any]\ncommonName=supplied\n[made]\nsubjectAltName={host}\nbasicConstraints=CA:TRUE\n"
    )
    # Unlike `openssl x509 -days`, which refuses what has ended (3.5), this takes any time.
    ends = datetime.now(UTC) + timedelta(days=days)
    begins = min(datetime.now(UTC), ends) - timedelta(days=1)
    validity = ("-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}")
    content = ("-in", request, "-keyfile", key, "-selfsign", "-config", settings)
    openssl("ca", "-batch", "-notext", *content, *validity, "-out", certificate)


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@dataclass
class TlsFront:
    """Ends TLS in front of a receiver, and passes on what is inside."""

    receiver: Receiver
    certificate: tuple[Path, Path]
    first_bytes: list[bytes] = field(default_factory=list)

    def __enter__(self) -> TlsFront:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*self.certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def renew(self) -> None:
        """Take the certificate's file anew; for connections from now on."""
        self._context.load_cert_chain(*self.certificate)

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self.first_bytes.append(connection.recv(1, socket.MSG_PEEK))
        try:
            inner = self._context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        outer = socket.create_connection(("127.0.0.1", self.receiver.port))
        threading.Thread(target=_copy, args=(outer, inner), daemon=True).start()
        _copy(inner, outer)


def _copy(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
    for end in (source, to):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
