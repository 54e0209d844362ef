"""`forebay.opentelemetry.install`, and what the import says where something is missing."""

from __future__ import annotations

from tests.python.in_memory import run_python


def test_install_takes_over_what_was_made_before() -> None:
    """Meters, instruments and loggers that libraries got from the API when they were imported."""
    done = run_python(
        """
        from opentelemetry import _logs, metrics
        early = metrics.get_meter("library", "1").create_counter("early")
        watched = metrics.get_meter("library", "1").create_observable_gauge(
            "watched", [lambda options: [metrics.Observation(3)]]
        )
        log = _logs.get_logger("library", "1")
        early.add(100)  # nobody is there yet
        import forebay.opentelemetry
        from forebay.testing import memory_collector
        assert forebay.opentelemetry.install()
        assert forebay.opentelemetry.install()
        with memory_collector() as memory:
            early.add(2)
            log.emit(body="hello")
            metrics.get_meter("library", "1").create_counter("early").add(5)
            assert memory.metric_point("early").value == 7
            assert memory.metric_point("watched").value == 3
            assert memory.messages(logger="library") == ["hello"]
            audit = memory.audit()
            assert audit.balanced, audit
        """
    )
    assert done.stderr == ""


def test_install_says_who_was_there_first() -> None:
    """OpenTelemetry keeps the first provider; silence would be a loss that nobody counts."""
    done = run_python(
        """
        import warnings
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        metrics.set_meter_provider(MeterProvider(shutdown_on_exit=False))
        import forebay.opentelemetry
        with warnings.catch_warnings(record=True) as caught:
            assert not forebay.opentelemetry.install()
        (warning,) = caught
        print(warning.message)
        """
    )
    assert "opentelemetry.sdk.metrics" in done.stdout
    assert "was set before forebay.opentelemetry.install()" in done.stdout


def test_without_the_api_the_import_says_what_to_install() -> None:
    """And without the SDK the exporters do."""
    run_python(
        """
        import sys

        class Missing:
            def __init__(self, name):
                self.name = name

            def find_spec(self, name, path=None, target=None):
                if name.startswith(self.name):
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Missing("opentelemetry"))
        try:
            import forebay.opentelemetry
        except ImportError as error:
            assert 'pip install "forebay[opentelemetry]"' in str(error), error
        else:
            raise AssertionError("it was imported")
        sys.meta_path[0].name = "opentelemetry.sdk"
        import forebay.opentelemetry
        assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
        for name in ("ForebayLogExporter", "ForebayMetricExporter"):
            try:
                getattr(forebay.opentelemetry, name)
            except ImportError as error:
                assert 'pip install "forebay[opentelemetry-sdk]"' in str(error), error
            else:
                raise AssertionError("it was imported")
        """
    )
