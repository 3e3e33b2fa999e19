"""Payloads are shown as readable text whatever a device sent."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from console.core.templatetags.payload_text import (
    HEX_SHOWN_BYTES,
    INDENTED_DEPTH,
    SHOWN_BYTES,
    hex_dump,
    indented_json,
    payload_text,
    visible,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary(max_size=2000))
def test_any_bytes_become_printable_text(payload: bytes) -> None:
    """C3"""
    shown = payload_text(payload)

    assert shown.size_bytes == len(payload)
    assert all(
        character.isprintable() or character in "\n\t\r" or ord(character) > 0x9F
        for character in shown.text
    )


@given(st.lists(json_values) | st.dictionaries(st.text(), json_values))
def test_indenting_keeps_the_meaning_of_json(value: object) -> None:
    indented = indented_json(json.dumps(value))

    assert indented is not None
    assert json.loads(indented) == value


def test_numbers_repeated_keys_and_their_order_stay_as_sent() -> None:
    indented = indented_json('{"b":1.50,"a":1e3,"b":[],"c":{}, "d":[1,{"e":"x:y,{}"}]}')

    assert indented == (
        '{\n  "b": 1.50,\n  "a": 1e3,\n  "b": [],\n  "c": {},\n  "d": [\n    1,\n'
        '    {\n      "e": "x:y,{}"\n    }\n  ]\n}'
    )


def test_json_nested_too_deeply_is_shown_as_it_came() -> None:
    """C3: a hundred thousand levels."""
    deep = b"[" * 100_000 + b"]" * 100_000
    shallow = b"[" * INDENTED_DEPTH + b"]" * INDENTED_DEPTH
    beyond = b"[" * (INDENTED_DEPTH + 1) + b"]" * (INDENTED_DEPTH + 1)

    assert payload_text(deep).kind == "text"
    assert payload_text(beyond).kind == "text"
    assert payload_text(shallow).kind == "json"


def test_a_bare_number_is_text() -> None:
    assert payload_text(b"21.5").kind == "text"


def test_invalid_utf8_and_nul_are_dumped() -> None:
    assert payload_text(b"\xff\xfe").kind == "hex"
    assert payload_text(b"a\x00b").kind == "hex"


def test_a_dump_shows_offset_bytes_and_ascii() -> None:
    first, second = hex_dump(bytes(range(0x3C, 0x4C)) + b"\xffZ").splitlines()

    assert first == "00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK"
    assert second.startswith("00000010  ff 5a ")
    assert second.endswith("  .Z")


def test_a_large_payload_is_cut_and_says_so() -> None:
    """C3: 4 MB"""
    text = payload_text("é".encode() * (SHOWN_BYTES + 1))
    binary = payload_text(b"\xff" * (4 * 1024 * 1024))

    assert (text.kind, text.is_cut, text.shown_bytes) == ("text", True, SHOWN_BYTES)
    assert (binary.kind, binary.is_cut, binary.shown_bytes) == ("hex", True, HEX_SHOWN_BYTES)


def test_a_cut_inside_a_character_is_still_text() -> None:
    payload = b"a" + "é".encode() * SHOWN_BYTES

    assert payload_text(payload).kind == "text"


def test_an_empty_payload_says_so() -> None:
    assert payload_text(b"").kind == "empty"


def test_characters_that_hide_or_reverse_text_are_written_out() -> None:
    """S19, C3: RTL override, BOM, escape sequences."""
    assert visible("a\u202eb\ufeff\x1b[2J") == "a\\u202eb\\ufeff\\u001b[2J"
