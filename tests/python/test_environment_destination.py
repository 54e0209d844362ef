"""What the environment says of the destination: followed, or refused in one line."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay import _warnings
from forebay._environment import _NOT_FOLLOWED, read_environment
from tests.python.in_memory import run_python

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318"}


@pytest.fixture(autouse=True)
def _fresh_warnings() -> None:
    _warnings._said.clear()


def told(environment: dict[str, str], **options: Any) -> list[str]:
    """What is warned of, and that it is warned of once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_environment(environment, **options)
        seen = [str(warning.message) for warning in caught]
        read_environment(environment, **options)
    assert len(caught) == len(seen)
    return seen


@pytest.mark.parametrize("variable", _NOT_FOLLOWED)
def test_a_variable_that_is_not_followed_is_refused_with_what_to_do(variable: str) -> None:
    """Whatever it is set to."""
    for value in ("true", "7"):
        _warnings._said.clear()
        assert told({variable: value}) == [f"{variable} is ignored: {_NOT_FOLLOWED[variable]}"]
    assert told({variable: " "}) == []


def test_every_variable_for_logs_is_one_that_is_known() -> None:
    """Those of the specification, by its table: followed, or among those that are refused."""
    assert {
        "OTEL_EXPORTER_OTLP_INSECURE",
        "OTEL_EXPORTER_OTLP_LOGS_INSECURE",
        "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_CONFIG_FILE",
        "OTEL_EXPERIMENTAL_CONFIG_FILE",
        "OTEL_LOG_LEVEL",
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    } == set(_NOT_FOLLOWED)


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("signal", ["", "LOGS_"])
def test_each_setting_is_followed_in_both_forms(signal: str, tmp_path: Path) -> None:
    """For all signals, and for logs."""
    file = tmp_path / "x.pem"
    file.write_text("")
    settings = {
        "HEADERS": "a=b",
        "TIMEOUT": "1500",
        "COMPRESSION": "none",
        "CERTIFICATE": str(file),
        "CLIENT_CERTIFICATE": str(file),
        "CLIENT_KEY": str(file),
        "PROTOCOL": "HTTP/protobuf",
    }
    named = {f"OTEL_EXPORTER_OTLP_{signal}{name}": value for name, value in settings.items()}
    assert told({**ENDPOINT, **named}) == []
    read = read_environment({**ENDPOINT, **named})
    assert read.exporter == forebay.OtlpHttpExporter(
        "http://host:4318",
        headers={"a": "b"},
        timeout=1.5,
        compression="none",
        ca_file=str(file),
        client_certificate=str(file),
        client_key=str(file),
    )
    assert read.sources == {
        "endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
        "headers": f"OTEL_EXPORTER_OTLP_{signal}HEADERS",
        "timeout": f"OTEL_EXPORTER_OTLP_{signal}TIMEOUT",
        "compression": f"OTEL_EXPORTER_OTLP_{signal}COMPRESSION",
        "ca_file": f"OTEL_EXPORTER_OTLP_{signal}CERTIFICATE",
        "client_certificate": f"OTEL_EXPORTER_OTLP_{signal}CLIENT_CERTIFICATE",
        "client_key": f"OTEL_EXPORTER_OTLP_{signal}CLIENT_KEY",
    }


def test_a_bad_setting_for_logs_counts_as_unset_and_the_one_for_all_signals_holds() -> None:
    """As a bad endpoint for logs does."""
    environment = {
        **ENDPOINT,
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "nonsense",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "soon",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
    }
    warned = told(environment)
    assert [text.partition(" ")[0] for text in warned] == [
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
    ]
    assert read_environment(environment).exporter == forebay.OtlpHttpExporter(
        "http://host:4318", timeout=2.0
    )


def test_an_endpoint_for_logs_is_taken_as_it_is() -> None:
    """Nothing is appended to it."""
    for url in ("http://host", "http://host/", "https://host:1/a/b?c=d"):
        read = read_environment({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": url})
        assert read.exporter is not None
        assert read.exporter.url() == url


@pytest.mark.parametrize(
    "value",
    ["a=hidden;p=1", "a=hidden;", "a=b,c=hidden ; p", "Bearer hidden==", "a=hidden%0A", "=hidden"],
)
def test_headers_that_are_no_headers_are_refused_without_their_values(value: str) -> None:
    """Properties, which the specification has none of here, too. They may be tokens."""
    environment = {**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": value}
    (text,) = told(environment)
    assert text.startswith("OTEL_EXPORTER_OTLP_HEADERS is ignored: ")
    assert "hidden" not in text
    assert (";" in text) is (";" in value)
    assert read_environment(environment).exporter == forebay.OtlpHttpExporter("http://host:4318")


def test_a_semicolon_in_a_header_may_be_encoded() -> None:
    """As the warning says."""
    read = read_environment({**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": "cookie=a%3Bb"})
    assert read.exporter is not None
    assert read.exporter.headers == {"cookie": "a;b"}


# -- without an endpoint --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIMEOUT", "soon"),
        ("COMPRESSION", "brotli"),
        ("HEADERS", "novalue"),
        ("CERTIFICATE", "/no/such/file"),
        ("CLIENT_KEY", "/no/such/file"),
        ("PROTOCOL", "http/json"),
        ("PROTOCOL", "smoke"),
    ],
)
def test_a_bad_setting_warns_without_an_endpoint_as_with_one(name: str, value: str) -> None:
    """In the same words, and in no others."""
    variable = f"OTEL_EXPORTER_OTLP_{name}"
    without = told({variable: value})
    _warnings._said.clear()
    assert len(without) == 1
    assert without == told({**ENDPOINT, variable: value})
    assert without[0].startswith(variable)


def test_settings_of_a_destination_that_is_not_named_are_told_to_have_no_effect() -> None:
    """All in one line, without their values, with what to set. OpenTelemetry would send."""
    environment = {
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hidden",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "2000",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    assert [text for text in told(environment) if "brotli" not in text] == [
        "OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_LOGS_TIMEOUT, OTEL_EXPORTER_OTLP_PROTOCOL, "
        "OTEL_LOGS_EXPORTER have no effect: no endpoint is set, so records go to local files; set "
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318, or where your receiver is"
    ]
    assert read_environment(environment).exporter is None


@pytest.mark.parametrize(
    "more",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318"},
        {"OTEL_LOGS_EXPORTER": "console"},
        {"OTEL_LOGS_EXPORTER": "none"},
        {"OTEL_SDK_DISABLED": "true"},
    ],
)
def test_settings_are_not_told_to_have_no_effect_where_that_was_chosen(
    more: dict[str, str],
) -> None:
    """Or where they have one."""
    assert told({"OTEL_EXPORTER_OTLP_TIMEOUT": "2000", **more}) == []


def test_a_bad_endpoint_is_told_alone() -> None:
    """It was meant to be one."""
    (text,) = told({"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"})
    assert text.startswith("OTEL_EXPORTER_OTLP_ENDPOINT is ignored")


@pytest.mark.parametrize("name", ["PROTOCOL", "LOGS_PROTOCOL"])
def test_grpc_is_told_without_an_endpoint_too(name: str) -> None:
    """OpenTelemetry would speak it with localhost. What else is set is not told to do nothing."""
    (text,) = told({f"OTEL_EXPORTER_OTLP_{name}": "gRPC", "OTEL_EXPORTER_OTLP_TIMEOUT": "1000"})
    assert text.startswith(f"OTEL_EXPORTER_OTLP_{name}=grpc, and Forebay speaks http/protobuf: ")
    assert text.endswith("meanwhile records go to local files")


def test_where_code_says_where_records_go_nothing_is_said_about_local_files() -> None:
    """Bad values are told all the same."""
    environment = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
    }
    (text,) = told(environment, has_destination=True)
    assert text.startswith("OTEL_EXPORTER_OTLP_TIMEOUT is ignored")


# -- OTEL_LOGS_EXPORTER ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "followed", "dropped"),
    [
        ("otlp,console", "otlp", "console"),
        ("none,otlp", "otlp", "none"),
        ("console, none", "console", "none"),
        ("none,console,OTLP", "otlp", "console none"),
        ("otlp/stdout,otlp", "otlp", "otlp/stdout"),
    ],
)
def test_of_several_exporters_one_is_followed_and_the_others_are_told(
    value: str, followed: str, dropped: str
) -> None:
    """Each in one line; for the console with the option that shows records there, too."""
    environment = {**ENDPOINT, "OTEL_LOGS_EXPORTER": value}
    texts = told(environment)
    assert len(texts) == len(dropped.split())
    for name, text in zip(dropped.split(), texts, strict=True):
        assert text.startswith(f"OTEL_LOGS_EXPORTER: {name!r} ignored")
        assert ("console=" in text) is (name == "console")
    read = read_environment(environment)
    assert (read.exporter is not None, read.console) == (followed == "otlp", followed == "console")
    assert not read.no_exporter


_START = """
import os, sys
import forebay
exporter = forebay.MemoryExporter()
collector = forebay.start(**eval(sys.argv[1]))
forebay.get_logger("x").info("taken")
collector.shutdown(10)
print(collector.stats().delivered, len(exporter.records()))
print([name for name in os.listdir(os.environ["FOREBAY_DIR"])] != [])
"""


@pytest.mark.parametrize(
    ("variable", "arguments", "delivered"),
    [
        ("OTEL_LOGS_EXPORTER=none", "{}", "0 0"),
        ("OTEL_LOGS_EXPORTER=none", "dict(exporter=exporter)", "1 1"),
        ("OTEL_LOGS_EXPORTER=none", "dict(routes=[forebay.Route('main', [exporter])])", "1 1"),
        ("OTEL_SDK_DISABLED=true", "dict(exporter=exporter)", "0 0"),
        ("OTEL_SDK_DISABLED=true", "dict(routes=[forebay.Route('main', [exporter])])", "0 0"),
        ("OTEL_SDK_DISABLED=true", "dict(exporter=exporter, disabled=False)", "0 0"),
    ],
)
def test_code_beats_the_environment_but_for_the_variable_that_disables_all(
    tmp_path: Path, variable: str, arguments: str, delivered: str
) -> None:
    """`none` is about the destination, which code may name; `OTEL_SDK_DISABLED` is about all."""
    name, _, value = variable.partition("=")
    environment = {name: value, "FOREBAY_DIR": str(tmp_path)}
    done = run_python(_START, arguments, environment=environment)
    assert done.stdout.splitlines() == [delivered, "False"]
    assert done.stderr == ""


def test_a_collector_that_code_disables_is_not_told_where_its_records_go() -> None:
    """They go nowhere."""
    done = run_python(
        """
        import warnings
        warnings.simplefilter("error")
        import forebay
        forebay.start(disabled=True)
        """,
        environment={"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"},
    )
    assert done.stderr == ""


def test_the_console_of_the_environment_and_the_one_of_code_agree_or_one_is_told(
    tmp_path: Path,
) -> None:
    """A format in code is the format; `off` in code wins, and where records go is said."""
    environment = {"OTEL_LOGS_EXPORTER": "console", "FOREBAY_DIR": str(tmp_path), **ENDPOINT}
    for argument in ("'json'", "'auto'"):
        done = run_python(_START, f"dict(console={argument})", environment=environment)
        assert done.stderr.count("taken") == 1
        assert done.stderr.startswith("{")
        assert done.stdout.splitlines() == ["1 0", "False"]
    pretty = run_python(_START, "dict(console='pretty')", environment=environment)
    assert "taken" in pretty.stderr
    assert "{" not in pretty.stderr
    for argument in ("'off'", "None"):
        off = run_python(_START, f"dict(console={argument})", environment=environment)
        (warned,) = (line for line in off.stderr.splitlines() if "OTEL_LOGS_EXPORTER" in line)
        assert "OTEL_LOGS_EXPORTER=console is ignored: " in warned
        assert f"console={argument}".replace("'", '"') in warned
        assert "local files" in warned
        assert str(tmp_path) in off.stderr
        assert "no endpoint is set" not in off.stderr
        assert off.stdout.splitlines() == ["1 0", "True"]
