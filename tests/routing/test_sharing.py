"""Strategies of shared subscriptions (the cloud API's SharedGroup, MQTT 5.0 §4.8.2)."""

from __future__ import annotations

from collections import Counter

import pytest

from broker_runtime.routing.subscriptions import SubscriptionOptions, SubscriptionTree

AT_1 = SubscriptionOptions(1)
TOPICS = [f"t/{number}" for number in range(3_000)]


@pytest.fixture
def tree():
    made: SubscriptionTree[str] = SubscriptionTree()
    for name in ("a", "b", "c"):
        made.subscribe(name, "$share/g/#", AT_1)
    return made


def group_of(tree):
    (group,) = tree.match("t").shared
    return group


def chosen(group, topic, publisher=""):
    group.begin(topic, publisher)
    return group.take().subscriber


def test_members_take_turns_unless_told_otherwise(tree):
    group = group_of(tree)
    assert [chosen(group, "t") for _ in range(4)] == ["a", "b", "c", "a"]


def test_random_spreads_evenly_and_in_no_order(tree):
    tree.strategies.default = "random"
    group = group_of(tree)
    found = [chosen(group, "t") for _ in range(3_000)]
    assert all(800 < count < 1_200 for count in Counter(found).values())
    assert found[:6] != ["a", "b", "c"] * 2
    assert len({tuple(found[n : n + 2]) for n in range(100)}) == 9


def test_a_hash_keeps_a_topic_at_its_member(tree):
    tree.strategies.default = "hash"
    group = group_of(tree)
    first = {topic: chosen(group, topic) for topic in TOPICS}
    assert all(800 < count < 1_200 for count in Counter(first.values()).values())
    assert {topic: chosen(group, topic, "x") for topic in TOPICS} == first


def test_a_hash_of_the_publisher_keeps_a_publisher_at_its_member(tree):
    tree.strategies.default = "hash_publisher"
    group = group_of(tree)
    assert len({chosen(group, topic, "p1") for topic in TOPICS}) == 1
    assert {chosen(group, "t", f"p{n}") for n in range(30)} == {"a", "b", "c"}


def test_when_a_member_comes_or_goes_only_its_own_share_moves(tree):
    tree.strategies.default = "hash"
    group = group_of(tree)
    three = {topic: chosen(group, topic) for topic in TOPICS}
    tree.subscribe("d", "$share/g/#", AT_1)
    four = {topic: chosen(group, topic) for topic in TOPICS}
    assert {four[topic] for topic in TOPICS if four[topic] != three[topic]} == {"d"}
    tree.unsubscribe("d", "$share/g/#")
    assert {topic: chosen(group, topic) for topic in TOPICS} == three
    tree.unsubscribe("b", "$share/g/#")
    two = {topic: chosen(group, topic) for topic in TOPICS}
    assert {three[topic] for topic in TOPICS if two[topic] != three[topic]} == {"b"}


def test_a_member_that_cannot_serve_is_followed_by_every_other(tree):
    tree.strategies.default = "hash"
    group = group_of(tree)
    for topic in TOPICS[:50]:
        group.begin(topic, "")
        assert sorted(group.take().subscriber for _ in range(3)) == ["a", "b", "c"]


def test_a_group_may_have_a_strategy_of_its_own(tree):
    tree.subscribe("a", "$share/h/#", AT_1)
    tree.subscribe("b", "$share/h/#", AT_1)
    tree.strategies.by_group = {"h": "hash"}
    groups = {group.name: group for group in tree.match("t").shared}
    assert len({chosen(groups["h"], "t") for _ in range(9)}) == 1
    assert len({chosen(groups["g"], "t") for _ in range(9)}) == 3
