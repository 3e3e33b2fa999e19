"""Matching of patterns that hold ``?`` or ``*``, in time linear in the text (SECURITY Z10)."""

from __future__ import annotations

from enum import Enum


class Wildcard(Enum):
    """What is not literal in a pattern."""

    ONE = "?"
    MANY = "*"
    LEVEL = "+"
    REST = "#"


Token = str | Wildcard
"""A literal is a ``str``."""


class Automaton:
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
        # One step is enough: two wildcards that may be empty never stand side by side (see
        # ``patterns``).
        return state | (state & self._loops) << 1

    def _step(self, state: int, character: str) -> int:
        moved = (state & (self._literal.get(character, 0) | self._one)) << 1
        return self._closed(moved | state & (self._many if character == "/" else self._loops))

    def accepts(self, text: str) -> bool:
        """Whether the text is one of those that the items stand for."""
        state = self._start
        for character in text:
            state = self._step(state, character)
            if not state:
                return False
        return bool(state & self._accept)

    def contains(self, topic_filter: str) -> bool:
        """Whether all topics of a filter are; True is proven, False may be caution."""
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
