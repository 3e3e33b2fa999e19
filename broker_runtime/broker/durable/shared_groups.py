"""Shared groups that have a durable member: every QoS 1 and 2 message is kept for the group until
one member has it (MQTT 5.0 §4.8.2).

The message is in the log; with it, in the same transaction, the store keeps the number and the key
of the group. Such a copy is *taken* while it is in flight to a member and *waits* otherwise: for a
member that is connected and has room in its window. Nothing waits at a member, so that nothing has
to be moved when one goes away.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.durable.group_queue import GroupQueue
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.routing.routes import Delivery
from broker_runtime.routing.sharing import SharedGroup
from broker_runtime.session.outgoing import Outgoing
from broker_runtime.storage.base import StorageError, StoredMessage

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

logger = logging.getLogger(__name__)

BATCH_MESSAGES: Final = 200
FOREVER: Final = 2**63 - 1
UNSERVED: Final = "shared_group_unserved"


class SharedGroups:
    """Queues of the groups whose messages go through the log; none for any other."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._queues: dict[str, GroupQueue] = {}
        self._settled: list[tuple[int, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def _queue(self, key: str) -> GroupQueue:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = GroupQueue(key)
        return queue

    # -- start and end -----------------------------------------------------------------------------

    def load(self) -> None:
        """Take up what the store holds, after the sessions."""
        core = self._core
        in_flight = {
            (outgoing.seq, outgoing.shared): (session, packet_id)
            for session in core.sessions.by_client_id.values()
            for packet_id, outgoing in session.window.inflight.items()
            if outgoing.shared
        }
        ended = 0
        for seq, key in core.store.load_owed():
            holder = in_flight.pop((seq, key), None)
            if holder is not None:
                self._queue(key).taken[seq] = holder[0]
            elif core.tree.group(key) is not None:
                self._queue(key).waiting.add(seq)
            else:
                self._settled.append((seq, key))
                ended += 1
        for (seq, _), (session, packet_id) in in_flight.items():
            # Its acknowledgement was kept, the session as of after it was not: PUBREL is owed.
            if session.window.inflight.pop(packet_id).qos == 2:
                session.window.restore_released(packet_id, seq)
        if ended:
            core.stats.dropped[UNSERVED] += ended
            logger.warning("shared_copies_dropped count=%d reason=no member is left", ended)

    async def stop(self) -> None:
        """End what is under way; copies that wait go on waiting in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def flush(self) -> None:
        """Tell the store what members have; before any session is saved that no longer names it."""
        if not self._settled:
            return
        settled, self._settled = self._settled, []

        def done(error: Exception | None) -> None:
            if error is not None:
                self._settled += settled

        self._core.store.settle_owed(settled, done)

    def oldest_seq(self) -> int:
        """The oldest message that a group may still need."""
        oldest = FOREVER
        for queue in self._queues.values():
            oldest = min((oldest, *queue.waiting.first(1), *queue.taken))
        return oldest

    def waiting(self) -> int:
        """Copies that wait for a member."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    # -- handing out -------------------------------------------------------------------------------

    def deliver(
        self, message: StoredMessage, group: SharedGroup[Session], sent: list[tuple[str, int]]
    ) -> None:
        """One copy of a message that the log has just taken, to a member or to the queue."""
        core = self._core
        if not group.members:
            self._settled.append((message.seq, group.key))
            self._drop(message.seq, group.key, message.qos)
            return
        queue = self._queue(group.key)
        delivery = None if queue.waiting else self._choose(group, message)
        if delivery is not None:
            if self._give(queue, message, delivery):
                sent.append((delivery.subscriber.client_id, min(message.qos, delivery.qos)))
            return
        queue.waiting.add(message.seq)
        core.sending.step_of(message.seq, group.key, "QUEUE", message.qos, "success")
        self.serve(group.key)

    def _choose(
        self, group: SharedGroup[Session], message: StoredMessage
    ) -> Delivery[Session] | None:
        """The member whose turn it is of those that can take it at once.

        At QoS 2 a durable member goes before: only there the message survives a crash.
        """
        second_best = None
        group.begin(message.topic, message.client_id)
        for _ in range(len(group.members)):
            delivery = group.take()
            if not self._can_take(delivery, message):
                continue
            if min(delivery.qos, message.qos) < 2 or delivery.subscriber.durable:
                return delivery
            second_best = second_best or delivery
        return second_best

    def _can_take(self, delivery: Delivery[Session], message: StoredMessage) -> bool:
        session = delivery.subscriber
        window = session.window
        return (
            not session.resumed_shared
            and not window.pending
            and window.has_room()
            and self._core.fan_out.can_serve(delivery, message.topic)
        )

    def _give(self, queue: GroupQueue, message: StoredMessage, delivery: Delivery[Session]) -> bool:
        """Send a copy to a member; False when it cannot get it at all."""
        session, sending, seq = delivery.subscriber, self._core.sending, message.seq
        link = session.link
        assert link is not None, "only who is connected is chosen"
        qos = min(message.qos, delivery.qos)  # [MQTT-4.8.2-3]
        retain = message.retain and delivery.retain_as_published
        if qos == 0:
            packet = sending.whole(
                message, link.level, retain=retain, identifiers=delivery.identifiers
            )
            self._settled.append((seq, queue.key))
            return sending.send_whole(session, link, message, packet)
        queue.taken[seq] = session
        dup = qos == 1 and seq <= session.doubtful_seq
        ids = delivery.identifiers
        outgoing = sending.parts(
            message, link.level, qos, retain=retain, identifiers=ids, shared=queue.key, dup=dup
        )
        return sending.offer(session, link, outgoing)

    def transmit_once(
        self, session: Session, link: Connection, packet_id: int, outgoing: Outgoing
    ) -> None:
        """QoS 2 to a member that is not durable: nobody else may get it once it is sent
        [MQTT-4.8.2-5], so the store forgets it first."""
        queue = self._queues.get(outgoing.shared)
        if queue is None or queue.taken.pop(outgoing.seq, None) is None:
            self._core.sending.transmit(link, packet_id, outgoing)
            return

        def done(error: Exception | None) -> None:
            if session.ended:
                return  # ``give_back`` saw to it
            is_current = session.window.inflight.get(packet_id) is outgoing
            session.unsent.discard(packet_id)
            if error is not None:
                if is_current:
                    del session.window.inflight[packet_id]
                queue.waiting.add(outgoing.seq)
            elif is_current and session.link is link:
                self._core.sending.transmit(link, packet_id, outgoing)
                self._core.plan_flush()

        session.not_sent_yet(packet_id)
        self._core.store.settle_owed([(outgoing.seq, outgoing.shared)], done)

    # -- what members say --------------------------------------------------------------------------

    def settled(self, outgoing: Outgoing) -> None:
        """A member has its copy, or refused it: nobody else gets it [MQTT-4.8.2-6]."""
        queue = self._queues.get(outgoing.shared)
        if queue is None or queue.taken.pop(outgoing.seq, None) is None:
            return
        self._settled.append((outgoing.seq, queue.key))
        if queue.waiting:
            self.serve(queue.key)
        elif not queue.taken and self._core.tree.group(queue.key) is None:
            del self._queues[queue.key]

    def give_back(self, session: Session) -> None:
        """A session is over: what it has not acknowledged goes to other members of its groups, but
        for QoS 2 messages that were sent [MQTT-4.8.2-5]."""
        window = session.window
        for packet_id, outgoing in list(window.inflight.items()):
            if outgoing.shared:
                was_sent = packet_id not in session.unsent
                if not was_sent:
                    self._owe_again(session, outgoing)
                self._return(session, outgoing, was_sent=was_sent)
        for outgoing in window.pending:
            if outgoing.shared:
                self._return(session, outgoing, was_sent=False)
        for key in session.subscriptions:
            self.left(key)

    def _owe_again(self, session: Session, outgoing: Outgoing) -> None:
        """The store was told to forget a copy that was not sent after all (``transmit_once``)."""
        queue = self._queue(outgoing.shared)
        if outgoing.seq not in queue.taken:
            queue.taken[outgoing.seq] = session
            self._core.store.owe([(outgoing.seq, queue.key)], None)

    def _return(self, session: Session, outgoing: Outgoing, *, was_sent: bool) -> None:
        core, seq, key = self._core, outgoing.seq, outgoing.shared
        queue, group = self._queues.get(key), core.tree.group(key)
        is_kept = queue is not None and queue.taken.pop(seq, None) is not None
        if (was_sent and outgoing.qos == 2) or group is None:
            if is_kept:
                self._settled.append((seq, key))
            core.sending.drop(seq, session, outgoing.qos, "shared_member_ended")
        elif queue is not None and is_kept:
            queue.waiting.add(seq)
            self.serve(key)
        elif isinstance(outgoing.message, StoredMessage) and not core.is_stopping:
            core.fan_out.to_group(outgoing.message, group)

    def left(self, key: str) -> None:
        """A member left a group: when it was the last one, what the group was owed is dropped."""
        queue = self._queues.get(key)
        if queue is None or self._core.tree.group(key) is not None:
            return
        while queue.waiting:
            seq = queue.waiting.take()
            self._settled.append((seq, key))
            self._drop(seq, key, 1)
        if not queue.taken:
            del self._queues[key]

    def _drop(self, seq: int, key: str, qos: int) -> None:
        self._core.stats.dropped[UNSERVED] += 1
        self._core.sending.step_of(seq, key, "DROP", qos, UNSERVED)

    # -- what waits --------------------------------------------------------------------------------

    def serve_all(self) -> None:
        """Look after every queue: members may have got room by other messages' acknowledgements."""
        for queue in self._queues.values():
            if queue.waiting:
                self.serve(queue.key)

    def serve(self, key: str) -> None:
        """Hand out what waits for a group, if anything does and a member has room."""
        queue = self._queues.get(key)
        if queue is None or queue.is_served or not queue.waiting or self._core.is_stopping:
            return
        if self._room(key) > 0:
            queue.is_served = True
            self._start(self._serve(queue))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._core.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _room(self, key: str) -> int:
        """About how many copies the members can take now."""
        group = self._core.tree.group(key)
        room = 0
        for delivery in group.members if group is not None else ():
            session, window = delivery.subscriber, delivery.subscriber.window
            if session.link is not None and not session.resumed_shared and not window.pending:
                room += max(0, window.room())
        return room

    async def _serve(self, queue: GroupQueue) -> None:
        try:
            while queue.waiting and await self._serve_batch(queue):
                self._core.plan_flush()
        except StorageError as error:
            logger.warning("log_unreadable group=%r error=%s", queue.key, error)
        except Exception:
            logger.exception("serving_failed group=%r", queue.key)
        finally:
            queue.is_served = False
            self._core.plan_flush()

    async def _serve_batch(self, queue: GroupQueue) -> bool:
        """Hand out some; False when no member can take more."""
        core = self._core
        seqs = queue.waiting.first(min(BATCH_MESSAGES, self._room(queue.key)))
        found = {message.seq: message for message in await core.store.fetch(seqs)}
        for seq in seqs:
            group = core.tree.group(queue.key)
            if group is None or queue.waiting.first(1) != [seq]:
                break  # it changed while the log was read
            message = found.get(seq)
            delivery = None if message is None else self._choose(group, message)
            if message is not None and delivery is None and not self._is_refused(group, message):
                return False
            queue.waiting.take()
            if message is None or delivery is None:
                self._settled.append((seq, queue.key))
                self._drop(seq, queue.key, 1)
            elif self._give(queue, message, delivery):
                qos = min(message.qos, delivery.qos)
                core.sending.step(seq, delivery.subscriber, "PUBLISH", qos, "success")
        return bool(seqs)

    def _is_refused(self, group: SharedGroup[Session], message: StoredMessage) -> bool:
        """Whether no member has the right to receive it (SECURITY S6)."""
        may_receive = self._core.fan_out.may_receive
        return not any(may_receive(delivery, message.topic) for delivery in group.members)

    # -- a member comes back -----------------------------------------------------------------------

    def resume(self, session: Session, link: Connection) -> None:
        """Send again what was in flight to a member [MQTT-4.8.2-4]; it takes nothing new before."""
        window = session.window
        session.resumed_shared = [
            packet_id
            for packet_id, outgoing in window.inflight.items()
            if outgoing.shared and outgoing.message is None
        ]
        if session.resumed_shared:
            self._start(self._resume(session, link))
        elif self._queues:
            self._serve_groups_of(session)

    def _serve_groups_of(self, session: Session) -> None:
        for key in session.subscriptions:
            self.serve(key)

    async def _resume(self, session: Session, link: Connection) -> None:
        inflight = session.window.inflight
        packet_ids = list(session.resumed_shared)
        try:
            seqs = [inflight[packet_id].seq for packet_id in packet_ids]
            found = {message.seq: message for message in await self._core.store.fetch(seqs)}
        except StorageError as error:
            logger.warning("log_unreadable client=%r error=%s", session.client_id, error)
            link.close(ReasonCode.SERVER_BUSY, "the message log cannot be read")
            return
        if session.link is not link:
            return
        for packet_id in packet_ids:
            outgoing = session.window.inflight.get(packet_id)
            if outgoing is not None and outgoing.message is None:
                self._send_again(session, link, packet_id, outgoing, found.get(outgoing.seq))
        session.resumed_shared = []
        self._core.sending.pump(session)
        self._serve_groups_of(session)
        self._core.plan_flush()

    def _send_again(
        self,
        session: Session,
        link: Connection,
        packet_id: int,
        outgoing: Outgoing,
        message: StoredMessage | None,
    ) -> None:
        core = self._core
        if message is None:
            core.sending.abandon(session, packet_id, outgoing, "expired")
            return
        subscription = session.subscriptions.get(outgoing.shared)
        outgoing.message = message
        if subscription is not None:
            outgoing.retain = message.retain and subscription.retain_as_published
            outgoing.identifiers = (subscription.identifier,) if subscription.identifier else ()
        core.sending.retransmit(session, link, packet_id, outgoing)
