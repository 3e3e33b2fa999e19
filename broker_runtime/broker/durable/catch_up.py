"""Reading the log for a durable session that is behind: after a reconnect, or after it was slow."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.plans import DIRECT_PREFIX
from broker_runtime.codec import topics
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.routing.routes import Delivery, SubscriptionOptions, combine, delivery_of
from broker_runtime.storage.base import StorageError, StoredMessage, SubscriptionRecord

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

logger = logging.getLogger(__name__)

BATCH_MESSAGES: Final = 200


class CatchUp:
    """One task for each session that reads the log, none for sessions that are up to date."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, session: Session) -> None:
        """Read on for a session, if it has room and nobody does."""
        link = session.link
        if link is None or session.catching_up or not session.behind or self._room(session) <= 0:
            return
        session.catching_up = True
        task = self._core.loop.create_task(self._run(session, link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is under way; the sessions go on from their cursors next time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _room(self, session: Session) -> int:
        """Messages that may be read now: half of what may wait, so that a slow client makes few
        reads of the log."""
        if not self._core.sending.has_room_to_wait(session):
            return 0
        return self._core.settings.pending_max_messages // 2 - len(session.window.pending)

    async def _run(self, session: Session, link: Connection) -> None:
        try:
            while session.link is link and session.behind and self._room(session) > 0:
                if not await self._read_batch(session, link):
                    return
        except StorageError as error:
            logger.warning("log_unreadable client=%r error=%s", session.client_id, error)
            link.close(ReasonCode.SERVER_BUSY, "the message log cannot be read")
        except Exception:
            logger.exception("catch_up_failed client=%r", session.client_id)
            link.close(ReasonCode.UNSPECIFIED_ERROR, "internal error")
        finally:
            if session.link is link or session.link is None:
                session.catching_up = False

    async def _read_batch(self, session: Session, link: Connection) -> bool:
        """Offer some messages; False when it must stop: no room, or another connection."""
        core, progress = self._core, session.progress
        target = session.missed_seq
        limit = min(BATCH_MESSAGES, max(1, self._room(session)))
        batch = await core.store.replay(progress.position, limit)
        if session.link is not link:
            return False
        for message in batch:
            if not core.sending.has_room_to_wait(session):
                core.plan_flush()
                return False  # the acknowledgements to come start it again
            if message.seq > progress.position:
                progress.position = message.seq
                self._offer(session, link, message)
        if not batch:
            # Everything committed before the read was seen, or is not kept any more.
            progress.position = max(progress.position, target)
            self._missing(session)
            if session.held_back:
                return False  # it stays behind until all that was in flight is sent again
            if session.missed_seq <= progress.position:
                session.behind = False
                session.queued_messages = session.queued_bytes = 0
        core.persistence.mark(session)
        core.plan_flush()
        return True

    def _offer(self, session: Session, link: Connection, message: StoredMessage) -> None:
        sending = self._core.sending
        packet_ids = session.resumed.pop(message.seq, None)
        if packet_ids is not None:
            self._send_again(session, link, message, packet_ids)
            return
        if session.progress.is_done(message.seq):
            return
        delivery = self.match(session, message)
        if delivery is None or not min(message.qos, delivery.qos):
            session.progress.owed.discard(message.seq)
            return
        self._core.backlog.taken(session, len(message.payload))
        qos = min(message.qos, delivery.qos)
        if self._core.rights_of(session).refuses_delivery(message.topic, qos=delivery.qos):
            session.progress.owed.discard(message.seq)
            sending.drop(message.seq, session, qos, "not_authorized")  # SECURITY S6
            return
        outgoing = sending.parts(
            message,
            link.level,
            qos,
            retain=message.retain and delivery.retain_as_published,
            identifiers=delivery.identifiers,
            dup=qos == 1 and message.seq <= session.doubtful_seq,
        )
        if sending.offer(session, link, outgoing):
            sending.step(message.seq, session, "PUBLISH", qos, "success")

    def _send_again(
        self, session: Session, link: Connection, message: StoredMessage, packet_ids: list[int]
    ) -> None:
        delivery = self.match(session, message)
        for packet_id in packet_ids:
            outgoing = session.window.inflight.get(packet_id)
            if outgoing is not None and outgoing.message is None:
                outgoing.message = message
                if delivery is not None:  # None: it was unsubscribed meanwhile
                    outgoing.retain = message.retain and delivery.retain_as_published
                    outgoing.identifiers = delivery.identifiers
                self._core.sending.retransmit(session, link, packet_id, outgoing)

    def match(self, session: Session, message: StoredMessage) -> Delivery[Session] | None:
        """What the session's subscriptions make of a message of the log; None: nothing."""
        if message.topic == DIRECT_PREFIX + session.client_id:
            return Delivery(session, 2, False, False, (), None)
        found = [
            delivery_of(session, options_of(record))
            for topic_filter, record in session.subscriptions.items()
            if record.since_seq < message.seq
            and not topic_filter.startswith(topics.SHARE_PREFIX)
            and topics.matches(topic_filter, message.topic)
        ]
        if not found:
            return None
        merged = combine(found)
        if message.client_id != session.client_id:
            return merged
        return None if merged.no_local else merged.own or merged

    def _missing(self, session: Session) -> None:
        """What was in flight and is not in the log any more has expired (F10)."""
        resumed, session.resumed = session.resumed, {}
        self._forget_owed(session)
        for packet_ids in resumed.values():
            for packet_id in packet_ids:
                outgoing = session.window.inflight.get(packet_id)
                if outgoing is not None and outgoing.message is None:
                    self._core.sending.abandon(session, packet_id, outgoing, "expired")

    def _forget_owed(self, session: Session) -> None:
        """What was to be offered anew, does not wait, and is not in the log: it has expired."""
        owed = session.progress.owed
        if owed:
            for seq in owed.difference([o.seq for o in session.window.pending]):
                owed.discard(seq)
                self._core.sending.drop(seq, session, 1, "expired")


def options_of(record: SubscriptionRecord) -> SubscriptionOptions:
    """A kept subscription as routing needs it."""
    return SubscriptionOptions(
        record.qos,
        no_local=record.no_local,
        retain_as_published=record.retain_as_published,
        identifier=record.identifier or 0,
    )
