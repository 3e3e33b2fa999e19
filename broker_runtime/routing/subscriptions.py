"""Topic filters to subscribers: a trie of the wildcard filters, a dictionary of the exact ones.

A match visits a topic level by level, without recursion (P14), and at each level only the nodes
that agree so far. Its cost is linear in the levels of the topic; for hostile sets of filters
(``+/+/a``, ``+/a/+`` …, E8) it is bounded by the number of nodes, that is of subscriptions allowed.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from broker_runtime.codec.topics import has_wildcard, split_share
from broker_runtime.routing.activity import Activity
from broker_runtime.routing.route_cache import RouteCache
from broker_runtime.routing.routes import (
    Delivery,
    Route,
    SubscriptionOptions,
    combine,
    delivery_of,
)
from broker_runtime.routing.sharing import SharedGroup, Strategies

__all__ = ["Delivery", "Route", "SharedGroup", "SubscriptionOptions", "SubscriptionTree"]

S = TypeVar("S", bound=Hashable)


class _Leaf(Generic[S]):
    """The subscriptions of one filter: subscriber to delivery, and group name to group."""

    __slots__ = ("groups", "subscribers")

    def __init__(self) -> None:
        self.subscribers: dict[S, Delivery[S]] = {}
        self.groups: dict[str, SharedGroup[S]] = {}


class _Node(Generic[S]):
    """One level of the wildcard filters; ``+`` is a child like any other.

    ``leaf``: the filter that ends here. ``rest``: the one that goes on with ``#`` and ends.
    """

    __slots__ = ("children", "leaf", "rest")

    def __init__(self) -> None:
        self.children: dict[str, _Node[S]] = {}
        self.leaf: _Leaf[S] | None = None
        self.rest: _Leaf[S] | None = None


def _take_last(node: _Node[S], leaves: list[_Leaf[S]]) -> None:
    """Add what matches when the topic has no further level: "sport/#" matches "sport" too."""
    if node.leaf is not None:
        leaves.append(node.leaf)
    if node.rest is not None:  # MQTT 5.0 §4.7.1.2
        leaves.append(node.rest)


class SubscriptionTree(Generic[S]):
    """All subscriptions of a node. ``S`` names a subscriber (a client id, a session object …)."""

    __slots__ = (
        "_activity",
        "_cache",
        "_count",
        "_exact",
        "_groups",
        "_root",
        "_subscribers",
        "strategies",
    )

    def __init__(self, *, max_cached_topics: int = 8192) -> None:
        self._root: _Node[S] = _Node()
        self._exact: dict[str, _Leaf[S]] = {}
        self._groups: dict[str, SharedGroup[S]] = {}
        self._subscribers: dict[S, dict[str, SubscriptionOptions]] = {}
        self._count = 0
        self._cache: RouteCache[S] = RouteCache(max_cached_topics)
        self._activity: Activity[S] = Activity()
        self.strategies = Strategies()
        """How shared groups choose among their members; may change at any time."""

    @property
    def version(self) -> int:
        """A route is right while it has this version; it moves on when any route may be wrong.

        A change that touches one topic only does not move it: the route of that topic gets
        version -1. ``route.version == tree.version`` is therefore the whole test. Callers that
        ask for each message may hold ``tree.cache`` and read ``cache.version``.
        """
        return self._cache.version

    @property
    def cache(self) -> RouteCache[S]:
        """Holds the version as a plain attribute, for the hot path."""
        return self._cache

    def subscribe(self, subscriber: S, topic_filter: str, options: SubscriptionOptions) -> bool:
        """Add or replace a subscription [MQTT-3.8.4-3].

        Args:
            topic_filter: valid (``topics.valid_topic_filter``), ``$share/group/…`` included.

        Returns:
            True when it is new, which Retain Handling 1 asks for.
        """
        own = self._subscribers.setdefault(subscriber, {})
        former = own.get(topic_filter)
        if former is not None and former.same_as(options):
            return False
        own[topic_filter] = options
        self._place(subscriber, topic_filter, delivery_of(subscriber, options))
        if former is not None:
            return False
        self._count += 1
        self._activity.added(subscriber, topic_filter)
        return True

    def unsubscribe(self, subscriber: S, topic_filter: str) -> bool:
        """Remove a subscription [MQTT-3.10.4-1]; False when there was none."""
        own = self._subscribers.get(subscriber)
        if own is None or own.pop(topic_filter, None) is None:
            return False
        if not own:
            del self._subscribers[subscriber]
        self._count -= 1
        self._activity.removed(subscriber, topic_filter)
        self._displace(subscriber, topic_filter)
        return True

    def remove_subscriber(self, subscriber: S) -> int:
        """Remove all subscriptions of a subscriber; returns how many. Say ``set_online`` as
        well."""
        topic_filters = list(self._subscribers.get(subscriber, ()))
        for topic_filter in topic_filters:
            self.unsubscribe(subscriber, topic_filter)
        return len(topic_filters)

    def filters_of(self, subscriber: S) -> dict[str, SubscriptionOptions]:
        """Topic filter to options of one subscriber (a copy)."""
        return dict(self._subscribers.get(subscriber, {}))

    def group(self, key: str) -> SharedGroup[S] | None:
        """The shared group of a ``$share/<name>/<filter>``; None when it has no members."""
        return self._groups.get(key)

    def set_online(self, subscriber: S, online: bool) -> None:
        """Say whether the subscriber is connected, for ``activity``; before it subscribes or later.

        Nothing of the matching depends on it. A subscriber that is never said to be offline again
        is remembered.
        """
        if online:
            self._activity.connected(subscriber, self._subscribers.get(subscriber, ()))
        else:
            self._activity.disconnected(subscriber)

    def activity(self, name: str) -> tuple[int, int]:
        """(online subscriptions, online subscriber clients) under a first-level topic (T7)."""
        return self._activity.of(name)

    def __len__(self) -> int:
        """Number of subscriptions."""
        return self._count

    def match(self, topic: str) -> Route[S]:
        """Everything that a message to ``topic`` must reach; from the cache while that is right."""
        route = self._cache.get(topic)
        if route is None:
            route = self._route(self._leaves(topic))
            self._cache.put(topic, route)
        return route

    def _route(self, leaves: list[_Leaf[S]]) -> Route[S]:
        shared = [group for leaf in leaves for group in leaf.groups.values()]
        direct: list[Delivery[S]]
        if len(leaves) == 1:
            direct = list(leaves[0].subscribers.values())
        else:
            found: dict[S, list[Delivery[S]]] = {}
            for leaf in leaves:
                for subscriber, delivery in leaf.subscribers.items():
                    found.setdefault(subscriber, []).append(delivery)
            direct = [combine(overlapping) for overlapping in found.values()]
        return Route(direct, shared, self._cache.version)

    def _leaves(self, topic: str) -> list[_Leaf[S]]:
        """The leaves of all filters that match."""
        leaves: list[_Leaf[S]] = []
        exact = self._exact.get(topic)
        if exact is not None:
            leaves.append(exact)
        levels = topic.split("/")
        if topic.startswith("$"):
            # [MQTT-4.7.2-1] a wildcard at the first level does not match "$…"
            child = self._root.children.get(levels.pop(0))
            frontier = [] if child is None else [child]
        else:
            frontier = [self._root]
        for level in levels:
            following: list[_Node[S]] = []
            for node in frontier:
                if node.rest is not None:
                    leaves.append(node.rest)
                child = node.children.get(level)
                if child is not None:
                    following.append(child)
                child = node.children.get("+")
                if child is not None:
                    following.append(child)
            if not following:
                return leaves
            frontier = following
        for node in frontier:
            _take_last(node, leaves)
        return leaves

    def _changed(self, inner: str) -> None:
        if has_wildcard(inner):
            self._cache.all_changed()
        else:
            self._cache.topic_changed(inner)

    def _place(self, subscriber: S, topic_filter: str, delivery: Delivery[S]) -> None:
        group_name, inner = split_share(topic_filter)
        leaf = self._leaf_of(inner)
        if not group_name:
            leaf.subscribers[subscriber] = delivery
            self._changed(inner)
            return
        group = leaf.groups.get(group_name)
        if group is None:
            group = leaf.groups[group_name] = SharedGroup(group_name, inner, self.strategies)
            self._groups[topic_filter] = group
            self._changed(inner)
        group.put(delivery)

    def _leaf_of(self, inner: str) -> _Leaf[S]:
        if not has_wildcard(inner):
            leaf = self._exact.get(inner)
            if leaf is None:
                leaf = self._exact[inner] = _Leaf()
            return leaf
        levels = inner.split("/")
        goes_on = levels[-1] == "#"
        if goes_on:
            levels.pop()
        node = self._root
        for level in levels:
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
            node = child
        leaf = node.rest if goes_on else node.leaf
        if leaf is None:
            leaf = _Leaf()
            if goes_on:
                node.rest = leaf
            else:
                node.leaf = leaf
        return leaf

    def _displace(self, subscriber: S, topic_filter: str) -> None:
        group_name, inner = split_share(topic_filter)
        leaf = self._leaf_of(inner)
        if not group_name:
            del leaf.subscribers[subscriber]
            self._changed(inner)
        else:
            group = leaf.groups[group_name]
            group.remove(subscriber)
            if not group.members:
                del leaf.groups[group_name]
                del self._groups[topic_filter]
                self._changed(inner)
        if not leaf.subscribers and not leaf.groups:
            self._prune(inner)

    def _prune(self, inner: str) -> None:
        """Take away the empty leaf of a filter and the nodes that led only to it."""
        if not has_wildcard(inner):
            del self._exact[inner]
            return
        levels = inner.split("/")
        goes_on = levels[-1] == "#"
        if goes_on:
            levels.pop()
        path = [self._root]
        for level in levels:
            path.append(path[-1].children[level])
        if goes_on:
            path[-1].rest = None
        else:
            path[-1].leaf = None
        while levels:
            node = path.pop()
            if node.children or node.leaf is not None or node.rest is not None:
                return
            del path[-1].children[levels.pop()]
