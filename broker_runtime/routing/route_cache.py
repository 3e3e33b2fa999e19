"""Routes already matched, and what makes them wrong (ENGINE, design rule 3)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from broker_runtime.codec.topics import has_wildcard, matches
from broker_runtime.routing.routes import Route

S = TypeVar("S", bound=Hashable)

REMEMBERED_CHANGES = 64
"""A route that missed more changes is matched anew."""


class RouteCache(Generic[S]):
    """The newest routes by topic, at most ``max_topics``.

    A route may be held by others long after it left the cache. It is right while its ``version``
    is the cache's. A change of an exact filter takes the version from that topic's route alone. A
    change of a wildcard filter moves the cache's version on; a route of an older version is looked
    at when it is used next (``confirms``): if no filter that changed since matches its topic it is
    as good as before. So clients that come and go cost the others a comparison, not their routes.
    """

    __slots__ = ("_changes", "_max_topics", "_oldest", "_routes", "_untracked", "version")

    def __init__(self, max_topics: int) -> None:
        self.version = 1
        self._max_topics = max_topics
        self._routes: dict[str, Route[S]] = {}
        self._oldest = 1
        """The version before the first of ``_changes``; each of them made one version more."""
        self._changes: list[str] = []
        self._untracked = False
        """Whether a route that may be right was put out, so that its holders cannot be told."""

    def get(self, topic: str) -> Route[S] | None:
        """The route of a topic if it is still right."""
        route = self._routes.get(topic)
        if route is None or (route.version != self.version and not self.confirms(topic, route)):
            return None
        return route

    def confirms(self, topic: str, route: Route[S]) -> bool:
        """Whether a route of an older version is right all the same; then it gets the version of
        now."""
        missed = route.version - self._oldest
        if missed < 0:
            return False
        first_level = topic.partition("/")[0]
        for topic_filter in self._changes[missed:]:
            begin = topic_filter.partition("/")[0]
            if begin in (first_level, "+", "#") and matches(topic_filter, topic):
                return False
        route.version = self.version
        return True

    def put(self, topic: str, route: Route[S]) -> None:
        """Remember a route; the oldest is put out when there is no room."""
        routes = self._routes
        if len(routes) >= self._max_topics and topic not in routes:
            oldest = next(iter(routes))
            if routes.pop(oldest).version >= self._oldest:
                self._untracked = True
        routes[topic] = route

    def changed(self, topic_filter: str) -> None:
        """The subscriptions of a filter (without ``$share``) are others now."""
        if not has_wildcard(topic_filter):
            route = self._routes.pop(topic_filter, None)
            if route is not None:
                route.version = -1
                return
            if not self._untracked:
                return
        changes = self._changes
        changes.append(topic_filter)
        self.version += 1
        if len(changes) > REMEMBERED_CHANGES:
            del changes[: REMEMBERED_CHANGES // 2]
            self._oldest += REMEMBERED_CHANGES // 2

    def all_changed(self) -> None:
        """Rights or rules changed: any route may be wrong."""
        self.version += 1
        self._changes.clear()
        self._oldest = self.version
        self._untracked = False
