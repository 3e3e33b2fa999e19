"""Online subscriptions and subscriber clients by first-level topic (CONTRACT T7)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from broker_runtime.codec.topics import first_level

S = TypeVar("S", bound=Hashable)


class _Count:
    __slots__ = ("clients", "subscriptions")

    def __init__(self) -> None:
        self.subscriptions = 0
        self.clients = 0


class Activity(Generic[S]):
    """Counts of subscribers that are online. A filter that begins with a wildcard counts under
    ``+`` or ``#``, which no first-level topic is called."""

    __slots__ = ("_by_name", "_online")

    def __init__(self) -> None:
        self._by_name: dict[str, _Count] = {}
        self._online: dict[S, str | dict[str, int]] = {}
        """Subscriber to the first levels of its subscriptions and how many each has; only the
        name while there is one subscription, as of most; "" while there is none."""

    def of(self, name: str) -> tuple[int, int]:
        """(online subscriptions, online subscriber clients) under a first-level topic."""
        count = self._by_name.get(name)
        return (0, 0) if count is None else (count.subscriptions, count.clients)

    def connected(self, subscriber: S, topic_filters: Iterable[str]) -> None:
        """The subscriber is online and has these subscriptions."""
        if subscriber in self._online:
            return
        self._online[subscriber] = ""
        for topic_filter in topic_filters:
            self.added(subscriber, topic_filter)

    def disconnected(self, subscriber: S) -> None:
        """The subscriber is offline."""
        own = self._online.pop(subscriber, "")
        if isinstance(own, str):
            if own:
                self._take(own, 1, gone=True)
            return
        for name, subscriptions in own.items():
            self._take(name, subscriptions, gone=True)

    def added(self, subscriber: S, topic_filter: str) -> None:
        """A subscription came; counts when its subscriber is online."""
        own = self._online.get(subscriber)
        if own is None:
            return
        name = first_level(topic_filter)
        count = self._by_name.get(name)
        if count is None:
            count = self._by_name[name] = _Count()
        count.subscriptions += 1
        if own == "" and name:
            self._online[subscriber] = name
            count.clients += 1
            return
        if isinstance(own, str):
            own = self._online[subscriber] = {own: 1} if own else {}
        held = own.get(name, 0)
        own[name] = held + 1
        if held == 0:
            count.clients += 1

    def removed(self, subscriber: S, topic_filter: str) -> None:
        """A subscription went; counts when its subscriber is online."""
        own = self._online.get(subscriber)
        if own is None:
            return
        name = first_level(topic_filter)
        if isinstance(own, str):
            self._online[subscriber] = ""
            self._take(name, 1, gone=True)
            return
        own[name] -= 1
        is_last = own[name] == 0
        if is_last:
            del own[name]
            if not own:
                self._online[subscriber] = ""
        self._take(name, 1, gone=is_last)

    def _take(self, name: str, subscriptions: int, *, gone: bool) -> None:
        count = self._by_name[name]
        count.subscriptions -= subscriptions
        if gone:
            count.clients -= 1
            if count.clients == 0:
                del self._by_name[name]
