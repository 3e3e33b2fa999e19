"""Client events: to the journal and to whoever listens, repeated ones as one with a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker_runtime.broker.clock import Clock
from broker_runtime.contract.queries import ClientEvent
from broker_runtime.storage.base import Journal

REPEAT_S: Final = 10.0
"""The same event of the same client comes once in this time, then once with the count of the
rest."""
MAX_KINDS: Final = 10_000
"""Different repeated events kept apart; beyond it they are only counted."""

_MORE: Final = "more clients were refused or denied than are listed one by one"


class EventLog:
    """Events, in order. A flood makes few of them (every refusal is counted elsewhere as well)."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._repeated: dict[tuple[str, str, str, str, str], int] = {}
        self._left_out = 0
        self._next_flush_s = clock.monotonic_s() + REPEAT_S
        self.listener: Callable[[ClientEvent], None] = lambda event: None
        self.announce: Callable[[ClientEvent], None] = lambda event: None
        """The same for ``$events``."""

    def add(
        self, event: str, *, client_id: str, username: str, address: str, reason: str = ""
    ) -> None:
        """One event, now."""
        entry = ClientEvent(
            at_ms=self._clock.wall_us() // 1000,
            client_id=client_id,
            username=username,
            address=address,
            event=event,
            reason=reason,
        )
        self._journal.event(entry)
        self.listener(entry)
        self.announce(entry)

    def note(
        self,
        event: str,
        client_id: str,
        username: str,
        address: str,
        reason: str,
        *,
        times: int = 1,
    ) -> None:
        """An event that may come again at once and often, or came several times."""
        key = (event, client_id, username, address, reason)
        count = self._repeated.get(key)
        if count is not None:
            self._repeated[key] = count + times
        elif len(self._repeated) >= MAX_KINDS:
            self._left_out += times
        else:
            self._repeated[key] = times - 1
            self.add(event, client_id=client_id, username=username, address=address, reason=reason)

    def flush(self, now_s: float) -> None:
        """Tell the counts of what was held back; call now and then."""
        if now_s < self._next_flush_s:
            return
        self._next_flush_s = now_s + REPEAT_S
        repeated, self._repeated = self._repeated, {}
        for (event, client_id, username, address, reason), count in repeated.items():
            if count:
                self.add(
                    event,
                    client_id=client_id,
                    username=username,
                    address=address,
                    reason=f"{reason} ({count} more times)",
                )
        if self._left_out:
            reason = f"{_MORE}: {self._left_out}"
            self._left_out = 0
            self.add("refused", client_id="", username="", address="", reason=reason)
