"""The limits of messages per second, of the cluster and of a client: token buckets, and the
publishers that wait for them (DECISIONS 5, 6).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

UNLIMITED: Final = 1 << 62


class Throttle:
    """Messages in and out take tokens; a publisher that finds none is not read from.

    ``tokens`` is taken from directly by the hot path. It may fall below zero by one message and its
    fan-out; then the next turn comes later. What one client may still send is its connection's
    ``allowance``, as of ``paced_s``.
    """

    __slots__ = ("_client_rate", "_core", "_limit", "_refilled_s", "_waiting", "tokens")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._limit = 0
        self._client_rate = 0
        self._refilled_s = core.now_s
        self._waiting: deque[Connection] = deque()
        self.tokens = UNLIMITED

    def set_limit(self, limit: int) -> None:
        """Messages per second; 0: no limit."""
        if limit != self._limit:
            self._limit = limit
            self.tokens = limit or UNLIMITED

    def set_client_rate(self, rate: int) -> None:
        """Messages per second that one client may send; 0: no limit. Another one begins with a
        full second for everybody: what was sent before is not charged."""
        if rate != self._client_rate:
            self._client_rate = rate
            for link in self._core.open_links:
                link.allowance, link.paced_s = rate, self._core.now_s

    def room(self, link: Connection) -> int:
        """How many messages the client may send now (API ``MessageRate``)."""
        rate = self._client_rate
        if not rate:
            return UNLIMITED
        now_s = self._core.now_s
        earned = int((now_s - link.paced_s) * rate)
        if link.allowance + earned >= rate:
            link.allowance, link.paced_s = rate, now_s
        elif earned > 0:
            # Only what was earned leaves the clock, so that small rates are met exactly.
            link.allowance += earned
            link.paced_s += earned / rate
        return link.allowance

    def weight(self, payload_bytes: int) -> int:
        """What a message costs: one for each started 4 KB (DECISIONS 6)."""
        return max(1, -(-payload_bytes // self._core.weight_bytes))

    def wait(self, link: Connection) -> None:
        """Stop reading from a publisher until there are tokens."""
        link.hold()
        self._waiting.append(link)

    def refill(self, now_s: float) -> None:
        """Add the tokens of the time that passed, and let waiting publishers go on in turn.

        Each gets an equal share of a turn, so that a greedy one cannot starve the others (E4).
        """
        elapsed_s, self._refilled_s = now_s - self._refilled_s, now_s
        if not self._limit:
            self.tokens = UNLIMITED
        else:
            grown = self.tokens + int(self._limit * elapsed_s)
            self.tokens = min(self._limit, grown)
            if elapsed_s > 0 and grown == self.tokens:
                # What int() cut off stays in the clock, so that small limits are met exactly.
                self._refilled_s -= elapsed_s - int(self._limit * elapsed_s) / self._limit
        for _ in range(len(self._waiting)):
            if self.tokens <= 0:
                return
            link = self._waiting.popleft()
            if link.is_live and self.room(link) <= 0:
                self._waiting.append(link)
                continue
            share = max(1, self.tokens // (len(self._waiting) + 1))
            spared, self.tokens = self.tokens - share, share
            link.release(throttled=True)
            self.tokens += spared
