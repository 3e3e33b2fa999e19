"""What the log holds for sessions whose client is away: counted, and bounded by dropping the
oldest.

A session is a cursor into the log, so the messages cost no memory here; the bounds keep the log
from growing without end, and a client that comes back from what it cannot take. Dropping reads the
log once, a page at a time, and moves ``Progress.offered``.

A million messages of 64 B for one session, window 500, two cores that other work kept busy
(``python -m tests.bench.offline_queue``, 2026-11-20, Python 3.11): queued 78,000/s, memory
39 -> 46 MB, 169 MB on the disk, delivered 62,000/s, others waited 2 / 32 / 73 ms (p50 / p99 / max).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import Session
from broker_runtime.storage.base import StorageError, StoredMessage

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

logger = logging.getLogger(__name__)

PAGE_MESSAGES = 200
KEPT_TENTHS = 9
"""A session over its bound is brought down to so many tenths of it, so that dropping is rare."""


class Backlog:
    """The counts are of messages that came while nobody was there; after a restart they are counted
    anew from the log (``recount``)."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, session: Session, messages: int, payload_bytes: int) -> None:
        """Messages of the log passed by a session that is away or behind."""
        session.queued_messages += messages
        session.queued_bytes += payload_bytes
        settings = self._core.settings
        if (
            session.queued_messages > settings.queue_max_messages
            or session.queued_bytes > settings.queue_max_bytes
        ):
            self._shrink(session, 0)

    def taken(self, session: Session, payload_bytes: int) -> None:
        """One of them was offered or dropped."""
        session.queued_messages = max(0, session.queued_messages - 1)
        session.queued_bytes = max(0, session.queued_bytes - payload_bytes)

    def expire(self, session: Session) -> None:
        """Drop what has waited longer than ``queue_max_age_s`` (DECISIONS 16)."""
        if session.queued_messages:
            core = self._core
            expired_seq = core.clock.wall_us() - core.settings.queue_max_age_s * 1_000_000
            if session.progress.offered < expired_seq:
                self._shrink(session, expired_seq)

    def recount(self) -> None:
        """Count what waits since before the last process; called once sessions are loaded."""
        if any(s.durable and s.link is None for s in self._core.sessions.by_client_id.values()):
            self._start(self._recount(self._core.committed_seq))

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._core.loop.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except StorageError as error:
            logger.warning("log_unreadable error=%s", error)
        except Exception:
            logger.exception("backlog_failed")

    def _shrink(self, session: Session, expired_seq: int) -> None:
        """Drop the oldest of a session; a connected one is served, not shortened."""
        if session.link is None and not session.shrinking and not session.ended:
            session.shrinking = True
            self._start(self._drop_oldest(session, expired_seq))

    async def _drop_oldest(self, session: Session, expired_seq: int) -> None:
        core, progress, epoch = self._core, session.progress, session.epoch
        try:
            while page := await core.store.replay(progress.offered, PAGE_MESSAGES):
                if session.epoch != epoch or session.link is not None or session.ended:
                    return  # the client came: what is left is offered to it
                for message in page:
                    is_expired = message.seq <= expired_seq
                    if not is_expired and self._fits(session):
                        return
                    self._drop(session, message, "expired" if is_expired else "queue_full")
                    progress.offered = message.seq
                core.persistence.mark(session)
        finally:
            session.shrinking = False
            core.persistence.mark(session)

    def _fits(self, session: Session) -> bool:
        settings = self._core.settings
        return (
            session.queued_messages * 10 <= settings.queue_max_messages * KEPT_TENTHS
            and session.queued_bytes * 10 <= settings.queue_max_bytes * KEPT_TENTHS
        )

    def _drop(self, session: Session, message: StoredMessage, reason: str) -> None:
        core = self._core
        in_flight = [o.seq for o in session.window.inflight.values()]
        if message.seq in session.progress.owed or message.seq in in_flight:
            return
        delivery = core.catch_up.match(session, message)
        if delivery is not None and min(delivery.qos, message.qos):
            self.taken(session, len(message.payload))
            core.sending.drop(message.seq, session, min(delivery.qos, message.qos), reason)

    async def _recount(self, until_seq: int) -> None:
        """One pass over the log for all sessions together."""
        core = self._core
        waiting = [s for s in core.sessions.by_client_id.values() if s.durable and s.link is None]
        position = min(s.progress.offered for s in waiting)
        while page := await core.store.replay(position, PAGE_MESSAGES):
            for message in page:
                position = message.seq
                if position > until_seq:
                    return
                for delivery in core.planner.plan(message.topic).logged:
                    session = delivery.subscriber
                    if session.link is None and position > session.progress.offered:
                        self.add(session, 1, len(message.payload))
