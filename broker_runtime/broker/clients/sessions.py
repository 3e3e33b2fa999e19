"""The sessions of a node: who is connected, take-over, wills, and the end of a session.

A will, the expiry and the subscriptions belong to the session, not to the socket (CLUSTERING
3.7, 6): after a crash they are found in the store and carried out as if the connection had just
been lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_runtime.broker.clients.client import RetainedRequest, Session
from broker_runtime.broker.durable.catch_up import options_of
from broker_runtime.codec.packets import SESSION_NEVER_EXPIRES, Will
from broker_runtime.codec.properties import forwardable_block
from broker_runtime.session.outgoing import Outgoing
from broker_runtime.session.window import Progress
from broker_runtime.storage.base import RETAINED, SessionRecord, StoredMessage, WillRecord

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection


class Sessions:
    """All sessions by client id; those that are not connected as well.
    [MQTT-4.1.0-1] [MQTT3-3.1.2-7] [MQTT3-4.1.0-1] [MQTT3-4.1.0-2]"""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.by_client_id: dict[str, Session] = {}
        self.connected = 0

    # -- start -------------------------------------------------------------------------------------

    def load(self) -> None:
        """Take up what the store holds; reap what was connected when the last process ended."""
        core = self._core
        for message in core.store.load_retained():
            core.retained.put(message.topic, message, len(message.payload))
        for record in core.store.load_sessions():
            session = self._restored(record)
            self.by_client_id[session.client_id] = session
            for topic_filter, subscription in record.subscriptions.items():
                core.tree.subscribe(session, topic_filter, options_of(subscription))
        for client_id, packet_id, message in core.store.load_received():
            owner = self.by_client_id.get(client_id)
            if owner is not None:
                owner.received.keep(packet_id, message, len(message.payload))
        core.shared.load()

    def reap(self) -> None:
        """Carry out the wills and the ends that are due since the last process (S14)."""
        core = self._core
        now_ms = core.now_ms()
        for session in list(self.by_client_id.values()):
            was_connected = session.disconnected_ms < session.connected_ms
            if was_connected:
                session.disconnected_ms = now_ms
            had_will = session.will is not None
            self._leave(session, max(0.0, (now_ms - session.disconnected_ms) / 1000))
            changed = was_connected or had_will != (session.will is not None)
            if changed and not session.ended:
                core.persistence.save(session, None)

    def _restored(self, record: SessionRecord) -> Session:
        session = Session(record.client_id, record.username, created_ms=record.created_ms)
        session.address = record.address
        session.host = record.address.rpartition(":")[0]
        session.protocol_version = record.protocol_version
        session.keep_alive_s = record.keep_alive_s
        session.clean_start = record.clean_start
        session.expiry_s = record.expiry_s
        session.connected_ms = record.connected_ms
        session.disconnected_ms = 0 if record.connected else record.disconnected_ms
        session.epoch = record.epoch
        session.durable = record.expiry_s > 0
        session.stored = True
        session.subscriptions = dict(record.subscriptions)
        session.will = record.will
        session.progress = Progress(record.cursor)
        session.progress.offered = record.offered
        for entry in record.inflight:
            if entry.released:
                session.window.restore_released(entry.packet_id, entry.seq)
            elif not entry.packet_id:
                session.progress.owe(entry.seq)
            else:
                session.window.inflight[entry.packet_id] = _placeholder(
                    entry.seq, entry.qos, entry.source
                )
        if record.connected:
            # What was sent since the last checkpoint is not known: it is sent again as such.
            session.doubtful_seq = self._core.last_seq
        else:
            session.doubtful_seq = record.doubtful_seq
        self._restore_retained(session, record)
        return session

    def _restore_retained(self, session: Session, record: SessionRecord) -> None:
        """Retained messages that subscriptions were still owed when the last process ended."""
        for topic_filter, subscription in record.subscriptions.items():
            if subscription.retained_due:
                request = RetainedRequest(
                    topic_filter,
                    self._core.retained.scan(topic_filter),
                    subscription.qos,
                    (subscription.identifier,) if subscription.identifier else (),
                    repeated=True,
                )
                session.request_retained([request])
        if session.retained_requests:
            in_flight = [e.seq for e in record.inflight if e.source == RETAINED or e.released]
            session.retained_done = {*record.retained_done, *in_flight}

    # -- connecting --------------------------------------------------------------------------------

    def create(self, client_id: str, username: str) -> Session:
        """A new session that has seen nothing of the log."""
        core = self._core
        session = Session(client_id, username, created_ms=core.now_ms())
        session.progress = Progress(core.last_seq)
        self.by_client_id[client_id] = session
        return session

    def attach(self, session: Session, link: Connection) -> None:
        """The session is connected now. [MQTT-3.1.3-9]"""
        session.link = link
        self.connected += 1
        # A new session, which has its first connection now, shares the number.
        session.connected_ms = self._core.now_ms() if session.epoch else session.created_ms
        session.epoch += 1
        for timer in (session.will_timer, session.expiry_timer):
            if timer is not None:
                timer.cancel()
        self._core.tree.activity.connected(session, session.subscriptions)

    def resume(self, session: Session, link: Connection) -> None:
        """Send again what was in flight, then what the log holds (after the CONNACK).
        [MQTT-4.6.0-1] [MQTT3-4.4.0-1] [MQTT3-4.6.0-1]"""
        window, progress = session.window, session.progress
        sending = self._core.sending
        session.catching_up = False
        progress.position = progress.cursor
        session.resumed = {}
        session.forget_held_back()
        sending.release_again(session, link)
        self._find_retained(session)
        for packet_id, outgoing in list(window.inflight.items()):
            if outgoing.message is not None:
                sending.retransmit(session, link, packet_id, outgoing)
            elif not outgoing.shared:
                session.resumed.setdefault(outgoing.seq, []).append(packet_id)
        if session.durable:
            session.behind = True
            session.missed_seq = max(session.missed_seq, self._core.committed_seq)
        self._core.shared.resume(session, link)
        sending.pump(session)

    def _find_retained(self, session: Session) -> None:
        """Retained messages in flight before a restart: one that still stands is sent again, any
        other has been replaced (F10)."""
        inflight = session.window.inflight
        sought = {i: o for i, o in inflight.items() if o.pinned and o.message is None}
        if not sought:
            return
        standing = {message.seq: message for message in self._core.retained.match("#")}
        for packet_id, outgoing in sought.items():
            outgoing.message = standing.get(outgoing.seq)
            outgoing.retain = True
            if outgoing.message is None:
                self._core.sending.abandon(session, packet_id, outgoing, "expired")

    # -- leaving -----------------------------------------------------------------------------------

    def detach(self, session: Session, *, keep_will: bool) -> None:
        """The connection is gone.

        Args:
            keep_will: False after a DISCONNECT that says so [MQTT-3.14.4-3] and at shutdown (F7).

        [MQTT3-3.1.2-10] [MQTT3-3.14.4-3]
        """
        core = self._core
        if session.link is None:
            return
        if session.durable:
            if not session.behind:
                session.progress.position = max(session.progress.position, core.committed_seq)
            session.progress.advance(session.window)
        session.link = None
        self.connected -= 1
        session.disconnected_ms = core.now_ms()
        core.tree.activity.disconnected(session)
        session.forget_topics()
        if not keep_will:
            session.will = None
        session.durable = session.expiry_s > 0
        if session.durable:
            self._forget_messages(session)
        self._leave(session, 0.0)
        if not session.ended:
            core.persistence.save(session, None)

    def _forget_messages(self, session: Session) -> None:
        """What the log holds needs no memory; the rest waits here for the client."""
        window = session.window
        session.after_save.clear()
        session.releasing.clear()
        window.inflight = {
            packet_id: o if o.pinned else _placeholder(o.seq, o.qos, o.shared)
            for packet_id, o in window.inflight.items()
        }
        kept = [o for o in window.pending if o.pinned or o.shared]
        returned = [o.size_bytes for o in window.pending if not (o.pinned or o.shared)]
        self._core.backlog.add(session, len(returned), sum(returned))
        window.forget_waiting()
        for outgoing in kept:
            window.wait(outgoing)
        # What was offered and only waited is offered again: no save may move the cursor over it.
        session.progress.position = session.progress.cursor

    def _leave(self, session: Session, away_s: float) -> None:
        """Start the clocks of a session without connection, or end it."""
        if session.expiry_s - away_s <= 0:
            self.end(session)
            return
        core = self._core
        now_s = core.clock.monotonic_s()
        if session.will is not None:
            delay_s = min(session.will.delay_s, session.expiry_s) - away_s
            if delay_s <= 0:
                self.publish_will(session)
            else:
                session.will_timer = core.timers.at(
                    now_s + delay_s, lambda: self._will_is_due(session)
                )
        if session.expiry_s < SESSION_NEVER_EXPIRES:
            session.expiry_timer = core.timers.at(
                now_s + session.expiry_s - away_s, lambda: self.expire(session)
            )

    def _will_is_due(self, session: Session) -> None:
        self.publish_will(session)
        self._core.persistence.save(session, None)

    def expire(self, session: Session) -> None:
        """Nobody came back in time [MQTT-3.1.2-23]. [MQTT-4.1.0-2]"""
        if session.link is None and not session.ended:
            self.end(session)

    def end(self, session: Session) -> None:
        """The session is over: its will is due [MQTT-3.1.2-8], everything of it is forgotten."""
        if session.ended:
            return
        session.ended = True
        core = self._core
        if self.by_client_id.get(session.client_id) is session:
            del self.by_client_id[session.client_id]
        for timer in (session.will_timer, session.expiry_timer):
            if timer is not None:
                timer.cancel()
        core.tree.remove_subscriber(session, session.subscriptions)
        self.publish_will(session)
        core.shared.give_back(session)
        session.retained_are_sent()
        self._count_lost(session)
        session.forget_messages()
        if session.stored:
            core.persistence.delete(session, None)

    def _count_lost(self, session: Session) -> None:
        """Messages that end with a session: those that it never got, and those that it sent at
        QoS 2 and never released. What was sent to it counts as delivered."""
        core, dropped = self._core, self._core.stats.dropped
        for outgoing in session.window.pending:
            if not outgoing.shared:
                dropped["session_ended"] += 1
                core.sending.step(outgoing.seq, session, "DROP", outgoing.qos, "session_ended")
        if session.queued_messages:
            dropped["session_ended"] += session.queued_messages
        unreleased = session.unreleased()
        if unreleased:
            dropped["unreleased"] += unreleased

    def publish_will(self, session: Session) -> None:
        """Publish the will once, if its owner still may (SECURITY S14, Z14).
        [MQTT-3.1.2-10] [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT3-3.1.2-10] [MQTT3-3.1.2-12]
        [MQTT3-3.1.2-16] [MQTT3-3.1.2-17]"""
        will, session.will = session.will, None
        if will is None:
            return
        core = self._core
        refusal = core.planner.unfit_topic(will.topic)
        detail = refusal.detail if refusal is not None else self._refused_will(session, will)
        if detail is not None:
            core.stats.dropped["will_refused"] += 1
            core.events.note(
                "denied",
                client_id=session.client_id,
                username=session.username,
                address=session.address,
                reason=f"will to {will.topic[:200]!r}: {detail}",
            )
            return
        now_ms = core.now_ms()
        message = StoredMessage(
            shard=0,
            seq=core.next_seq(),
            topic=will.topic,
            payload=will.payload,
            qos=will.qos,
            retain=will.retain,
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            stored_ms=now_ms,
            expires_ms=None if will.expiry_s is None else now_ms + will.expiry_s * 1000,
            properties=will.properties,
        )
        core.publishing.publish(message, core.planner.plan(will.topic), session, None)

    def _refused_will(self, session: Session, will: WillRecord) -> str | None:
        detail = self._core.rights_of(session).refuses_publish(
            will.topic, qos=will.qos, retain=will.retain
        )
        if detail is not None:
            return detail
        refusal = self._core.planner.admit(will.topic)
        return None if refusal is None else refusal.detail


def _placeholder(seq: int, qos: int, source: str) -> Outgoing:
    """A message in flight of which only the number is known (``Inflight.source``)."""
    is_retained = source == RETAINED
    shared = "" if is_retained else source
    return Outgoing(None, seq, qos, b"", b"", pinned=is_retained, shared=shared)


def will_record(will: Will | None) -> WillRecord | None:
    """The will of a CONNECT as a session keeps it."""
    # [MQTT-3.1.3-10]
    if will is None:
        return None
    return WillRecord(
        topic=will.topic,
        payload=will.payload,
        qos=will.qos,
        retain=will.retain,
        delay_s=will.properties.will_delay_s or 0,
        expiry_s=will.properties.message_expiry_s,
        properties=forwardable_block(will.properties),
    )
