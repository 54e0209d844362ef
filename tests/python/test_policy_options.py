"""Options of policies: every order of a chain, every path, every bad value."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

import forebay
from forebay import _core
from tests.python.test_options import flat

# The package as code without a type checker sees it.
untyped: Any = forebay
Lane = untyped.Lane
Block = untyped.Block

WORDS = ("drop_newest", "drop_oldest", "fail")
STEPS = [*WORDS, "block", Block(), Block(timeout=0.005)]


def why_not(chain: tuple[Any, ...]) -> str | None:
    """The rule in one place: Block with a timeout may come first, and then one of the others."""
    for i, step in enumerate(chain):
        waits = step not in WORDS
        if waits and i > 0:
            return rf"lanes\[0\].on_full\[{i}\]: .* can only be the first"
        if waits and len(chain) > 1 and step != Block(timeout=0.005):
            return (
                r"lanes\[0\].on_full\[0\]: without a timeout it never comes to .*Block\(timeout=…\)"
            )
        if not waits and i + 1 < len(chain):
            return rf"lanes\[0\].on_full\[{i}\]: nothing comes after '{step}'"
    return None


@pytest.mark.parametrize("length", [1, 2, 3])
def test_every_order_of_a_chain_is_taken_or_told_why_not(length: int) -> None:
    """And the core takes what Python takes."""
    taken = 0
    for chain in itertools.product(STEPS, repeat=length):
        expected = why_not(chain)
        lane = Lane("a", on_full=list(chain))
        if expected is None:
            taken += 1
            options = flat(lanes=[lane])
            assert [options.get(f"lanes[0].on_full[{i}]") for i in range(3)] == [
                *(step if step in WORDS else "block" for step in chain),
                *[None] * (3 - length),
            ]
            _core.Collector(list(options.items())).shutdown(0)
        else:
            with pytest.raises(forebay.OptionError) as caught:
                flat(lanes=[lane])
            assert re.match(expected, str(caught.value)), (chain, str(caught.value))
    assert taken == {1: 6, 2: 3, 3: 0}[length]


def test_one_policy_needs_no_list() -> None:
    """And a tuple is as good as a list."""
    for step in STEPS:
        alone = flat(lanes=[Lane("a", on_full=step)])
        assert alone == flat(lanes=[Lane("a", on_full=[step])])
        assert alone == flat(lanes=[Lane("a", on_full=(step,))])


def every_policy() -> dict[str, Any]:
    """Each option of each class, as the core is given them."""
    return flat(
        lanes=[
            Lane(
                "checkout",
                attributes={"route": "/checkout", "paid": True, "tenant": 7, "rate": 0.5},
                signal="logs",
                weight=10,
                priority="strict",
                early_drop=untyped.EarlyDrop(0.6, 0.9),
                rate_limit=untyped.RateLimit(10_000, burst=20_000, by="logger"),
                high_watermark=0.7,
                low_watermark=0.5,
                gap_records=False,
            ),
            Lane("rest", early_drop=untyped.EarlyDrop(0.5), rate_limit=untyped.RateLimit(0.5)),
        ],
        sampling=[
            untyped.SampleRatio(0.1, max_level="DEBUG"),
            untyped.SampleTraceRatio(0.25, logger="shop.*", attributes={"user": "bot"}),
            untyped.SampleBurst(100, 10, 2.0, min_level="INFO", max_level=29),
            untyped.SampleBurst(first=0, then_every=0),
        ],
        flight_recorder=untyped.FlightRecorder(
            level="TRACE", records=1024, window=5, trigger="CRITICAL"
        ),
        breaker=untyped.BreakerOptions(failures=3, open_initial=0.5, open_max=10),
        limits=untyped.LimitOptions(summary_interval=5),
        backlog=untyped.BacklogOptions(order="newest_first", stale_share=0.1),
    )


def test_every_policy_reaches_the_core_under_its_path() -> None:
    """No option is accepted and forgotten."""
    assert every_policy() == {
        "exporter.type": "memory",
        "lanes[0].name": "checkout",
        "lanes[0].attribute:route": "/checkout",
        "lanes[0].attribute:paid": "true",
        "lanes[0].attribute:tenant": "7",
        "lanes[0].attribute:rate": "0.5",
        "lanes[0].signal": "logs",
        "lanes[0].on_full[0]": "drop_newest",
        "lanes[0].weight": 10,
        "lanes[0].priority": "strict",
        "lanes[0].early_drop.start": 0.6,
        "lanes[0].early_drop.full": 0.9,
        "lanes[0].rate_limit.per_second": 10_000.0,
        "lanes[0].rate_limit.burst": 20_000,
        "lanes[0].rate_limit.by": "logger",
        "lanes[0].high_watermark": 0.7,
        "lanes[0].low_watermark": 0.5,
        "lanes[0].gap_records": False,
        "lanes[1].name": "rest",
        "lanes[1].on_full[0]": "drop_newest",
        "lanes[1].early_drop.start": 0.5,
        "lanes[1].early_drop.full": 0.9,
        "lanes[1].rate_limit.per_second": 0.5,
        "lanes[1].rate_limit.by": "lane",
        "sampling[0].type": "ratio",
        "sampling[0].ratio": 0.1,
        "sampling[0].max_level": 5,
        "sampling[1].type": "trace_ratio",
        "sampling[1].ratio": 0.25,
        "sampling[1].logger": "shop.*",
        "sampling[1].attribute:user": "bot",
        "sampling[2].type": "burst",
        "sampling[2].first": 100,
        "sampling[2].then_every": 10,
        "sampling[2].interval": 2.0,
        "sampling[2].min_level": 9,
        "sampling[2].max_level": 12,
        "sampling[3].type": "burst",
        "sampling[3].first": 0,
        "sampling[3].then_every": 0,
        "sampling[3].interval": 1.0,
        "recorder.level": 1,
        "recorder.records": 1024,
        "recorder.window": 5.0,
        "recorder.trigger": 21,
        "breaker.failures": 3,
        "breaker.open_initial": 0.5,
        "breaker.open_max": 10.0,
        "limits.summary_interval": 5.0,
        "backlog.order": "newest_first",
        "backlog.stale_share": 0.1,
    }


def lane(**options: Any) -> dict[str, Any]:
    return {"lanes": [Lane("a", **options)]}


def rule(rule: Any) -> dict[str, Any]:
    return {"sampling": [rule]}


U = untyped
BAD: list[tuple[dict[str, Any], str, str]] = [
    (lane(on_full="drop"), "lanes[0].on_full[0]", "'drop' is not one of 'drop_newest'"),
    (lane(on_full=[]), "lanes[0].on_full", "is not a policy"),
    (lane(on_full=7), "lanes[0].on_full", "7 is not a policy"),
    (lane(on_full=[None]), "lanes[0].on_full[0]", "None is not one of"),
    (lane(on_full=["DROP_OLDEST"]), "lanes[0].on_full[0]", "'DROP_OLDEST' is not one of"),
    (lane(on_full=[Block(timeout=90_000), "fail"]), "lanes[0].on_full[0].timeout", "90000"),
    (lane(attributes=["a"]), "lanes[0].attributes", "mapping"),
    (lane(attributes={}), "lanes[0].attributes", "mapping"),
    (lane(attributes={"": "a"}), "lanes[0].attributes", "''"),
    (lane(attributes={"a": [1]}), "lanes[0].attribute:a", "[1]"),
    (lane(attributes={"a": ""}), "lanes[0].attribute:a", "''"),
    (lane(signal="traces"), "lanes[0].signal", "'traces' is not one of 'logs'"),
    (lane(weight=0), "lanes[0].weight", "0 is not in 1..100"),
    (lane(weight=101), "lanes[0].weight", "101 is not in 1..100"),
    (lane(priority="high"), "lanes[0].priority", "'weighted', 'strict'"),
    (lane(early_drop=0.5), "lanes[0].early_drop", "0.5 is not an EarlyDrop"),
    (lane(early_drop=U.EarlyDrop(-1)), "lanes[0].early_drop.start", "-1 is not in 0..1"),
    (lane(early_drop=U.EarlyDrop(0.5, 1.5)), "lanes[0].early_drop.full", "1.5 is not in 0..1"),
    (lane(early_drop=U.EarlyDrop(0.9, 0.6)), "lanes[0].early_drop.full", "not above start, 0.9"),
    (lane(early_drop=U.EarlyDrop(0.9, 0.9)), "lanes[0].early_drop.full", "not above start"),
    (lane(rate_limit=100), "lanes[0].rate_limit", "100 is not a RateLimit"),
    (lane(rate_limit=U.RateLimit(-1)), "lanes[0].rate_limit.per_second", "-1 is not in 0.."),
    (lane(rate_limit=U.RateLimit(1, 0)), "lanes[0].rate_limit.burst", "0 is not in 1.."),
    (lane(rate_limit=U.RateLimit(1, by="user")), "lanes[0].rate_limit.by", "'lane', 'logger'"),
    (lane(high_watermark=1.1), "lanes[0].high_watermark", "1.1 is not in 0..1"),
    (lane(high_watermark=0.5), "lanes[0].high_watermark", "low 0.6 is not under high 0.5"),
    (lane(low_watermark=0.9), "lanes[0].low_watermark", "low 0.9 is not under high 0.8"),
    (
        lane(low_watermark=0.7, high_watermark=0.7),
        "lanes[0].low_watermark",
        "low 0.7 is not under high 0.7",
    ),
    (lane(gap_records=1), "lanes[0].gap_records", "1 is not True or False"),
    ({"sampling": U.SampleRatio(0.1)}, "sampling", "not a list of rules"),
    (rule("half"), "sampling[0]", "'half' is not a SampleRatio"),
    (rule(U.SampleRatio(2)), "sampling[0].ratio", "2 is not in 0..1"),
    (rule(U.SampleRatio(None)), "sampling[0].ratio", "must be given"),
    (rule(U.SampleRatio(0.5, min_level="LOUD")), "sampling[0].min_level", "'LOUD'"),
    (
        rule(U.SampleRatio(0.5, min_level="ERROR", max_level="INFO")),
        "sampling[0].max_level",
        "'INFO' is under min_level, 'ERROR'",
    ),
    (rule(U.SampleTraceRatio(float("nan"))), "sampling[0].ratio", "nan"),
    (rule(U.SampleTraceRatio(0.5, logger="")), "sampling[0].logger", "''"),
    (rule(U.SampleTraceRatio(0.5, attributes=7)), "sampling[0].attributes", "7"),
    (rule(U.SampleBurst(-1, 1)), "sampling[0].first", "-1 is not in 0.."),
    (rule(U.SampleBurst(1, None)), "sampling[0].then_every", "must be given"),
    (rule(U.SampleBurst(1, 1, 0)), "sampling[0].interval", "0 is not in 0.001.."),
    ({"flight_recorder": True}, "flight_recorder", "True is not a FlightRecorder"),
    ({"flight_recorder": U.FlightRecorder(level=None)}, "recorder.level", "None is not a level"),
    ({"flight_recorder": U.FlightRecorder(records=1)}, "recorder.records", "1 is not in 64.."),
    ({"flight_recorder": U.FlightRecorder(window=0)}, "recorder.window", "0 is not in 0.001.."),
    (
        {"flight_recorder": U.FlightRecorder(level="ERROR", trigger="ERROR")},
        "recorder.trigger",
        "'ERROR' is not above level",
    ),
    ({"breaker": 5}, "breaker", "5 is not a BreakerOptions"),
    ({"breaker": U.BreakerOptions(failures=0)}, "breaker.failures", "0 is not in 1.."),
    (
        {"breaker": U.BreakerOptions(open_initial=9, open_max=3)},
        "breaker.open_max",
        "3 is under breaker.open_initial, 9",
    ),
    ({"limits": {}}, "limits", "{} is not a LimitOptions"),
    ({"limits": U.LimitOptions(summary_interval=0)}, "limits.summary_interval", "0 is not in"),
    ({"backlog": U.BacklogOptions(stale_share=2)}, "backlog.stale_share", "2 is not in 0..1"),
]


@pytest.mark.parametrize(
    ("options", "path", "told"), BAD, ids=[f"{i}-{path}" for i, (_, path, _) in enumerate(BAD)]
)
def test_a_bad_value_of_a_policy_names_path_value_and_range(
    options: dict[str, Any], path: str, told: str
) -> None:
    """Before anything is made."""
    with pytest.raises(forebay.OptionError) as caught:
        untyped.Collector(exporter=forebay.MemoryExporter(), **options)
    assert str(caught.value).startswith(f"{path}: "), caught.value
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Lane("a", rate_limits=1), "did you mean 'rate_limit'"),
        (lambda: Lane("a", high_water_mark=1), "did you mean 'high_watermark'"),
        (lambda: U.EarlyDrop(begin=0.5), "it takes start, full"),
        (lambda: U.RateLimit(per_seconds=1), "did you mean 'per_second'"),
        (lambda: U.SampleRatio(0.1, level="INFO"), "did you mean 'min_level'"),
        (lambda: U.SampleBurst(1, then_each=1), "did you mean 'then_every'"),
        (lambda: U.FlightRecorder(trigers=1), "did you mean 'trigger'"),
        (lambda: U.Collector(samplings=[]), "did you mean 'sampling'"),
        (lambda: U.start(recorder=None), "did you mean 'flight_recorder'"),
        (lambda: U.BreakerOptions(failure=1), "did you mean 'failures'"),
    ],
)
def test_an_unknown_keyword_of_a_policy_names_the_nearest(call: Any, text: str) -> None:
    """Nothing is accepted and ignored."""
    with pytest.raises(TypeError, match=re.escape(text)):
        call()


def test_start_takes_every_option_of_a_collector() -> None:
    """By the same names."""
    import inspect

    collector = set(inspect.signature(forebay.Collector).parameters)
    start = set(inspect.signature(forebay.start).parameters)
    assert start - collector == {"capture_logging", "install_sigterm"}
    assert collector <= start


def test_the_page_of_options_names_every_path() -> None:
    """In full, or below the path in the head of its table."""
    page = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
    missing = []
    for path in every_policy():
        below = re.sub(r"^(lanes|sampling)\[\d\]", "", path)
        below = re.sub(r"\[\d\]", "[0]", below)
        below = re.sub(r"\.attribute:.*", ".attribute:KEY", below)
        if f"`{path}`" not in page and f"`{below}`" not in page:
            missing.append(path)
    assert missing == []
