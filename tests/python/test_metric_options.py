"""Options of metrics: checked before anything starts, and spelled out for the core."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay import MetricsOptions, View, _core
from forebay._config import arguments_from
from forebay._validation import OptionList


def flat(metrics: MetricsOptions) -> dict[str, Any]:
    """The options as the core is given them."""
    options = OptionList()
    metrics._flatten(options, "metrics")
    assert len(dict(options.pairs)) == len(options.pairs), "a path was given twice"
    return dict(options.pairs)


EVERYTHING = MetricsOptions(
    interval=10,
    callback_timeout=2.5,
    temporality="lowmemory",
    histogram="exponential",
    cardinality_limit=500,
    max_bytes=1 << 20,
    max_batch_points=1000,
    backlog_share=0.2,
    max_age=3600,
    publish_directory="/no/such/folder",
    publish_interval=0.5,
    views=[
        View(
            "http.server.request.duration",
            meter="shop.*",
            kind="histogram",
            name="latency",
            description="How long",
            aggregation="explicit",
            buckets=[0.1, 1, 10],
            max_buckets=80,
            cardinality_limit=100,
            keep_attributes=["route", "status"],
            drop_attributes=["user"],
        ),
        View(buckets=[], keep_attributes=()),
        View("debug.*", aggregation="drop"),
    ],
)
FLAT = {
    "metrics.interval": 10.0,
    "metrics.callback_timeout": 2.5,
    "metrics.temporality": "lowmemory",
    "metrics.histogram": "exponential",
    "metrics.cardinality_limit": 500,
    "metrics.max_bytes": 1 << 20,
    "metrics.max_batch_points": 1000,
    "metrics.backlog_share": 0.2,
    "metrics.max_age": 3600.0,
    "metrics.views[0].instrument": "http.server.request.duration",
    "metrics.publish_directory": "/no/such/folder",
    "metrics.publish_interval": 0.5,
    "metrics.views[0].meter": "shop.*",
    "metrics.views[0].kind": "histogram",
    "metrics.views[0].name": "latency",
    "metrics.views[0].description": "How long",
    "metrics.views[0].aggregation": "explicit",
    "metrics.views[0].buckets[0]": 0.1,
    "metrics.views[0].buckets[1]": 1.0,
    "metrics.views[0].buckets[2]": 10.0,
    "metrics.views[0].max_buckets": 80,
    "metrics.views[0].cardinality_limit": 100,
    "metrics.views[0].keep_attributes[0]": "route",
    "metrics.views[0].keep_attributes[1]": "status",
    "metrics.views[0].drop_attributes[0]": "user",
    "metrics.views[1].instrument": "*",
    "metrics.views[1].meter": "*",
    "metrics.views[1].no_buckets": True,
    "metrics.views[1].keep_no_attributes": True,
    "metrics.views[2].instrument": "debug.*",
    "metrics.views[2].meter": "*",
    "metrics.views[2].aggregation": "drop",
}


def test_every_option_reaches_the_core_under_its_path() -> None:
    """No option is accepted and forgotten; what is not given is left to the core."""
    assert flat(EVERYTHING) == FLAT
    assert flat(MetricsOptions()) == {}


def test_the_core_takes_what_python_hands_over() -> None:
    """Each path is one that it knows, and no value is refused."""
    forebay.Collector(exporter=forebay.MemoryExporter(), metrics=EVERYTHING).shutdown(0)


def test_the_page_of_options_names_every_path() -> None:
    """In full, or below the path in the head of its table."""
    page = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
    missing = []
    for path in FLAT:
        below = re.sub(r"^metrics\.views\[\d\]", "", path)
        below = re.sub(r"\[\d\]", "[n]", below)
        if f"`{path}`" not in page and f"`{below}`" not in page:
            missing.append(path)
    assert missing == []


untyped: Any = View
BAD: list[tuple[Any, str, str]] = [
    ({"interval": 0}, "metrics.interval", "0 is not in 0.01..86400 s"),
    ({"interval": "1m"}, "metrics.interval", "not a number"),
    ({"interval": 1, "callback_timeout": 2}, "metrics.callback_timeout", "2 is over"),
    ({"temporality": "Delta"}, "metrics.temporality", "'Delta' is not one of 'cumulative'"),
    ({"histogram": "sum"}, "metrics.histogram", "'sum' is not one of"),
    ({"cardinality_limit": 0}, "metrics.cardinality_limit", "0 is not in 1..1000000"),
    ({"max_bytes": 1000}, "metrics.max_bytes", "1000 is not in 65536"),
    ({"backlog_share": 1.5}, "metrics.backlog_share", "1.5 is not in 0..1"),
    ({"publish_directory": 7}, "metrics.publish_directory", "7 is not a path"),
    ({"publish_directory": ""}, "metrics.publish_directory", "'' is not a text"),
    ({"publish_interval": 0}, "metrics.publish_interval", "0 is not in 0.01..86400 s"),
    ({"views": View()}, "metrics.views", "is not a list of View"),
    ({"views": ["a"]}, "metrics.views[0]", "'a' is not a View"),
    ({"views": [View(), View("")]}, "metrics.views[1].instrument", "''"),
    ({"views": [untyped("a", kind="timer")]}, "metrics.views[0].kind", "'timer'"),
    ({"views": [View("a.*", name="b")]}, "metrics.views[0].name", "every instrument"),
    ({"views": [View("a", name="1")]}, "metrics.views[0].name", "'1' is not a letter"),
    ({"views": [View("a", name="a\n")]}, "metrics.views[0].name", "is not a letter"),
    ({"views": [View("a", buckets=[1, 1])]}, "metrics.views[0].buckets[1]", "not above"),
    ({"views": [View("a", buckets=[float("nan")])]}, "metrics.views[0].buckets[0]", "nan"),
    ({"views": [View("a", buckets=range(257))]}, "metrics.views[0].buckets", "257 bounds"),
    ({"views": [untyped("a", buckets="12")]}, "metrics.views[0].buckets", "not a list"),
    ({"views": [View("a", max_buckets=1)]}, "metrics.views[0].max_buckets", "1 is not in 2..1024"),
    ({"views": [View("a", keep_attributes="route")]}, "metrics.views[0].keep_attributes", "list"),
    ({"views": [View("a", drop_attributes=[""])]}, "metrics.views[0].drop_attributes[0]", "''"),
]


@pytest.mark.parametrize(
    ("options", "path", "told"), BAD, ids=[f"{i}-{path}" for i, (_, path, _) in enumerate(BAD)]
)
def test_a_bad_value_is_an_option_error_that_names_path_value_and_range(
    options: Any, path: str, told: str
) -> None:
    """Before anything is started."""
    with pytest.raises(forebay.OptionError) as caught:
        forebay.Collector(exporter=forebay.MemoryExporter(), metrics=MetricsOptions(**options))
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)


def test_an_unknown_keyword_is_a_type_error_with_the_nearest_name() -> None:
    """Nothing is accepted and ignored."""
    untyped_options: Any = MetricsOptions
    not_options: Any = 7
    with pytest.raises(TypeError, match="did you mean 'temporality'"):
        untyped_options(temporalty="delta")
    with pytest.raises(TypeError, match="did you mean 'buckets'"):
        untyped("a", bucket=[1])
    with pytest.raises(forebay.OptionError, match=r"metrics: 7 is not a MetricsOptions"):
        forebay.Collector(exporter=forebay.MemoryExporter(), metrics=not_options)


NUMBERS: list[tuple[str, float, float, float]] = [
    ("metrics.interval", 0.01, 86_400.0, 0.005),
    ("metrics.callback_timeout", 0.001, 3600.0, 0.0005),
    ("metrics.cardinality_limit", 1, 1_000_000, 1),
    ("metrics.max_bytes", 64 << 10, 1 << 40, 1),
    ("metrics.max_batch_points", 1, 1_000_000, 1),
    ("metrics.max_age", 0.001, 365 * 86_400.0, 0.0005),
    ("metrics.views[0].max_buckets", 2, 1024, 1),
]


@pytest.mark.parametrize(("path", "low", "high", "step"), NUMBERS, ids=[n[0] for n in NUMBERS])
def test_the_core_has_the_same_ranges(path: str, low: float, high: float, step: float) -> None:
    """Python's check comes first for the sake of types; the core, which C++ uses too, agrees."""
    base: list[tuple[str, Any]] = [("service_name", "t"), ("exporter.type", "memory")]
    if "views" in path:
        base.append(("metrics.views[0].instrument", "*"))
    for value in (low - step, high + step):
        with pytest.raises(forebay.OptionError) as caught:
            _core.Collector([*base, (path, value)])
        assert str(caught.value).startswith(f"{path}: ")
    _core.Collector([*base, (path, low)]).shutdown(0)


def test_a_table_says_all_that_code_can_say() -> None:
    """`[metrics]`, and `[[metrics.views]]` in it."""
    table = {
        "interval": 5,
        "temporality": "delta",
        "views": [{"instrument": "a", "keep_attributes": ["b"]}, {"aggregation": "drop"}],
    }
    assert arguments_from({"metrics": table}, ("metrics",))["metrics"] == MetricsOptions(
        interval=5,
        temporality="delta",
        views=[View("a", keep_attributes=["b"]), View(aggregation="drop")],
    )
    assert arguments_from({"metrics": EVERYTHING}, ("metrics",))["metrics"] is EVERYTHING


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (7, "metrics: 7 is not a table"),
        ({"intervall": 1}, "metrics.intervall: there is no such option; did you mean 'interval'"),
        ({"views": {"instrument": "a"}}, "metrics.views: {'instrument': 'a'} is not a list"),
        ({"views": [{"bucket": [1]}]}, "metrics.views[0].bucket: there is no such option"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_path(table: Any, told: str) -> None:
    """Before anything is started."""
    with pytest.raises(forebay.OptionError) as caught:
        arguments_from({"metrics": table}, ("metrics",))
    assert str(caught.value).startswith(told)
