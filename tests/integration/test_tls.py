"""TLS: who is not trusted gets nothing, and nothing falls back to plain text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forebay.testing import Receiver
from tests.integration.reporting import assert_same, emit, reporting_to
from tests.tls_front import TlsFront, make_certificate, openssl, sign
from tests.waiting import wait_until


def test_a_destination_that_is_trusted_gets_everything(receiver: Receiver, tmp_path: Path) -> None:
    """Its own authority in `ca_file`, and its address in the certificate."""
    certificate = make_certificate(tmp_path, "good", "IP:127.0.0.1")
    with (
        TlsFront(receiver, certificate) as front,
        reporting_to(front.endpoint, exporter_ca_file=certificate[0]) as collector,
    ):
        emit(collector, 1000)
        assert collector.flush(timeout=20).complete
        stats, _ = assert_same(collector, receiver)
        assert stats.delivered == 1000


@pytest.mark.parametrize("wrong", ["unknown_authority", "other_host"])
def test_a_destination_that_is_not_trusted_gets_nothing(
    receiver: Receiver, tmp_path: Path, wrong: str
) -> None:
    """Held and retried, not ambiguous; the reason is said, and every byte sent is TLS's."""
    host = "DNS:elsewhere.example" if wrong == "other_host" else "IP:127.0.0.1"
    certificate = make_certificate(tmp_path, "wrong", host)
    options: dict[str, Any] = {"exporter_ca_file": certificate[0]} if wrong == "other_host" else {}
    with (
        TlsFront(receiver, certificate) as front,
        reporting_to(front.endpoint, **options) as collector,
    ):
        emit(collector, 100)
        assert wait_until(lambda: collector.stats().notes["retries"] >= 3, timeout=20)
        assert wait_until(lambda: "certificate" in collector.last_error, timeout=5)
        assert not collector.flush(timeout=0).complete
        stats = collector.stats()
        assert (stats.held, stats.delivered) == (100, 0)
        assert stats.notes["ambiguous_attempts"] == 0
        collector.shutdown(timeout=0)
        assert collector.stats().dropped_by_reason["shutdown"] == 100
        assert receiver.counts().requests == 0
        # 0x16 begins a TLS handshake; plain HTTP begins with a P.
        assert set(front.first_bytes) == {b"\x16"}


def test_a_certificate_that_has_expired_gets_nothing_until_it_is_renewed(
    receiver: Receiver, tmp_path: Path
) -> None:
    """It ended yesterday: held, said, nothing in plain text; all arrives with a good one."""
    host = "IP:127.0.0.1"
    certificate, key = make_certificate(tmp_path, "renewed", host)
    # Of the same key and name, and trusted: its dates alone are what is wrong.
    expired = tmp_path / "expired.pem"
    sign(tmp_path / "renewed.csr", key, expired, host, days=-1)
    good = certificate.read_bytes()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(good + expired.read_bytes())
    certificate.write_bytes(expired.read_bytes())
    with (
        TlsFront(receiver, (certificate, key)) as front,
        reporting_to(front.endpoint, exporter_ca_file=trusted) as collector,
    ):
        emit(collector, 100)
        assert wait_until(lambda: collector.stats().notes["retries"] >= 3, timeout=20)
        assert "expired" in collector.last_error
        stats = collector.stats()
        assert (stats.held, stats.delivered) == (100, 0)
        assert stats.notes["ambiguous_attempts"] == 0
        assert receiver.counts().requests == 0
        certificate.write_bytes(good)
        front.renew()
        assert collector.flush(timeout=20).complete
        stats, counts = assert_same(collector, receiver)
        assert stats.delivered == counts.records == 100
        assert set(front.first_bytes) == {b"\x16"}


def test_authorities_come_from_the_environment_where_none_are_given(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SSL_CERT_FILE`, or a directory in `SSL_CERT_DIR` as OpenSSL's rehash makes it."""
    certificate = make_certificate(tmp_path, "environment", "IP:127.0.0.1")
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / "ca.pem").write_bytes(certificate[0].read_bytes())
    openssl("rehash", hashed)
    with TlsFront(receiver, certificate) as front:
        for variable, value in {"SSL_CERT_FILE": certificate[0], "SSL_CERT_DIR": hashed}.items():
            with monkeypatch.context() as environment:
                environment.delenv("SSL_CERT_FILE", raising=False)
                environment.delenv("SSL_CERT_DIR", raising=False)
                environment.setenv(variable, str(value))
                with reporting_to(front.endpoint) as collector:
                    emit(collector, 100)
                    assert collector.flush(timeout=20).complete, collector.last_error
                    assert collector.stats().delivered == 100


def test_a_given_authority_is_the_only_one_that_counts(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment trusts the destination, `ca_file` does not: it gets nothing."""
    certificate = make_certificate(tmp_path, "trusted", "IP:127.0.0.1")
    other = make_certificate(tmp_path, "other", "IP:127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with (
        TlsFront(receiver, certificate) as front,
        reporting_to(front.endpoint, exporter_ca_file=other[0]) as collector,
    ):
        emit(collector, 100)
        assert wait_until(lambda: "certificate" in collector.last_error, timeout=20)
        collector.shutdown(timeout=0)
        assert collector.stats().delivered == 0
        assert receiver.counts().requests == 0
