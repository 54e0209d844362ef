"""The process default: start(), get_collector(), and handles that bind to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forebay
from forebay.testing import Receiver
from tests.python.in_memory import run_python


def test_a_second_start_returns_the_first_collector() -> None:
    """With equal options in silence, with others with one warning that names the first call."""
    run_python(
        """
        import warnings
        import forebay
        lanes = [forebay.Lane("one")]
        exporter = forebay.MemoryExporter()
        first = forebay.start(service_name="s", exporter=exporter, lanes=lanes)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = forebay.start(
                service_name="s", exporter=exporter, lanes=[forebay.Lane("one")]
            )
        assert again is first
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert forebay.start(service_name="t", exporter=exporter, lanes=lanes) is first
            assert forebay.start(service_name="u", exporter=exporter, lanes=lanes) is first
        (warning,) = caught
        assert "<string>:6" in str(warning.message), warning.message
        assert first.service_name == "s"
        first.shutdown(10)
        """
    )


def test_start_from_many_threads_makes_one_collector() -> None:
    """Whoever comes first."""
    run_python(
        """
        import threading, forebay
        exporter = forebay.MemoryExporter()
        made = []
        threads = [
            threading.Thread(target=lambda: made.append(forebay.start(exporter=exporter)))
            for _ in range(8)
        ]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(set(map(id, made))) == 1 and len(made) == 8
        made[0].shutdown(10)
        """
    )


def test_start_reads_the_environment_and_code_wins() -> None:
    """OTEL_* from end to end: the receiver sees what the variables said."""
    with Receiver() as receiver:
        run_python(
            """
            import forebay
            with forebay.start(resource={"from": "code"}) as collector:
                assert collector.service_name == "from-env"
                forebay.get_logger("x").info("m")
            """,
            environment={
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
                "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
                "OTEL_SERVICE_NAME": "from-env",
                "OTEL_RESOURCE_ATTRIBUTES": "from=env,zone=eu%2Cwest",
            },
        )
        (received,) = receiver.records()
        assert received.record.body == "m"
        assert received.resource["service.name"] == "from-env"
        assert received.resource["from"] == "code"
        assert received.resource["zone"] == "eu,west"


def test_start_without_an_endpoint_writes_local_files_and_says_where(tmp_path: Path) -> None:
    """Once, on stderr, with the command that reads them."""
    done = run_python(
        """
        import forebay
        collector = forebay.start(service_name="shop")
        forebay.get_logger("x").info("to a file")
        collector.shutdown(10)
        again = forebay.start(service_name="shop")
        again.shutdown(10)
        """,
        environment={"XDG_STATE_HOME": str(tmp_path), "FOREBAY_DIR": ""},
    )
    directory = tmp_path / "forebay" / "shop"
    assert done.stderr.count(str(directory)) == 2  # the path, and in the command
    (command,) = re.findall(r"python -m (forebay tail .*)\)$", done.stderr, re.MULTILINE)
    shown = run_python(f"from forebay.cli import main\nmain({command.split()[1:]!r})")
    assert "to a file" in shown.stdout


def test_a_directory_that_cannot_be_written_warns_and_goes_to_the_console(tmp_path: Path) -> None:
    """A wrong mount never keeps a service from starting."""
    (tmp_path / "file").touch()
    done = run_python(
        """
        import forebay
        with forebay.start(service_name="shop"):
            forebay.get_logger("x").info("spoken aloud")
        """,
        environment={"FOREBAY_DIR": str(tmp_path / "file" / "inside")},
    )
    assert "cannot be written" in done.stderr
    assert "spoken aloud" in done.stderr


def test_a_directory_that_cannot_be_made_is_one_warning_and_the_console() -> None:
    """Also for root, whom modes do not keep out. The warning shows where `start` is called."""
    done = run_python(
        """
        import forebay
        with forebay.start(
            service_name="shop",
        ):
            forebay.get_logger("x").info("spoken aloud")
        """,
        environment={"FOREBAY_DIR": "", "XDG_STATE_HOME": "/proc/nope"},
    )
    warning, record = done.stderr.splitlines()
    assert warning.startswith(
        "<string>:3: ForebayWarning: /proc/nope/forebay/shop cannot be written"
    )
    assert "spoken aloud" in record


def test_a_start_from_a_configuration_is_named_by_the_line_that_asked() -> None:
    """And not by one of Forebay's."""
    done = run_python(
        """
        import forebay
        config = {"service_name": "shop", "exporter": {"type": "memory"}}
        collector = forebay.from_config(config)
        forebay.from_config({**config, "service_name": "other"})
        collector.shutdown()
        """
    )
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("<string>:5: ForebayWarning: forebay.start() was called before, at ")
    assert "<string>:4," in warning


def test_an_empty_service_name_in_code_is_an_option_error() -> None:
    """As for `Collector`, before anything is said or made. An empty variable counts as unset."""
    done = run_python(
        """
        import forebay
        for make in (forebay.start, forebay.Collector):
            try:
                make(service_name="")
            except forebay.OptionError as error:
                assert str(error).startswith("service_name: ''"), error
            else:
                raise AssertionError(f"{make} took it")
        assert forebay.get_collector() is None
        with forebay.start(exporter=forebay.MemoryExporter()) as collector:
            assert collector.service_name.startswith("unknown_service:")
        """,
        environment={"OTEL_SERVICE_NAME": ""},
    )
    assert done.stderr == ""


def test_a_bad_environment_never_keeps_a_service_from_starting(tmp_path: Path) -> None:
    """All of it wrong at once, with warnings as errors."""
    done = run_python(
        """
        import warnings
        warnings.simplefilter("error")
        import forebay
        with forebay.start():
            forebay.get_logger("x").info("m")
        """,
        environment={
            "OTEL_EXPORTER_OTLP_ENDPOINT": "not a url",
            "OTEL_RESOURCE_ATTRIBUTES": "=",
            "FOREBAY_DIR": str(tmp_path),
        },
    )
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr
    assert "OTEL_RESOURCE_ATTRIBUTES" in done.stderr


def test_a_shutdown_that_meets_the_start_leaves_nothing_in_logging() -> None:
    """What is hung in after it began is taken out again."""
    run_python("""
import logging, threading
import forebay
from forebay import _capture_logging

capture = _capture_logging.capture

def met(collector, level):
    thread = threading.Thread(target=collector.shutdown)
    thread.start()
    thread.join()
    return capture(collector, level)

_capture_logging.capture = met
before = logging.basicConfig
collector = forebay.start(
    exporter=forebay.MemoryExporter(), capture_logging="INFO", console="off"
)
assert logging.root.handlers == [] and logging.root.level == logging.WARNING
assert logging.basicConfig is before
assert collector.is_shut_down and collector.audit().balanced
""")


@pytest.mark.parametrize("value", ["false", 1, 0, None, []])
def test_install_sigterm_is_true_or_false(value: object) -> None:
    """A text from a configuration is neither."""
    with pytest.raises(forebay.OptionError, match=r"^install_sigterm: .* is not True or False$"):
        forebay.from_config({"exporter": {"type": "memory"}, "install_sigterm": value})
    assert forebay.get_collector() is None


def test_a_handler_of_a_signal_may_call_start_in_the_middle_of_start() -> None:
    """Both have the same collector, and nothing is left of the other."""
    done = run_python(
        """
        import forebay
        from forebay import _lifecycle
        from forebay._collector import open_collectors

        make, inner = _lifecycle._make, []

        def make_and_be_interrupted(arguments):
            made = make(arguments)
            if not inner:
                inner.append(None)
                inner[0] = forebay.start(exporter=forebay.MemoryExporter())
            return made

        _lifecycle._make = make_and_be_interrupted
        outer = forebay.start(exporter=forebay.MemoryExporter())
        assert outer is inner[0] is forebay.get_collector()
        assert open_collectors() == [outer]
        forebay.get_logger("x").info("m")
        assert outer.stats().emitted == 1
        """
    )
    assert done.stderr == ""
