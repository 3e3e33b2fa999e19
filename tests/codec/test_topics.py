"""Topic names, filters and shared subscriptions."""

from __future__ import annotations

import pytest

from broker_runtime.codec.topics import (
    first_level,
    has_wildcard,
    level_count,
    matches,
    split_share,
    valid_topic_filter,
    valid_topic_name,
)


@pytest.mark.parametrize(
    "topic",
    ["a", "/", "/a", "a/", "a//b", "$SYS/x", " ", "温度/客厅", "a" * 65_535, "\ufeff", "$share"],
)
def test_a_topic_name_is_valid(topic):
    assert valid_topic_name(topic)


@pytest.mark.parametrize(
    "topic", ["", "a/+", "#", "a#", "a\x00b", "a" * 65_536, "温" * 21_846], ids=repr
)
def test_a_topic_name_is_not_valid(topic):
    """P15 [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3]"""
    assert not valid_topic_name(topic)


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#", "+", "/", "/+", "+/+", "a/#", "a/+/b/#", "+/#", "//#", "$SYS/#",
        "$share/g/a", "$share/g/#", "$share/g//", "$share/g/+/b", "$share/g/$SYS/#", "$share",
        "$shared/x", "$share/g/$share/h/a",
    ],
)  # fmt: skip
def test_a_filter_is_valid(topic_filter):
    assert valid_topic_filter(topic_filter)


@pytest.mark.parametrize(
    "topic_filter",
    [
        "", "a/#/b", "a#", "+a", "a+", "a/+b/c", "#/a", "##", "a/##", "a/++", "a\x00", "#a",
        "$share/", "$share/g", "$share/g/", "$share//x", "$share/g+/x", "$share/#/x", "$share/g/a#",
        "$share/g/+a", "a" * 65_536,
    ],
    ids=lambda topic_filter: repr(topic_filter[:20]),
)  # fmt: skip
def test_p16_a_filter_is_not_valid(topic_filter):
    """P16 [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]"""
    assert not valid_topic_filter(topic_filter)


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a/b", "a/b"), ("#", "a"), ("#", "/"), ("a/#", "a"), ("a/#", "a/b/c"), ("a/+", "a/"),
        ("+", "a"), ("+/+", "/a"), ("/+", "/a"), ("+/b/#", "a/b"), ("$SYS/#", "$SYS/x"),
        ("$SYS/+", "$SYS/x"), ("$SYS/#", "$SYS"), ("a/+/c", "a//c"), ("+/#", "a"), ("/#", "/"),
        ("Café", "Café"), ("a/#", "a/$b"), ("a/+", "a/$b"),
    ],
)  # fmt: skip
def test_a_filter_matches(topic_filter, topic):
    assert matches(topic_filter, topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a/b", "a"), ("a", "a/b"), ("a/b", "a/b/c"), ("a/+", "a"), ("a/+", "a/b/c"), ("+", "/a"),
        ("#", "$SYS/x"), ("+/x", "$SYS/x"), ("+/#", "$SYS"), ("A", "a"), ("a/#", "b"), ("/", "a"),
        ("a/b/#", "a"), ("+", "a/"), ("Caf\u00e9", "Cafe\u0301"), ("+", "$"),
    ],
)  # fmt: skip
def test_a_filter_does_not_match(topic_filter, topic):
    """Z13, Z15 [MQTT-4.7.2-1] [MQTT-4.7.3-4]"""
    assert not matches(topic_filter, topic)


def test_a_shared_filter_is_taken_apart():
    assert split_share("$share/g/a/b") == ("g", "a/b")
    assert split_share("$share/g//") == ("g", "/")
    assert split_share("a/b") == ("", "a/b")
    assert split_share("$shared/g/a") == ("", "$shared/g/a")


def test_the_first_level_of_a_filter_is_that_of_its_inner_filter():
    """CONTRACT T1"""
    assert first_level("home/kitchen/#") == "home"
    assert first_level("home") == "home"
    assert first_level("$share/g/home/#") == "home"
    assert first_level("+/a") == "+"
    assert first_level("/a") == ""


def test_levels_are_counted():
    """P14"""
    assert level_count("a") == 1
    assert level_count("/" * 9_999) == 10_000


def test_wildcards_are_found():
    assert has_wildcard("a/+") and has_wildcard("#")
    assert not has_wildcard("a/b")
