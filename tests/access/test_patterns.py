"""Patterns of policies against a slow, obvious evaluator (SECURITY Z4, Z8, Z10)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.access.patterns import Identity, PatternInvalid, Template
from broker_runtime.codec import topics


def slow_match(tokens: tuple[str, ...], text: str) -> bool:
    """The obvious evaluator: backtracking, one character at a time."""
    if not tokens:
        return not text
    head, rest = tokens[0], tokens[1:]
    if head == "*":
        return any(slow_match(rest, text[cut:]) for cut in range(len(text) + 1))
    if head == "+":
        end = text.find("/")
        end = len(text) if end < 0 else end
        return any(slow_match(rest, text[cut:]) for cut in range(end + 1))
    if head == "?":
        return bool(text) and slow_match(rest, text[1:])
    if head == "/" and rest == ("#",):
        return not text or text[0] == "/"
    if head == "#":
        return True
    return text[:1] == head and slow_match(rest, text[1:])


LEVELS = st.lists(st.one_of(st.just("+"), st.text("ab*?", max_size=3)), min_size=1, max_size=4).map(
    "/".join
)
PATTERNS = (
    st.tuples(LEVELS, st.booleans()).map(lambda p: p[0] + ("/#" if p[1] else "")).filter(bool)
)
TOPICS = st.text("ab/", min_size=1, max_size=8)
FILTERS = st.tuples(
    st.lists(st.one_of(st.just("+"), st.text("ab", max_size=2)), min_size=1, max_size=3),
    st.booleans(),
).map(lambda p: "/".join(p[0]) + ("/#" if p[1] else ""))


def pattern(text: str, **values: str):
    return Template(text, in_topic=True).bind(Identity(values))


@settings(deadline=None)
@given(PATTERNS, TOPICS)
def test_a_pattern_matches_what_the_slow_evaluator_matches(text, topic):
    assert pattern(text).matches(topic) == slow_match(tuple(text), topic)


@settings(deadline=None)
@given(PATTERNS, TOPICS, FILTERS.filter(bool))
def test_what_matches_holds_the_needle_and_so_does_a_filter_inside(text, topic, topic_filter):
    needle = Template(text, in_topic=True).needle
    assert needle in topic or not pattern(text).matches(topic)
    assert needle in topic_filter or not pattern(text).contains(topic_filter)


def test_the_needle_is_the_longest_text_without_the_slash_that_may_be_missing():
    needles = {"a/#": "a", "+/closed-1/*": "/closed-1/", "ab/${ClientId}/c": "ab/", "#": ""}
    for text, needle in {**needles, "+/#": "", "${ClientId}/abc/#": "/abc"}.items():
        assert Template(text, in_topic=True).needle == needle


@settings(deadline=None)
@given(PATTERNS, FILTERS.filter(bool), TOPICS)
def test_containment_is_sound__Z4(text, topic_filter, topic):
    if pattern(text).contains(topic_filter) and topics.matches(topic_filter, topic):
        assert pattern(text).matches(topic)


@settings(deadline=None)
@given(FILTERS.filter(bool), st.data())
def test_containment_among_plain_filters_finds_every_narrowing__Z4(topic_filter, data):
    levels = topic_filter.split("/")
    narrower = "/".join(
        data.draw(st.sampled_from(["a", "b", "+"])) if level == "+" else level for level in levels
    )
    assert pattern(topic_filter).contains(narrower)


@pytest.mark.parametrize(
    ("policy", "topic_filter", "contained"),
    [
        ("home/+/temp", "home/#", False),
        ("home/+/temp", "+/+/+", False),
        ("home/+/temp", "#", False),
        ("home/+/temp", "home/+/+", False),
        ("home/+/temp", "home/+/temp", True),
        ("home/+/temp", "home/a/temp", True),
        ("home/#", "home", True),
        ("home/#", "home/+/x/#", True),
        ("home/#", "home/#", True),
        ("#", "+/#", True),
        ("#", "#", True),
        ("*", "#", True),
        ("+/#", "#", True),
        ("#", "$SYS/#", False),
        ("home/*", "home/+", True),
        ("home/*", "home/#", False),
        ("home*", "home/#", True),
        ("home/?", "home/+", False),
        ("home/?*", "home/+", False),
    ],
)
def test_a_filter_is_inside_a_pattern_only_as_a_whole__Z4(policy, topic_filter, contained):
    assert pattern(policy).contains(topic_filter) is contained


@pytest.mark.parametrize("value", ["+", "#", "*", "?", "a/b", "${ClientId}", "a+", "x#"])
def test_a_value_is_literal_text__Z8(value):
    bound = pattern("user/${Username}/#", Username=value, ClientId="other")
    assert bound.matches(f"user/{value}/x")
    assert not bound.matches("user/somebody/x")
    assert not bound.matches("user/other/x")


def test_a_missing_value_binds_nothing():
    assert pattern("dev/${Certificate.Subject.CommonName}") is None
    assert pattern("dev/${Username}", Username="") is None


def test_sixty_stars_against_sixty_kilobytes_take_linear_time__Z10():
    hard = pattern("a*b*c*" * 20 + "Z")
    topic = "abc" * 20_000
    began = time.perf_counter()
    assert not hard.matches(topic)
    assert time.perf_counter() - began < 2


def test_a_pattern_that_begins_with_a_wildcard_spares_dollar_topics__Z13():
    for text in ("#", "+/x", "*", "?SYS/x"):
        assert not pattern(text).matches("$SYS/x")
    assert pattern("$SYS/#").matches("$SYS/x")


def test_no_normalisation_of_unicode__Z15():
    assert not pattern("Caf\u00e9").matches("Cafe\u0301")


@pytest.mark.parametrize(
    "text", ["a/#/b", "a#", "+a", "a+/b", "${Nobody}", "${Username", "", "a\0", "x" * 5000]
)
def test_a_malformed_pattern_is_refused__Z2(text):
    with pytest.raises(PatternInvalid):
        Template(text, in_topic=True)


def test_in_a_client_id_plus_and_hash_are_plain_characters():
    pattern = Template("*${Username}*", in_topic=False).bind(Identity({"Username": "a+#"}))
    assert pattern is not None
    assert pattern.matches("x/a+#/y")
    assert not pattern.matches("x/abc/y")


TEMPLATES = st.lists(
    st.sampled_from(["a", "b/", "/", "+/", "${Username}", "${ClientId}", "c"]),
    min_size=1,
    max_size=6,
).map("".join)
VALUES = st.sampled_from(["", "a", "b", "ab", "a/b", "+", "#"])


@settings(deadline=None)
@given(TEMPLATES, VALUES, VALUES, TOPICS)
def test_a_template_matches_as_its_pattern_for_that_client_does(text, username, client_id, topic):
    """Level by level with the values put in on the way, and by the automaton with them inside."""
    try:
        template = Template(text, in_topic=True)
    except PatternInvalid:
        return
    identity = Identity({"Username": username, "ClientId": client_id})
    bound = template.bind(identity)
    expected = bound is not None and bound._automaton().accepts(topic)
    starts_wild = text.startswith("+")
    assert template.matches(topic, topic.split("/"), identity) is (
        expected and not (starts_wild and topic.startswith("$"))
    )


@pytest.mark.parametrize(
    ("text", "first_level"),
    [("a/b", "a"), ("a", "a"), ("a${Username}/b", None), ("a*", None), ("+/a", None), ("/a", "")],
)
def test_the_first_level_is_known_only_when_it_is_literal(text, first_level):
    assert Template(text, in_topic=True).first_level == first_level
