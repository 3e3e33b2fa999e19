"""PUBLISH as it comes in, the cold half: everything that is not QoS 0 or 1 straight through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.access.rights import combination
from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.delivery.plans import Entry, Plan, Refusal
from broker_runtime.broker.delivery.publication import Finish, Publication, needs_log
from broker_runtime.broker.links.answers import explained
from broker_runtime.codec.encoder import encode_ack
from broker_runtime.codec.packets import PUBACK, PUBCOMP, PUBLISH, PUBREC, Ack
from broker_runtime.codec.publish import (
    NO_TOPIC,
    PublishProperties,
    scan_publish,
    split_properties,
)
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.storage.base import StoredMessage

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

_PLAIN: Final = PublishProperties(b"")
_QUOTA: Final = Violation(
    ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, "more messages in flight than the receive maximum"
)

_QOS_NOT_OFFERED: Final = Violation(
    ReasonCode.QOS_NOT_SUPPORTED, "PUBLISH with a QoS above the maximum that was announced"
)
_RETAIN_NOT_OFFERED: Final = Violation(
    ReasonCode.RETAIN_NOT_SUPPORTED, "PUBLISH with RETAIN, which was announced as not available"
)


class Incoming:
    """The parts of a received PUBLISH."""

    __slots__ = ("dup", "entry", "packet_id", "payload", "properties", "qos", "retain")

    def __init__(
        self, flags: int, packet_id: int, entry: Entry, payload: bytes, split: PublishProperties
    ) -> None:
        self.qos = flags >> 1 & 3
        self.retain = bool(flags & 1)
        self.dup = bool(flags & 8)
        self.packet_id = packet_id
        self.entry = entry
        self.payload = payload
        self.properties = split


class Publishing:
    """Takes messages from clients, from wills and from the console."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # -- from a client -----------------------------------------------------------------------------

    def receive(self, link: Connection, buffer: bytes, start: int, end: int, flags: int) -> None:
        """A PUBLISH whose body is ``buffer[start:end]``; a violation closes the connection.
        [MQTT-3.3.4-1] [MQTT-4.3.2-5] [MQTT3-3.3.4-1]"""
        incoming = self._read(link, buffer, start, end, flags)
        if isinstance(incoming, Violation):
            link.fail(incoming)
            return
        offers = self._core.offers
        if incoming.qos > offers.maximum_qos:  # [MQTT-3.2.2-11]
            link.fail(_QOS_NOT_OFFERED)
            return
        if incoming.retain and not offers.retained:  # [MQTT-3.2.2-14]
            link.fail(_RETAIN_NOT_OFFERED)
            return
        session = link.owner
        self._core.stats.messages_received += 1
        link.count_received(PUBLISH, incoming.qos)
        if incoming.qos == 2 and incoming.packet_id in session.received:
            # Taken already [MQTT-4.3.3-10]; unless its answer is still to come, give it again.
            if incoming.packet_id not in link.unanswered:
                self._answer(link, PUBREC, incoming.packet_id, 0)
            return
        if incoming.qos and self._exceeds_quota(link, incoming):
            link.fail(_QUOTA)  # [MQTT-3.3.4-7] (P22, S9)
            return
        refusal = self._refusal(session, incoming)
        if refusal is not None:
            self.refuse(link, incoming, refusal)
            return
        self._core.stats.acl_publish_success += 1
        message = self._message(link, incoming)
        self._charge(len(message.payload))
        if incoming.qos == 2:
            self._keep(link, incoming.packet_id, message)
        elif incoming.qos == 1:
            self._publish_at_1(link, message, incoming.packet_id, incoming.entry.plan)
        else:
            self.publish(message, incoming.entry.plan, session, None)
        self._core.back_pressure.check(link)

    def _exceeds_quota(self, link: Connection, incoming: Incoming) -> bool:
        """Before MQTT 5 a client knows no Receive Maximum: at QoS 1 it is not read from for a while
        (``BackPressure``); QoS 2 cannot wait, its PUBRELs come the same way."""
        received = link.owner.received
        if received.payload_bytes > self._core.settings.unreleased_max_bytes:
            return True
        if link.version >= 5:
            return len(received) + link.answers.count >= link.receive_maximum
        return incoming.qos == 2 and len(received) >= link.receive_maximum

    def _read(
        self, link: Connection, buffer: bytes, start: int, end: int, flags: int
    ) -> Incoming | Violation:
        scan = scan_publish(buffer, start, end, flags, link.version)
        if isinstance(scan, Violation):
            return scan
        topic, packet_id, properties_start, properties_end, payload_start = scan
        split = _PLAIN
        if properties_start < properties_end:
            found = split_properties(buffer, properties_start, properties_end)
            if isinstance(found, Violation):
                return found
            split = found
            if split.topic_alias:
                longest = self._core.settings.max_topic_bytes
                resolved = link.aliases.resolve(split.topic_alias, topic, longest=longest)
                if isinstance(resolved, Violation):
                    return resolved
                topic = resolved
        if not topic:
            return NO_TOPIC
        entry = self._core.planner.entry(link.owner, topic)
        if isinstance(entry, Violation):
            return entry
        return Incoming(flags, packet_id, entry, buffer[payload_start:end], split)

    def _refusal(self, session: Session, incoming: Incoming) -> Refusal | None:
        entry, core = incoming.entry, self._core
        if entry.refusal is not None:
            return entry.refusal
        if not entry.mask & combination(incoming.qos, incoming.retain):
            detail = core.rights_of(session).refuses_publish(
                entry.topic, qos=incoming.qos, retain=incoming.retain
            )
            return Refusal(ReasonCode.NOT_AUTHORIZED, "not_authorized", detail or "not allowed")
        if len(incoming.payload) > core.max_message_bytes:
            return Refusal(
                ReasonCode.PACKET_TOO_LARGE,
                "message_too_large",
                f"the message is larger than {core.max_message_bytes} bytes",
            )
        if incoming.retain and incoming.payload and self._retained_full(incoming):
            return Refusal(
                ReasonCode.QUOTA_EXCEEDED, "retained_quota", "there are too many retained messages"
            )
        return None

    def _retained_full(self, incoming: Incoming) -> bool:
        """SECURITY E6. A message that replaces another is always taken."""
        retained, settings = self._core.retained, self._core.settings
        return retained.get(incoming.entry.topic) is None and (
            len(retained) >= settings.retained_max_messages
            or retained.size_bytes + len(incoming.payload) > settings.retained_max_bytes
        )

    def refuse(self, link: Connection, incoming: Incoming, refusal: Refusal) -> None:
        """Answer a PUBLISH that is not taken. Before MQTT 5 the answer cannot say so: the message
        is acknowledged and dropped, the connection stays (DECISIONS 2).
        [MQTT-4.3.3-9] [MQTT3-3.3.5-2]"""
        core, session = self._core, link.owner
        core.stats.dropped[refusal.counter] += 1
        if refusal.reason is ReasonCode.NOT_AUTHORIZED:
            core.stats.acl_publish_failure += 1
        topic = incoming.entry.topic
        core.events.note(
            refusal.event,
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            reason=f"publish to {topic[:200]!r}: {refusal.detail}",
        )
        reason = int(refusal.reason) if link.version >= 5 else 0
        if reason == ReasonCode.PACKET_TOO_LARGE:
            reason = ReasonCode.QUOTA_EXCEEDED  # PUBACK and PUBREC do not know 0x95
        if incoming.qos == 1:
            self._answer(link, PUBACK, incoming.packet_id, reason, refusal.detail)
        elif incoming.qos == 2:
            if not reason:
                session.received.keep(incoming.packet_id, None, 0)
            self._answer(link, PUBREC, incoming.packet_id, reason, refusal.detail)

    def _message(self, link: Connection, incoming: Incoming) -> StoredMessage:
        core, session, split = self._core, link.owner, incoming.properties
        seq = core.next_seq()
        now_ms = core.now_ms()
        expiry_s = split.message_expiry_s
        return StoredMessage(
            shard=0,
            seq=seq,
            topic=incoming.entry.topic,
            payload=incoming.payload,
            qos=incoming.qos,
            retain=incoming.retain,
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            stored_ms=now_ms,
            expires_ms=None if expiry_s is None else now_ms + expiry_s * 1000,
            properties=split.forwardable,
        )

    def _charge(self, payload_bytes: int) -> None:
        core = self._core
        weight = core.throttle.weight(payload_bytes)
        core.stats.tps_units += weight
        core.throttle.tokens -= weight

    # -- acknowledgements --------------------------------------------------------------------------

    def _answer(
        self, link: Connection, packet_type: int, packet_id: int, reason: int, detail: str = ""
    ) -> None:
        """Acknowledge, after everything that came before (``OrderedAnswers``). What is owed a
        PUBREL counts there already."""
        if reason and detail:
            answer = explained(link, Ack(packet_type, packet_id, reason), reason, detail)
        else:
            answer = encode_ack(packet_type, packet_id, reason, link.version)
        answers = link.answers
        if answers.newest() is not None:
            is_counted = packet_type == PUBREC and packet_id in link.owner.received
            answers.fill(answers.reserve_uncounted() if is_counted else answers.reserve(), answer)
            link.count_sent(packet_type)
        else:
            link.send_counted(packet_type, answer)

    def _publish_at_1(
        self,
        link: Connection,
        message: StoredMessage,
        packet_id: int,
        plan: Plan,
    ) -> None:
        """Publish a QoS 1 message and acknowledge it, at once or when it is durable.
        [MQTT-4.3.2-4] [MQTT3-4.3.2-2]"""
        if not self._must_wait(message, plan):
            self.publish(message, plan, link.owner, None)
            reason = 0 if plan.reaches_anybody() else ReasonCode.NO_MATCHING_SUBSCRIBERS
            self._answer(link, PUBACK, packet_id, reason)
            return
        place = link.answers.reserve()
        link.count_sent(PUBACK)

        def finish(error: Exception | None, reached: bool) -> None:
            if error is not None:
                self.not_kept(link, error)
                return
            reason = 0 if reached else ReasonCode.NO_MATCHING_SUBSCRIBERS
            link.answer_in_order(place, encode_ack(PUBACK, packet_id, reason, link.version))

        self.publish(message, plan, link.owner, finish)

    def not_kept(self, link: Connection, error: Exception) -> None:
        """Never acknowledge what is not kept; what the client sent after it must not overtake its
        resend, so the connection ends (CLUSTERING 3.4). [MQTT3-4.8.0-2]"""
        link.close(ReasonCode.QUOTA_EXCEEDED, f"a message cannot be stored: {error}")

    # -- QoS 2 -------------------------------------------------------------------------------------

    def _keep(self, link: Connection, packet_id: int, message: StoredMessage) -> None:
        """First half of QoS 2: keep the message, answer PUBREC (``put_received``).
        [MQTT-4.3.3-8]"""
        session = link.owner
        session.received.keep(packet_id, message, len(message.payload))
        if not session.durable:
            self._answer(link, PUBREC, packet_id, 0)
            return
        place = link.answers.reserve_uncounted()
        link.unanswered.add(packet_id)
        link.count_sent(PUBREC)

        def done(error: Exception | None) -> None:
            link.unanswered.discard(packet_id)
            if error is not None:
                session.received.release(packet_id)
                self.not_kept(link, error)
            else:
                link.answer_in_order(place, encode_ack(PUBREC, packet_id, 0, link.version))

        self._core.store.put_received(session.client_id, session.epoch, packet_id, message, done)

    def release(self, link: Connection, packet_id: int) -> None:
        """Second half of QoS 2, PUBREL: publish the message, exactly once, and answer PUBCOMP.

        A right that was withdrawn meanwhile withholds the message (S8); PUBCOMP can say so only
        with "packet identifier not found": it knows no other error (MQTT 5.0 §3.7.2.1).

        [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT-4.3.3-13]
        """
        session = link.owner
        if packet_id not in session.received:
            self._complete(link, packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)
            return
        message = session.received.release(packet_id)
        if message is None:
            self._complete(link, packet_id, 0)
            return
        detail = self._core.rights_of(session).refuses_publish(
            message.topic, qos=2, retain=message.retain
        )
        if detail is not None:
            self._withhold(link, packet_id, message, detail)
            return
        message.seq = self._core.next_seq()  # the log wants numbers that grow with every append
        plan = self._core.planner.plan(message.topic)

        def finish(error: Exception | None, reached: bool) -> None:
            if error is not None:
                session.received.keep(packet_id, message, len(message.payload))
                self.not_kept(link, error)
            elif session.link is link:
                self._complete(link, packet_id, 0)

        if session.durable:
            Publication(self._core, message, plan, session, finish).start_released(packet_id)
        elif self._must_wait(message, plan):
            self.publish(message, plan, session, finish)
        else:
            self.publish(message, plan, session, None)
            self._complete(link, packet_id, 0)

    def _withhold(
        self, link: Connection, packet_id: int, message: StoredMessage, detail: str
    ) -> None:
        core, session = self._core, link.owner
        core.stats.acl_publish_failure += 1
        core.stats.dropped["not_authorized"] += 1
        core.events.note(
            "denied",
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            reason=f"publish to {message.topic[:200]!r}: {detail}",
        )

        def done(error: Exception | None) -> None:
            if error is not None:
                self.not_kept(link, error)
            else:
                self._complete(link, packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)

        if session.durable:
            core.store.release_received(session.client_id, session.epoch, packet_id, None, done)
        else:
            done(None)

    def _complete(self, link: Connection, packet_id: int, reason: int) -> None:
        link.send_counted(PUBCOMP, encode_ack(PUBCOMP, packet_id, reason, link.version))
        self._core.plan_flush()

    # -- from anywhere -----------------------------------------------------------------------------

    def _must_wait(self, message: StoredMessage, plan: Plan) -> bool:
        """Whether a QoS 1 or 2 message has to be durable before it is acknowledged."""
        return message.retain or needs_log(plan)

    def publish(
        self,
        message: StoredMessage,
        plan: Plan,
        publisher: Session | None,
        finish: Finish | None,
    ) -> None:
        """Deliver a message that may be published.

        Args:
            publisher: for No Local; None when it is no client.
            finish: called once everything that must be durable is; at QoS 0 too.
        """
        Publication(self._core, message, plan, publisher, finish).start()
