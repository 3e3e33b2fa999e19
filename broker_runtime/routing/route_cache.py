"""Routes already matched, and what makes them wrong (ENGINE, design rule 3)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from broker_runtime.routing.routes import Route

S = TypeVar("S", bound=Hashable)


class RouteCache(Generic[S]):
    """The newest routes by topic, at most ``max_topics``.

    A route may be held by others long after it left the cache. It is right while its ``version``
    is the cache's: a change of a wildcard filter moves the cache's version on, a change of an
    exact filter takes the version from that topic's route alone.
    """

    __slots__ = ("_max_topics", "_routes", "_untracked", "version")

    def __init__(self, max_topics: int) -> None:
        self.version = 1
        self._max_topics = max_topics
        self._routes: dict[str, Route[S]] = {}
        self._untracked = False
        """Whether a route of this version was put out, so that its holders cannot be told."""

    def get(self, topic: str) -> Route[S] | None:
        """The route of a topic if it is still right."""
        route = self._routes.get(topic)
        if route is None or route.version != self.version:
            return None
        return route

    def put(self, topic: str, route: Route[S]) -> None:
        """Remember a route; the oldest is put out when there is no room."""
        routes = self._routes
        if topic not in routes and len(routes) >= self._max_topics:
            oldest = next(iter(routes))
            if routes.pop(oldest).version == self.version:
                self._untracked = True
        routes[topic] = route

    def topic_changed(self, topic: str) -> None:
        """An exact filter changed: only routes of that topic are wrong."""
        route = self._routes.pop(topic, None)
        if route is not None:
            route.version = -1
        elif self._untracked:
            self.all_changed()

    def all_changed(self) -> None:
        """A wildcard filter changed: any route may be wrong."""
        self.version += 1
        self._untracked = False
