"""JSON from outside: sizes and depth bounded, no repeated keys, nothing that JSON does not have."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 20


class JsonInvalid(ValueError):
    """Not acceptable JSON; the message says what is wrong, and where the parser knows it."""


def strict_loads(text: str | bytes) -> Any:
    """Parse UTF-8 JSON; the caller has bounded its size.

    Raises:
        JsonInvalid: no JSON, a key twice in one object (DECISIONS 4), NaN or Infinity, lone
            surrogates, zero characters, nested deeper than ``MAX_DEPTH``.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            decoded, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant
        )
    except JsonInvalid:
        raise
    except RecursionError:
        raise JsonInvalid(f"nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError as error:
        raise JsonInvalid(f"not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise JsonInvalid(str(error)) from None
    _check(value, depth=1)
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise JsonInvalid(f"the key {key[:80]!r} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise JsonInvalid(f"{name} is no JSON")


def _check(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise JsonInvalid(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check(item, depth=depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth=depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:  # PostgreSQL stores none, neither as text nor in JSON
        raise JsonInvalid("a text holds a zero character")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise JsonInvalid("a text holds half of a surrogate pair")
