"""Topic filters to subscribers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


class SubscriptionOptions:
    """Options of one subscription as routing needs them. ``identifier`` 0: none."""

    __slots__ = ("identifier", "no_local", "qos", "retain_as_published")

    def __init__(
        self,
        qos: int,
        *,
        no_local: bool = False,
        retain_as_published: bool = False,
        identifier: int = 0,
    ) -> None:
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.identifier = identifier


class Delivery(Generic[S]):
    """One subscriber that matches a topic, all its subscriptions merged (DECISIONS 18).

    ``qos`` is the highest of them, ``identifiers`` holds all of them in no order. ``no_local``: every one has No Local:
    skip when the publisher is this subscriber. ``own``: set when only some have No Local: use it in place of this
    delivery when the publisher is this subscriber.
    """

    __slots__ = ("identifiers", "no_local", "own", "qos", "retain_as_published", "subscriber")
    subscriber: S
    qos: int
    no_local: bool
    retain_as_published: bool
    identifiers: tuple[int, ...]
    own: Delivery[S] | None


class SharedGroup(Generic[S]):
    """Members of one ``$share/<name>/<filter>``; live: members come and go without a new match."""

    __slots__ = ("members", "name", "topic_filter")
    name: str
    topic_filter: str
    members: list[Delivery[S]]

    def take(self) -> Delivery[S]:
        """The member whose turn it is (round robin). Call again, at most ``len(members)`` times, when it cannot serve."""
        raise NotImplementedError


class Route(Generic[S]):
    """What a topic matches. Current while ``route.version == tree.version``; else call ``tree.match`` again.

    ``direct``: one entry for each subscriber. ``shared``: the groups, each to get one copy. Both must not be changed.
    """

    __slots__ = ("direct", "shared", "version")
    direct: list[Delivery[S]]
    shared: list[SharedGroup[S]]
    version: int


class SubscriptionTree(Generic[S]):
    """All subscriptions of a node. ``S`` names a subscriber (a client id, a session object with identity hash)."""

    version: int
    """Grows when routes already given may be wrong. A change that touches few topics does not bump it: the routes of those
    topics get ``version = -1``. So ``route.version == tree.version`` is the whole test."""

    def __init__(self, *, max_cached_topics: int = 8192) -> None:
        raise NotImplementedError

    def subscribe(self, subscriber: S, topic_filter: str, options: SubscriptionOptions) -> bool:
        """Add or replace a subscription; True when it is new (Retain Handling 1). The filter must be valid."""
        raise NotImplementedError

    def unsubscribe(self, subscriber: S, topic_filter: str) -> bool:
        """Remove a subscription; False when there was none."""
        raise NotImplementedError

    def remove_subscriber(self, subscriber: S) -> int:
        """Remove all subscriptions of a subscriber; returns how many."""
        raise NotImplementedError

    def filters_of(self, subscriber: S) -> dict[str, SubscriptionOptions]:
        """Topic filter → options of one subscriber (a copy)."""
        raise NotImplementedError

    def set_online(self, subscriber: S, online: bool) -> None:
        """Say whether the subscriber is connected, for ``activity``; before its first subscription or later."""
        raise NotImplementedError

    def activity(self, name: str) -> tuple[int, int]:
        """(online subscriptions, online subscriber clients) under a first-level topic (CONTRACT T7)."""
        raise NotImplementedError

    def match(self, topic: str) -> Route[S]:
        """Everything that a message to ``topic`` must reach; from a bounded cache when nothing changed."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of subscriptions."""
        raise NotImplementedError
