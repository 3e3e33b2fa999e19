"""From an encoded message to one client: its window, its outbox, and what is dropped on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import Session
from broker_runtime.codec.aliased import aliased_parts, aliased_whole
from broker_runtime.codec.encoder import (
    PACKET_IDS,
    as_duplicate,
    encode_ack,
    publish_parts,
    publish_whole,
    receiver_properties,
)
from broker_runtime.codec.packets import PUBLISH, PUBREL
from broker_runtime.session.aliases import OutboundAliases
from broker_runtime.session.outgoing import Message, Outgoing

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection
    from broker_runtime.storage.publishes import PublishRun

PUBLISH_0: Final = PUBLISH << 2
"""Index of ``stats.Packets``; the QoS is added."""

Step = tuple[int, str, str, int, str, int]
"""Arguments of ``Journal.step``."""


class Sending:
    """Everything that puts a PUBLISH into an outbox, the hot path for QoS 0 excepted."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.early_steps: list[Step] | None = None
        """While a message is handed out: its steps, which the journal takes after the message."""

    # -- encoding ----------------------------------------------------------------------------------

    def whole(
        self,
        message: Message,
        level: int,
        *,
        retain: bool = False,
        identifiers: tuple[int, ...] = (),
    ) -> bytes:
        """A QoS 0 PUBLISH for connections of a level (4: before MQTT 5)."""
        return publish_whole(
            message.topic.encode(),
            message.payload,
            retain=retain,
            version=level,
            properties=self._properties(message, level, identifiers),
        )

    def parts(
        self,
        message: Message,
        level: int,
        qos: int,
        *,
        retain: bool = False,
        identifiers: tuple[int, ...] = (),
        pinned: bool = False,
        shared: str = "",
        dup: bool = False,
    ) -> Outgoing:
        """A QoS 1 or 2 PUBLISH. One that expires is encoded when it is sent."""
        prefix = rest = b""
        if message.expires_ms is None:
            prefix, rest = self._encoded(message, level, qos, retain, identifiers)
            if dup:
                prefix = as_duplicate(prefix)
        return Outgoing(
            message,
            message.seq,
            qos,
            prefix,
            rest,
            retain=retain,
            identifiers=identifiers,
            pinned=pinned,
            shared=shared,
            dup=dup,
            weight=self._core.throttle.weight(len(message.payload)),
        )

    def _encoded_now(self, message: Message, level: int, outgoing: Outgoing) -> Outgoing:
        fresh = Outgoing(
            message,
            outgoing.seq,
            outgoing.qos,
            *self._encoded(message, level, outgoing.qos, outgoing.retain, outgoing.identifiers),
            retain=outgoing.retain,
            identifiers=outgoing.identifiers,
            pinned=outgoing.pinned,
            shared=outgoing.shared,
            dup=outgoing.dup,
            weight=outgoing.weight,
        )
        if fresh.dup:  # [MQTT-3.3.1-1]
            fresh.prefix = as_duplicate(fresh.prefix)
        return fresh

    def _encoded(
        self, message: Message, level: int, qos: int, retain: bool, identifiers: tuple[int, ...]
    ) -> tuple[bytes, bytes]:
        return publish_parts(
            message.topic.encode(),
            message.payload,
            qos=qos,
            retain=retain,
            version=level,
            properties=self._properties(message, level, identifiers),
        )

    def _properties(self, message: Message, level: int, identifiers: tuple[int, ...]) -> bytes:
        if level < 5:
            return b""
        left_s = None
        if message.expires_ms is not None:  # [MQTT-3.3.2-6]
            left_s = max(0, -(-(message.expires_ms - self._core.now_ms()) // 1000))
        return receiver_properties(left_s, identifiers, 0) + message.properties

    # -- QoS 0 -------------------------------------------------------------------------------------

    def send_whole(
        self, session: Session, link: Connection, message: Message, packet: bytes
    ) -> bool:
        """QoS 0: into the outbox; False when it was dropped (P23, E3)."""
        if not link.is_live:
            self._core.fan_out.drop_offline(session)
            return False
        reason = None
        if len(packet) > link.max_packet_bytes:
            reason = "too_large"
        elif message.expires_ms is not None and message.expires_ms <= self._core.now_ms():
            reason = "expired"
        elif not link.has_space():
            reason = "queue_full"
        if reason is not None:
            self.drop(message.seq, session, 0, reason)
            return False
        if link.aliases_out is not None:
            packet = _aliased_whole(link, link.aliases_out, message.topic, packet)
        link.send(packet)
        link.sent0 += 1
        self._sent(PUBLISH_0, self._core.throttle.weight(len(message.payload)))
        return True

    def _sent(self, kind: int, weight: int) -> None:
        core = self._core
        core.stats.packets_sent[kind] += 1
        core.stats.messages_sent += 1
        core.stats.tps_units += weight
        core.throttle.tokens -= weight

    # -- QoS 1 and 2 -------------------------------------------------------------------------------

    def has_room_to_wait(self, session: Session) -> bool:
        """Whether one more message may wait for room in the window of this client."""
        window, settings = session.window, self._core.settings
        return (
            len(window.pending) < settings.pending_max_messages
            and window.pending_bytes < settings.outbox_max_bytes
        )

    def offer(self, session: Session, link: Connection, outgoing: Outgoing) -> bool:
        """Send when the window has room, else keep it waiting; True when sent at once.

        A durable session that can keep no more falls behind: the log has the message, and it is
        read when there is room again. For others the message is dropped (E3).
        """
        window = session.window
        if not window.pending and window.has_room() and link.has_space():
            return self._start(session, link, outgoing)
        if outgoing.pinned or self.has_room_to_wait(session):
            window.wait(outgoing)
            self._core.persistence.mark(session)
        elif session.durable and not outgoing.shared:
            session.behind = True
            session.missed_seq = outgoing.seq
            self._core.backlog.add(session, 1, outgoing.size_bytes)
            self.step(outgoing.seq, session, "QUEUE", outgoing.qos, "success")
        else:
            self.drop(outgoing.seq, session, outgoing.qos, "queue_full")
        return False

    def _start(self, session: Session, link: Connection, outgoing: Outgoing) -> bool:
        """Give it a packet id and send it; False when this client cannot get it at all.
        [MQTT-3.1.2-25]"""
        if session.durable:
            self._core.persistence.mark(session)
            if session.progress.owed:
                session.progress.owed.discard(outgoing.seq)
        message = outgoing.message
        if message is not None and message.expires_ms is not None:
            if message.expires_ms <= self._core.now_ms():  # [MQTT-3.3.2-5]
                self._give_up(session, outgoing, "expired")
                return False
            outgoing = self._encoded_now(message, link.level, outgoing)
        if outgoing.size_bytes > link.max_packet_bytes:  # [MQTT-3.1.2-24]
            self._give_up(session, outgoing, "too_large")
            return False
        packet_id = session.window.admit(outgoing)
        if outgoing.qos == 2 and session.durable:
            self._transmit_when_durable(session, link, packet_id, outgoing)
        elif outgoing.qos == 2 and outgoing.shared:
            self._core.shared.transmit_once(session, link, packet_id, outgoing)
        else:
            self.transmit(link, packet_id, outgoing)
        return True

    def _transmit_when_durable(
        self, session: Session, link: Connection, packet_id: int, outgoing: Outgoing
    ) -> None:
        """A QoS 2 message is sent once its packet id is durable: after a crash it comes with the
        same id, and the client knows it (CLUSTERING 3.8)."""

        def transmit() -> None:
            if session.window.inflight.get(packet_id) is outgoing:
                session.unsent.discard(packet_id)
                self.transmit(link, packet_id, outgoing)

        session.not_sent_yet(packet_id)
        self._core.persistence.when_durable(session, transmit)

    def transmit(self, link: Connection, packet_id: int, outgoing: Outgoing) -> None:
        """Put a message with its packet id into the outbox."""
        out = link.out
        if not out:
            self._core.dirty.append(link)
        if link.aliases_out is None:
            out += (outgoing.prefix, PACKET_IDS[packet_id], outgoing.rest)
            link.queued_bytes += outgoing.size_bytes
        else:
            prefix, rest = _aliased_parts(link, link.aliases_out, outgoing)
            out += (prefix, PACKET_IDS[packet_id], rest)
            link.queued_bytes += len(prefix) + 2 + len(rest)
        kind = PUBLISH_0 | outgoing.qos
        link.sent[kind] += 1
        self._sent(kind, outgoing.weight)

    def retransmit(
        self, session: Session, link: Connection, packet_id: int, outgoing: Outgoing
    ) -> None:
        """Send again what was in flight when the connection was lost [MQTT-4.4.0-1].
        [MQTT-4.3.3-7]"""
        if session.window.room() < 0:
            session.hold_back(packet_id)
            self._send_held_back(session, link)
        else:
            self._send_again(session, link, packet_id, outgoing)

    def _send_held_back(self, session: Session, link: Connection) -> None:
        """A client that came back with a smaller Receive Maximum than what was in flight gets no
        more than that at a time, in order and with the packet ids of before.
        [MQTT-3.3.4-9] [MQTT-4.4.0-1] [MQTT-4.6.0-1]"""
        window, held_back = session.window, session.held_back
        not_found = sum([len(packet_ids) for packet_ids in session.resumed.values()])
        for packet_id in [i for i in held_back if i not in window.inflight]:
            held_back.remove(packet_id)
        while held_back and window.unacknowledged() - len(held_back) - not_found < window.quota:
            packet_id = held_back.popleft()
            self._send_again(session, link, packet_id, window.inflight[packet_id])

    def _send_again(
        self, session: Session, link: Connection, packet_id: int, outgoing: Outgoing
    ) -> None:
        message = outgoing.message
        assert message is not None, "only messages that were found again are sent again"
        outgoing.dup = packet_id not in session.unsent
        fresh = self._encoded_now(message, link.level, outgoing)
        if fresh.size_bytes > link.max_packet_bytes:
            self.abandon(session, packet_id, outgoing, "too_large")
            return
        session.unsent.discard(packet_id)
        session.window.inflight[packet_id] = fresh
        self.transmit(link, packet_id, fresh)
        self.step(outgoing.seq, session, "PUBLISH", outgoing.qos, "sent_again")

    def abandon(self, session: Session, packet_id: int, outgoing: Outgoing, reason: str) -> None:
        """What was in flight and cannot be sent again.

        A client may have a QoS 2 message and only its PUBREC was lost: it is released, or the next
        message under the same packet id would be taken for it [MQTT-4.3.3-10].
        """
        window, link = session.window, session.link
        window.inflight.pop(packet_id, None)
        if outgoing.qos == 2 and packet_id not in session.unsent:
            window.restore_released(packet_id, outgoing.seq)
            if link is not None:
                link.send_counted(PUBREL, encode_ack(PUBREL, packet_id, 0, link.version))
        session.unsent.discard(packet_id)
        self._give_up(session, outgoing, reason)

    def release_again(self, session: Session, link: Connection) -> None:
        """PUBREL for every QoS 2 message that is owed one, in the order of the PUBRECs."""
        for packet_id in session.window.released:
            link.send_counted(PUBREL, encode_ack(PUBREL, packet_id, 0, link.version))

    def pump(self, session: Session) -> None:
        """Send what waits, as far as window and outbox allow; then see to what the log holds.
        [MQTT-3.3.4-10] [MQTT-4.9.0-3]"""
        link = session.link
        if link is None:
            return
        if session.held_back:
            self._send_held_back(session, link)
        window = session.window
        while window.pending and window.has_room() and link.has_space():
            outgoing = window.next_waiting()
            if self._start(session, link, outgoing):
                self.step(outgoing.seq, session, "PUBLISH", outgoing.qos, "success")
        if session.retained_requests:
            self._core.subscribing.send_retained(session)
        if session.behind:
            self._core.catch_up.start(session)

    # -- what is not delivered ---------------------------------------------------------------------

    def _give_up(self, session: Session, outgoing: Outgoing, reason: str) -> None:
        self.settle(session, outgoing)
        self.drop(outgoing.seq, session, outgoing.qos, reason)

    def settle(self, session: Session, outgoing: Outgoing) -> None:
        """The client has a message, or never will: a replay of the log leaves it out."""
        if outgoing.shared:
            self._core.shared.settled(outgoing)
        if session.durable:
            if outgoing.pinned and outgoing.qos == 2 and session.retained_requests:
                session.has_retained(outgoing.seq)
            self._core.persistence.mark(session)

    def drop(self, seq: int, session: Session, qos: int, reason: str) -> None:
        """Count a message that a client does not get, with its reason."""
        self.step(seq, session, "DROP", qos, reason)
        self._note_drop(session, 1, reason)

    def drop_run(self, run: PublishRun, session: Session, reason: str) -> None:
        """The same for all messages of a run, which the journal has already."""
        core, seqs = self._core, list(range(run.first_seq, run.first_seq + run.count))
        core.journal.steps(seqs, session.client_id, "DROP", run.qos, reason, core.now_ms())
        self._note_drop(session, run.count, reason)

    def _note_drop(self, session: Session, messages: int, reason: str) -> None:
        self._core.stats.dropped[reason] += messages
        text = f"messages to this client were dropped: {reason}"
        self._core.events.note(
            "dropped", session.client_id, session.username, session.address, text, times=messages
        )

    def step(self, seq: int, session: Session, packet_type: str, qos: int, result: str) -> None:
        """A later step of a message, for its trace."""
        self.step_of(seq, session.client_id, packet_type, qos, result)

    def step_of(self, seq: int, client_id: str, packet_type: str, qos: int, result: str) -> None:
        """The same for a receiver that is named (a shared group)."""
        step = (seq, client_id, packet_type, qos, result, self._core.now_ms())
        if self.early_steps is None:
            self._core.journal.step(*step)
        else:
            self.early_steps.append(step)


def _aliased_whole(link: Connection, aliases: OutboundAliases, topic: str, packet: bytes) -> bytes:
    """The packet with the topic's alias; as it is when there is none or it would not fit."""
    alias, known = aliases.find(topic)
    if not alias:
        return packet
    aliased = aliased_whole(packet, alias, known=known)
    if len(aliased) > link.max_packet_bytes:
        return packet
    if not known:
        aliases.keep(topic, alias)
    return aliased


def _aliased_parts(
    link: Connection, aliases: OutboundAliases, outgoing: Outgoing
) -> tuple[bytes, bytes]:
    """The same for a message at QoS 1 or 2."""
    message = outgoing.message
    assert message is not None, "only a message that is known is sent"
    alias, known = aliases.find(message.topic)
    if not alias:
        return outgoing.prefix, outgoing.rest
    prefix, rest = aliased_parts(outgoing.prefix, outgoing.rest, alias, known=known)
    if len(prefix) + 2 + len(rest) > link.max_packet_bytes:
        return outgoing.prefix, outgoing.rest
    if not known:
        aliases.keep(message.topic, alias)
    return prefix, rest
