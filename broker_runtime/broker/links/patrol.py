"""The clock of the connections: time to say CONNECT, keep-alive, time to take the last bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.links.states import DECIDING, LIVE, NEW
from broker_runtime.codec.reasons import ReasonCode, describe

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

RESOLUTION_S: Final = 0.1
"""A connection is looked at so late at most, plus the interval between two ``advance``."""
HORIZON_S: Final = 12.8
"""A connection is looked at this often at least: few sets, each with many connections."""


class Patrol:
    """Looks at each connection when its time may be over; what that means, its state says.

    The connections stand in sets, one for each 100 ms, without an object for the appointment: of
    10,000 that do nothing 800 are looked at in a second (2026-11-20: 0.4 ms), and one that ends is
    forgotten at once.
    """

    __slots__ = ("_core", "_due", "_turned")

    def __init__(self, core: Core, now_s: float) -> None:
        self._core = core
        self._due: dict[int, set[Connection]] = {}
        self._turned = int(now_s / RESOLUTION_S)

    def watch(self, link: Connection, deadline_s: float) -> None:
        """Look at a connection once ``deadline_s`` (monotonic) has passed, or before."""
        self.forget(link)
        turn = int(deadline_s / RESOLUTION_S) + 1
        horizon = self._turned + int(HORIZON_S / RESOLUTION_S)
        turn = min(max(turn, self._turned + 1), horizon)
        due = self._due.get(turn)
        if due is None:
            due = self._due[turn] = set()
        due.add(link)
        link.watched = due

    def keep_alive(self, link: Connection, keep_alive_s: int) -> None:
        """End a connection when nothing comes for 1.5 times as long (S18).
        [MQTT-3.1.2-22] [MQTT3-3.1.2-24]"""
        link.deadline_s = 0.0
        if 0 < 1.5 * keep_alive_s < HORIZON_S:
            self.watch(link, link.seen_s + 1.5 * keep_alive_s)
        # Else it stays where it waits for its CONNECT: that is the time of the first look.

    def forget(self, link: Connection) -> None:
        """Nothing is waited for any more."""
        if link.watched is not None:
            link.watched.discard(link)
            link.watched = None

    def advance(self, now_s: float) -> None:
        """Look at those whose time may have come."""
        turn = int(now_s / RESOLUTION_S)
        if turn - self._turned > len(self._due):
            passed = sorted(number for number in self._due if number <= turn)
        else:
            passed = [n for n in range(self._turned + 1, turn + 1) if n in self._due]
        for number in passed:
            self._turned = number
            links = self._due.pop(number)
            for link in links:
                link.watched = None
            for link in links:
                self._look(link, now_s)
        self._turned = max(turn, self._turned)

    def _look(self, link: Connection, now_s: float) -> None:
        if link.watched is not None:
            return  # another that was looked at before it brought it a new time
        state, deadline_s = link.state, link.deadline_s
        if state == LIVE:
            if link.held:
                link.seen_s = now_s  # it may have sent: nobody reads
            keep_alive_s = link.owner.keep_alive_s
            if not keep_alive_s:
                return
            deadline_s = link.seen_s + 1.5 * keep_alive_s
        if now_s < deadline_s:
            self.watch(link, deadline_s)
        elif state == LIVE:
            link.close(ReasonCode.KEEP_ALIVE_TIMEOUT, describe(ReasonCode.KEEP_ALIVE_TIMEOUT))
        elif state == NEW:
            self._core.handshake.turn_away(link, "no CONNECT within the time allowed")
        elif state == DECIDING:
            link.close(ReasonCode.SERVER_BUSY, "the CONNECT could not be decided in time")
        else:
            link.abort()
