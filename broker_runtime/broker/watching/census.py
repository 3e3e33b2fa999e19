"""What is known only by asking every session: counted a few at a time, so that a million of them
hold up nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

ROUND_TICKS: Final = 20
"""A round takes so many ticks, about a second."""
FEWEST: Final = 50
"""Sessions asked in a tick at least."""
COUNTED_AT_ONCE: Final = 1_000
"""So many sessions are counted when somebody asks."""
TRIM_EVERY_S: Final = 10.0


class Census:
    """Messages in flight and waiting, and what of the log is needed by nobody any more."""

    __slots__ = (
        "_asked",
        "_backlog",
        "_core",
        "_inflight",
        "_needed_seq",
        "_next_trim_s",
        "_sessions",
        "_sums",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sessions: list[Session] = []
        self._asked = 0
        """How many of them were asked in this round."""
        self._inflight = self._backlog = 0
        self._sums = (0, 0)
        """Of the last round: in flight, waiting."""
        self._needed_seq = 0
        self._next_trim_s = 0.0

    def advance(self, now_s: float) -> None:
        """Ask some more; called at each tick."""
        end = self._asked + max(FEWEST, len(self._sessions) // ROUND_TICKS)
        for session in self._sessions[self._asked : end]:
            self._ask(session)
        self._asked = end
        if end < len(self._sessions):
            return
        self._sums = (self._inflight, self._backlog)
        if now_s >= self._next_trim_s:
            self._next_trim_s = now_s + TRIM_EVERY_S
            self._trim()
        self._begin()

    def _begin(self) -> None:
        """A session that is made after this knows all of the log that was committed before it."""
        core = self._core
        self._sessions = list(core.sessions.by_client_id.values())
        self._asked = self._inflight = self._backlog = 0
        self._needed_seq = min(core.committed_seq, core.shared.oldest_seq() - 1)

    def _ask(self, session: Session) -> None:
        window = session.window
        self._inflight += window.unacknowledged()
        self._backlog += len(window.pending) + session.queued_messages
        if session.durable and not session.ended:
            self._core.backlog.expire(session)
            progress = session.progress
            if session.link is not None and not session.behind and window.is_empty():
                # The others are saved, and their cursors moved, whenever something changes.
                progress.position = max(progress.position, self._core.committed_seq)
                progress.advance(window)
            self._needed_seq = min(self._needed_seq, progress.cursor)

    def _trim(self) -> None:
        """Tell the store which messages of the log no session needs any more."""
        core = self._core
        needed = min(self._needed_seq, core.shared.oldest_seq() - 1)
        if needed > core.trimmed_seq:
            core.trimmed_seq = needed
            core.store.trim(needed)

    def totals(self) -> tuple[int, int]:
        """Messages in flight to clients, and waiting for room; about a second old when there are
        very many sessions."""
        sessions = self._core.sessions.by_client_id
        if len(sessions) > COUNTED_AT_ONCE:
            return self._sums
        inflight = sum([s.window.unacknowledged() for s in sessions.values()])
        return inflight, sum([len(s.window.pending) + s.queued_messages for s in sessions.values()])
