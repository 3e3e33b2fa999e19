"""The retained tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.codec.topics import matches
from broker_runtime.routing.retained import RetainedTree
from tests.routing.test_subscriptions import FILTERS, TOPICS


@pytest.fixture
def tree() -> RetainedTree[str]:
    tree: RetainedTree[str] = RetainedTree()
    for topic in ("a", "a/b", "a/b/c", "/", "$SYS/x"):
        tree.put(topic, topic, 10)
    return tree


def test_a_message_replaces_the_one_before(tree):
    """[MQTT-3.3.1-5]"""
    assert not tree.put("a", "new", 25)
    assert tree.get("a") == "new"
    assert (len(tree), tree.size_bytes) == (5, 65)


def test_a_deleted_message_is_found_no_more(tree):
    """[MQTT-3.3.1-6]"""
    assert tree.delete("a/b") == "a/b"
    assert tree.delete("a/b") is None
    assert tree.get("a/b") is None
    assert sorted(tree.match("a/#")) == ["a", "a/b/c"]
    assert (len(tree), tree.size_bytes) == (4, 40)


def test_nothing_is_left_of_a_tree_that_was_emptied(tree):
    for topic in ("a", "a/b", "a/b/c", "/", "$SYS/x"):
        tree.delete(topic)
    assert (len(tree), tree.size_bytes, tree._root.children) == (0, 0, {})


@pytest.mark.parametrize(
    ("topic_filter", "found"),
    [
        ("#", ["/", "a", "a/b", "a/b/c"]),
        ("+", ["a"]),
        ("a/#", ["a", "a/b", "a/b/c"]),
        ("a/+", ["a/b"]),
        ("+/+", ["/", "a/b"]),
        ("+/#", ["/", "a", "a/b", "a/b/c"]),
        ("a/b", ["a/b"]),
        ("$SYS/#", ["$SYS/x"]),
        ("$SYS/+", ["$SYS/x"]),
        ("+/x", []),
        ("b/#", []),
        ("b", []),
    ],
)
def test_a_filter_finds_what_it_matches(tree, topic_filter, found):
    """Z13 [MQTT-4.7.2-1]"""
    assert sorted(tree.match(topic_filter)) == found


def test_a_dollar_below_the_first_level_is_an_ordinary_character(tree):
    """[MQTT-4.7.2-1] speaks of the first level only."""
    tree.put("a/$b", "a/$b", 1)
    for topic_filter in ("#", "+/#", "a/#", "a/+"):
        assert "a/$b" in tree.match(topic_filter)


def test_a_scan_takes_bounded_steps_while_the_tree_changes():
    """E6: a client that subscribes to everything does not stop the loop."""
    tree: RetainedTree[int] = RetainedTree()
    for number in range(100):
        tree.put(f"t/{number}", number, 1)
    scan = tree.scan("t/+")
    found = scan.step(11)
    assert len(found) == 10, "one visit is the level t"
    for gone in range(50, 60):
        tree.delete(f"t/{gone}")
    steps = 0
    while not scan.done:
        found += scan.step(10)
        steps += 1
    assert steps == 9
    assert len(found) == len(set(found))
    assert set(range(50)) | set(range(60, 100)) <= set(found)


def test_a_scan_that_can_find_nothing_is_done_at_once():
    tree: RetainedTree[int] = RetainedTree()
    assert tree.scan("#").done
    assert tree.match("#") == []


def test_p14_ten_thousand_levels_need_no_recursion():
    """P14"""
    tree: RetainedTree[int] = RetainedTree()
    topic = "/" * 9_999
    tree.put(topic, 1, 1)
    assert tree.match("#") == [1]
    assert tree.match("/".join(["+"] * 10_000)) == [1]
    assert tree.delete(topic) == 1
    assert tree._root.children == {}


@given(st.lists(st.tuples(TOPICS, st.booleans()), max_size=20), FILTERS, st.integers(1, 5))
def test_the_tree_agrees_with_the_obvious_matching(steps, topic_filter, visits):
    tree: RetainedTree[str] = RetainedTree()
    obvious: dict[str, str] = {}
    for topic, puts in steps:
        if puts:
            assert tree.put(topic, topic, len(topic)) == (topic not in obvious)
            obvious[topic] = topic
        else:
            assert tree.delete(topic) == obvious.pop(topic, None)
    expected = sorted(topic for topic in obvious if matches(topic_filter, topic))
    assert sorted(tree.match(topic_filter)) == expected
    scan = tree.scan(topic_filter)
    found: list[str] = []
    while not scan.done:
        found += scan.step(visits)
    assert sorted(found) == expected
    assert (len(tree), tree.size_bytes) == (len(obvious), sum(map(len, obvious)))
