"""Options that come from the environment, and where local files go."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import forebay
from forebay import _warnings
from forebay._environment import read_environment
from forebay._local_files import can_be_written, default_directory


@pytest.fixture(autouse=True)
def _fresh_warnings() -> None:
    _warnings._said.clear()


def test_the_environment_is_read_as_opentelemetry_has_it() -> None:
    """Encoding, spaces, precedence of the service's name, milliseconds."""
    read = read_environment(
        {
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other, a=1%2C2 ,b%3Dc=%C3%A4",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=s%20ecret,x=y=z",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
        }
    )
    assert read.service_name == "shop"
    assert read.resource == {"a": "1,2", "b=c": "ä"}
    assert read.exporter == forebay.OtlpHttpExporter(
        "http://host:4318",
        headers={"api-key": "s ecret", "x": "y=z"},
        timeout=2.5,
        compression="gzip",
    )


def test_a_variable_for_logs_beats_the_one_for_all_signals() -> None:
    """And its endpoint is taken as it is."""
    read = read_environment(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs/path",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "0",
        }
    )
    assert read.exporter is not None
    assert read.exporter.url() == "http://logs/path"
    assert read.exporter.timeout == 0


def test_an_empty_variable_is_an_unset_one() -> None:
    """Deployment tools set variables to nothing."""
    names = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_ENDPOINT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_environment(dict.fromkeys(names, ""))
    assert (read.service_name, dict(read.resource), read.exporter) == (None, {}, None)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "9999999999999"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "novalue"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=x%0Ay"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ],
)
def test_a_bad_setting_in_the_environment_warns_once_and_counts_as_unset(
    variable: str, value: str
) -> None:
    """The rest is followed all the same."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318", variable: value}
    with pytest.warns(forebay.ForebayWarning, match=variable):
        read = read_environment(environment)
    assert read.exporter == forebay.OtlpHttpExporter("http://host:4318")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_environment(environment)


def test_one_bad_resource_attribute_discards_them_all() -> None:
    """As the specification says: half a resource would be worse than none."""
    with pytest.warns(forebay.ForebayWarning, match="OTEL_RESOURCE_ATTRIBUTES"):
        read = read_environment({"OTEL_RESOURCE_ATTRIBUTES": "a=1,b"})
    assert dict(read.resource) == {}


def test_a_bad_endpoint_in_the_environment_counts_as_none() -> None:
    """A typo in a deployment never keeps a service from starting."""
    with pytest.warns(forebay.ForebayWarning, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        read = read_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"})
    assert read.exporter is None


def test_where_warnings_are_errors_a_bad_variable_is_told_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``python -W error`` must not turn a deployment's typo into a crash."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"})
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in capsys.readouterr().err


def test_a_secret_header_in_the_environment_is_not_told() -> None:
    """A warning may be logged: the value of a header must not be in it."""
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization%=hidden",
    }
    with pytest.warns(forebay.ForebayWarning) as caught:
        read_environment(environment)
    assert all("hidden" not in str(warning.message) for warning in caught)


# -- local files ----------------------------------------------------------------------------------


def test_the_local_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """$FOREBAY_DIR as it is; else a folder for the service in the user's state directory."""
    monkeypatch.setenv("FOREBAY_DIR", "/data/logs")
    assert default_directory("shop") == "/data/logs"
    monkeypatch.setenv("FOREBAY_DIR", "")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_directory("shop") == "/state/forebay/shop"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_directory("shop") == "/home/me/.local/state/forebay/shop"


@pytest.mark.parametrize(
    ("service", "folder"),
    [
        ("../../etc", "_.._etc"),
        ("a/b c", "a_b_c"),
        ("...", "_"),
        ("ä", "_"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_service_name_cannot_lead_out_of_the_directory(
    monkeypatch: pytest.MonkeyPatch, service: str, folder: str
) -> None:
    """Whatever a service is called, it is one folder."""
    monkeypatch.delenv("FOREBAY_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_directory(service) == f"/state/forebay/{folder}"


def test_looking_whether_a_directory_can_be_written_makes_nothing(tmp_path: Path) -> None:
    """It is tried, and nothing is left of that."""
    assert can_be_written(str(tmp_path))
    assert can_be_written(str(tmp_path / "a" / "b"))
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    assert not can_be_written(str(tmp_path / "file" / "b"))
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert not can_be_written(str(tmp_path / "dangling" / "b"))
    assert not can_be_written("/proc/nope/forebay/shop")  # where root has all rights, and yet


def test_a_warning_shows_the_line_that_called_forebay() -> None:
    """However deep in Forebay it comes up."""
    with pytest.warns(forebay.ForebayWarning) as caught:
        read_environment({
            "OTEL_SDK_DISABLED": "yes", "OTEL_BLRP_SCHEDULE_DELAY": "soon",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense", "OTEL_METRIC_EXPORT_INTERVAL": "x",
        })  # fmt: skip
    assert len(caught) == 4
    assert {warning.filename for warning in caught} == {__file__}


def test_docs_name_every_option() -> None:
    """docs/options.md is the reference page: it leaves nothing out."""
    page = Path(__file__).parents[2] / "docs" / "options.md"
    told = page.read_text()
    from dataclasses import fields

    classes = (
        forebay.Lane,
        forebay.Block,
        forebay.BatchOptions,
        forebay.BacklogOptions,
        forebay.RetryOptions,
        forebay.MetricsOptions,
        forebay.View,
        forebay.Route,
        forebay.OtlpHttpExporter,
        forebay.FileExporter,
        forebay.ConsoleExporter,
    )
    missing = [
        f"{cls.__name__}.{field.name}"
        for cls in classes
        for field in fields(cls)
        if f"`{field.name}`" not in told
    ]
    for option in (
        "memory_limit",
        "max_record_bytes",
        "routes",
        "run_directory",
        "capture_logging",
        "console",
    ):
        if f"`{option}`" not in told:
            missing.append(option)
    assert not missing


@pytest.mark.parametrize(
    "environment",
    [
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        },
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4317"},
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://host:4317/"},
    ],
)
def test_grpc_is_told_in_one_line_and_records_go_to_local_files(
    environment: dict[str, str],
) -> None:
    """With what to set instead."""
    with pytest.warns(forebay.ForebayWarning, match=r"http/protobuf.*4318.*local files") as seen:
        read = read_environment(environment)
    assert len(seen) == 1
    assert read.exporter is None


def test_port_4317_is_fine_for_who_says_that_it_speaks_http() -> None:
    """Ports are anybody's choice."""
    read = read_environment(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4317",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
    )
    assert read.exporter == forebay.OtlpHttpExporter("http://host:4317")


def test_the_batch_processors_variables_are_followed_as_far_as_there_is_something() -> None:
    """Milliseconds and records; the rest is refused with what to do instead."""
    read = read_environment(
        {"OTEL_BLRP_SCHEDULE_DELAY": "250", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "512"}
    )
    assert read.batch == forebay.BatchOptions(max_delay=0.25, max_records=512)
    for variable in ("OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_CONFIG_FILE", "OTEL_ATTRIBUTE_COUNT_LIMIT"):
        with pytest.warns(forebay.ForebayWarning, match=f"^{variable} is ignored: "):
            assert read_environment({variable: "7"}).batch is None
    for value in ("-1", "soon", "0.5"):
        with pytest.warns(forebay.ForebayWarning, match=r"^OTEL_BLRP_SCHEDULE_DELAY is ignored"):
            assert read_environment({"OTEL_BLRP_SCHEDULE_DELAY": value}).batch is None


def test_the_kind_of_exporter_may_be_named() -> None:
    """otlp, console, none; what is not known is told, and the rest is followed."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318"}
    assert read_environment({**endpoint, "OTEL_LOGS_EXPORTER": "otlp"}).exporter is not None
    console = read_environment({**endpoint, "OTEL_LOGS_EXPORTER": "console"})
    assert (console.exporter, console.console, console.disabled) == (None, True, False)
    nothing = read_environment({**endpoint, "OTEL_LOGS_EXPORTER": "none"})
    assert (nothing.exporter, nothing.no_exporter, nothing.disabled) == (None, True, False)
    with pytest.warns(forebay.ForebayWarning, match=r"OTEL_LOGS_EXPORTER: 'kafka' ignored"):
        assert read_environment({**endpoint, "OTEL_LOGS_EXPORTER": "kafka"}).exporter is not None


@pytest.mark.parametrize(("value", "disabled"), [("TRUE", True), ("false", False), ("", False)])
def test_the_sdk_may_be_disabled(value: str, disabled: bool) -> None:
    """By "true" in any case, and by nothing else."""
    assert read_environment({"OTEL_SDK_DISABLED": value}).disabled is disabled
    with pytest.warns(forebay.ForebayWarning, match="OTEL_SDK_DISABLED is ignored: 'yes'"):
        assert not read_environment({"OTEL_SDK_DISABLED": "yes"}).disabled
