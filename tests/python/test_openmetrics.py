"""What reads the core's OpenMetrics and writes it again: judged by prometheus_client's parsers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

import forebay
from forebay._openmetrics import compact, number, parse, render, split, total, with_label

# Characters that end lines elsewhere, and those that are escaped.
HOSTILE = 'a"b\\c\nd,process="x" }{ \u2028\x0b\x85 é'


def families(text: str, *, openmetrics: bool) -> dict[str, Any]:
    """By name, as prometheus_client reads them."""
    read: Any = (
        openmetrics_parser.text_string_to_metric_families
        if openmetrics
        else text_parser.text_string_to_metric_families
    )
    return {family.name: family for family in read(text)}


@pytest.fixture
def collector() -> Iterator[forebay.Collector]:
    views = [forebay.View("signed", aggregation="explicit", buckets=[-1, 1]), forebay.View("*")]
    with forebay.Collector(
        service_name="test",
        exporter=forebay.MemoryExporter(),
        metrics=forebay.MetricsOptions(views=views),
    ) as made:
        made.counter("orders", unit="{order}", description='Orders "taken"\\ \n').add(3, {"r": 1})
        made.counter("cpu.time", unit="s").add(0.1, {"mode": HOSTILE})
        made.up_down_counter("active").add(-4)
        made.gauge("depth", unit="By").set(math.nextafter(17, 18), {"le": "x"})
        made.histogram("latency", unit="s", buckets=[0.1, 1]).record(0.25, {"route": "/x"})
        made.up_down_counter("signed").add(-3)
        yield made


@pytest.mark.parametrize("openmetrics", [True, False])
def test_what_is_written_again_is_what_the_core_writes_in_that_format(
    collector: forebay.Collector, openmetrics: bool
) -> None:
    """Names, types, units, help, labels, values, start times."""
    whole = parse(collector.prometheus_text(openmetrics=True))
    written = families(render(whole, [], openmetrics=openmetrics), openmetrics=openmetrics)
    expected = families(collector.prometheus_text(openmetrics=openmetrics), openmetrics=openmetrics)
    assert written.keys() == expected.keys()
    assert len(written) >= 7
    for name, family in expected.items():
        assert written[name] == family


def test_a_text_without_its_end_is_refused(collector: forebay.Collector) -> None:
    """Half an exposition would be numbers that went down."""
    text = collector.prometheus_text(openmetrics=True)
    with pytest.raises(ValueError, match="no end"):
        parse(text[: len(text) // 2])


def test_labels_are_told_apart_whatever_is_in_their_values() -> None:
    """Quotation marks, commas and what looks like a label."""
    labels = 'a="x,process=",b="q\\"process=\\"",c="\\\\"'
    assert dict(split(labels)) == {"a": "x,process=", "b": 'q\\"process=\\"', "c": "\\\\"}
    assert with_label(labels, "process", "7") == f'{labels},process="7"'
    assert with_label("", "process", "7") == 'process="7"'


def test_an_attribute_of_the_labels_name_is_kept_under_another_one() -> None:
    """As a Prometheus server does with its own labels."""
    labels = 'exported_process="b",process="a"'
    assert dict(split(with_label(labels, "process", "7"))) == {
        "exported_process": "b",
        "exported_exported_process": "a",
        "process": "7",
    }


NUMBERS = st.one_of(
    st.integers(0, 2**53),
    st.floats(-1e300, 1e300, allow_nan=False, allow_subnormal=True),
)


@given(st.lists(NUMBERS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_sum_does_not_depend_on_order_or_on_what_was_added_up_before(
    numbers: list[int | float], shuffle: random.Random
) -> None:
    """Nor does it differ from the exact sum by more than one rounding."""
    expected = total(numbers)
    mixed = list(numbers)
    shuffle.shuffle(mixed)
    cut = shuffle.randrange(len(mixed) + 1)
    assert total(mixed) == expected
    assert total([*compact(mixed[:cut]), *compact(mixed[cut:])]) == expected
    assert expected == float(sum(map(Fraction, numbers))) or isinstance(expected, int)
    assert sum(map(Fraction, compact(numbers))) == sum(map(Fraction, numbers))


def test_sums_beyond_the_largest_number_are_infinite() -> None:
    """As they are where floats are added, and compacted or not."""
    assert total([1e308, 1e308]) == math.inf
    assert total(compact([1e308, 1e308])) == math.inf
    assert math.isnan(total([math.inf, -math.inf]))
    assert total(compact([math.inf, 1.0])) == math.inf


def test_whole_numbers_stay_whole_however_large() -> None:
    """Floats have 53 bits."""
    assert number("9007199254740993") == 2**53 + 1
    assert total([number("9007199254740993"), 1]) == 2**53 + 2
    assert isinstance(number("3.0"), float)
    assert math.isnan(number("NaN"))
