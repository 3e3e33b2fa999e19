"""Writing sessions to the store: at once where a client waits for it, else a few times a second."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import Session
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.storage.base import RETAINED, Done, Fenced, Inflight, SessionRecord

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

logger = logging.getLogger(__name__)


class Persistence:
    """Every session write of the broker goes through here and carries the session's epoch."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._dirty: list[Session] = []
        self._awaited: list[Session] = []
        self._next_checkpoint_s = 0.0

    def mark(self, session: Session) -> None:
        """The progress of a durable session changed: save it soon."""
        if session.durable and not session.dirty:
            session.dirty = True
            self._dirty.append(session)

    def checkpoint(self, now_s: float) -> None:
        """Save the sessions that changed, at most every ``checkpoint_interval_s``."""
        if now_s >= self._next_checkpoint_s:
            self._next_checkpoint_s = now_s + self._core.settings.checkpoint_interval_s
            self.save_dirty()

    def save_dirty(self) -> None:
        """Save the sessions that changed, now."""
        self._core.shared.flush()
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            if session.dirty and not session.ended:
                self.save(session, None)
            session.dirty = False

    def save(self, session: Session, then: Callable[[], None] | None) -> None:
        """Save a session; ``then`` is called once it is durable, and not at all when it is not."""
        session.dirty = False
        self._core.shared.flush()
        self._core.store.save_session(self.record(session), self._done(session, then))

    def delete(self, session: Session, then: Callable[[], None] | None) -> None:
        """Forget a session in the store; ``then`` as for ``save``."""
        session.stored = False
        self._core.store.delete_session(session.client_id, session.epoch, self._done(session, then))

    def when_durable(self, session: Session, then: Callable[[], None]) -> None:
        """Save a session at the end of this tick and call ``then`` once it is durable; one save
        for everything of the tick that waits for it. Nothing is called when the connection ended.
        """
        if not self._awaited:
            self._core.loop.call_soon(self._save_awaited)
        if not session.after_save:
            self._awaited.append(session)
        session.when_saved(then)

    def _save_awaited(self) -> None:
        awaited, self._awaited = self._awaited, []
        for session in awaited:
            actions, session.after_save = session.after_save, []
            if session.link is not None and not session.ended:
                self.save(session, _Actions(self._core, session, actions))

    def _done(self, session: Session, then: Callable[[], None] | None) -> Done:
        epoch = session.epoch

        def done(error: Exception | None) -> None:
            if error is not None:
                self.failed(session, epoch, error)
            elif then is not None:
                then()

        return done

    def failed(self, session: Session, epoch: int, error: Exception) -> None:
        """A write of a session was not kept: its client must not go on as if it were (F3)."""
        link = session.link
        logger.warning("session_write_failed client=%r error=%s", session.client_id, error)
        if link is None or session.epoch != epoch:
            return
        if isinstance(error, Fenced):
            link.close(ReasonCode.SESSION_TAKEN_OVER, "another node owns the session")
        else:
            link.close(ReasonCode.QUOTA_EXCEEDED, f"the session cannot be stored: {error}")

    def record(self, session: Session) -> SessionRecord:
        """The session as the store keeps it."""
        window, progress = session.window, session.progress
        if session.link is not None and not session.behind:
            progress.position = max(progress.position, self._core.committed_seq)
        progress.advance(window)
        inflight = [
            Inflight(i, o.seq, o.qos, False, o.shared or (RETAINED if o.pinned else ""))
            for i, o in window.inflight.items()
        ]
        inflight += [Inflight(i, seq, 2, True) for i, seq in window.released.items()]
        inflight += [Inflight(0, seq, 1) for seq in progress.owed]
        return SessionRecord(
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            protocol_version=session.protocol_version,
            keep_alive_s=session.keep_alive_s,
            clean_start=session.clean_start,
            expiry_s=session.expiry_s,
            created_ms=session.created_ms,
            connected_ms=session.connected_ms,
            disconnected_ms=session.disconnected_ms,
            connected=session.link is not None,
            epoch=session.epoch,
            subscriptions=session.subscriptions,
            will=session.will,
            cursor=progress.cursor,
            inflight=inflight,
            offered=progress.offered,
            doubtful_seq=session.doubtful_seq if session.doubtful_seq > progress.cursor else 0,
            retained_done=sorted(session.retained_done),
        )


class _Actions:
    """What is to be done after a save, if the connection is still the one."""

    __slots__ = ("_actions", "_core", "_link", "_session")

    def __init__(self, core: Core, session: Session, actions: list[Callable[[], None]]) -> None:
        self._core = core
        self._session = session
        self._actions = actions
        self._link = session.link

    def __call__(self) -> None:
        if self._link is not None and self._session.link is self._link:
            for action in self._actions:
                action()
            self._core.plan_flush()
