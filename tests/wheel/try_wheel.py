"""Installs a wheel into an empty environment, and does with it what a user would, TLS first.

Needs Python and the command ``openssl``, nothing else: scripts/test-wheel runs it here, and on a
bare Debian without compiler or system libraries.

    python3 tests/wheel/try_wheel.py dist/forebay-….whl [--bare]

With --bare it may change the machine: authorities in /etc, and OpenSSL's configuration.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MOST_BYTES = 8_000_000
_CARRIED = ("concurrentqueue", "curl", "openssl", "pybind11", "zlib", "zstd")

# The service: a collector as it comes, 100 records, and what became of them.
_SERVICE = """
import json, os, sys, time
import forebay
arguments = json.loads(sys.argv[1])
collector = forebay.start(
    service_name="wheel", capture_logging=None, console="off",
    exporter=forebay.OtlpHttpExporter(arguments["endpoint"], ca_file=arguments.get("ca_file")),
)
log = forebay.get_logger("wheel")
for i in range(100):
    log.info("record", i=i)
if put_back := arguments.get("put_back"):
    while "tls_no_ca" not in collector.last_error:
        time.sleep(0.01)
    os.rename(*put_back)
complete = collector.flush(timeout=arguments["timeout"]).complete
error = collector.last_error
audit = collector.audit()
stats = collector.stats()
with open("/proc/self/maps") as maps:
    libraries = {os.path.basename(line.split()[-1]) for line in maps if ".so" in line}
python_tls = None
if ca := arguments.get("python_tls"):
    import ssl, urllib.request
    context = ssl.create_default_context(cafile=ca)
    with urllib.request.urlopen(arguments["endpoint"], context=context) as answer:
        python_tls = answer.status
collector.shutdown(timeout=0)
print(json.dumps({
    "complete": complete, "delivered": stats.delivered, "balanced": audit.balanced,
    "error": error, "libraries": sorted(libraries), "python_tls": python_tls,
}))
"""


class _Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"hello")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Whoever does not trust us hangs up."""


@contextlib.contextmanager
def _receiver(certificate: Path | None, key: Path | None) -> Iterator[tuple[str, list[bytes]]]:
    server = _Server(("127.0.0.1", 0), _Receiver)
    server.bodies = []  # type: ignore[attr-defined]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    scheme = "http" if certificate is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}", server.bodies  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _make_authority(folder: Path) -> tuple[Path, Path, Path]:
    """A private authority, and a certificate of it for localhost with its key."""
    ca, ca_key = folder / "ca.crt", folder / "ca.key"
    key, request, certificate = (folder / f"server.{end}" for end in ("key", "csr", "crt"))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]  # Python 3.13 asks for it
    named = ["-subj", "/CN=try", "-days", 2, *usage]
    _openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", ca, *named)
    _openssl("req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    extensions = folder / "server.ext"
    extensions.write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n"
    )
    signed = ["-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
    _openssl("x509", "-req", *signed, "-extfile", extensions, "-days", 2, "-out", certificate)
    return ca, certificate, key


class _Trial:
    def __init__(self, wheel: Path, folder: Path) -> None:
        self.wheel = wheel
        self.folder = folder
        self.python = str(folder / "env" / "bin" / "python")
        self.ca, self.certificate, self.key = _make_authority(folder)
        self.said = ""  # on standard error, the last time

    def look_inside(self) -> str:
        """What the wheel must hold, and how large it may be."""
        size = self.wheel.stat().st_size
        assert size < _MOST_BYTES, f"{size} bytes"
        with zipfile.ZipFile(self.wheel) as archive:
            names = archive.namelist()
        for end in (
            "forebay/py.typed",
            "forebay/include/forebay/forebay.h",
            "forebay/lib/libforebay.so.1",
            "forebay/lib/cmake/Forebay/ForebayConfig.cmake",
            "forebay/lib/pkgconfig/forebay.pc",
            "licenses/LICENSE",
            "sboms/bundle.cdx.json",
            *(f"licenses/{name}.txt" for name in _CARRIED),
        ):
            assert any(name.endswith(end) for name in names), f"no {end}"
        return f"{size / 1e6:.2f} MB, {len(names)} files"

    def install(self) -> str:
        """Into an empty environment, from no index."""
        venv.create(self.folder / "env", with_pip=True)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir"]
        subprocess.run([*pip, "--disable-pip-version-check", str(self.wheel)], check=True)
        return self.run_python("import forebay; print(forebay.__version__)").strip()

    def run_python(self, code: str, *arguments: str, **environ: str) -> str:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            [self.python, "-I", "-c", code, *arguments],
            env={**kept, **environ},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stderr
        return done.stdout

    def serve(
        self, *, tls: bool = True, environ: dict[str, str] | None = None, **given: Any
    ) -> Any:
        """Run the service against a receiver; what it says, and how many requests came."""
        keys = (self.certificate, self.key) if tls else (None, None)
        with _receiver(*keys) as (endpoint, bodies):
            arguments = json.dumps({"endpoint": endpoint, "timeout": 20, **given})
            said = json.loads(self.run_python(_SERVICE, arguments, **(environ or {})))
            return {**said, "requests": len(bodies)}

    def delivers(self, **given: Any) -> str:
        """Everything arrives."""
        said = self.serve(**given)
        assert said["complete"], said
        assert said["delivered"] == 100, said
        assert said["balanced"], said
        assert said["requests"] >= 1, said
        return f"{said['delivered']} records"

    def nothing_of_the_system(self) -> str:
        """No library beyond those that every Python on Linux has."""
        said = self.serve(tls=False)
        foreign = [
            name
            for name in said["libraries"]
            if any(part in name for part in ("curl", "ssl", "crypto", "zstd", "nghttp", "idn"))
        ]
        assert said["delivered"] == 100, said
        assert not foreign, foreign
        return ", ".join(name for name in said["libraries"] if "forebay" in name or "_core" in name)

    def a_stranger_gets_nothing(self, word: str = "certificate") -> str:
        """Held, and said why."""
        said = self.serve(timeout=2)
        assert not said["complete"], said
        assert said["delivered"] == said["requests"] == 0, said
        assert word in said["error"], said
        assert said["balanced"], said
        return str(said["error"])

    def doctor_agrees(self) -> str:
        """It names whom it trusts, and reaches the receiver."""
        with _receiver(self.certificate, self.key) as (endpoint, _):
            command = [self.python, "-I", "-m", "forebay", "doctor", "--json", "--endpoint"]
            environ = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(self.ca)}
            done = subprocess.run([*command, endpoint], env=environ, stdout=subprocess.PIPE)
        checks = {check["subject"]: check for check in json.loads(done.stdout)["checks"]}
        assert checks["TLS"]["state"] == "ok", checks["TLS"]
        assert f"{self.ca} (SSL_CERT_FILE)" in checks["TLS"]["text"], checks["TLS"]
        return f"{checks['TLS']['text']}; {checks['made with']['text']}"


def _without_any_authority(trial: _Trial) -> tuple[str, str]:
    """On a machine that has none: refused with one clear line; delivered once there are some."""
    ours = Path("/usr/local/share/ca-certificates/try.crt")
    shutil.copy(trial.ca, ours)
    subprocess.run(["update-ca-certificates"], check=True, capture_output=True)
    everything, away = "/etc/ssl/certs", "/etc/ssl/certs.away"
    os.rename(everything, away)
    refused = trial.a_stranger_gets_nothing("tls_no_ca")
    assert trial.said.count("forebay: tls_no_ca") == 1, f"not one clear line: {trial.said}"
    arrived = trial.delivers(put_back=[away, everything])
    return refused, arrived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--bare", action="store_true")
    args = parser.parse_args()
    if args.bare:
        for tool in ("cc", "gcc", "g++", "cmake", "ld"):
            assert shutil.which(tool) is None, f"this machine is not bare: it has {tool}"
    with tempfile.TemporaryDirectory() as name:
        trial = _Trial(args.wheel.resolve(), Path(name))
        ca = str(trial.ca)
        hostile = trial.folder / "openssl.cnf"
        hostile.write_text("openssl_conf = [\n.include /nowhere\nproviders = nonsense\n")

        def tell(what: str, saw: str) -> None:
            print(f"ok  {what}: {saw}", flush=True)

        tell("inside", trial.look_inside())
        tell("installed into an empty environment", trial.install())
        tell("nothing of the system's", trial.nothing_of_the_system())
        tell("a private authority by ca_file", trial.delivers(ca_file=ca))
        tell("a private authority by SSL_CERT_FILE", trial.delivers(environ={"SSL_CERT_FILE": ca}))
        tell("beside Python's own TLS", trial.delivers(ca_file=ca, python_tls=ca))
        tell("a stranger gets nothing", trial.a_stranger_gets_nothing())
        environ = {"OPENSSL_CONF": str(hostile)}
        tell("a hostile OPENSSL_CONF", trial.delivers(ca_file=ca, environ=environ))
        tell("doctor", trial.doctor_agrees())
        if args.bare:
            shutil.copy(hostile, "/etc/ssl/openssl.cnf")
            tell("a hostile /etc/ssl/openssl.cnf", trial.delivers(ca_file=ca))
            refused, arrived = _without_any_authority(trial)
            tell("no authorities at all", refused)
            tell("once they are there", arrived)
            tell("the system's authorities", trial.delivers())


if __name__ == "__main__":
    main()
