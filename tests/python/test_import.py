"""Importing: quick, and without threads, files or connections."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import forebay
from tests.python.in_memory import run_python


def test_import_makes_no_thread_and_opens_nothing() -> None:
    """A service that forks after import has nothing to take care of."""
    run_python(
        """
        import os
        before = set(os.listdir("/proc/self/fd"))
        import forebay
        assert len(os.listdir("/proc/self/task")) == 1
        assert set(os.listdir("/proc/self/fd")) == before
        """
    )


def test_start_makes_no_thread_and_no_file_before_the_first_record(tmp_path: Path) -> None:
    """A service that forks after start has nothing to take care of either."""
    run_python(
        """
        import os, sys
        from pathlib import Path
        import forebay
        place = Path(sys.argv[1])
        collector = forebay.start(
            service_name="s", exporter=forebay.FileExporter(place / "logs"),
            run_directory=place / "run",
        )
        log = forebay.get_logger("x")
        log.debug("below the level")
        assert len(os.listdir("/proc/self/task")) == 1
        assert list(place.iterdir()) == []
        assert log.info("now")
        assert len(os.listdir("/proc/self/task")) > 1
        assert collector.shutdown(10).complete
        assert list((place / "logs").iterdir())
        """,
        str(tmp_path),
    )


def test_import_leaves_the_heavy_modules_alone() -> None:
    """They are loaded with the first thing that needs them."""
    heavy = [
        "asyncio",
        "multiprocessing",
        "urllib.request",
        "http",
        "difflib",
        "rich",
        "pathlib",
        "typing",
    ]
    heavy += ["logging", "dataclasses", "inspect", "traceback", "socket", "ssl"]
    heavy += ["threading", "queue", "functools", "collections"]
    done = run_python(
        """
        import sys
        before = set(sys.modules)
        import forebay
        print("\\n".join(set(sys.modules) - before))
        """
    )
    loaded = set(done.stdout.split())
    assert not loaded & set(heavy), loaded & set(heavy)


def test_import_loads_few_modules() -> None:
    """Its time is a benchmark (``command_line.import_adds_ms``); this is what it is made of."""
    done = run_python(
        """
        import sys
        before = set(sys.modules)
        import forebay
        print("\\n".join(set(sys.modules) - before))
        """
    )
    loaded = done.stdout.split()
    ours = sorted(name for name in loaded if name.startswith("forebay"))
    assert ours == [
        "forebay",
        "forebay._core",
        "forebay._errors",
        "forebay._lifecycle",
        "forebay._native",
        "forebay._validation",
        "forebay._warnings",
    ]
    assert len(loaded) <= 15, loaded


def test_every_public_name_is_there_and_told() -> None:
    """`__all__`, `dir()` and what is loaded on demand agree."""
    for name in forebay.__all__:
        assert getattr(forebay, name) is not None
        assert name in dir(forebay)
    assert set(forebay._LOADED_WHEN_NAMED) <= set(forebay.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    done = run_python(
        """
        import forebay
        try:
            forebay.colector
        except AttributeError as error:
            print(error)
        """
    )
    assert done.stdout.strip() == "module 'forebay' has no attribute 'colector'"


def test_the_package_says_that_it_is_typed() -> None:
    """PEP 561."""
    assert (Path(forebay.__file__).parent / "py.typed").exists()


def test_the_stub_names_what_the_native_module_has() -> None:
    """The stub is written by hand: it must not drift."""
    from forebay import _core

    stub = (Path(forebay.__file__).parent / "_core.pyi").read_text()
    public = {name for name in dir(_core) if not name.startswith("_")}
    assert public == {name for name in public if f" {name}" in stub or f"\n{name}:" in stub}
    for name in ("Collector", "Logger", "decompress", "get_default", "get_logger"):
        assert hasattr(_core, name)
    for name in ("handle_record", "set_default", "version", "_C_API"):
        assert hasattr(_core, name)
    methods = {name for name in dir(_core.Logger) if not name.startswith("_")}
    methods |= {name for name in dir(_core.Collector) if not name.startswith("_")}
    assert {name for name in methods if f"def {name}(" not in stub} == set()


def test_versions_agree() -> None:
    """The package's version is the library's."""
    assert json.loads(json.dumps(forebay.__version__)) == sys.modules["forebay._core"].version
    assert forebay.__version__.count(".") == 2


def test_a_subinterpreter_is_told_that_it_cannot_be() -> None:
    """It would wait for ever."""
    done = run_python(
        """
        import sys
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import forebay

        lines = [
            f"import sys; sys.path[:0] = {sys.path!r}",
            "try: import forebay",
            "except ImportError as error: print(error, flush=True)",
        ]
        interpreters.run_string(interpreters.create(), "\\n".join(lines))
        """
    )
    assert done.stdout.strip() == "forebay cannot be imported in a subinterpreter"
