"""Values: whatever is given to a logger arrives, decoded by the official protobuf schema."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import struct
import uuid
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

import forebay
from tests.python.in_memory import InMemory, in_memory


@pytest.fixture(scope="module")
def memory() -> Iterator[InMemory]:
    with in_memory() as made:
        yield made


def python_value(value: AnyValue) -> Any:
    """An AnyValue as Python would have written it."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [python_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: python_value(each.value) for each in value.kvlist_value.values}
    return getattr(value, kind)


def official_records(memory: InMemory) -> list[tuple[Any, dict[str, Any]]]:
    """Body and attributes of what was delivered since the last call, by opentelemetry-proto."""
    assert memory.collector.flush(timeout=30).complete
    records = []
    for request in memory.exporter.requests():
        message = ExportLogsServiceRequest.FromString(request)
        for resource_logs in message.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    keys = [each.key for each in record.attributes]
                    assert len(set(keys)) == len(keys), "OTLP: attribute keys are unique"
                    attributes = {a.key: python_value(a.value) for a in record.attributes}
                    records.append((python_value(record.body), attributes))
    memory.exporter.clear()
    return records


def sent(memory: InMemory, /, *args: object, **attributes: object) -> tuple[Any, dict[str, Any]]:
    """Log at INFO, and return what arrived."""
    assert memory.log.info(*args, **attributes)  # type: ignore[arg-type]
    records = official_records(memory)
    assert len(records) == 1
    return records[0]


def same(a: Any, b: Any) -> bool:
    """Equal in type and bits: 1 is not True nor 1.0, NaN is NaN, -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
RESERVED = {"exc_info", "stack_info", "stacklevel", "extra"}
keys = st.text(min_size=1).filter(lambda key: key not in RESERVED)
generously = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


@generously
@hypothesis.given(attributes=st.dictionaries(keys, json_like, max_size=40), message=st.text())
def test_any_json_like_value_survives_as_an_attribute(
    memory: InMemory, attributes: dict[str, Any], message: str
) -> None:
    """Type, bits and nesting arrive as they were given; the message is not touched."""
    body, arrived = sent(memory, message, **attributes)
    assert body == message
    assert same(arrived, attributes)


@generously
@hypothesis.given(body=json_like)
def test_any_json_like_value_survives_as_the_body(memory: InMemory, body: Any) -> None:
    """A message need not be a text."""
    arrived, _ = sent(memory, body)
    assert same(arrived, body)


@generously
@hypothesis.given(values=st.lists(json_like, min_size=1, max_size=8))
def test_one_call_site_sends_what_it_was_given_each_time(
    memory: InMemory, values: list[Any]
) -> None:
    """What the core remembers of a call site never carries over to another record."""
    for value in values:
        memory.log.info("a constant message", first=value, second=1)
    records = official_records(memory)
    assert len(records) == len(values)
    for (body, attributes), value in zip(records, values, strict=True):
        assert body == "a constant message"
        assert same(attributes, {"first": value, "second": 1})


@generously
@hypothesis.given(
    calls=st.lists(
        st.tuples(
            st.sampled_from("abc"), st.dictionaries(st.sampled_from("klmn"), st.integers(0, 9))
        ),
        max_size=20,
    )
)
def test_built_messages_and_built_keywords_are_never_mixed_up(
    memory: InMemory, calls: list[tuple[str, dict[str, int]]]
) -> None:
    """Objects that die right after the call leave an address that the next ones take."""
    for name, attributes in calls:
        built: dict[str, Any] = dict(attributes)
        memory.log.info("message " + name, **built)
    records = official_records(memory)
    assert records == [("message " + name, attributes) for name, attributes in calls]


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    """A str that lies about itself."""

    def __str__(self) -> str:
        raise AssertionError("must not be called")

    def __len__(self) -> int:
        return 1


class Number(int):
    def __int__(self) -> int:
        return 99

    def __index__(self) -> int:
        return 99


class Mapping(dict[str, object]):
    def items(self) -> Any:
        raise AssertionError("must not be called")


@dataclass
class Point:
    x: int
    y: int


Pair = namedtuple("Pair", "left right")
MOMENT = datetime.datetime(2026, 11, 24, 12, 30, tzinfo=datetime.UTC)
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        ((1, "a", None), [1, "a", None]),
        (Pair(1, 2), [1, 2]),
        (frozenset([7]), [7]),
        ({7}, [7]),
        (bytearray(b"\x00\xff"), b"\x00\xff"),
        (memoryview(b"abc"), b"abc"),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        ({1: "one", None: "none", (1, 2): "pair"}, {"1": "one", "None": "none", "(1, 2)": "pair"}),
        (1 << 63, str(1 << 63)),
        (-(1 << 200), str(-(1 << 200))),
        (decimal.Decimal("1.50"), "1.50"),
        (MOMENT, "2026-11-24 12:30:00+00:00"),
        (datetime.timedelta(seconds=5), "0:00:05"),
        (UUID, str(UUID)),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "Colour.RED"),
        (Level.HIGH, 3),
        (1 + 2j, "(1+2j)"),
        (Point(1, 2), "Point(x=1, y=2)"),
        (ValueError("wrong"), "wrong"),
        (int, "<class 'int'>"),
        (range(3), "range(0, 3)"),
        (Text("secretly long"), "secretly long"),
        (Number(5), 5),
        (Mapping(a=1), {"a": 1}),
        ("a\udc80b", "a\ufffdb"),
        ("nul\0inside", "nul\0inside"),
        ({"a\ud800": ["\udfff"]}, {"a\ufffd": ["\ufffd"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_otlp_has_no_type_for_goes_in_as_the_nearest(
    memory: InMemory, given: object, arrives: object
) -> None:
    """Sequences as arrays, mappings as maps, the rest as text; never an error."""
    _, attributes = sent(memory, "m", value=given, nested=[given])
    assert same(attributes["value"], arrives), attributes["value"]
    assert same(attributes["nested"], [arrives])


class Raises:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


class Logs:
    """Logs while it is being logged."""

    def __init__(self, memory: InMemory) -> None:
        self.memory = memory

    def __str__(self) -> str:
        self.memory.log.info("from inside")
        return "outside"


class Recurses:
    """Logs itself while it is being logged."""

    def __init__(self, memory: InMemory) -> None:
        self.memory = memory

    def __str__(self) -> str:
        self.memory.log.info("again", value=self)
        return "at last"


class Shrinks:
    """Empties the list that it is in."""

    def __init__(self, inside: list[object]) -> None:
        self.inside = inside

    def __str__(self) -> str:
        self.inside.clear()
        return "shrunk"


def test_an_object_whose_str_raises_arrives_as_words_about_it(memory: InMemory) -> None:
    """The record is not lost, and nothing is raised."""
    _, attributes = sent(memory, "m", value=Raises(), other=1)
    assert "Raises" in attributes["value"]
    assert "RuntimeError" in attributes["value"]
    assert attributes["other"] == 1


def test_an_object_may_log_while_it_is_logged(memory: InMemory) -> None:
    """Scratch memory of the outer call is left alone."""
    memory.log.info("m", first="kept", value=Logs(memory), last=[1, Logs(memory), "x" * 600])
    records = official_records(memory)
    outer = [attributes for body, attributes in records if body == "m"]
    assert outer == [{"first": "kept", "value": "outside", "last": [1, "outside", "x" * 600]}]
    inner = memory.collector.stats()
    assert len(records) - 1 + inner.refused_by_reason.get("reentrant", 0) == 2


def test_an_object_that_logs_itself_ends(memory: InMemory) -> None:
    """Recursion is cut off, and the process lives."""
    memory.log.info("m", value=Recurses(memory))
    assert "m" in [body for body, _ in official_records(memory)]


def test_a_list_that_changes_while_it_is_read_does_no_harm(memory: InMemory) -> None:
    """What was in it at the beginning may arrive; nothing else does."""
    inside: list[object] = []
    inside += [1, Shrinks(inside), 2, "three"]
    _, attributes = sent(memory, "m", value=inside)
    assert attributes["value"][:2] == [1, "shrunk"]


def test_a_value_that_contains_itself_ends(memory: InMemory) -> None:
    """Beyond the depth that every protobuf decoder takes, an array or map is the empty value."""
    loop: list[object] = []
    loop.append(loop)
    turns: dict[str, object] = {}
    turns["again"] = turns
    _, attributes = sent(memory, "m", value=loop, map=turns)
    depth, inside = 0, attributes["value"]
    while isinstance(inside, list) and inside:
        depth, inside = depth + 1, inside[0]
    assert 25 <= depth <= 64
    assert inside in (None, [])
    depth, turn = 0, attributes["map"]
    while isinstance(turn, dict) and turn:
        depth, turn = depth + 1, turn["again"]
    assert 25 <= depth <= 64
    assert turn in (None, {})


def test_ten_thousand_levels_do_not_overflow_the_stack(memory: InMemory) -> None:
    """Depth is cut before it is walked."""
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    arrived = sent(memory, "m", value=deep)[1]["value"]
    assert isinstance(arrived, list)
    while deep:  # freed level by level, for Python's own sake
        deep = deep[0]  # type: ignore[assignment]


def test_a_very_long_message_is_truncated_on_a_character_and_counted(memory: InMemory) -> None:
    """10 MB arrive as at most max_record_bytes of valid UTF-8."""
    before = memory.collector.stats().notes["truncated_records"]
    body, _ = sent(memory, "ä" * 5_000_000)
    assert 0 < len(body.encode()) <= 1 << 20
    assert set(body.rstrip("…")) == {"ä"}
    assert memory.collector.stats().notes["truncated_records"] == before + 1


@pytest.mark.parametrize("more", [{}, {"nested": {"k": 1}}])
def test_a_record_that_is_cut_and_waits_for_room_counts_once(more: dict[str, Any]) -> None:
    """It asks for room more than once, and is cut each time."""
    lane = forebay.Lane("default", queue_records=1024, on_full=forebay.Block())
    with in_memory(max_record_bytes=4096, lanes=[lane]) as memory:
        for _ in range(3000):
            memory.log.info("x", text="y" * 20_000, **more)
        assert len(memory.records()) == 3000
        assert memory.collector.stats().notes["truncated_records"] == 3000


def test_a_hundred_attributes_arrive(memory: InMemory) -> None:
    """More than any fast path has room for."""
    attributes: dict[str, Any] = {f"key{i}": i for i in range(100)}
    assert sent(memory, "m", **attributes)[1] == attributes


def test_no_object_is_kept(memory: InMemory) -> None:
    """References are given back, on the fast path and on the slow one."""
    import gc
    import weakref

    class Thing:
        def __str__(self) -> str:
            return "thing"

    thing = Thing()
    seen = weakref.ref(thing)
    memory.log.info("m", value=thing, nested=[{"a": thing}])
    memory.log.info(thing)
    memory.log.info("%s", thing, extra={"x": thing})
    del thing
    gc.collect()
    assert seen() is None
    official_records(memory)
