"""From one message to everybody who gets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.plans import Plan, Receivers
from broker_runtime.broker.delivery.sending import Step
from broker_runtime.routing.routes import Delivery
from broker_runtime.routing.sharing import SharedGroup
from broker_runtime.session.outgoing import Outgoing
from broker_runtime.storage.base import StoredMessage

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

Groups = tuple[SharedGroup[Session], ...]
Names = Sequence[tuple[str, int]]
"""(client id, QoS) of those who got a message."""


class FanOut:
    """Encodes a message once for each kind of receiver and hands it to ``Sending``."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def hand_out(
        self,
        message: StoredMessage,
        plan: Plan,
        publisher: Session | None,
        *,
        spared: Groups = (),
    ) -> None:
        """Deliver to everybody whom the log does not serve, and tell the journal.

        Args:
            spared: shared groups that get it through the log.

        [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT3-4.6.0-5] [MQTT3-4.6.0-6]
        """
        self.hand_out_rest(message, plan, publisher, [], plan.at(message.qos).direct, spared=spared)

    def hand_out_rest(
        self,
        message: StoredMessage,
        plan: Plan,
        publisher: Session | None,
        passed: Names,
        left: Sequence[Receivers],
        *,
        spared: Groups = (),
    ) -> None:
        """The same when some of the direct receivers have it already.

        Args:
            passed: who has it.
            left: the other direct receivers.
        """
        core = self._core
        outer = core.sending.early_steps
        steps = core.sending.early_steps = list[Step]()
        sent = list(passed)
        try:
            self._volatile(message, plan, publisher, left, spared, sent)
        finally:
            core.sending.early_steps = outer
        # The journal takes the message first, then the steps that handing it out brought.
        core.journal.published(
            message, sent, "success" if plan.reaches_anybody() else "no_subscriber"
        )
        for step in steps:
            core.journal.step(*step)

    def announce(self, message: StoredMessage, plan: Plan) -> None:
        """Deliver a message of the server itself, which stands in no journal."""
        sending = self._core.sending
        outer, sending.early_steps = sending.early_steps, []
        try:
            self._volatile(message, plan, None, plan.at(message.qos).direct, (), [])
        finally:
            sending.early_steps = outer

    def _volatile(
        self,
        message: StoredMessage,
        plan: Plan,
        publisher: Session | None,
        left: Sequence[Receivers],
        spared: Groups,
        sent: list[tuple[str, int]],
    ) -> None:
        """Adds those to whom it was sent at once to ``sent``."""
        for receivers in left:
            if receivers.qos:
                self._parts_to_all(message, receivers, sent)
            else:
                self._whole_to_all(message, receivers.sessions, sent)
        for delivery in plan.at(message.qos).slow:
            self._one(message, delivery, publisher, sent)
        for group in plan.shared:
            if group not in spared:
                self._shared(message, group, publisher, sent)

    def logged(
        self,
        message: StoredMessage,
        deliveries: list[Delivery[Session]],
        publisher: Session | None,
        groups: Groups,
    ) -> None:
        """Deliver to the durable sessions, now that the message is in the log (CLUSTERING 3.7).
        [MQTT-4.5.0-1] [MQTT3-3.1.2-5] [MQTT3-4.5.0-1]"""
        sent: list[tuple[str, int]] = []
        encoded: dict[tuple[int, int], Outgoing] = {}
        for delivery in deliveries:
            chosen = for_publisher(delivery, publisher)
            if chosen is None or chosen.subscriber.ended:
                continue
            if chosen.qos:
                self._to_durable(message, chosen, encoded, sent)
            else:
                self._one(message, chosen, None, sent)
        for group in groups:
            self._core.shared.deliver(message, group, sent)
        self._tell_sent(message, sent)

    def logged_to(
        self, message: StoredMessage, session: Session, ready: tuple[int, Outgoing]
    ) -> None:
        """The same for one plain subscriber of a QoS 1 message, encoded for ``ready[0]``."""
        if session.ended:
            return
        sent: list[tuple[str, int]] = []
        delivery = Delivery(session, 1, False, False, (), None)
        self._to_durable(message, delivery, {(ready[0], 1): ready[1]}, sent)
        self._tell_sent(message, sent)

    def _tell_sent(self, message: StoredMessage, sent: list[tuple[str, int]]) -> None:
        at_ms = self._core.now_ms()
        for client_id, qos in sent:
            self._core.journal.step(message.seq, client_id, "PUBLISH", qos, "success", at_ms)

    def _whole_to_all(
        self, message: StoredMessage, receivers: list[Session], sent: list[tuple[str, int]]
    ) -> None:
        """QoS 0, to the receivers that get the same bytes."""
        sending = self._core.sending
        encoded: dict[int, bytes] = {}
        for session in receivers:
            link = session.link
            if link is None:
                self.drop_offline(session)
                continue
            packet = encoded.get(link.level)
            if packet is None:
                packet = encoded[link.level] = sending.whole(message, link.level)
            if sending.send_whole(session, link, message, packet):
                sent.append((session.client_id, 0))

    def _parts_to_all(
        self, message: StoredMessage, receivers: Receivers, sent: list[tuple[str, int]]
    ) -> None:
        sending, qos = self._core.sending, receivers.qos
        encoded: dict[int, Outgoing] = {}
        for session in receivers.sessions:
            link = session.link
            if link is None:
                continue  # a session that is not durable is at its end without a connection
            outgoing = encoded.get(link.level)
            if outgoing is None:
                outgoing = encoded[link.level] = sending.parts(message, link.level, qos)
            if sending.offer(session, link, outgoing):
                sent.append((session.client_id, qos))

    def _one(
        self,
        message: StoredMessage,
        delivery: Delivery[Session],
        publisher: Session | None,
        sent: list[tuple[str, int]],
        *,
        shared: str = "",
    ) -> None:
        # [MQTT-3.3.1-13] [MQTT-3.8.4-8] [MQTT3-3.3.1-9] [MQTT3-3.8.4-6]
        chosen = for_publisher(delivery, publisher)
        if chosen is None:
            return
        session, qos = chosen.subscriber, min(message.qos, chosen.qos)
        link, sending = session.link, self._core.sending
        if link is None:
            self.drop_offline(session)
            return
        retain = message.retain and chosen.retain_as_published  # [MQTT-3.3.1-12]
        if qos == 0:
            packet = sending.whole(
                message, link.level, retain=retain, identifiers=chosen.identifiers
            )
            was_sent = sending.send_whole(session, link, message, packet)
        else:
            outgoing = sending.parts(
                message,
                link.level,
                qos,
                retain=retain,
                identifiers=chosen.identifiers,
                shared=shared,
            )
            was_sent = sending.offer(session, link, outgoing)
        if was_sent:
            sent.append((session.client_id, qos))

    def _to_durable(
        self,
        message: StoredMessage,
        delivery: Delivery[Session],
        encoded: dict[tuple[int, int], Outgoing],
        sent: list[tuple[str, int]],
    ) -> None:
        session, qos = delivery.subscriber, min(message.qos, delivery.qos)
        link, sending, progress = session.link, self._core.sending, session.progress
        if link is None or session.behind:
            session.missed_seq = message.seq
            self._core.backlog.add(session, 1, len(message.payload))
            sending.step(message.seq, session, "QUEUE", qos, "success")
            return
        if message.seq <= progress.position:
            return  # the replay of the log came first
        retain = message.retain and delivery.retain_as_published
        differs = retain or bool(delivery.identifiers)
        outgoing = None if differs else encoded.get((link.level, qos))
        if outgoing is None:
            outgoing = sending.parts(
                message, link.level, qos, retain=retain, identifiers=delivery.identifiers
            )
            if not differs:
                encoded[link.level, qos] = outgoing
        if sending.offer(session, link, outgoing):
            sent.append((session.client_id, qos))
        if not session.behind:
            progress.position = message.seq

    def _shared(
        self,
        message: StoredMessage,
        group: SharedGroup[Session],
        publisher: Session | None,
        sent: list[tuple[str, int]],
    ) -> None:
        """One copy, to the next member that is connected and can take it [MQTT-4.8.2-4]."""
        group.begin(message.topic, message.client_id)
        for _ in range(len(group.members)):
            delivery = group.take()
            if self.can_serve(delivery, message.topic):
                self._one(message, delivery, publisher, sent, shared=group.key)
                return
        self._core.stats.dropped["shared_group_unserved"] += 1
        self._core.sending.step_of(
            message.seq, group.key, "DROP", message.qos, "shared_group_unserved"
        )

    def to_group(self, message: StoredMessage, group: SharedGroup[Session]) -> None:
        """A copy that a member left behind, to another member; it was never in the log."""
        sent: list[tuple[str, int]] = []
        self._shared(message, group, None, sent)
        for client_id, qos in sent:
            self._core.journal.step(
                message.seq, client_id, "PUBLISH", qos, "success", self._core.now_ms()
            )

    def can_serve(self, delivery: Delivery[Session], topic: str) -> bool:
        """Whether a member of a shared group can take a message now."""
        session = delivery.subscriber
        link = session.link
        if link is None or not link.has_space():
            return False
        return self._core.sending.has_room_to_wait(session) and self.may_receive(delivery, topic)

    def may_receive(self, delivery: Delivery[Session], topic: str) -> bool:
        """Whether a member of a shared group has the right to receive a topic."""
        session = delivery.subscriber
        rights = self._core.rights_of(session)
        key = (topic, delivery.qos)
        answer = session.receivable.get(key)
        if answer is None:
            answer = rights.refuses_delivery(topic, qos=delivery.qos) is None
            session.remember_receivable(topic, delivery.qos, answer)
        return answer

    def drop_offline(self, session: Session) -> None:
        """QoS 0 is not kept for a client that is away: counted, not told one by one."""
        if not session.ended:
            self._core.stats.dropped["offline_qos_0"] += 1


def for_publisher(
    delivery: Delivery[Session], publisher: Session | None
) -> Delivery[Session] | None:
    """No Local: a client does not get its own message on such a subscription [MQTT-3.8.3-3]."""
    if delivery.subscriber is publisher:
        if delivery.no_local:
            return None
        return delivery.own or delivery
    return delivery


def is_logged(group: SharedGroup[Session]) -> bool:
    """Whether a shared group has a durable member that takes QoS 1 or 2: then its messages go
    through the log, so that one in flight to that member survives."""
    return any(member.qos and member.subscriber.durable for member in group.members)
