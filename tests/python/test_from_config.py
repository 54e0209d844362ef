"""`forebay.from_config`: the options of `forebay.start` from a mapping or a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import forebay

CONFIG = """
service_name = "checkout"
memory_limit = 67108864

[resource]
"deployment.environment.name" = "test"

[exporter]
type = "memory"

[batch]
max_delay = 0.05

[[lanes]]
name = "audit"
logger = "audit.*"
on_full = "block(50ms)+fail"
attributes = { tenant = "a" }

[[lanes]]
name = "rest"
rate_limit = { per_second = 0.001, burst = 2 }

[[sampling]]
type = "ratio"
ratio = 0.5
max_level = "DEBUG"
"""


@pytest.fixture(autouse=True)
def _no_default_is_left() -> Iterator[None]:
    yield
    collector = forebay.get_collector()
    if collector is not None:
        collector.shutdown(10)


def test_a_toml_file_says_all_that_code_can_say(tmp_path: Path) -> None:
    """Lanes, limits and rules do what they say."""
    path = tmp_path / "forebay.toml"
    path.write_text(CONFIG)
    collector = forebay.from_config(path)
    assert collector is forebay.get_collector()
    assert collector.service_name == "checkout"
    log = forebay.get_logger("shop")
    for _ in range(5):
        log.info("x")
    assert collector.flush(30).complete
    stats = collector.stats()
    assert list(stats.lanes) == ["audit", "rest"]
    assert stats.lanes["rest"].rate_limited == 3
    assert isinstance(collector.exporter, forebay.MemoryExporter)
    (logs, *_) = collector.exporter.resource_logs()
    assert logs.resource["deployment.environment.name"] == "test"


def test_a_mapping_does_too_and_objects_may_be_in_it() -> None:
    """What is an object already is taken as it is."""
    collector = forebay.from_config(
        {"exporter": forebay.MemoryExporter(), "lanes": [forebay.Lane("only")], "console": "off"}
    )
    assert list(collector.stats().lanes) == ["only"]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"servicename": "x"}, "servicename: there is no such option; did you mean 'service_name'"),
        ({1: 2}, "1: there is no such option; there are service_name, "),
        ({"batch": {None: 1}}, "batch.None: there is no such option; there are max_records, "),
        ({"run_directory": 5}, "run_directory: 5 is not a path"),
        ({"run_directory": ""}, "run_directory: '' is not a text of one character or more"),
        ({"exporter": {"type": ["file"]}}, "exporter.type: ['file'] is not one of 'otlp_http'"),
        ({"batch": 7}, "batch: 7 is not a table"),
        ({"batch": {"max_delay": -1}}, "batch.max_delay: -1"),
        ({"exporter": {"type": "kafka"}}, "exporter.type: 'kafka' is not one of 'otlp_http'"),
        ({"lanes": [{"name": "a", "on_full": "block(x)"}]}, "lanes[0].on_full: 'x' is no duration"),
        ({"lanes": {"name": "a"}}, "lanes: {'name': 'a'} is not a list"),
        (7, "source: 7 is not a mapping or a path"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(config: Any, told: str) -> None:
    """Before anything is started."""
    with pytest.raises(forebay.OptionError) as error:
        forebay.from_config(config)
    assert str(error.value).startswith(told)
    assert forebay.get_collector() is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("a = ", "Invalid value"),
        ("[batch]\nmax_delay = 'x'", "batch.max_d"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, content: str | None, told: str) -> None:
    """Path first, then what is wrong in it."""
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(forebay.OptionError) as error:
        forebay.from_config(str(path))
    assert str(error.value).startswith(f"{path}: {told}")
