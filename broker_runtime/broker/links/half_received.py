"""Packets that came in part: what is kept of them, in bytes of all connections together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.codec.reasons import ReasonCode

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core


class HalfReceived:
    """Bounds what clients that send slowly, or stop in the middle of a packet, can make the node
    keep (P05). One connection is bounded by the largest packet allowed, but there are many."""

    __slots__ = ("_core", "total_bytes")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.total_bytes = 0

    def changed(self, by_bytes: int) -> None:
        """A connection keeps so much more, or less."""
        self.total_bytes += by_bytes
        if self.total_bytes > self._core.settings.half_received_max_bytes:
            self._relieve()

    def _relieve(self) -> None:
        """End the connections that keep the most, so that those who send a packet in one go are
        not the ones to suffer."""
        core = self._core
        room_bytes = core.settings.half_received_max_bytes * 9 // 10
        for link in sorted(core.open_links, key=lambda link: -link.half_received_bytes):
            if self.total_bytes <= room_bytes:
                return
            core.stats.dropped["half_received"] += 1
            link.close(ReasonCode.QUOTA_EXCEEDED, "too many packets are half received")
