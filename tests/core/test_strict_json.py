"""Strict JSON: everything that parsers disagree about is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.strict_json import MAX_DEPTH, JsonInvalid, strict_loads

TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES.filter(lambda value: value not in (float("inf"), float("-inf"))))
def test_what_json_can_say_is_read_as_it_was_written(value: object) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        return
    assert strict_loads(text) == value
    assert strict_loads(text.encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        strict_loads(raw)
    except JsonInvalid as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"x": [{"b": 1, "b": 1}]}', "'b' stands twice"),
        ("NaN", "NaN is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        (r'"\ud800"', "surrogate"),
        (r'{"\udfff": 1}', "surrogate"),
        (r'{"a": "b\u0000"}', "zero character"),
        (r'{"a\u0000": 1}', "zero character"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper"),
        ("[" * 100_000, "nested deeper"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "nested deeper"),
        ("1" * 5000, "digits"),
        ("{} {}", "Extra data"),
    ],
)
def test_a_bad_text_is_refused_with_its_reason(text: str | bytes, why: str) -> None:
    with pytest.raises(JsonInvalid, match=why):
        strict_loads(text)


def test_the_deepest_that_is_allowed_is_read() -> None:
    text = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert strict_loads(text)
