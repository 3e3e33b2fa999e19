"""Topic names, topic filters and shared subscriptions: what is valid and what matches (MQTT 5.0 §4.7, §4.8)."""

from __future__ import annotations


def valid_topic_name(topic: str) -> bool:
    """Whether a message may be published to it: not empty, no wildcards, no U+0000, at most 65,535 bytes."""
    raise NotImplementedError


def valid_topic_filter(topic_filter: str) -> bool:
    """Whether it may be subscribed to, ``$share/group/filter`` included (P16)."""
    raise NotImplementedError


def split_share(topic_filter: str) -> tuple[str, str]:
    """``$share/group/filter`` → (group, filter); any other filter → ("", filter). The filter must be valid."""
    raise NotImplementedError


def has_wildcard(topic_filter: str) -> bool:
    """Whether the filter holds ``+`` or ``#``."""
    raise NotImplementedError


def first_level(topic: str) -> str:
    """First level of a topic name, or of the inner filter of a topic filter (CONTRACT T1)."""
    raise NotImplementedError


def level_count(topic: str) -> int:
    """Number of levels, for a configured limit (P14): ``a/b`` has two."""
    raise NotImplementedError


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter (without ``$share``) matches a topic name; the slow, obvious way."""
    raise NotImplementedError
