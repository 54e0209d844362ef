"""capture_logging= where the application configures `logging` after start()."""

from __future__ import annotations

import pytest

from tests.python.in_memory import run_python

# What each of these scripts begins and ends with.
_BEGIN = """
import logging, logging.config, sys, tempfile, warnings
from logging.config import dictConfig, fileConfig
import forebay

root = logging.getLogger()
exporter = forebay.MemoryExporter()
CONSOLE = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"]},
}
INI = '''
[loggers]
keys=root
[handlers]
keys=null
[formatters]
keys=
[logger_root]
level=ERROR
handlers=null
[handler_null]
class=NullHandler
args=()
'''

def bodies():
    assert collector.flush(30).complete
    return [record.body for record in exporter.records()]
"""
_END = """
collector.shutdown(30)
assert collector.audit().balanced
"""


def run_capture(source: str, begin: str = _BEGIN) -> str:
    """Run it between the two, and return what it wrote to standard error."""
    return run_python(f"{begin}\n{source}\n{_END}").stderr


@pytest.mark.parametrize(
    "configure",
    [
        "logging.config.dictConfig(CONSOLE)",
        "dictConfig(CONSOLE)",
        "dictConfig({**CONSOLE, 'root': {'handlers': []}})",
        # The root logger by its other name, as many write it.
        "dictConfig({**CONSOLE, 'root': {}, 'loggers': {'': {**CONSOLE['root'], 'propagate': 0}}})",
        "fileConfig(file.name, disable_existing_loggers=False)",
        "logging.basicConfig(force=True, handlers=[logging.NullHandler()], level='ERROR')",
    ],
)
def test_the_handler_is_back_when_the_configuration_is_done(configure: str) -> None:
    """At once, as often as it is configured, and without a thread; shutdown takes it off."""
    run_capture(f"""
import threading
file = tempfile.NamedTemporaryFile("w", suffix=".ini")
file.write(INI), file.flush()
collector = forebay.start(exporter=exporter, capture_logging="INFO")
root.info("before")
for _ in range(2):
    threads = threading.active_count()
    {configure}
    logging.getLogger("app").info("after")
    assert threading.active_count() == threads
assert bodies() == ["before", "after", "after"], bodies()
collector.shutdown(30)
assert not [h for h in root.handlers if isinstance(h, forebay.LoggingHandler)], root.handlers
assert logging.basicConfig.__module__ == "logging" and not hasattr(
    logging.basicConfig, "__wrapped__"
)
assert not hasattr(logging.config._install_loggers, "__wrapped__")
""")


def test_who_loads_logging_config_after_start_is_followed_too() -> None:
    """The first call is the one that counts. Nothing loads it for us."""
    run_python(
        """
        import logging, sys
        import forebay

        exporter = forebay.MemoryExporter()
        collector = forebay.start(exporter=exporter, capture_logging="INFO")
        assert "logging.config" not in sys.modules
        import logging.config

        null = {"null": {"class": "logging.NullHandler"}}
        logging.config.dictConfig(
            {"version": 1, "handlers": null, "root": {"handlers": ["null"], "level": "INFO"}}
        )
        logging.getLogger("app").error("payment failed")
        assert [type(handler).__name__ for handler in logging.getLogger().handlers] == [
            "NullHandler", "_CaptureHandler"
        ]
        collector.shutdown(30)
        assert [record.body for record in exporter.records()] == ["payment failed"]
        assert collector.audit().balanced
        """
    )


def test_the_configured_level_is_what_shutdown_gives_back() -> None:
    """What is captured passes meanwhile, as if the configuration had come before start()."""
    run_capture("""
for configured in ("ERROR", "INFO", "DEBUG", "NOTSET"):
    number = logging.getLevelName(configured)
    root.setLevel("WARNING")
    collector = forebay.start(exporter=forebay.MemoryExporter(), capture_logging="INFO")
    dictConfig({**CONSOLE, "root": {"handlers": ["null"], "level": configured}})
    assert root.level == min(number, logging.INFO), (configured, root.level)
    collector.shutdown(30)
    assert root.level == number, (configured, root.level)
""")


def test_basic_config_after_start_has_its_effect() -> None:
    """Its rule is to do nothing where there is a handler: ours does not count."""
    err = run_capture("""
collector = forebay.start(exporter=exporter, capture_logging="INFO", console="off")
logging.basicConfig(format="seen: %(message)s")
root.info("both")
logging.basicConfig(format="never: %(message)s")
root.info("again")
assert bodies() == ["both", "again"]
assert len(root.handlers) == 2
""")
    assert err == "seen: both\nseen: again\n"


def test_a_handler_that_is_taken_off_for_good_is_told() -> None:
    """Where nothing can be heard of it, there is one warning instead of silence."""
    run_capture("""
collector = forebay.start(exporter=exporter, capture_logging="INFO")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
(warning,) = caught
assert "capture_logging" in str(warning.message)
""")


def test_an_own_shutdown_and_the_exit_say_nothing() -> None:
    """Nor does logging.shutdown(), which closes each handler, too."""
    err = run_capture("""
collector = forebay.start(exporter=exporter, capture_logging="INFO")
logging.shutdown()
root.warning("still there")
assert bodies() == ["still there"]
collector.shutdown(30)
collector = forebay.start(exporter=forebay.MemoryExporter(), capture_logging="INFO")
""")
    assert err == ""


def test_a_handler_of_the_applications_own_is_enough() -> None:
    """One record, one warning; and ours comes when that handler goes."""
    run_capture("""
OWN = {
    **CONSOLE,
    "handlers": {"forebay": {"class": "forebay.LoggingHandler"}},
    "root": {"handlers": ["forebay"], "level": "INFO"},
}
dictConfig(OWN)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    collector = forebay.start(exporter=exporter, capture_logging="INFO")
    root.info("own")
    dictConfig(CONSOLE)
    root.info("captured")
    dictConfig(OWN)
    root.info("own again")
(warning,) = caught
assert "LoggingHandler" in str(warning.message) and warning.filename == "<string>", warning
assert bodies() == ["own", "captured", "own again"], bodies()
assert len(root.handlers) == 1
""")


@pytest.mark.parametrize(
    ("configure", "told"),
    [
        ("dictConfig(OWN)", "so capture_logging adds none"),
        ("fileConfig(file.name, disable_existing_loggers=False)", "so capture_logging adds none"),
        (
            "logging.basicConfig(handlers=[forebay.LoggingHandler()])",
            "so capture_logging adds none",
        ),
        # What was imported by name before start() is not followed; the warning says so.
        ("basicConfig(force=True)", "not by a basicConfig that was imported"),
    ],
)
def test_the_warning_shows_the_line_that_configured(configure: str, told: str) -> None:
    """And not one of stdlib's, which calls us."""
    run_capture(f"""
from logging import basicConfig
OWN = {{
    **CONSOLE,
    "handlers": {{"forebay": {{"class": "forebay.LoggingHandler"}}}},
    "root": {{"handlers": ["forebay"], "level": "INFO"}},
}}
own = INI.replace("NullHandler", "forebay.LoggingHandler")
file = tempfile.NamedTemporaryFile("w", suffix=".ini")
file.write(own), file.flush()
collector = forebay.start(exporter=exporter, capture_logging="INFO")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    line = sys._getframe().f_lineno + 1
    {configure}
(warning,) = caught
assert (warning.filename, warning.lineno) == ("<string>", line), warning
assert {told!r} in str(warning.message), warning
""")


def test_a_handler_of_another_collector_is_another_matter() -> None:
    """Each has its own records."""
    run_capture("""
other = forebay.Collector(exporter=forebay.MemoryExporter())
root.addHandler(forebay.LoggingHandler(logger=other.logger("other", level=1)))
collector = forebay.start(exporter=exporter, capture_logging="INFO")
root.info("both")
assert bodies() == ["both"]
other.shutdown(30)
assert [record.body for record in other.exporter.records()] == ["both"]
assert other.audit().balanced
""")
