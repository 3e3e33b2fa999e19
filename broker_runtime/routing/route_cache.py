"""Routes already matched, and what makes them wrong (ENGINE, design rule 3)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from broker_runtime.codec.topics import has_wildcard, matches
from broker_runtime.routing.routes import Route

S = TypeVar("S", bound=Hashable)

REMEMBERED_CHANGES: Final = 64
"""A route that missed more changes is matched anew."""


class RouteCache(Generic[S]):
    """The routes used last by topic, ``max_topics`` or a few more.

    A route may be held by others long after it left the cache. It is right while its ``version``
    is the cache's. A change of an exact filter takes the version from that topic's route alone. A
    change of a wildcard filter moves the cache's version on; a route of an older version is looked
    at when it is used next (``confirms``): if no filter that changed since matches its topic it is
    as good as before. So clients that come and go cost the others a comparison, not their routes.
    """

    __slots__ = (
        "_changes",
        "_half",
        "_oldest",
        "_routes",
        "_seldom_used",
        "_untracked",
        "version",
    )

    def __init__(self, max_topics: int) -> None:
        self.version = 1
        self._half = max(1, max_topics // 2)
        self._routes: dict[str, Route[S]] = {}
        self._seldom_used: dict[str, Route[S]] = {}
        """What was in ``_routes`` before; those not asked for until it is full again go."""
        self._oldest = 1
        """The version before the first of ``_changes``; each of them made one version more."""
        self._changes: list[str] = []
        self._untracked = False
        """Whether a route that may be right was put out, so that its holders cannot be told."""

    def get(self, topic: str) -> Route[S] | None:
        """The route of a topic if it is still right."""
        route = self._routes.get(topic)
        if route is None:
            route = self._seldom_used.pop(topic, None)
            if route is None:
                return None
            self._keep(topic, route)
        if route.version != self.version and not self.confirms(topic, route):
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
        """Remember a route that ``get`` did not find; when there is no room, those go that were
        not used for long."""
        self._keep(topic, route)

    def _keep(self, topic: str, route: Route[S]) -> None:
        # Two halves, because to find the oldest key of a dictionary costs as many steps as keys
        # were deleted before it.
        routes = self._routes
        if len(routes) >= self._half and topic not in routes:
            if self._seldom_used:
                self._untracked = True
            self._seldom_used = routes
            routes = self._routes = {}
        routes[topic] = route

    def __len__(self) -> int:
        """How many routes are remembered."""
        return len(self._routes) + len(self._seldom_used)

    def changed(self, topic_filter: str) -> None:
        """The subscriptions of a filter (without ``$share``) are others now."""
        if not has_wildcard(topic_filter):
            route = self._routes.pop(topic_filter, None) or self._seldom_used.pop(
                topic_filter, None
            )
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
