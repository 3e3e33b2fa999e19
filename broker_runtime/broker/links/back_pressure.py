"""Publishers wait while the store is behind: reading stops before memory grows or anything is
dropped (SECURITY E, ARCHITECTURE 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

RECORD_BYTES: Final = 200
"""What a message costs beside its payload."""


class BackPressure:
    """Counts what the store was given and has not confirmed yet."""

    __slots__ = ("_core", "_unstored_bytes", "_waiting")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._unstored_bytes = 0
        self._waiting: list[Connection] = []

    @property
    def unstored_bytes(self) -> int:
        """Given to the store and not confirmed."""
        return self._unstored_bytes

    def submitted(self, payload_bytes: int) -> None:
        """A message was given to the store."""
        self._unstored_bytes += payload_bytes + RECORD_BYTES

    @property
    def is_full(self) -> bool:
        """Whether the store is so far behind that publishers are not read from."""
        return self._unstored_bytes > self._core.settings.unstored_max_bytes

    def stored(self, payload_bytes: int, messages: int = 1) -> None:
        """The store confirmed or refused them: publishers that wait may go on."""
        self._unstored_bytes -= payload_bytes + RECORD_BYTES * messages
        if self._waiting and self._unstored_bytes <= self._core.settings.unstored_max_bytes // 2:
            waiting, self._waiting = self._waiting, []
            for link in waiting:
                if self._may_go_on(link):
                    link.release(throttled=False)
                else:
                    self._waiting.append(link)

    def check(self, link: Connection) -> None:
        """Stop reading from a publisher that is far ahead of the store."""
        if link.held or not link.is_live:
            return
        limit_bytes = self._core.settings.unstored_max_bytes
        # MQTT 5 has the Receive Maximum for this; older clients cannot be told and are not read.
        is_ahead = link.version < 5 and len(link.answers) >= link.receive_maximum
        if is_ahead or self._unstored_bytes > limit_bytes:
            link.hold()
            self._waiting.append(link)

    def _may_go_on(self, link: Connection) -> bool:
        return link.version >= 5 or len(link.answers) <= link.receive_maximum // 2
