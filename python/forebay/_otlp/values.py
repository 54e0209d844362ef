"""What logs and metrics have in common: attribute values, resources and scopes, out of protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from . import wire
from .wire import WireError

# How deep an attribute may nest. Deeper ones are refused: they would exhaust the stack.
MAX_DEPTH = 100

# What an AnyValue is in Python. One without a value is None.
Value = Union[None, bool, int, float, str, bytes, "list[Value]", "dict[str, Value]"]


@dataclass
class Scope:
    """The instrumentation scope: for Forebay, the logger."""

    name: str = ""
    version: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)


def text(data: bytes, a: int, b: int) -> str:
    """A string field."""
    # A string that is no UTF-8 breaks the format, but a reader for people shows what there is.
    return data[a:b].decode("utf-8", "replace")


def resource(data: bytes, pos: int, end: int, into: dict[str, Value]) -> None:
    """Put a Resource's attributes into a dictionary."""
    for number, kind, a, b in wire.fields(data, pos, end):
        if number == 1:
            wire.expect(number, kind, wire.LENGTH)
            key_value(data, a, b, into)


def scope(data: bytes, pos: int, end: int) -> Scope:
    """An InstrumentationScope."""
    result = Scope()
    for number, kind, a, b in wire.fields(data, pos, end):
        if number > 3:
            continue
        wire.expect(number, kind, wire.LENGTH)
        if number == 1:
            result.name = text(data, a, b)
        elif number == 2:
            result.version = text(data, a, b)
        else:
            key_value(data, a, b, result.attributes)
    return result


def key_value(data: bytes, pos: int, end: int, into: dict[str, Value], depth: int = 0) -> None:
    """Put a KeyValue into a dictionary."""
    key = ""
    value: Value = None
    for number, kind, a, b in wire.fields(data, pos, end):
        if number == 1:
            wire.expect(number, kind, wire.LENGTH)
            key = text(data, a, b)
        elif number == 2:
            wire.expect(number, kind, wire.LENGTH)
            value = any_value(data, a, b, depth)
    into[key] = value


_ANY_KINDS = {
    1: wire.LENGTH,
    2: wire.VARINT,
    3: wire.VARINT,
    4: wire.FIXED64,
    5: wire.LENGTH,
    6: wire.LENGTH,
    7: wire.LENGTH,
}


def any_value(data: bytes, pos: int, end: int, depth: int = 0) -> Value:
    """An AnyValue; ``depth``: how many hold it."""
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH}")
    value: Value = None
    for number, kind, a, b in wire.fields(data, pos, end):
        wanted = _ANY_KINDS.get(number)
        if wanted is None:
            continue
        wire.expect(number, kind, wanted)
        if number == 1:
            value = text(data, a, b)
        elif number == 2:
            value = a != 0
        elif number == 3:
            value = wire.as_int64(a)
        elif number == 4:
            value = wire.as_double(a)
        elif number == 5:
            values: list[Value] = []
            for inner, inner_kind, c, d in wire.fields(data, a, b):
                if inner == 1:
                    wire.expect(inner, inner_kind, wire.LENGTH)
                    values.append(any_value(data, c, d, depth + 1))
            value = values
        elif number == 6:
            pairs: dict[str, Value] = {}
            for inner, inner_kind, c, d in wire.fields(data, a, b):
                if inner == 1:
                    wire.expect(inner, inner_kind, wire.LENGTH)
                    key_value(data, c, d, pairs, depth + 1)
            value = pairs
        else:
            value = data[a:b]
    return value
