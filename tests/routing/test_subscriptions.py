"""The subscription tree: what matches, how overlaps merge, when a route is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.codec.topics import matches
from broker_runtime.routing.subscriptions import Route, SubscriptionOptions, SubscriptionTree

AT_0 = SubscriptionOptions(0)
AT_1 = SubscriptionOptions(1)
AT_2 = SubscriptionOptions(2)


class Clients:
    """A tree, and beside it what each client has subscribed to, as sessions know it."""

    def __init__(self, **options: int) -> None:
        self.tree: SubscriptionTree[str] = SubscriptionTree(**options)
        self.filters: dict[str, dict[str, SubscriptionOptions]] = {}
        self.match, self.activity = self.tree.match, self.tree.activity.of
        self.cache = self.tree.cache

    @property
    def version(self) -> int:
        return self.tree.version

    def __len__(self) -> int:
        return len(self.tree)

    def subscribe(self, name: str, topic_filter: str, options: SubscriptionOptions) -> bool:
        self.filters.setdefault(name, {})[topic_filter] = options
        return self.tree.subscribe(name, topic_filter, options)

    def unsubscribe(self, name: str, topic_filter: str) -> bool:
        self.filters.get(name, {}).pop(topic_filter, None)
        return self.tree.unsubscribe(name, topic_filter)

    def remove_subscriber(self, name: str) -> int:
        before = len(self.tree)
        self.tree.remove_subscriber(name, self.filters.pop(name, {}))
        return before - len(self.tree)

    def set_online(self, name: str, online: bool) -> None:
        if online:
            self.tree.activity.connected(name, self.filters.get(name, {}))
        else:
            self.tree.activity.disconnected(name)


@pytest.fixture
def tree() -> Clients:
    return Clients()


def subscribers(route: Route[str]) -> list[str]:
    return sorted(delivery.subscriber for delivery in route.direct)


def current(tree: Clients, route: Route[str]) -> bool:
    return route.version == tree.version


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a/b", "a/b"), ("#", "a"), ("#", "/"), ("a/#", "a"), ("a/#", "a/b/c"), ("a/+", "a/"),
        ("+", "a"), ("+/+", "/a"), ("/+", "/a"), ("+/b/#", "a/b"), ("$SYS/#", "$SYS/x"),
        ("$SYS/+", "$SYS/x"), ("$SYS/#", "$SYS"), ("a/+/c", "a//c"), ("$SYS", "$SYS"),
        ("a/+", "a/$b"),
    ],
)  # fmt: skip
def test_a_subscription_gets_what_its_filter_matches(tree, topic_filter, topic):
    tree.subscribe("reader", topic_filter, AT_1)
    assert subscribers(tree.match(topic)) == ["reader"]


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a/b", "a"), ("a/+", "a"), ("a/+", "a/b/c"), ("+", "/a"), ("#", "$SYS/x"), ("#", "$SYS"),
        ("+/x", "$SYS/x"), ("+", "$SYS"), ("a/b/#", "a"), ("A", "a"), ("$SYS/#", "$OTHER"),
    ],
)  # fmt: skip
def test_a_subscription_does_not_get_what_its_filter_does_not_match(tree, topic_filter, topic):
    """Z13 [MQTT-4.7.2-1]"""
    tree.subscribe("reader", topic_filter, AT_1)
    assert subscribers(tree.match(topic)) == []


def test_overlapping_subscriptions_are_one_delivery_at_the_highest_qos(tree):
    """DECISIONS 18 [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4]"""
    tree.subscribe("reader", "a/b", SubscriptionOptions(0, identifier=7))
    tree.subscribe("reader", "a/+", SubscriptionOptions(2, retain_as_published=True))
    tree.subscribe("reader", "#", SubscriptionOptions(1, identifier=7))
    tree.subscribe("other", "#", SubscriptionOptions(0))
    by_name = {delivery.subscriber: delivery for delivery in tree.match("a/b").direct}
    assert sorted(by_name) == ["other", "reader"]
    merged = by_name["reader"]
    assert (merged.qos, merged.retain_as_published, merged.identifiers) == (2, True, (7, 7))
    assert by_name["other"].identifiers == ()


def test_no_local_holds_only_when_every_overlapping_subscription_has_it(tree):
    """S22 [MQTT-3.8.3-3]"""
    tree.subscribe("writer", "a/b", SubscriptionOptions(2, no_local=True, identifier=1))
    tree.subscribe("writer", "a/+", SubscriptionOptions(1, no_local=True, identifier=2))
    (delivery,) = tree.match("a/b").direct
    assert (delivery.no_local, delivery.own) == (True, None)
    tree.subscribe("writer", "#", SubscriptionOptions(0, identifier=3))
    (delivery,) = tree.match("a/b").direct
    assert (delivery.no_local, delivery.qos) == (False, 2)
    assert delivery.own is not None
    assert (delivery.own.qos, delivery.own.identifiers) == (0, (3,))


def test_a_replaced_subscription_is_not_new(tree):
    """[MQTT-3.8.4-3]; Retain Handling 1 asks."""
    assert tree.subscribe("reader", "a", AT_0)
    assert not tree.subscribe("reader", "a", AT_2)
    assert not tree.subscribe("reader", "a", SubscriptionOptions(2))
    assert len(tree) == 1
    assert tree.match("a").direct[0].qos == 2


def test_an_unsubscribed_filter_matches_no_more(tree):
    """[MQTT-3.10.4-1]"""
    for topic_filter in ("a/b", "a/+", "a/#", "$share/g/a/b", "$share/g/a/#"):
        assert tree.subscribe("reader", topic_filter, AT_1)
        assert tree.unsubscribe("reader", topic_filter)
        assert not tree.unsubscribe("reader", topic_filter)
        route = tree.match("a/b")
        assert (route.direct, route.shared) == ([], [])
    assert len(tree) == 0
    assert not tree.unsubscribe("stranger", "a")


def test_a_removed_subscriber_leaves_nothing_behind(tree):
    for topic_filter in ("a/b", "a/+/c", "#", "$share/g/x/#"):
        tree.subscribe("reader", topic_filter, AT_1)
    tree.subscribe("other", "a/+/c", AT_1)
    assert tree.remove_subscriber("reader") == 4
    assert tree.remove_subscriber("reader") == 0
    assert len(tree) == 1
    assert subscribers(tree.match("a/b/c")) == ["other"]
    tree.remove_subscriber("other")
    assert tree.tree._wildcards.is_empty() and tree.tree._exact == {}, "no node is left empty"


def test_a_shared_group_is_given_apart_and_takes_turns(tree):
    """MQTT 5.0 §4.8.2"""
    for name in ("a", "b", "c"):
        tree.subscribe(name, "$share/g/t/+", AT_1)
    tree.subscribe("a", "$share/h/t/1", AT_2)
    tree.subscribe("a", "t/1", AT_0)
    route = tree.match("t/1")
    assert [delivery.qos for delivery in route.direct] == [0]
    by_name = {group.name: group for group in route.shared}
    assert sorted(by_name) == ["g", "h"]
    assert (by_name["g"].topic_filter, by_name["h"].topic_filter) == ("t/+", "t/1")
    assert [by_name["g"].take().subscriber for _ in range(4)] == ["a", "b", "c", "a"]
    assert [by_name["h"].take().qos for _ in range(2)] == [2, 2]


def test_members_come_and_go_without_a_new_match(tree):
    tree.subscribe("a", "$share/g/#", AT_1)
    route = tree.match("t")
    (group,) = route.shared
    tree.subscribe("b", "$share/g/#", AT_1)
    tree.subscribe("b", "$share/g/#", AT_2)
    assert [(m.subscriber, m.qos) for m in group.members] == [("a", 1), ("b", 2)]
    assert current(tree, route)
    group.take(), group.take()
    tree.unsubscribe("b", "$share/g/#")
    assert group.take().subscriber == "a"
    assert current(tree, route)
    tree.unsubscribe("a", "$share/g/#")
    assert not current(tree, route)


def test_one_group_name_on_two_filters_is_two_groups(tree):
    tree.subscribe("a", "$share/g/t", AT_1)
    tree.subscribe("b", "$share/g/#", AT_1)
    assert len(tree.match("t").shared) == 2


def test_an_exact_subscription_makes_only_its_topic_wrong(tree):
    """ENGINE, design rule 3"""
    wrong, right = tree.match("a"), tree.match("b")
    tree.subscribe("reader", "a", AT_1)
    assert (current(tree, wrong), current(tree, right)) == (False, True)
    assert tree.match("b") is right
    wrong = tree.match("a")
    tree.unsubscribe("reader", "a")
    assert (current(tree, wrong), current(tree, right)) == (False, True)


def test_a_wildcard_subscription_makes_the_routes_wrong_that_it_matches(tree):
    """ENGINE, design rule 3: who comes and goes does not cost the others their routes."""
    wrong, right = tree.match("b/1"), tree.match("a/1")
    tree.subscribe("reader", "b/+", AT_1)
    assert not current(tree, right), "not known yet"
    assert not tree.cache.confirms("b/1", wrong)
    assert tree.cache.confirms("a/1", right) and current(tree, right)
    assert tree.match("a/1") is right
    tree.subscribe("reader", "b/+", SubscriptionOptions(1))
    assert current(tree, right), "nothing changed"
    for topic_filter in ("#", "+/1", "a/#"):
        right = tree.match("a/1")
        tree.subscribe("reader", topic_filter, AT_1)
        assert not tree.cache.confirms("a/1", right)


def test_a_route_that_missed_too_many_changes_is_matched_anew(tree):
    route = tree.match("a")
    for number in range(65):
        tree.subscribe("reader", f"b/{number}/+", AT_1)
    assert not tree.cache.confirms("a", route)
    assert tree.match("a") is not route


def test_no_route_is_right_after_the_rules_changed(tree):
    route = tree.match("a")
    tree.cache.all_changed()
    assert not tree.cache.confirms("a", route)


def test_a_route_that_left_the_cache_is_still_told(tree):
    """Holders of a route that the cache forgot must not keep a wrong one."""
    small = Clients(max_cached_topics=2)
    held = small.match("a")
    for topic in "bcd":
        small.match(topic)
    assert current(small, held)
    small.subscribe("reader", "unrelated", AT_1)
    assert small.cache.confirms("a", held)
    small.subscribe("reader", "a", AT_1)
    assert not small.cache.confirms("a", held)


def test_the_cache_is_bounded():
    small = Clients(max_cached_topics=4)
    for number in range(10):
        small.match(f"t/{number}")
        assert len(small.cache) <= 4


def test_p14_ten_thousand_levels_need_no_recursion(tree):
    """P14"""
    topic = "/" * 9_999
    tree.subscribe("exact", topic, AT_1)
    tree.subscribe("plus", "/".join(["+"] * 10_000), AT_1)
    tree.subscribe("rest", "/" * 9_999 + "/#", AT_1)
    assert subscribers(tree.match(topic)) == ["exact", "plus", "rest"]
    assert subscribers(tree.match(topic + "/")) == ["rest"]
    for name in ("exact", "plus", "rest"):
        tree.remove_subscriber(name)
    assert tree.tree._wildcards.is_empty()


def test_e8_a_hostile_set_of_filters_visits_no_node_twice(tree):
    """E8: all 2^10 mixtures of ``a`` and ``+`` before a last level that never comes."""
    for mixture in range(1 << 10):
        levels = ["+" if mixture >> bit & 1 else "a" for bit in range(10)]
        tree.subscribe("attacker", "/".join(levels) + "/+/never", AT_0)
    assert tree.match("a/" * 11 + "a").direct == []
    tree.subscribe("reader", "a/#", AT_0)
    assert subscribers(tree.match("a/" * 11 + "a")) == ["reader"]


def test_one_subscriber_with_many_overlaps_is_merged_in_linear_time(tree):
    """E8, E9: 1,024 subscriptions that all match become one delivery with all identifiers."""
    for mixture in range(1 << 10):
        levels = ["+" if mixture >> bit & 1 else "a" for bit in range(10)]
        tree.subscribe("reader", "/".join(levels), SubscriptionOptions(0, identifier=mixture + 1))
    (delivery,) = tree.match("/".join("a" * 10)).direct
    assert sorted(delivery.identifiers) == list(range(1, 1025))


def test_activity_counts_online_subscribers_by_first_level(tree):
    """CONTRACT T7"""
    tree.subscribe("a", "home/1", AT_0)
    assert tree.activity("home") == (0, 0), "not online yet"
    tree.set_online("a", True)
    tree.set_online("a", True)
    tree.subscribe("a", "home/#", AT_0)
    tree.subscribe("a", "home/#", AT_1)
    tree.subscribe("a", "work/+", AT_0)
    tree.set_online("b", True)
    tree.subscribe("b", "$share/g/home/+", AT_0)
    tree.subscribe("offline", "home/+", AT_0)
    assert tree.activity("home") == (3, 2)
    assert tree.activity("work") == (1, 1)
    tree.unsubscribe("a", "home/1")
    assert tree.activity("home") == (2, 2)
    tree.unsubscribe("offline", "home/+")
    tree.unsubscribe("a", "work/+")
    assert (tree.activity("home"), tree.activity("work")) == ((2, 2), (0, 0))
    tree.set_online("a", False)
    tree.set_online("a", False)
    assert tree.activity("home") == (1, 1)
    tree.set_online("a", True)
    assert tree.activity("home") == (2, 2), "what it kept counts again"
    tree.unsubscribe("a", "home/#")
    assert tree.activity("home") == (1, 1), "the other client still subscribes"
    tree.set_online("b", False)
    assert tree.activity("home") == (0, 0), "the last one went offline"
    tree.set_online("b", True)
    tree.remove_subscriber("b")
    assert tree.activity("home") == (0, 0)


LEVELS = st.sampled_from(["a", "b", "", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = (
    st.tuples(
        st.lists(LEVELS | st.just("+"), min_size=1, max_size=4).map("/".join),
        st.sampled_from(["", "", "/#"]),
    ).map("".join)
    | st.just("#")
).filter(bool)
NAMES = st.sampled_from(["r", "s", "t"])
STEPS = st.lists(
    st.tuples(st.just("subscribe"), NAMES, FILTERS, st.integers(0, 2))
    | st.tuples(st.just("unsubscribe"), NAMES, FILTERS, st.just(0))
    | st.tuples(st.just("remove"), NAMES, st.just("a"), st.just(0))
    | st.tuples(st.just("match"), NAMES, TOPICS, st.just(0)),
    max_size=30,
)


@given(STEPS, st.lists(TOPICS, min_size=1, max_size=4), st.integers(1, 3))
def test_the_tree_agrees_with_the_obvious_matching(steps, topics, cached):
    """Whatever is subscribed, removed and matched between, a current route is never wrong."""
    tree = Clients(max_cached_topics=cached)
    obvious: dict[tuple[str, str], int] = {}
    held: dict[str, Route[str]] = {}
    for step, name, text, qos in steps:
        if step == "subscribe":
            is_new = tree.subscribe(name, text, SubscriptionOptions(qos))
            assert is_new == ((name, text) not in obvious)
            obvious[name, text] = qos
        elif step == "unsubscribe":
            assert tree.unsubscribe(name, text) == (obvious.pop((name, text), None) is not None)
        elif step == "remove":
            tree.remove_subscriber(name)
            obvious = {key: value for key, value in obvious.items() if key[0] != name}
        else:
            held[text] = tree.match(text)
        for topic, route in held.items():
            if current(tree, route) or tree.cache.confirms(topic, route):
                assert as_dict(route) == expected(obvious, topic)
    for topic in topics:
        assert as_dict(tree.match(topic)) == expected(obvious, topic)
    assert len(tree) == len(obvious)


def as_dict(route: Route[str]) -> dict[str, int]:
    return {delivery.subscriber: delivery.qos for delivery in route.direct}


def expected(obvious: dict[tuple[str, str], int], topic: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for (name, topic_filter), qos in obvious.items():
        if matches(topic_filter, topic):
            found[name] = max(qos, found.get(name, 0))
    return found
