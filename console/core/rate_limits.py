"""Counters of attempts in the shared cache: so many a window, for all web processes together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.core.cache import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most ``most`` attempts of one subject in ``window_s`` seconds from its first."""

    name: str
    most: int
    window_s: int

    def take(self, subject: str) -> bool:
        """Count an attempt; return whether it is within the limit.

        An attempt is counted before what it is for is tried, so that many at once gain nothing.
        Raises what the cache raises when it is away.
        """
        key = self._key(subject)
        cache.add(key, 0, timeout=self.window_s)
        try:
            return cache.incr(key) <= self.most
        except ValueError:
            return True  # The window ended between the two commands: this is the next one's first.

    def forget(self, subject: str) -> None:
        """Start anew, for example after the right password."""
        cache.delete(self._key(subject))

    def _key(self, subject: str) -> str:
        # Hashed: a subject is a stranger's text of any length and alphabet.
        return f"limit:{self.name}:{hashlib.sha256(subject.encode(errors='replace')).hexdigest()}"
