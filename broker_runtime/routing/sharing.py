"""Shared subscriptions: which member of a group gets a message (MQTT 5.0 §4.8.2)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final, Generic, Literal, TypeVar
from zlib import crc32

from broker_runtime.routing.routes import Delivery

S = TypeVar("S", bound=Hashable)

Strategy = Literal["round_robin", "random", "hash", "hash_publisher"]
"""``random`` and ``hash`` (of the topic) are the SDK's RANDOM and HASH_PARTITION."""

MAX_PLACES: Final = 256
"""Hashed topics or publishers that a group remembers the member of."""

_WORD: Final = 2**64 - 1


class Strategies:
    """The strategy of each group: its own, else that of the cluster."""

    __slots__ = ("by_group", "default")

    def __init__(self) -> None:
        self.default: Strategy = "round_robin"
        self.by_group: Mapping[str, Strategy] = {}

    def of(self, name: str) -> Strategy:
        """The strategy of the groups of a share name."""
        return self.by_group.get(name, self.default)


class SharedGroup(Generic[S]):
    """Members of one ``$share/<name>/<filter>``; live: members come and go without a new match.

    For each message: ``begin``, then ``take`` until a member can serve, at most ``len(members)``
    times. A route that is current has no group without members.
    """

    __slots__ = (
        "_joins",
        "_places",
        "_random",
        "_strategies",
        "_tokens",
        "_turn",
        "key",
        "members",
        "name",
        "topic_filter",
    )

    def __init__(self, name: str, topic_filter: str, strategies: Strategies) -> None:
        self.name = name
        self.topic_filter = topic_filter
        """Without the ``$share/<name>/``."""
        self.key = f"$share/{name}/{topic_filter}"
        self.members: list[Delivery[S]] = []
        self._strategies = strategies
        self._turn = 0
        self._joins = 0
        self._tokens: dict[S, int] = {}
        """Member to a number of its own, which decides what is hashed to it."""
        self._places: dict[str, int] = {}
        self._random = crc32(topic_filter.encode(), crc32(name.encode()))

    def begin(self, topic: str, publisher: str) -> None:
        """Choose the member that a message goes to first.

        Args:
            topic: of the message.
            publisher: client id of whoever published it.
        """
        strategy = self._strategies.of(self.name)
        if strategy == "round_robin":
            return
        if strategy == "random":
            # An LCG is random enough to spread load, and needs no module that a reader distrusts.
            self._random = (self._random * 6364136223846793005 + 1442695040888963407) & _WORD
            self._turn = (self._random >> 33) % len(self.members)
            return
        key = topic if strategy == "hash" else publisher
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            place = self._places[key] = self._place_of(key)
        self._turn = place

    def _place_of(self, key: str) -> int:
        """The member of greatest weight: when one comes or goes, only its own share moves."""
        hashed = crc32(key.encode())
        weights = [_mixed(hashed, self._tokens[member.subscriber]) for member in self.members]
        return weights.index(max(weights))

    def take(self) -> Delivery[S]:
        """The member whose turn it is; the next one when it is called again."""
        turn = self._turn
        if turn >= len(self.members):
            turn = 0
        self._turn = turn + 1
        return self.members[turn]

    def has(self, subscriber: S) -> bool:
        """Whether a subscriber is a member."""
        return subscriber in self._tokens

    def put(self, delivery: Delivery[S]) -> None:
        """Add a member, or replace the one of the same subscriber."""
        if delivery.subscriber in self._tokens:
            for position, member in enumerate(self.members):
                if member.subscriber == delivery.subscriber:
                    self.members[position] = delivery
            return
        self._joins += 1
        self._tokens[delivery.subscriber] = self._joins
        self.members.append(delivery)
        self._places.clear()

    def remove(self, subscriber: S) -> None:
        """Remove a member."""
        del self._tokens[subscriber]
        self.members[:] = [member for member in self.members if member.subscriber != subscriber]
        self._places.clear()


def _mixed(hashed: int, token: int) -> int:
    """Two numbers to one that looks like neither (the finaliser of splitmix64)."""
    mixed = (hashed << 32 | token) * 0x9E3779B97F4A7C15 & _WORD
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    return mixed ^ mixed >> 31
