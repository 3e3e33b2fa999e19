"""What a device sent, made readable without trusting it: text, indented JSON or a hex dump.

Nothing here makes HTML; the template escapes what comes out (SECURITY C1, C3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SHOWN_BYTES = 256 * 1024
"""More is cut: a browser lays out a quarter of a megabyte of text in well under a second."""
HEX_SHOWN_BYTES = 16 * 1024
INDENTED_DEPTH = 32
"""Deeper JSON is shown as it came: indenting it would multiply its size (SECURITY C3)."""

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_OPENERS = frozenset("{[")
_CLOSERS = frozenset("}]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)


@dataclass(frozen=True, slots=True)
class PayloadText:
    """A payload ready to be shown.

    Args:
        kind: What ``text`` is.
        text: Text without control characters and without marks that turn the writing direction.
        size_bytes: Size of the whole payload.
        shown_bytes: How much of it ``text`` covers.
    """

    kind: Literal["empty", "json", "text", "hex"]
    text: str
    size_bytes: int
    shown_bytes: int

    @property
    def is_cut(self) -> bool:
        """Whether a part is not shown."""
        return self.shown_bytes < self.size_bytes


def payload_text(payload: bytes) -> PayloadText:
    """Choose the most readable form: indented JSON, text, else a hex dump."""
    size_bytes = len(payload)
    if not payload:
        return PayloadText("empty", "", 0, 0)
    shown = payload[:SHOWN_BYTES]
    try:
        # A cut may fall inside a character: only then the last bytes are forgiven.
        text = shown.decode("utf-8", "strict" if len(shown) == size_bytes else "ignore")
    except UnicodeDecodeError:
        text = ""
    if not text or "\x00" in text:
        dumped = payload[:HEX_SHOWN_BYTES]
        return PayloadText("hex", hex_dump(dumped), size_bytes, len(dumped))
    pretty = indented_json(text) if len(shown) == size_bytes else None
    if pretty is not None:
        return PayloadText("json", visible(pretty), size_bytes, size_bytes)
    return PayloadText("text", visible(text), size_bytes, len(shown))


def visible(text: str) -> str:
    r"""Write invisible characters as ``\u202e``: they could hide or reverse what is read."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def hex_dump(payload: bytes) -> str:
    """Offset, sixteen bytes and their ASCII on each line."""
    return "\n".join(_hex_lines(payload))


def _hex_lines(payload: bytes) -> Iterator[str]:
    for start in range(0, len(payload), 16):
        row = payload[start : start + 16]
        ascii_text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):<47}  {ascii_text}"


def indented_json(text: str) -> str | None:
    """Indent an object or array; None when the text is none, or is nested too deeply.

    Works on the lexemes: numbers, repeated keys and their order stay as they were sent, which
    loading and dumping would change.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    lexemes = _LEXEME.findall(text)
    return None if _depth(lexemes) > INDENTED_DEPTH else "".join(_indented(lexemes))


def _depth(lexemes: list[str]) -> int:
    deepest = depth = 0
    for lexeme in lexemes:
        depth += (lexeme in _OPENERS) - (lexeme in _CLOSERS)
        deepest = max(deepest, depth)
    return deepest


def _indented(lexemes: list[str]) -> Iterator[str]:
    depth = 0
    previous = ""
    for lexeme in lexemes:
        if lexeme in _CLOSERS:
            depth -= 1
            if previous not in _OPENERS:
                yield "\n" + "  " * depth
        elif previous in _OPENERS:
            yield "\n" + "  " * depth
        yield lexeme
        if lexeme in _OPENERS:
            depth += 1
        elif lexeme == ",":
            yield "\n" + "  " * depth
        elif lexeme == ":":
            yield " "
        previous = lexeme
