"""Native code compiled by the other compiler reports into the collector that Python started."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def run(*command: str | Path, **options: Any) -> str:
    """Run a command; its output, or a failure that shows it."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}"
    return str(done.stdout)


@dataclass(frozen=True)
class Installed:
    """A forebay that was installed as a wheel."""

    python: Path
    package: Path

    @property
    def library(self) -> Path:
        return self.package / "lib" / "libforebay.so.1"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The installed wheel: this interpreter's, else one that is built into a new environment."""
    ask = "import forebay; print(forebay.get_include()); print(forebay.get_cmake_dir())"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python = Path(sys.executable)
    here = subprocess.run(
        [python, "-c", ask], cwd="/", env=clean, capture_output=True, text=True, check=False
    )
    if here.returncode != 0:
        folder = tmp_path_factory.mktemp("wheel")
        run(sys.executable, "-m", "venv", folder)
        python = folder / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", ROOT)
    include, cmake_dir = run(python, "-c", ask, cwd="/", env=clean).split()
    package = Path(include).parent
    assert (Path(include) / "forebay" / "forebay.h").is_file()
    assert (Path(cmake_dir) / "ForebayConfig.cmake").is_file()
    return Installed(python, package)


def other_compiler(library: Path) -> str:
    """clang++ where gcc built the library, else g++."""
    comment = run("readelf", "-p", ".comment", library)
    return "g++" if "clang" in comment else "clang++"


def build(installed: Installed, example: str, folder: Path) -> Path:
    """Compile an example against the wheel alone, by the other compiler, without a warning."""
    run(
        "cmake", "-S", EXAMPLES / example, "-B", folder, "-G", "Ninja",
        f"-DCMAKE_CXX_COMPILER={other_compiler(installed.library)}",
        "-DCMAKE_CXX_FLAGS=-Werror",
        f"-DForebay_DIR={installed.package / 'lib' / 'cmake' / 'Forebay'}",
        f"-DPython_EXECUTABLE={installed.python}",
    )  # fmt: skip
    run("cmake", "--build", folder)
    return folder


@pytest.fixture(scope="session")
def extension(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with forebay_example_native."""
    return build(installed, "native_extension", tmp_path_factory.mktemp("extension"))


def script(python: Path, extension: Path, source: str, *options: str) -> Any:
    """Run a script that can import the extension; the JSON that it prints last."""
    environment = {**os.environ, "PYTHONPATH": str(extension)}
    text = run(python, *options, "-c", textwrap.dedent(source), cwd="/", env=environment)
    return json.loads(text.splitlines()[-1])


REPORT = """
import json
def report(native, collector, receiver):
    receipt = collector.shutdown(timeout=30)
    stats, audit = collector.stats(), collector.audit()
    scopes = {}
    for record in receiver.records():
        scopes[record.scope.name] = scopes.get(record.scope.name, 0) + 1
    print(json.dumps({
        "scopes": scopes, "emitted": stats.emitted, "delivered": stats.delivered,
        "refused": dict(stats.refused_by_reason), "difference": stats.difference,
        "balanced": audit.balanced, "complete": receipt.complete, "native": native.emitted(),
        "lanes": {name: lane.delivered for name, lane in stats.lanes.items()},
        "not_started": {name: part.refused for name, part in stats.by_severity.items()},
    }))
"""


def test_one_ledger_shows_both_languages_apart_and_in_sum(
    installed: Installed, extension: Path
) -> None:
    """Imported after start(): every record of two languages arrives, and is told apart."""
    found = script(
        installed.python,
        extension,
        REPORT
        + """
import forebay, forebay.testing
with forebay.testing.Receiver(keep=True) as receiver:
    collector = forebay.start(service_name="both",
                              exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    import forebay_example_native as native
    assert native.attach_error() is None
    native.start(threads=3, records_per_thread=1000, logger="native.pool")
    log = collector.logger("python.api")
    for number in range(500):
        log.info("from python", number=number)
    native.join()
    report(native, collector, receiver)
""",
    )
    assert found["scopes"] == {"native.pool": 3000, "python.api": 500}
    assert found["native"] == 3000
    assert found["emitted"] == found["delivered"] == 3500
    assert found["lanes"] == {"urgent": 30, "normal": 3470}
    assert found["difference"] == 0
    assert found["balanced"]
    assert found["complete"]


def test_what_comes_before_start_is_counted_not_started(
    installed: Installed, extension: Path
) -> None:
    """Imported before start(): refused, by severity, and bound from then on."""
    found = script(
        installed.python,
        extension,
        REPORT
        + """
import forebay_example_native as native
assert native.attach_error() is None
native.start(2, 200); native.join()
import forebay, forebay.testing
with forebay.testing.Receiver(keep=True) as receiver:
    collector = forebay.start(service_name="early",
                              exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    native.start(2, 300); native.join()
    report(native, collector, receiver)
""",
    )
    assert found["scopes"] == {"native.worker": 600}
    assert found["refused"]["not_started"] == 400
    assert found["not_started"]["warn"] == 4
    assert found["not_started"]["info"] == 396
    assert found["emitted"] == 1000
    assert found["difference"] == 0
    assert found["balanced"]


def test_the_extension_works_without_forebay_and_finds_it_later(
    installed: Installed, extension: Path
) -> None:
    """No forebay to import: no error, counted in the module, and handed over once it is there."""
    found = script(
        installed.python,
        extension,
        REPORT
        + """
import sys
paths = sys.path[:]
sys.path[:] = [path for path in paths if "site-packages" not in path]
import forebay_example_native as native
assert "cannot be imported" in native.attach_error(), native.attach_error()
native.start(2, 100); native.join()
sys.path[:] = paths
import forebay, forebay.testing, time
with forebay.testing.Receiver(keep=True) as receiver:
    collector = forebay.start(service_name="late",
                              exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    deadline = time.monotonic() + 30
    while native.attach_error() is not None:
        assert time.monotonic() < deadline
        native.start(1, 1); native.join()
    native.start(1, 50); native.join()
    report(native, collector, receiver)
""",
    )
    assert found["refused"]["not_started"] >= 200
    assert found["emitted"] == found["native"]
    assert found["scopes"]["native.worker"] == found["delivered"] >= 50
    assert found["difference"] == 0
    assert found["balanced"]


def test_the_extension_needs_no_library(extension: Path) -> None:
    """Headers only: the loader is not asked for libforebay."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    dynamic = run("readelf", "-d", extension / f"forebay_example_native{suffix}")
    assert "NEEDED" in dynamic
    assert "forebay.so" not in "".join(line for line in dynamic.splitlines() if "NEEDED" in line)


def test_another_abi_is_refused_cleanly(
    installed: Installed, extension: Path, tmp_path: Path
) -> None:
    """A libforebay.so.1 of another ABI is in the process: a reason, and no crash."""
    source = tmp_path / "fake.cc"
    source.write_text(
        """
        #include <forebay/c_api.h>
        static const forebay_api table = {FOREBAY_ABI_VERSION + 1, sizeof(forebay_api), {}};
        extern "C" __attribute__((visibility("default")))
        const forebay_api* forebay_get_api(uint32_t) { return &table; }
        """
    )
    fake = tmp_path / "libforebay.so.1"
    run("g++", "-shared", "-fPIC", f"-I{installed.package / 'include'}",
        "-Wl,-soname,libforebay.so.1", source, "-o", fake)  # fmt: skip
    # The fake core gives its table by the capsule too.
    found = script(
        installed.python,
        extension,
        f"""
import ctypes, json, sys, types
fake = ctypes.CDLL({str(fake)!r})
fake.forebay_get_api.restype = ctypes.c_void_p
make = ctypes.pythonapi.PyCapsule_New
make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
name = ctypes.create_string_buffer(b"forebay._core._C_API")
forebay, core = types.ModuleType("forebay"), types.ModuleType("forebay._core")
forebay._core = core
core._C_API = make(fake.forebay_get_api(1), ctypes.addressof(name), None)
sys.modules.update({{"forebay": forebay, "forebay._core": core}})
import forebay_example_native as native
native.start(2, 100); native.join()
print(json.dumps([native.attach_error(), native.emitted()]))
""",
    )
    assert "speaks another ABI" in found[0]
    assert found[1] == 200


def test_a_program_from_the_wheel_alone_runs_without_python(
    installed: Installed, tmp_path: Path
) -> None:
    """find_package(Forebay) in the wheel gives a library that a C++ program runs on."""
    program = build(installed, "native_program", tmp_path / "build") / "forebay_example_program"
    out = run(program, tmp_path / "quotes", env={"HOME": str(tmp_path), "PATH": ""}, timeout=60)
    assert "emitted 4016, delivered 4016, dropped 0, refused 0: balanced" in out
    lines = [
        json.loads(line)
        for file in (tmp_path / "quotes").glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    records = [
        record
        for line in lines
        for resource in line.get("resourceLogs", [])
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    assert len(records) == 4016
    metrics = {
        metric["name"]: metric
        for line in lines
        for resource in line.get("resourceMetrics", [])
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    }
    assert metrics.keys() >= {"pricing.quotes", "pricing.batch.duration", "forebay.ledger.records"}
    quotes = metrics["pricing.quotes"]["sum"]["dataPoints"]
    assert sum(int(point["asInt"]) for point in quotes) == 4000
    loaded = run("ldd", program)
    assert "libforebay.so.1" in loaded
    assert "libpython" not in loaded


def flags(prefix: Path, *arguments: str) -> list[str]:
    """What pkg-config says of the installation at that place, and of no other."""
    where = {"PKG_CONFIG_LIBDIR": str(prefix / "lib" / "pkgconfig"), "PATH": os.environ["PATH"]}
    return shlex.split(run("pkg-config", *arguments, env=where))


@pytest.fixture(scope="session")
def moved(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native part of the wheel at another place."""
    prefix = tmp_path_factory.mktemp("moved") / "prefix"
    for folder in ("include", "lib"):
        shutil.copytree(installed.package / folder, prefix / folder)
    return prefix


def test_pkg_config_builds_a_program(installed: Installed, moved: Path, tmp_path: Path) -> None:
    """Wherever the wheel's files lie, forebay.pc finds what is beside it."""
    found = flags(moved, "--cflags", "--libs", "forebay")
    includes = [Path(flag[2:]).resolve() for flag in found if flag.startswith("-I")]
    assert includes == [moved.resolve() / "include"]
    program = tmp_path / "program"
    source = EXAMPLES / "native_program" / "main.cc"
    run(
        other_compiler(installed.library), "-std=c++20", "-Wall", "-Wextra", "-Werror", source,
        *found, "-pthread", f"-Wl,-rpath,{moved / 'lib'}", "-o", program,
    )  # fmt: skip
    out = run(program, tmp_path / "quotes", env={"HOME": str(tmp_path), "PATH": ""}, timeout=60)
    assert "emitted 4016, delivered 4016, dropped 0, refused 0: balanced" in out


def test_pkg_config_builds_an_extension_that_links_nothing(
    installed: Installed, moved: Path, tmp_path: Path
) -> None:
    """forebay-headers.pc is for code that attaches."""
    found = flags(moved, "--cflags", "--libs", "forebay-headers")
    assert not any("forebay.so" in flag or flag == "-DFOREBAY_LINKED" for flag in found)
    module = tmp_path / f"forebay_example_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    run(
        other_compiler(installed.library), "-std=c++20", "-Wall", "-Wextra", "-Werror", "-shared",
        "-fPIC", EXAMPLES / "native_extension" / "forebay_example_native.cc", *found,
        f"-I{sysconfig.get_path('include')}", "-pthread", "-o", module,
    )  # fmt: skip
    found_there = script(
        installed.python,
        tmp_path,
        REPORT
        + """
import forebay, forebay.testing
with forebay.testing.Receiver(keep=True) as receiver:
    collector = forebay.start(service_name="both",
                              exporter=forebay.OtlpHttpExporter(receiver.endpoint))
    import forebay_example_native as native
    assert native.attach_error() is None
    native.start(threads=2, records_per_thread=100, logger="native.pool")
    native.join()
    report(native, collector, receiver)
""",
    )
    assert found_there["scopes"] == {"native.pool": 200}
    assert found_there["balanced"]
