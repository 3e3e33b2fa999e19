"""Topic filters to subscribers: a trie of the wildcard filters, a dictionary of the exact ones.

The cost of a match is linear in the levels of the topic; for hostile sets of filters (``+/+/a``,
``+/a/+`` …, E8) it is bounded by the number of nodes, that is of subscriptions allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

from broker_runtime.codec.topics import has_wildcard, split_share
from broker_runtime.routing.activity import Activity
from broker_runtime.routing.filter_tree import FilterTree, Leaf
from broker_runtime.routing.route_cache import REMEMBERED_CHANGES, RouteCache
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


class SubscriptionTree(Generic[S]):
    """All subscriptions of a node. ``S`` names a subscriber (a client id, a session object …),
    which knows its own filters: the tree does not list them."""

    __slots__ = ("_cache", "_count", "_exact", "_groups", "_wildcards", "activity", "strategies")

    def __init__(self, *, max_cached_topics: int = 8192) -> None:
        self._wildcards: FilterTree[S] = FilterTree()
        self._exact: dict[str, Leaf[S]] = {}
        self._groups: dict[str, SharedGroup[S]] = {}
        self._count = 0
        self._cache: RouteCache[S] = RouteCache(max_cached_topics)
        self.activity: Activity[S] = Activity()
        """Say there who is online; nothing of the matching depends on it."""
        self.strategies = Strategies()
        """How shared groups choose among their members; may change at any time."""

    @property
    def version(self) -> int:
        """A route is right while it has this version; it moves on when any route may be wrong.

        A change that touches one topic only does not move it: the route of that topic gets
        version -1. ``route.version == tree.version`` says that a route is right; else ask
        ``cache.confirms``. Callers that ask for each message may hold ``tree.cache`` and read
        ``cache.version``.
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

        [MQTT3-3.8.4-3]
        """
        group_name, inner = split_share(topic_filter)
        leaf = self._make(inner)
        if group_name:
            is_new = self._join(leaf, group_name, inner, delivery_of(subscriber, options))
        else:
            former = leaf.find(subscriber)
            if former is not None and former.is_of(options):
                return False
            leaf.put(delivery_of(subscriber, options))
            self._cache.changed(inner)
            is_new = former is None
        if is_new:
            self._count += 1
            self.activity.added(subscriber, topic_filter)
        return is_new

    def _join(self, leaf: Leaf[S], name: str, inner: str, delivery: Delivery[S]) -> bool:
        if leaf.groups is None:
            leaf.groups = {}
        group = leaf.groups.get(name)
        if group is None:
            group = leaf.groups[name] = SharedGroup(name, inner, self.strategies)
            self._groups[group.key] = group
            self._cache.changed(inner)
        is_new = not group.has(delivery.subscriber)
        group.put(delivery)
        return is_new

    def unsubscribe(self, subscriber: S, topic_filter: str) -> bool:
        """Remove a subscription [MQTT-3.10.4-1]; False when there was none. [MQTT3-3.10.4-1]"""
        group_name, inner = split_share(topic_filter)
        is_wild = has_wildcard(inner)
        leaf = self._wildcards.find(inner) if is_wild else self._exact.get(inner)
        if leaf is None:
            return False
        if group_name:
            if not self._leave(leaf, group_name, inner, subscriber):
                return False
        elif leaf.find(subscriber) is None:
            return False
        else:
            leaf.remove(subscriber)
            self._cache.changed(inner)
        self._count -= 1
        self.activity.removed(subscriber, topic_filter)
        if leaf.is_empty():
            if is_wild:
                self._wildcards.prune(inner)
            else:
                del self._exact[inner]
        return True

    def _leave(self, leaf: Leaf[S], name: str, inner: str, subscriber: S) -> bool:
        group = None if leaf.groups is None else leaf.groups.get(name)
        if leaf.groups is None or group is None or not group.has(subscriber):
            return False
        group.remove(subscriber)
        if not group.members:
            del leaf.groups[name]
            del self._groups[group.key]
            self._cache.changed(inner)
        return True

    def remove_subscriber(self, subscriber: S, topic_filters: Iterable[str]) -> None:
        """Remove all subscriptions of a subscriber, and forget that it was online."""
        self.activity.disconnected(subscriber)
        for topic_filter in topic_filters:
            self.unsubscribe(subscriber, topic_filter)

    def touch(self, topic_filters: Collection[str]) -> None:
        """Something about a subscriber of these filters changed that plans depend on."""
        if len(topic_filters) > REMEMBERED_CHANGES // 2:
            self._cache.all_changed()
        else:
            for topic_filter in topic_filters:
                self._cache.changed(split_share(topic_filter)[1])

    def group(self, key: str) -> SharedGroup[S] | None:
        """The group of a shared filter, as long as it has members."""
        return self._groups.get(key)

    def __len__(self) -> int:
        """Number of subscriptions."""
        return self._count

    def match(self, topic: str) -> Route[S]:
        """Everything that a message to ``topic`` must reach; from the cache while that is right."""
        route = self._cache.get(topic)
        if route is None:
            leaves: list[Leaf[S]] = []
            exact = self._exact.get(topic)
            if exact is not None:
                leaves.append(exact)
            self._wildcards.match(topic, leaves)
            route = self._route(leaves)
            self._cache.put(topic, route)
        return route

    def _route(self, leaves: list[Leaf[S]]) -> Route[S]:
        direct: list[Delivery[S]] = []
        for leaf in leaves:
            if leaf.only is None or leaf.groups or len(direct) == 2:
                return self._merged(leaves)
            direct.append(leaf.only)
        if len(direct) == 2 and direct[0].subscriber == direct[1].subscriber:
            return self._merged(leaves)
        return Route(direct, [], self._cache.version)

    def _merged(self, leaves: list[Leaf[S]]) -> Route[S]:
        """The same when filters may overlap, have groups or several subscribers."""
        found: dict[S, Delivery[S]] = {}
        overlaps: dict[S, list[Delivery[S]]] = {}
        shared: list[SharedGroup[S]] = []
        for leaf in leaves:
            if leaf.groups:
                shared += leaf.groups.values()
            only = leaf.only
            if only is not None:
                if found.setdefault(only.subscriber, only) is not only:
                    overlaps.setdefault(only.subscriber, []).append(only)
            elif leaf.several is not None:
                for subscriber, delivery in leaf.several.items():
                    if found.setdefault(subscriber, delivery) is not delivery:
                        overlaps.setdefault(subscriber, []).append(delivery)
        for subscriber, others in overlaps.items():
            found[subscriber] = combine([found[subscriber], *others])
        return Route(list(found.values()), shared, self._cache.version)

    def _make(self, inner: str) -> Leaf[S]:
        if has_wildcard(inner):
            return self._wildcards.make(inner)
        leaf = self._exact.get(inner)
        if leaf is None:
            leaf = self._exact[inner] = Leaf()
        return leaf
