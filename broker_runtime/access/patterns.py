"""Patterns of authorization policies: MQTT ``+`` and ``#``, ``?`` and ``*``, and ``${…}``
variables (CONTRACT Z3, Z4).

A ``Template`` is what the operator wrote, parsed once. ``bind`` puts the values of one client in
and gives a ``Pattern``.
A value is literal text: a ``+``, ``#``, ``*``, ``?`` or ``${`` in it means nothing (SECURITY Z8).
Matching takes time
linear in the topic whatever the pattern is (SECURITY Z10): the states of the pattern are the bits
of one integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from broker_runtime.codec import topics

VARIABLES = frozenset(
    {"Username", "ClientId"}
    | {
        f"Certificate.Subject.{attribute}"
        for attribute in (
            "Country",
            "Organization",
            "OrganizationalUnit",
            "State",
            "CommonName",
            "SerialNumber",
        )
    }
)
"""Names that may stand in ``${…}``."""

MAX_PATTERN_CHARACTERS = 4_096


class PatternInvalid(ValueError):
    """The text is not a pattern; the message says what is wrong with it."""


class Wildcard(Enum):
    """What is not literal in a pattern."""

    ONE = "?"
    MANY = "*"
    LEVEL = "+"
    REST = "#"


class Variable:
    """A variable in a template."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


Token = str | Wildcard
"""A literal is a ``str``."""


def literal_in_topic(value: str) -> bool:
    """Whether a value can stand for a part of one level: an *allow* never reaches beyond it
    (SECURITY Z8).
    """
    return not any(character in value for character in "/+#\0")


class Template:
    """A parsed pattern.

    Args:
        text: what the operator wrote.
        in_topic: True for topics; False for client ids and usernames, where ``+``, ``#`` and ``/``
        are plain characters.

    Raises:
        PatternInvalid: it is malformed.
    """

    __slots__ = ("_plain", "text", "tokens", "variables")

    def __init__(self, text: str, *, in_topic: bool) -> None:
        if len(text) > MAX_PATTERN_CHARACTERS:
            raise PatternInvalid(f"longer than {MAX_PATTERN_CHARACTERS} characters")
        self.text = text
        self.tokens = _parse(text, in_topic)
        self.variables = tuple(t.name for t in self.tokens if isinstance(t, Variable))
        self._plain = in_topic and not any(
            t in (Wildcard.ONE, Wildcard.MANY) for t in self.tokens if isinstance(t, Wildcard)
        )

    def bind(self, values: Mapping[str, str]) -> Pattern | None:
        """The pattern for one client; None when it needs a value that the client does not have."""
        tokens: list[Token] = []
        clean = True
        for token in self.tokens:
            if not isinstance(token, Variable):
                tokens.append(token)
                continue
            value = values.get(token.name)
            if not value:
                return None
            clean = clean and literal_in_topic(value)
            tokens.append(value)
        return Pattern(_merged(tokens), plain=self._plain and clean)


class Pattern:
    """A pattern without variables."""

    __slots__ = ("_filter", "_machine", "_prefix", "_wild_start")

    def __init__(self, tokens: tuple[Token, ...], *, plain: bool) -> None:
        first = tokens[0] if tokens else ""
        self._wild_start = isinstance(first, Wildcard)
        self._prefix = first if isinstance(first, str) else ""
        if len(tokens) > 1 and tokens[-1] is Wildcard.REST:
            # "a/#" matches "a" as well [MQTT-4.7.1-2], so its own slash is not part of the prefix.
            self._prefix = self._prefix.removesuffix("/") if len(tokens) == 2 else self._prefix
        text = "".join(t if isinstance(t, str) else t.value for t in tokens)
        self._filter = text if plain and text else None
        self._machine = _Machine(tokens)

    def matches(self, text: str) -> bool:
        """Whether a topic name (or client id, or username) matches.

        What begins with a wildcard does not match a topic that begins with ``$`` [MQTT-4.7.2-1].
        """
        if not text.startswith(self._prefix) or (self._wild_start and text.startswith("$")):
            return False
        if self._filter is not None:
            return topics.matches(self._filter, text)
        return self._machine.accepts(text)

    def contains(self, topic_filter: str) -> bool:
        """Whether every topic that the filter matches is matched by this pattern as well (SECURITY
        Z4).

        Sound, not complete: True is proven; a filter that only a clever argument shows to be
        inside is answered False.
        """
        if self._wild_start and topic_filter.startswith("$"):
            return False
        return self._machine.contains(topic_filter)


class _Machine:
    """A nondeterministic automaton; bit ``i`` of the state: the first ``i`` items are matched."""

    __slots__ = ("_accept", "_final", "_level", "_literal", "_loops", "_many", "_one", "_start")

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        items: list[Token] = []
        self._accept = 0
        for token in tokens:
            if token is Wildcard.REST:
                if items:
                    self._accept |= 1 << (len(items) - 1)  # the parent level, before its slash
                items.append(Wildcard.MANY)
            elif isinstance(token, Wildcard):
                items.append(token)
            else:
                items.extend(token)
        self._literal: dict[str, int] = {}
        masks = dict.fromkeys(Wildcard, 0)
        for place, item in enumerate(items):
            if isinstance(item, Wildcard):
                masks[item] |= 1 << place
            else:
                self._literal[item] = self._literal.get(item, 0) | 1 << place
        self._one = masks[Wildcard.ONE]
        self._many = masks[Wildcard.MANY]
        self._level = masks[Wildcard.LEVEL]
        self._loops = self._many | self._level
        self._final = 1 << len(items)
        self._accept |= self._final
        self._start = self._closed(1)

    def _closed(self, state: int) -> int:
        # One step is enough: two wildcards that may be empty never stand side by side (see _merged
        # and _parse).
        return state | (state & self._loops) << 1

    def _step(self, state: int, character: str) -> int:
        moved = (state & (self._literal.get(character, 0) | self._one)) << 1
        return self._closed(moved | state & (self._many if character == "/" else self._loops))

    def accepts(self, text: str) -> bool:
        state = self._start
        for character in text:
            state = self._step(state, character)
            if not state:
                return False
        return bool(state & self._accept)

    def contains(self, topic_filter: str) -> bool:
        levels = topic_filter.split("/")
        open_ended = levels[-1] == "#"
        if open_ended:
            levels = levels[:-1] or ["+"]  # "#" and "+/#" match the same topics
        state = self._start
        for place, level in enumerate(levels):
            if place:
                state = self._step(state, "/")
            if level == "+":
                state = self._closed(state & self._loops)
            else:
                for character in level:
                    state = self._step(state, character)
        if not state & self._accept:
            return False
        return not open_ended or bool(self._step(state, "/") & self._many & self._final >> 1)


def _parse(text: str, in_topic: bool) -> tuple[Token | Variable, ...]:
    tokens: list[Token | Variable] = []
    place = 0
    while place < len(text):
        character = text[place]
        if text.startswith("${", place):
            end = text.find("}", place)
            name = text[place + 2 : end]
            if end < 0 or name not in VARIABLES:
                raise PatternInvalid(f"unknown variable at {text[place : place + 40]!r}")
            tokens.append(Variable(name))
            place = end + 1
            continue
        if character in "?*":
            tokens.append(Wildcard(character))
        elif in_topic and character in "+#":
            _check_whole_level(text, place)
            tokens.append(Wildcard(character))
        elif tokens and isinstance(before := tokens[-1], str):
            tokens[-1] = before + character
        else:
            tokens.append(character)
        place += 1
    if in_topic and (not text or "\0" in text):
        raise PatternInvalid("a topic pattern must not be empty or hold U+0000")
    return tuple(tokens)


def _check_whole_level(text: str, place: int) -> None:
    """[MQTT-4.7.1-1] [MQTT-4.7.1-2]"""
    alone = (place == 0 or text[place - 1] == "/") and text[place + 1 : place + 2] in ("", "/")
    if not alone:
        raise PatternInvalid(f"{text[place]!r} must be a whole level in {text!r}")
    if text[place] == "#" and place + 1 != len(text):
        raise PatternInvalid(f"'#' must be the last level in {text!r}")


def _merged(tokens: list[Token]) -> tuple[Token, ...]:
    """Neighbouring literals as one, neighbouring ``*`` as one."""
    merged: list[Token] = []
    for token in tokens:
        before = merged[-1] if merged else None
        if isinstance(token, str) and isinstance(before, str):
            merged[-1] = before + token
        elif token is not Wildcard.MANY or before is not Wildcard.MANY:
            merged.append(token)
    return tuple(merged)
