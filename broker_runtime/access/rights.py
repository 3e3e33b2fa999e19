"""What one client may do: its rules in order, asked by topic. Answers are cached by whoever asks
often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from broker_runtime.access.patterns import Pattern

Action = Literal["connect", "pub", "sub"]

ALL_COMBINATIONS = 0b111_111
"""Every (QoS, retain) pair of a PUBLISH."""


def combination(qos: int, retain: bool) -> int:
    """The bit of one (QoS, retain) pair."""
    return 1 << (qos + 3 if retain else qos)


def combinations(qos: Sequence[int], retain: bool | None) -> int:
    """The bits of every pair that a policy speaks of; empty ``qos`` and None ``retain``: any.

    Raises:
        ValueError: a QoS is not 0, 1 or 2.
    """
    if any(level not in (0, 1, 2) for level in qos):
        raise ValueError(f"qos: 0, 1 or 2 expected, not {list(qos)}")
    kinds = (False, True) if retain is None else (retain,)
    return sum(combination(level, kind) for level in set(qos) or {0, 1, 2} for kind in kinds)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A policy as it speaks to one client."""

    name: str
    allow: bool
    actions: frozenset[Action]
    patterns: tuple[Pattern, ...]
    any_topic: bool
    mask: int
    """(QoS, retain) pairs it speaks of, see ``combination``."""
    shared: bool = False
    """Whether the rule is the same for all clients (no variables in its topics)."""

    def speaks_of(self, topic: str) -> bool:
        """Whether a topic name is meant."""
        if self.any_topic:
            return not self._leaves_out(topic)
        return any(pattern.matches(topic) for pattern in self.patterns)

    def covers(self, topic_filter: str) -> bool:
        """Whether every topic of the filter is meant."""
        if self.any_topic:
            return not self._leaves_out(topic_filter)
        return any(pattern.contains(topic_filter) for pattern in self.patterns)

    def _leaves_out(self, topic: str) -> bool:
        """An *allow* for any topic does not open what the server says of itself and of other
        clients: that has to be named (SECURITY Z13)."""
        return self.allow and topic.startswith(("$SYS", "$events"))


class Rights:
    """The rules that speak to one client, in order.

    Args:
        rules: in the order of checking.
        fallback: what happens when none matches; True only where authorization is switched off.
    """

    __slots__ = ("_connect", "_fallback", "_publish", "_subscribe", "rules")

    def __init__(self, rules: tuple[Rule, ...], *, fallback: bool = False) -> None:
        self.rules = rules
        self._fallback = fallback
        self._connect = tuple(rule for rule in rules if "connect" in rule.actions)
        self._publish = tuple(rule for rule in rules if "pub" in rule.actions)
        self._subscribe = tuple(rule for rule in rules if "sub" in rule.actions)

    def refuses_connect(self) -> str | None:
        """Why the client may not connect, in plain words; None when it may."""
        for rule in self._connect:
            return None if rule.allow else _denied_by(rule)
        return None if self._fallback else "no policy allows this client to connect"

    def publish_mask(self, topic: str) -> int:
        """The (QoS, retain) pairs with which the client may publish to a topic, as bits of
        ``combination``.
        """
        allowed, open_pairs = 0, ALL_COMBINATIONS
        for rule in self._publish:
            spoken = rule.mask & open_pairs
            if spoken and rule.speaks_of(topic):
                allowed |= spoken if rule.allow else 0
                open_pairs &= ~spoken
                if not open_pairs:
                    return allowed
        return allowed | open_pairs if self._fallback else allowed

    def refuses_publish(self, topic: str, *, qos: int, retain: bool) -> str | None:
        """Why the client may not publish so; None when it may."""
        bit = combination(qos, retain)
        for rule in self._publish:
            if rule.mask & bit and rule.speaks_of(topic):
                return None if rule.allow else _denied_by(rule)
        return None if self._fallback else "no policy allows this client to publish here"

    def refuses_subscribe(self, topic_filter: str, *, qos: int) -> str | None:
        """Why the client may not subscribe; None when it may.

        One policy must cover the whole filter to allow it (SECURITY Z4). A deny that speaks of some
        of its topics refuses those at delivery (Z5): ask ``refuses_delivery`` for each topic.

        Args:
            topic_filter: the inner filter of a shared subscription (SECURITY Z6).
            qos: the QoS asked for. Retain conditions do not speak of subscriptions.
        """
        for rule in self._subscribe:
            if rule.mask & _pairs_of(qos) and rule.covers(topic_filter):
                return None if rule.allow else _denied_by(rule)
        return None if self._fallback else "no policy allows all topics of this filter"

    def refuses_delivery(self, topic: str, *, qos: int) -> str | None:
        """Why a message of this topic may not be delivered on a subscription of this QoS; None
        when it may.
        """
        for rule in self._subscribe:
            if rule.mask & _pairs_of(qos) and rule.speaks_of(topic):
                return None if rule.allow else _denied_by(rule)
        return None if self._fallback else "no policy allows this client to receive this topic"


def _pairs_of(qos: int) -> int:
    return combination(qos, False) | combination(qos, True)


def _denied_by(rule: Rule) -> str:
    return f"policy {rule.name!r} denies it"


EVERYTHING = Rights((), fallback=True)
"""The rights of every client where authorization is switched off."""
