"""Bound attributes are encoded once, for all records but the first."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay._context import bind
from forebay._core import context_variable
from tests.python.in_memory import in_memory


@given(
    st.dictionaries(
        st.text(max_size=12), st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False) | st.text(max_size=40) | st.binary(max_size=40)
        | st.lists(st.integers(0, 9) | st.text(max_size=3), max_size=3),
        max_size=6,
    ),
    st.sampled_from([{}, {"n": 1}, {"n": 1, "text": "x" * 1000}]),
    st.sampled_from([None, 1024]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_each_record_has_them_as_the_first_has(
    bound: dict[str, Any], own: dict[str, Any], most: int | None
) -> None:
    """Bound attributes are encoded from the second record on; also records that are cut."""
    with in_memory(max_record_bytes=most) as memory:
        log = memory.log.bind(**bound)
        with bind(bound, None):
            for _ in range(4):
                memory.log.info("x", **own)
                log.info("y")
        for _ in range(4):
            log.info("x", **own)
        records = [each.attributes for each in memory.records() if each.body == "x"]
        for record in records:
            if most is not None and len(own) == 2:
                assert record.pop("forebay.truncated")
                assert str(record["text"]).startswith("xxxxxxxx")
                record["text"] = own["text"]
            assert record == {**bound, **own}
        assert len(records) == 8


@pytest.mark.parametrize("trace", [None, bytes(range(1, 26))])
@pytest.mark.parametrize("own", [{}, {"n": 1}, {"name": 1}, {"dict": {"k": 1}}, {"n": 2**70}])
def test_an_emit_keeps_no_reference_to_what_is_bound(
    own: dict[str, Any], trace: bytes | None
) -> None:
    with in_memory() as memory, bind({"name": "bound", "k": 1}, trace):
        log = memory.log.bind(other=True)
        bound = context_variable.get()
        before = sys.getrefcount(bound)
        for _ in range(100):
            memory.log.info("x", **own)
            log.info("y", **own)
            memory.log.info(str(own), **own)
            memory.log.info("%s", 1, **own)
        assert sys.getrefcount(bound) == before
        assert len(memory.records()) == 400
