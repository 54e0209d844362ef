"""What Python hands to the core about whom to trust, and what the core makes of it."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import pytest

import forebay
from forebay._authorities import known_to_python, trusted


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def test_pythons_own_places_are_named() -> None:
    """Those that are compiled into its OpenSSL, whether or not they are there."""
    paths = ssl.get_default_verify_paths()
    known = known_to_python()
    assert known["host_ca_file"] == paths.openssl_cafile
    assert known["host_ca_directory"] == paths.openssl_capath


def test_certifi_is_found_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the last resort, so it must cost next to nothing."""
    package = tmp_path / "certifi"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "certifi", raising=False)
    assert known_to_python()["fallback_ca_file"] == str(package / "cacert.pem")


def test_the_core_says_who_won(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As doctor prints it."""
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    assert trusted(None) == (str(ca), "", "SSL_CERT_FILE")
    assert trusted("/given/ca.pem") == ("/given/ca.pem", "", "ca_file")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert trusted(None)[2] != "SSL_CERT_FILE"


def test_the_parts_of_the_library_are_told() -> None:
    """libcurl, its TLS, zlib and zstd, with versions."""
    names = [part.split("/")[0].lower() for part in forebay._core.library_parts().split()]
    assert names[0] == "libcurl"
    assert names[-2:] == ["zlib", "zstd"]
    assert "openssl" in names
