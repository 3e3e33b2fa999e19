"""The clock of a connection: time to say CONNECT, keep-alive, time to take the last bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.broker.states import DECIDING, NEW
from broker_runtime.broker.timers import Timer
from broker_runtime.codec.reasons import ReasonCode, describe

if TYPE_CHECKING:
    from broker_runtime.broker.connection import Connection
    from broker_runtime.broker.core import Core

LINGER_S = 5.0
"""A closed connection may take so long to take its last bytes."""


class Watch:
    """One timer for each connection, whatever it waits for."""

    __slots__ = ("_core", "_limit_s", "_link", "_timer")

    def __init__(self, core: Core, link: Connection) -> None:
        self._core = core
        self._link = link
        self._limit_s = 0.0
        self._timer: Timer | None = None

    def cancel(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def await_connect(self) -> None:
        """The client has ``connect_timeout_s`` to be let in (E1, E2)."""
        now_s = self._core.clock.monotonic_s()
        self._timer = self._core.timers.at(
            now_s + self._core.settings.connect_timeout_s, self._connect_timeout
        )

    def _connect_timeout(self) -> None:
        link = self._link
        if link.state == NEW:
            self._core.handshake.turn_away(link, "no CONNECT within the time allowed")
        elif link.state == DECIDING:
            link.close(ReasonCode.SERVER_BUSY, "the CONNECT could not be decided in time")

    def keep_alive(self, keep_alive_s: int) -> None:
        """End the connection when nothing comes for 1.5 times as long [MQTT-3.1.2-22] (S18)."""
        self.cancel()
        self._limit_s = 1.5 * keep_alive_s
        if keep_alive_s:
            self._again(self._core.clock.monotonic_s() + self._limit_s)

    def _again(self, deadline_s: float) -> None:
        self._timer = self._core.timers.at(deadline_s, self._check)

    def _check(self) -> None:
        link, now_s = self._link, self._core.clock.monotonic_s()
        if link.held:
            link.seen_s = now_s  # it may have sent: nobody reads
        deadline_s = link.seen_s + self._limit_s
        if now_s >= deadline_s:
            link.close(ReasonCode.KEEP_ALIVE_TIMEOUT, describe(ReasonCode.KEEP_ALIVE_TIMEOUT))
        else:
            self._again(deadline_s)

    def linger(self) -> None:
        """The connection is closed: cut it off when the peer does not take the rest."""
        self.cancel()
        self._timer = self._core.timers.at(
            self._core.clock.monotonic_s() + LINGER_S, self._link.abort
        )
