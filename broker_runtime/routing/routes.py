"""What a match gives: deliveries to subscribers, and shared groups."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from broker_runtime.routing.sharing import SharedGroup

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
    """One subscriber that matches a topic, its subscriptions merged (DECISIONS 18); never changes.

    ``qos`` is the highest of them [MQTT-3.3.4-2], ``identifiers`` holds those of all, repeated when
    repeated (MQTT 5.0 §3.3.4). ``no_local``: every one has No Local: skip it when the publisher is
    this subscriber [MQTT-3.8.3-3]. ``own``: set when only some have No Local: what stands in place
    of this delivery when the publisher is this subscriber. ``is_special``: any of these but the QoS
    is set, so that the subscriber may get other bytes than others.
    """

    __slots__ = (
        "identifiers",
        "is_special",
        "no_local",
        "own",
        "qos",
        "retain_as_published",
        "subscriber",
    )

    def __init__(
        self,
        subscriber: S,
        qos: int,
        no_local: bool,
        retain_as_published: bool,
        identifiers: tuple[int, ...],
        own: Delivery[S] | None,
    ) -> None:
        self.subscriber = subscriber
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.identifiers = identifiers
        self.own = own
        self.is_special = bool(identifiers or no_local or own is not None or retain_as_published)

    def is_of(self, options: SubscriptionOptions) -> bool:
        """Whether a subscription with these options alone would be the same."""
        return (
            self.qos == options.qos
            and self.no_local == options.no_local
            and self.retain_as_published == options.retain_as_published
            and self.identifiers == ((options.identifier,) if options.identifier else ())
        )


def delivery_of(subscriber: S, options: SubscriptionOptions) -> Delivery[S]:
    """The delivery of a single subscription."""
    identifiers = (options.identifier,) if options.identifier else ()
    return Delivery(
        subscriber,
        options.qos,
        options.no_local,
        options.retain_as_published,
        identifiers,
        None,
    )


def combine(overlapping: list[Delivery[S]]) -> Delivery[S]:
    """Merge the deliveries of one subscriber's overlapping subscriptions; linear in their
    number. [MQTT3-3.3.5-1]"""
    first = overlapping[0]
    if len(overlapping) == 1:
        return first
    others = [delivery for delivery in overlapping if not delivery.no_local]
    mixed = 0 < len(others) < len(overlapping)
    return Delivery(
        first.subscriber,
        max([delivery.qos for delivery in overlapping]),
        not others,
        any(delivery.retain_as_published for delivery in overlapping),
        tuple([i for delivery in overlapping for i in delivery.identifiers]),
        combine(others) if mixed else None,
    )


class Route(Generic[S]):
    """What a topic matches. Current while ``route.version == tree.version``; else match again.

    ``direct``: one delivery for each subscriber. ``shared``: the groups, each to get one copy
    (MQTT 5.0 §4.8.2). Callers change neither. ``plan`` is theirs: what they made of the route, as
    long as it is right.
    """

    __slots__ = ("direct", "plan", "shared", "version")

    def __init__(
        self, direct: list[Delivery[S]], shared: list[SharedGroup[S]], version: int
    ) -> None:
        self.direct = direct
        self.shared = shared
        self.version = version
        self.plan: object = None
