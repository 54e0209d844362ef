"""Parts of an OTLP/JSON object, each checked to be of the type that it should have."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Iterator
from typing import Any

from .values import MAX_DEPTH, Scope, Value
from .wire import WireError


def parse(text: str | bytes) -> Any:
    """Any JSON.

    Raises:
        WireError: the text is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"no JSON: {error}") from None


@contextlib.contextmanager
def checked() -> Iterator[None]:
    """Whatever goes wrong inside is a WireError: the document has not the form of OTLP/JSON."""
    try:
        yield
    except WireError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise WireError(f"no OTLP/JSON: {error}") from None


def mapping(value: object) -> dict[str, Any]:
    """An object; one that is absent is empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WireError(f"an object was expected, not {type(value).__name__}")
    return value


def items(value: dict[str, Any], key: str) -> list[Any]:
    """The list under a key; one that is absent is empty."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise WireError(f"{key}: a list was expected, not {type(found).__name__}")
    return found


def string(value: dict[str, Any], key: str) -> str:
    """The string under a key; one that is absent is empty."""
    text = value.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise WireError(f"{key}: a string was expected, not {type(text).__name__}")
    return text


def integer(value: object) -> int:
    """An integer, which may be written as a string; one that is absent is 0."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise WireError(f"an integer was expected, not {type(value).__name__}")
    if isinstance(value, float) and value != int(value):
        raise WireError(f"an integer was expected, not {value}")
    return int(value)


def double(value: object) -> float:
    """A number, which may be written as a string: "NaN", "Infinity" and "-Infinity" are."""
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise WireError(f"a number was expected, not {type(value).__name__}")
    return float(value)


def scope(item: object) -> Scope:
    """An InstrumentationScope."""
    value = mapping(item)
    return Scope(string(value, "name"), string(value, "version"), attributes(value))


def attributes(
    holder: dict[str, Any], key: str = "attributes", *, depth: int = 0
) -> dict[str, Value]:
    """The KeyValues in the list under a key."""
    result: dict[str, Value] = {}
    for item in items(holder, key):
        pair = mapping(item)
        result[string(pair, "key")] = any_value(pair.get("value"), depth)
    return result


def any_value(item: object, depth: int = 0) -> Value:
    """An AnyValue; ``depth``: how many hold it."""
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH}")
    value = mapping(item)
    if "stringValue" in value:
        return string(value, "stringValue")
    if "boolValue" in value:
        return bool(value["boolValue"])
    if "intValue" in value:
        return integer(value["intValue"])
    if "doubleValue" in value:
        return double(value["doubleValue"])
    if "arrayValue" in value:
        return [
            any_value(inner, depth + 1) for inner in items(mapping(value["arrayValue"]), "values")
        ]
    if "kvlistValue" in value:
        return attributes(mapping(value["kvlistValue"]), "values", depth=depth + 1)
    if "bytesValue" in value:
        try:
            return base64.b64decode(string(value, "bytesValue"), validate=True)
        except binascii.Error as error:
            raise WireError(f"bytesValue: {error}") from None
    return None
