"""Options: each is checked before anything starts, and an error names path, value and range."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay import _core, _warnings
from forebay._levels import level_number, severity_number
from forebay._options import flatten


def flat(**options: Any) -> dict[str, Any]:
    """The options as the core is given them."""
    everything: dict[str, Any] = dict.fromkeys(
        (
            "service_name",
            "resource",
            "routes",
            "console",
            "lanes",
            "sampling",
            "flight_recorder",
            "memory_limit",
            "max_record_bytes",
            "batch",
            "backlog",
            "retry",
            "breaker",
            "limits",
            "run_directory",
        )
    )
    everything["exporter"] = forebay.MemoryExporter()
    pairs = flatten(**{**everything, **options})
    assert len(dict(pairs)) == len(pairs), "a path was given twice"
    return dict(pairs)


@pytest.fixture(autouse=True)
def _fresh_warnings() -> None:
    _warnings._said.clear()


def test_what_is_not_given_is_left_to_the_core() -> None:
    """Defaults live in one place, the core."""
    assert flat() == {"exporter.type": "memory"}
    assert flat(lanes=[forebay.Lane("one")], batch=forebay.BatchOptions()) == {
        "exporter.type": "memory",
        "lanes[0].name": "one",
        "lanes[0].on_full[0]": "drop_newest",
    }


def test_every_option_reaches_the_core_under_its_path() -> None:
    """No option is accepted and forgotten."""
    options = flat(
        service_name="shop",
        resource={"service.version": "1.2", "replica": 3, "canary": True, "weight": 0.5},
        exporter=forebay.OtlpHttpExporter(
            "https://collector.example:4318/base/",
            headers={"Authorization": "Bearer x"},
            timeout=2.5,
            compression="gzip",
            compression_level=9,
            max_in_flight=4,
            verify=False,
        ),
        lanes=[
            forebay.Lane(
                "urgent",
                min_level="WARNING",
                logger="audit.*",
                queue_records=1000,
                queue_bytes=1 << 20,
                on_full=[forebay.Block(timeout=0.05, on_event_loop=True), "fail"],
                on_backlog_full="evict_oldest",
                backlog_share=0.25,
                max_age=60,
            ),
            forebay.Lane("normal", on_full="block"),
        ],
        memory_limit=16 << 20,
        max_record_bytes=4096,
        batch=forebay.BatchOptions(max_records=10, max_bytes=2048, max_delay=0.5),
        backlog=forebay.BacklogOptions(max_bytes=1 << 20, order="newest_first"),
        retry=forebay.RetryOptions(initial=0.1, max=5, max_elapsed=300),
        run_directory=Path("/run/here"),
    )
    assert options == {
        "service_name": "shop",
        "resource:service.version": "1.2",
        "resource:replica": 3,
        "resource:canary": True,
        "resource:weight": 0.5,
        "exporter.type": "otlp_http",
        "exporter.endpoint": "https://collector.example:4318/base/",
        "exporter.headers:Authorization": "Bearer x",
        "exporter.timeout": 2.5,
        "exporter.compression": "gzip",
        "exporter.compression_level": 9,
        "exporter.max_in_flight": 4,
        "exporter.verify": False,
        "lanes[0].name": "urgent",
        "lanes[0].min_level": 13,
        "lanes[0].logger": "audit.*",
        "lanes[0].queue_records": 1000,
        "lanes[0].queue_bytes": 1 << 20,
        "lanes[0].on_full[0]": "block",
        "lanes[0].on_full[0].timeout": 0.05,
        "lanes[0].on_full[0].on_event_loop": True,
        "lanes[0].on_full[1]": "fail",
        "lanes[0].on_backlog_full": "evict_oldest",
        "lanes[0].backlog_share": 0.25,
        "lanes[0].max_age": 60.0,
        "lanes[1].name": "normal",
        "lanes[1].on_full[0]": "block",
        "lanes[1].on_full[0].on_event_loop": False,
        "memory_limit": 16 << 20,
        "max_record_bytes": 4096,
        "batch.max_records": 10,
        "batch.max_bytes": 2048,
        "batch.max_delay": 0.5,
        "backlog.max_bytes": 1 << 20,
        "backlog.order": "newest_first",
        "retry.initial": 0.1,
        "retry.max": 5.0,
        "retry.max_elapsed": 300.0,
        "run_directory": "/run/here",
    }


def test_the_file_exporter_spells_out_its_options(tmp_path: Path) -> None:
    """Paths go to the core as text."""
    exporter = forebay.FileExporter(
        tmp_path, format="otlp", max_file_bytes=1 << 20, max_total_bytes=1 << 30, max_age=86400
    )
    assert flat(exporter=exporter) == {
        "exporter.type": "file",
        "exporter.directory": str(tmp_path),
        "exporter.format": "otlp",
        "exporter.max_file_bytes": 1 << 20,
        "exporter.max_total_bytes": 1 << 30,
        "exporter.max_age": 86400.0,
    }


# The package as code without a type checker sees it.
untyped: Any = forebay
LANE = untyped.Lane
BAD = [
    ({"service_name": ""}, "service_name", "''"),
    ({"service_name": 7}, "service_name", "7"),
    ({"service_name": "a\udc80"}, "service_name", "surrogate"),
    ({"service_name": "a", "resource": {"service.name": "b"}}, "service_name", "'b'"),
    ({"resource": ["a"]}, "resource", "mapping"),
    ({"resource": {"": 1}}, "resource", "''"),
    ({"resource": {"a": [1]}}, "resource:a", r"\[1\]"),
    ({"resource": {"a": 1 << 63}}, "resource:a", "2\\^63"),
    ({"exporter": "http://localhost"}, "exporter", "OtlpHttpExporter"),
    ({"lanes": []}, "lanes", "0 lanes is not in 1..16"),
    ({"lanes": [LANE(f"l{i}") for i in range(17)]}, "lanes", "17 lanes"),
    ({"lanes": LANE("a")}, "lanes", "list of Lane"),
    ({"lanes": ["a"]}, "lanes[0]", "is not a Lane"),
    ({"lanes": [LANE("a"), LANE("a")]}, "lanes[1].name", r"lanes\[0\]"),
    ({"lanes": [LANE("a.b")]}, "lanes[0].name", "'a.b'"),
    ({"lanes": [LANE("")]}, "lanes[0].name", "1..31"),
    ({"lanes": [LANE("a"), LANE("b", queue_records=7)]}, "lanes[1].queue_records", "7 is not in 8"),
    ({"lanes": [LANE("a", queue_records=True)]}, "lanes[0].queue_records", "True"),
    ({"lanes": [LANE("a", queue_records=1e6)]}, "lanes[0].queue_records", "1000000.0"),
    ({"lanes": [LANE("a", queue_bytes=1)]}, "lanes[0].queue_bytes", "1 is not in 1024.."),
    ({"lanes": [LANE("a", min_level="LOUD")]}, "lanes[0].min_level", "'LOUD'"),
    ({"lanes": [LANE("a", min_level=-1)]}, "lanes[0].min_level", "-1"),
    ({"lanes": [LANE("a", logger="")]}, "lanes[0].logger", "''"),
    ({"lanes": [LANE("a", backlog_share=1.5)]}, "lanes[0].backlog_share", "1.5 is not in 0..1"),
    (
        {"lanes": [LANE("a", backlog_share=0.6), LANE("b", backlog_share=0.6)]},
        "lanes[1].backlog_share",
        "1.2",
    ),
    ({"lanes": [LANE("a", max_age=0)]}, "lanes[0].max_age", "0 is not in 0.001.."),
    ({"lanes": [LANE("a", max_age=float("nan"))]}, "lanes[0].max_age", "nan"),
    (
        {"lanes": [LANE("a", on_full=untyped.Block(timeout=-1))]},
        "lanes[0].on_full[0].timeout",
        "-1 is not in 0..86400 s",
    ),
    (
        {"lanes": [LANE("a", on_full=untyped.Block(on_event_loop=1))]},
        "lanes[0].on_full[0].on_event_loop",
        "1 is not True or False",
    ),
    ({"lanes": [LANE("a", on_backlog_full="drop")]}, "lanes[0].on_backlog_full", "'hold'"),
    ({"memory_limit": 1000}, "memory_limit", "1000 is not in 1048576.."),
    ({"max_record_bytes": 0}, "max_record_bytes", "0 is not in 256.."),
    ({"batch": 7}, "batch", "BatchOptions"),
    ({"batch": untyped.BatchOptions(max_records=0)}, "batch.max_records", "0 is not in 1..1000000"),
    ({"batch": untyped.BatchOptions(max_bytes=1)}, "batch.max_bytes", "1 is not in 1024..16777216"),
    ({"batch": untyped.BatchOptions(max_delay=-1)}, "batch.max_delay", "-1 is not in 0..3600 s"),
    ({"backlog": untyped.BacklogOptions(max_bytes=1)}, "backlog.max_bytes", "65536.."),
    ({"backlog": untyped.BacklogOptions(order="fifo")}, "backlog.order", "'fifo'"),
    ({"retry": untyped.RetryOptions(initial=0)}, "retry.initial", "0.001"),
    ({"retry": untyped.RetryOptions(initial=9, max=3)}, "retry.max", "9"),
    ({"retry": untyped.RetryOptions(max="9")}, "retry.max", "'9'"),
    ({"exporter": untyped.FileExporter("")}, "exporter.directory", "''"),
    ({"exporter": untyped.FileExporter("a", format="csv")}, "exporter.format", "'csv'"),
    ({"exporter": untyped.FileExporter("a", max_age=0)}, "exporter.max_age", "0 is not in 1.."),
    ({"exporter": untyped.OtlpHttpExporter("localhost:4318")}, "exporter.endpoint", "http"),
    ({"exporter": untyped.OtlpHttpExporter("http://")}, "exporter.endpoint", "host"),
    ({"exporter": untyped.OtlpHttpExporter("http://a:99999")}, "exporter.endpoint", "99999"),
    ({"exporter": untyped.OtlpHttpExporter("http://a b")}, "exporter.endpoint", "a b"),
    ({"exporter": untyped.OtlpHttpExporter("http://a?b=c")}, "exporter.endpoint", "query"),
    ({"exporter": untyped.OtlpHttpExporter("http://a#b")}, "exporter.endpoint", "fragment"),
    ({"exporter": untyped.OtlpHttpExporter(logs_endpoint="x")}, "exporter.logs_endpoint", "'x'"),
    ({"exporter": untyped.OtlpHttpExporter(headers={"a b": "c"})}, "exporter.headers", "'a b'"),
    ({"exporter": untyped.OtlpHttpExporter(headers={"a": "x\ny"})}, "exporter.headers:a", "line"),
    (
        {"exporter": untyped.OtlpHttpExporter(timeout=-1)},
        "exporter.timeout",
        "-1 is not in 0..3600",
    ),
    ({"exporter": untyped.OtlpHttpExporter(compression="br")}, "exporter.compression", "'br'"),
    (
        {"exporter": untyped.OtlpHttpExporter(compression="gzip", compression_level=10)},
        "exporter.compression_level",
        "10 is not in 1..9",
    ),
    ({"exporter": untyped.OtlpHttpExporter(ca_file="/nowhere")}, "exporter.ca_file", "/nowhere"),
    (
        {"exporter": untyped.OtlpHttpExporter(client_key=__file__)},
        "exporter.client_certificate",
        "the other half",
    ),
]


@pytest.mark.parametrize(
    ("options", "path", "told"), BAD, ids=[f"{i}-{path}" for i, (_, path, _) in enumerate(BAD)]
)
def test_a_bad_value_is_an_option_error_that_names_path_value_and_range(
    options: dict[str, Any], path: str, told: str
) -> None:
    """The message begins with the path of the option, and no thread has been started."""
    threads = threading.active_count()
    with pytest.raises(forebay.OptionError) as caught:
        forebay.Collector(**{"exporter": forebay.ConsoleExporter(), **options})
    assert str(caught.value).startswith(f"{path}: ")
    assert re.search(told, str(caught.value))
    assert threading.active_count() == threads


def test_option_error_is_a_value_error_and_queue_full_a_queue_full() -> None:
    """Code that knows only the standard library's exceptions catches them."""
    import queue

    assert issubclass(forebay.OptionError, (forebay.ForebayError, ValueError))
    assert issubclass(forebay.OptionError, forebay.ForebayError)
    assert issubclass(forebay.QueueFull, forebay.ForebayError)
    assert issubclass(forebay.QueueFull, queue.Full)


def test_the_core_refuses_a_path_that_it_does_not_know() -> None:
    """An option that the core forgot cannot pass unseen."""
    with pytest.raises(forebay.OptionError, match=r"^batch\.max_colour: "):
        _core.Collector([("exporter.type", "memory"), ("batch.max_colour", 1)])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: untyped.Collector(lane=[]), r"Collector\(\).*'lane'; did you mean 'lanes'\?"),
        (lambda: untyped.start(servce_name="x"), r"start\(\).*did you mean 'service_name'\?"),
        (lambda: untyped.Lane("a", queue_record=1), r"Lane\(\).*did you mean 'queue_records'\?"),
        (lambda: untyped.OtlpHttpExporter(header={}), r"did you mean 'headers'\?"),
        (lambda: untyped.MemoryExporter(max_byte=1), r"did you mean 'max_bytes'\?"),
        (lambda: untyped.BatchOptions(zzz=1), r"it takes max_records, max_bytes, max_delay"),
        (lambda: untyped.start(install_sigint=True), "install_sigint"),
        (lambda: untyped.Collector(spool=None), "spool"),
    ],
)
def test_an_unknown_keyword_is_a_type_error_with_the_nearest_name(call: Any, text: str) -> None:
    """Nothing is accepted and ignored, options of later versions neither."""
    with pytest.raises(TypeError, match=text):
        call()


def test_secrets_show_neither_in_repr_nor_in_errors() -> None:
    """Header values, user, password and query of the endpoint stay out of what may be logged."""
    exporter = forebay.OtlpHttpExporter(
        "https://user:pa/ss@host:4318/x?token=hidden", headers={"authorization": "Bearer hidden"}
    )
    shown = repr(exporter)
    for secret in ("user", "pa/ss", "hidden", "Bearer"):
        assert secret not in shown
    assert "authorization" in shown
    assert "host:4318" in shown
    bad = [
        forebay.OtlpHttpExporter("ftp://user:hidden@host"),
        forebay.OtlpHttpExporter("http://user:hidden@host:99999/?hidden"),
        forebay.OtlpHttpExporter(headers={"a": "hidden\n"}),
    ]
    for each in bad:
        with pytest.raises(forebay.OptionError) as caught:
            flat(exporter=each)
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"endpoint": "http://h:1"}, "http://h:1/v1/logs"),
        ({"endpoint": "http://h:1/"}, "http://h:1/v1/logs"),
        ({"endpoint": "http://h:1/a/b/"}, "http://h:1/a/b/v1/logs"),
        ({"logs_endpoint": "http://h:1/own"}, "http://h:1/own"),
        ({"logs_endpoint": "http://h"}, "http://h"),
        ({"metrics_endpoint": "http://h/o/v1/metrics"}, "http://h/o/v1/logs"),
        ({"endpoint": "http://e", "metrics_endpoint": "http://h/m"}, "http://e/v1/logs"),
    ],
)
def test_the_path_of_logs_is_appended_to_an_endpoint_and_not_to_a_logs_endpoint(
    given: dict[str, Any], url: str
) -> None:
    """As OpenTelemetry has it."""
    assert forebay.OtlpHttpExporter(**given).url() == url


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ({}, {"endpoint"}),
        ({"logs_endpoint": "http://h/l"}, {"logs_endpoint"}),
        ({"metrics_endpoint": "http://h/m"}, {"metrics_endpoint"}),
        ({"endpoint": "http://e", "logs_endpoint": "http://h/l"}, {"endpoint", "logs_endpoint"}),
        (
            {"endpoint": "http://e", "logs_endpoint": "http://h/l", "metrics_endpoint": "http://m"},
            {"logs_endpoint", "metrics_endpoint"},
        ),
    ],
)
def test_an_endpoint_of_one_signal_leaves_the_other_to_what_was_named(
    given: dict[str, Any], passed_on: set[str]
) -> None:
    """The default endpoint is for where nothing was named at all."""
    paths = flat(exporter=forebay.OtlpHttpExporter(**given))
    endpoints = {path.removeprefix("exporter.") for path in paths if path.endswith("endpoint")}
    assert endpoints == passed_on


def test_levels_take_the_names_and_numbers_of_logging() -> None:
    """Names in any case; WARN is WARNING; registered names count."""
    import logging

    names = {"debug": 10, "INFO": 20, "Warn": 30, "WARNING": 30, "ERROR": 40, "fatal": 50}
    for name, number in names.items():
        assert level_number(name, "level") == number
    assert level_number(logging.CRITICAL, "level") == 50
    assert level_number(0, "level") == 1
    logging.addLevelName(25, "NOTICE")
    assert level_number("NOTICE", "level") == 25
    for bad in ("LOUD", "", -1, True, 2.5, None):
        with pytest.raises(forebay.OptionError, match=r"^level: "):
            level_number(bad, "level")


def test_levels_become_the_severities_that_opentelemetry_has_for_python() -> None:
    """Each ten has four severities; the numbers are OpenTelemetry-Python's."""
    table = {1: 1, 2: 2, 4: 4, 9: 4, 10: 5, 11: 6, 12: 7, 13: 8, 19: 8, 20: 9, 21: 10, 22: 11}
    table |= {23: 12, 29: 12, 30: 13, 31: 14, 32: 15, 33: 16, 39: 16, 40: 17, 43: 20, 49: 20}
    table |= {50: 21, 51: 22, 52: 23, 53: 24, 59: 24, 60: 24, 1000: 24}
    assert {level: severity_number(level) for level in table} == table
