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

import re
from collections.abc import Mapping
from typing import Final

from broker_runtime.access.automaton import Automaton, Token, Wildcard

VARIABLES: Final = frozenset(
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

MAX_PATTERN_CHARACTERS: Final = 4_096
MAX_BOUND: Final = 512
"""So many clients' versions of a pattern are kept; the others are made anew when asked for."""


class PatternInvalid(ValueError):
    """The text is not a pattern; the message says what is wrong with it."""


class Variable:
    """A variable in a template."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_BEYOND_A_LEVEL: Final = re.compile("[/+#\0]")


class Identity:
    """Values of the variables for one client, and which of them reach beyond one level.

    An *allow* with such a value allows nothing; a *deny* takes it literally (SECURITY Z8).
    """

    __slots__ = ("far_reaching", "values")

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.far_reaching = tuple(
            [name for name, value in values.items() if _BEYOND_A_LEVEL.search(value)]
        )


NOBODY: Final = Identity({})
"""Has no values."""


class Template:
    """A parsed pattern.

    Args:
        text: what the operator wrote.
        in_topic: True for topics; False for client ids and usernames, where ``+``, ``#`` and ``/``
        are plain characters.

    Raises:
        PatternInvalid: it is malformed.
    """

    __slots__ = (
        "_bound",
        "_fixed",
        "_parts",
        "_tokens",
        "first_level",
        "needle",
        "text",
        "variables",
    )

    def __init__(self, text: str, *, in_topic: bool) -> None:
        if len(text) > MAX_PATTERN_CHARACTERS:
            raise PatternInvalid(f"longer than {MAX_PATTERN_CHARACTERS} characters")
        self.text = text
        self._tokens = _parse(text, in_topic)
        self.variables = tuple([t.name for t in self._tokens if isinstance(t, Variable)])
        wildcards = {t for t in self._tokens if isinstance(t, Wildcard)}
        is_filter = in_topic and not wildcards & {Wildcard.ONE, Wildcard.MANY}
        self._parts = _level_parts(self._tokens) if is_filter else None
        self.first_level = self._literal_first_level()
        """The first level of every topic that it matches; None when there is more than one."""
        self.needle = self._longest_literal()
        """A text that every topic it matches holds, and so every filter whose topics it all
        matches: 2026-11-20: 0.05 us to see that it is not there, 5 us by the automaton.
        """
        self._bound: dict[tuple[str, ...], Pattern] = {}
        self._fixed = self._filled((), NOBODY) if not self.variables else None

    def _literal_first_level(self) -> str | None:
        first = self._tokens[0] if self._tokens else None
        if not isinstance(first, str):
            return None
        level, slash, _ = first.partition("/")
        return level if slash or len(self._tokens) == 1 else None

    def _longest_literal(self) -> str:
        texts = [token if isinstance(token, str) else "" for token in self._tokens]
        if self._tokens and self._tokens[-1] is Wildcard.REST:
            # "a/#" matches "a" as well [MQTT-4.7.1-1], so the slash before "#" need not be there.
            texts = [*texts[:-2], *[text.removesuffix("/") for text in texts[-2:]]]
        return max(texts, key=len, default="")

    def matches(self, topic: str, levels: list[str], identity: Identity) -> bool:
        """Whether a topic name, ``levels`` when split, is meant when this client asks."""
        if self._parts is not None and self.variables and not identity.far_reaching:
            return _parts_match(self._parts, levels, identity.values)
        pattern = self.bind(identity)
        return pattern is not None and pattern.matches(topic)

    def contains(self, topic_filter: str, identity: Identity) -> bool:
        """Whether every topic of the filter is meant when this client asks."""
        pattern = self.bind(identity)
        return pattern is not None and pattern.contains(topic_filter)

    def bind(self, identity: Identity) -> Pattern | None:
        """The pattern for one client; None when it needs a value that the client does not have."""
        if self._fixed is not None:
            return self._fixed
        wanted = tuple([identity.values.get(name, "") for name in self.variables])
        if "" in wanted:
            return None
        pattern = self._bound.get(wanted)
        if pattern is None:
            if len(self._bound) >= MAX_BOUND:
                self._bound.clear()
            pattern = self._bound[wanted] = self._filled(wanted, identity)
        return pattern

    def _filled(self, values: tuple[str, ...], identity: Identity) -> Pattern:
        given = iter(values)
        tokens = [next(given) if isinstance(t, Variable) else t for t in self._tokens]
        is_filter = self._parts is not None and not identity.far_reaching
        return Pattern(_merged(tokens), is_filter=is_filter)


class Pattern:
    """A pattern without variables.

    Args:
        is_filter: it holds no wildcards but those of MQTT, so it is compared level by level;
            2026-11-20: 0.4 us for a topic of four levels, 5 us by the automaton, which is made at
            its first use.
    """

    __slots__ = ("_levels", "_machine", "_tokens", "_wild_start")

    def __init__(self, tokens: tuple[Token, ...], *, is_filter: bool) -> None:
        self._wild_start = bool(tokens) and isinstance(tokens[0], Wildcard)
        self._tokens = tokens
        self._machine: Automaton | None = None
        text = "".join([t if isinstance(t, str) else t.value for t in tokens])
        self._levels = text.split("/") if is_filter and text else None

    def matches(self, text: str) -> bool:
        """Whether a topic name (or client id, or username) matches.

        What begins with a wildcard does not match a topic that begins with ``$`` [MQTT-4.7.2-1].
        """
        if self._wild_start and text.startswith("$"):
            return False
        if self._levels is not None:
            return _level_by_level(self._levels, text.split("/"))
        return self._automaton().accepts(text)

    def contains(self, topic_filter: str) -> bool:
        """Whether every topic that the filter matches is matched by this pattern as well (SECURITY
        Z4).

        Sound, not complete: True is proven; a filter that only a clever argument shows to be
        inside is answered False.
        """
        if self._wild_start and topic_filter.startswith("$"):
            return False
        if self._levels is not None:
            return _filter_inside(self._levels, topic_filter.split("/"))
        return self._automaton().contains(topic_filter)

    def _automaton(self) -> Automaton:
        if self._machine is None:
            self._machine = Automaton(self._tokens)
        return self._machine


Level = str | tuple[str | Variable, ...]
"""A level of a template: text, ``+`` or ``#``; or texts and variables one after the other."""


def _level_parts(tokens: tuple[Token | Variable, ...]) -> list[Level]:
    """A template without ``?`` and ``*``, level by level."""
    levels: list[list[str | Variable]] = [[]]
    for token in tokens:
        if isinstance(token, Variable):
            levels[-1].append(token)
            continue
        first, *others = (token if isinstance(token, str) else token.value).split("/")
        levels[-1].append(first)
        levels += [[text] for text in others]
    return [
        tuple(parts)
        if any(isinstance(part, Variable) for part in parts)
        else "".join(map(str, parts))
        for parts in levels
    ]


def _parts_match(wanted: list[Level], levels: list[str], values: Mapping[str, str]) -> bool:
    """As ``_level_by_level``, with the variables put in on the way."""
    if wanted[-1] == "#":
        if len(levels) < len(wanted) - 1:
            return False
    elif len(levels) != len(wanted):
        return False
    if wanted[0] in ("+", "#") and levels[0].startswith("$"):
        return False  # [MQTT-4.7.2-1]
    for want, level in zip(wanted, levels, strict=False):
        if isinstance(want, str):
            if want != level and want != "+":
                return want == "#"
        elif level != _put_in(want, values):
            return False
    return True


def _put_in(parts: tuple[str | Variable, ...], values: Mapping[str, str]) -> str | None:
    """The level as text; None when a value is missing."""
    text = ""
    for part in parts:
        piece = part if isinstance(part, str) else values.get(part.name, "")
        if not piece and isinstance(part, Variable):
            return None
        text += piece
    return text


def _level_by_level(wanted: list[str], levels: list[str]) -> bool:
    """Whether a filter matches a topic, both by levels; ``a/#`` matches ``a`` as well
    [MQTT-4.7.1-1]."""
    if wanted[-1] == "#":
        if len(levels) < len(wanted) - 1:
            return False
    elif len(levels) != len(wanted):
        return False
    for want, level in zip(wanted, levels, strict=False):
        if want != level and want != "+":
            return want == "#"
    return True


def _filter_inside(wanted: list[str], inner: list[str]) -> bool:
    """Whether one filter matches all that another matches, both by levels."""
    if wanted == ["+", "#"]:
        return True  # as "#" does
    for place, want in enumerate(wanted):
        if want == "#":
            return True
        if place == len(inner):
            return False
        level = inner[place]
        if level == "#" or (want not in ("+", level)):
            return False
    return len(inner) == len(wanted)


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
