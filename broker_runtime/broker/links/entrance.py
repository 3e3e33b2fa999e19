"""Whether one more connection may come in at all, before it has said a word."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

RESERVED_DESCRIPTORS: Final = 128
"""Kept for the files of store and journal, the control API and telemetry (E10)."""
BURST_S: Final = 2.0
"""So many seconds of the accept rate may come at once."""


class Entrance:
    """Counts those that have not said CONNECT, those that came in the last moments, and the file
    descriptors that are left. Whom it turns away leaves nothing behind but a count."""

    __slots__ = ("_allowance", "_core", "_counted_s", "_max_open", "undecided")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.undecided: set[Connection] = set()
        """Connections whose CONNECT did not come, or is not decided."""
        self._max_open = _descriptors() - RESERVED_DESCRIPTORS
        self._allowance = core.settings.accept_rate * BURST_S
        self._counted_s = core.now_s

    def admits(self, link: Connection) -> bool:
        """Whether the connection may stay and say its CONNECT (E1, E10)."""
        core = self._core
        stats, settings = core.stats, core.settings
        if core.is_stopping or len(self.undecided) >= settings.max_handshakes:
            stats.connect_throttled += 1
        elif len(core.open_links) >= self._max_open:
            stats.connect_throttled += 1
            stats.dropped["no_descriptor"] += 1
        elif settings.accept_rate and not self._has_turn(settings.accept_rate):
            stats.connect_throttled += 1
            stats.dropped["accept_rate"] += 1
        else:
            self.undecided.add(link)
            return True
        return False

    def _has_turn(self, rate: int) -> bool:
        now_s = self._core.now_s
        grown = self._allowance + (now_s - self._counted_s) * rate
        self._counted_s = now_s
        self._allowance = min(grown, rate * BURST_S)
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def peer_of(transport: asyncio.Transport) -> tuple[str, str]:
    """Host of the peer, and ``host:port`` as it is shown."""
    peer = transport.get_extra_info("peername") or ("", 0)
    host = str(peer[0])
    return host, f"[{host}]:{peer[1]}" if ":" in host else f"{host}:{peer[1]}"


def _descriptors() -> int:
    """How many files and sockets this process may have open; it takes as many as it is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 2**31
    if soft < hard or hard == resource.RLIM_INFINITY:
        wanted = 2**20 if hard == resource.RLIM_INFINITY else hard
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return soft
