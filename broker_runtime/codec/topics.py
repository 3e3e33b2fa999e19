"""Topic names, filters and shared subscriptions: what is valid and matches (MQTT 5 §4.7, §4.8)."""

from __future__ import annotations

from typing import Final

SHARE_PREFIX: Final = "$share/"
MAX_TOPIC_BYTES: Final = 65_535
"""[MQTT-4.7.3-3]"""


def _fits(text: str) -> bool:
    """Not empty [MQTT-4.7.3-1], no U+0000 [MQTT-4.7.3-2], within 65,535 bytes [MQTT-4.7.3-3].
    [MQTT3-4.7.3-1] [MQTT3-4.7.3-2] [MQTT3-4.7.3-3]"""
    if not text or "\x00" in text:
        return False
    if len(text) * 4 <= MAX_TOPIC_BYTES:
        return True
    return len(text.encode("utf-8", "surrogatepass")) <= MAX_TOPIC_BYTES


def valid_topic_name(topic: str) -> bool:
    """Whether a message may be published to it."""
    return _fits(topic) and "+" not in topic and "#" not in topic  # [MQTT-4.7.0-1]


def valid_topic_filter(topic_filter: str) -> bool:
    """Whether it may be subscribed to, ``$share/group/filter`` included (P16)."""
    if not _fits(topic_filter):
        return False
    if topic_filter.startswith(SHARE_PREFIX):
        group, slash, inner = topic_filter[len(SHARE_PREFIX) :].partition("/")
        # [MQTT-4.8.2-1] a name of at least one character; [MQTT-4.8.2-2] without wildcards,
        # then "/" and a filter
        if not group or not slash or not inner or "+" in group or "#" in group:
            return False
        topic_filter = inner
    return _wildcards_fill_levels(topic_filter)


def _wildcards_fill_levels(topic_filter: str) -> bool:
    # [MQTT3-4.7.1-2] [MQTT3-4.7.1-3]
    multi = topic_filter.find("#")
    if multi >= 0 and (
        multi != len(topic_filter) - 1 or (multi and topic_filter[multi - 1] != "/")
    ):
        return False  # [MQTT-4.7.1-1] the last character, alone on its level
    if "+" not in topic_filter:
        return True
    # [MQTT-4.7.1-2] alone on its level
    return all(level == "+" or "+" not in level for level in topic_filter.split("/"))


def split_share(topic_filter: str) -> tuple[str, str]:
    """``$share/group/filter`` → (group, filter); any other valid filter → ("", filter)."""
    if not topic_filter.startswith(SHARE_PREFIX):
        return "", topic_filter
    group, _, inner = topic_filter[len(SHARE_PREFIX) :].partition("/")
    return group, inner


def has_wildcard(topic_filter: str) -> bool:
    """Whether the filter holds ``+`` or ``#``."""
    return "+" in topic_filter or "#" in topic_filter


def first_level(topic: str) -> str:
    """First level of a topic name, or of the inner filter of a topic filter (CONTRACT T1)."""
    return split_share(topic)[1].partition("/")[0]


def level_count(topic: str) -> int:
    """Number of levels, for a configured limit (P14): ``a/b`` has two."""
    return topic.count("/") + 1


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter (without ``$share``) matches a topic name; the slow, obvious way.

    Compares character for character, without any normalisation [MQTT-4.7.3-4] (Z15).

    [MQTT-3.3.2-3] [MQTT3-3.3.2-3] [MQTT3-4.7.2-1] [MQTT3-4.7.3-4]
    """
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if levels[0].startswith("$") and wanted[0] in ("+", "#"):
        return False  # [MQTT-4.7.2-1]
    if wanted[-1] == "#":
        # "sport/#" also matches "sport" (§4.7.1.2)
        wanted.pop()
        if len(levels) < len(wanted):
            return False
        levels = levels[: len(wanted)]
    if len(wanted) != len(levels):
        return False
    return all(level in ("+", name) for level, name in zip(wanted, levels, strict=True))
