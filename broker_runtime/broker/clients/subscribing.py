"""SUBSCRIBE and UNSUBSCRIBE, and the retained messages that a subscription brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker_runtime.broker.clients.client import RetainedRequest, Session
from broker_runtime.broker.durable.catch_up import options_of
from broker_runtime.broker.links.answers import explained
from broker_runtime.broker.watching.announcements import SYSTEM_PREFIXES
from broker_runtime.codec import topics
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.packets import (
    SUBACK,
    UNSUBACK,
    SubAck,
    Subscribe,
    SubscriptionRequest,
    UnsubAck,
    Unsubscribe,
)
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.storage.base import StoredMessage, SubscriptionRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

RETAINED_STEP: Final = 256
"""Topics looked at in one go, so that a search of a large tree does not hold up the others."""

SHOWN_FILTERS: Final = 5

_NO_REFUSAL: Final = (0, "")


class Subscribing:
    """Keeps the subscriptions of the sessions, the tree and the store in step."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def subscribe(self, link: Connection, packet: Subscribe) -> None:
        """Every line is answered for itself [MQTT-3.8.4-6] (P16, Z9). The SUBACK goes out once the
        subscriptions are durable.
        [MQTT-3.8.4-1] [MQTT-3.8.4-5] [MQTT-3.8.4-7] [MQTT3-3.8.4-1] [MQTT3-3.8.4-4]
        [MQTT3-3.8.4-5]"""
        session = link.owner
        reasons: list[int] = []
        retained: list[RetainedRequest] = []
        granted: list[str] = []
        first_refusal = _NO_REFUSAL
        for request in packet.subscriptions:
            reason, detail = self._subscribe_one(session, request, packet.identifier, retained)
            reasons.append(reason)
            if reason <= ReasonCode.GRANTED_QOS_2:
                granted.append(request.topic_filter)
            elif first_refusal == _NO_REFUSAL:
                first_refusal = (reason, detail)
        if granted:
            self._event("subscribed", session, granted)
        answer = explained(
            link, SubAck(packet_id=packet.packet_id, reasons=reasons), *first_refusal
        )

        def confirm() -> None:
            if session.link is link:
                if not link.send_if_fits(SUBACK, answer):
                    link.close(ReasonCode.PACKET_TOO_LARGE, "the client takes no SUBACK so large")
                    return
                if retained:
                    session.request_retained(retained)
                self.send_retained(session)
                for topic_filter in granted:
                    self._core.shared.serve(topic_filter)
                self._core.plan_flush()

        self._confirm(session, bool(granted), confirm)

    def _confirm(self, session: Session, changed: bool, confirm: Callable[[], None]) -> None:
        if changed and session.durable:
            self._core.persistence.save(session, confirm)
        else:
            confirm()

    def _subscribe_one(
        self,
        session: Session,
        request: SubscriptionRequest,
        identifier: int | None,
        retained: list[RetainedRequest],
    ) -> tuple[int, str]:
        """Returns the reason code of the SUBACK, and in words why it was refused.
        [MQTT-3.3.1-11] [MQTT-3.8.4-4] [MQTT3-3.3.1-6]"""
        core, topic_filter = self._core, request.topic_filter
        refusal = self._not_offered(request, identifier) or self._refusal(session, request)
        if refusal is not None:
            _, detail = refusal
            core.events.note(
                "denied",
                client_id=session.client_id,
                username=session.username,
                address=session.address,
                reason=f"subscribe to {topic_filter[:200]!r}: {detail}",
            )
            return refusal
        core.stats.acl_subscribe_success += 1
        group, inner = topics.split_share(topic_filter)
        name = topics.first_level(topic_filter)
        core.admit_first_level(name)  # DECISIONS 2; beyond the quota only publishing is refused
        former = session.subscriptions.get(topic_filter)
        qos = min(request.qos, core.offers.maximum_qos)  # [MQTT-3.2.2-10]
        record = SubscriptionRecord(
            qos=qos,
            no_local=request.no_local,
            retain_as_published=request.retain_as_published,
            retain_handling=request.retain_handling,
            identifier=identifier,
            since_seq=core.last_seq if former is None else former.since_seq,
            retained_due=former is not None and former.retained_due,
        )
        session.subscriptions[topic_filter] = record
        core.tree.subscribe(session, topic_filter, options_of(record))
        wants_retained = request.retain_handling == 0 or (
            request.retain_handling == 1 and former is None
        )
        if wants_retained and not group:  # [MQTT-3.3.1-9] [MQTT-3.3.1-10] §4.8.2
            identifiers = (identifier,) if identifier else ()
            kept = core.announcements.kept if inner.startswith("$") else core.retained
            scan = kept.scan(inner)
            if not scan.done:
                retained.append(RetainedRequest(topic_filter, scan, qos, identifiers))
                record.retained_due = session.durable and kept is core.retained
        return qos, ""

    def _not_offered(
        self, request: SubscriptionRequest, identifier: int | None
    ) -> tuple[ReasonCode, str] | None:
        """What an operator has left out of MQTT (MQTT 5.0 §3.2.2.3.11 to §3.2.2.3.13).
        [MQTT3-3.8.3-2]"""
        offers = self._core.offers
        group, inner = topics.split_share(request.topic_filter)
        if group and not offers.shared_subscriptions:
            return ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, "shared subscriptions are off"
        if identifier is not None and not offers.subscription_identifiers:
            return (
                ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
                "subscription identifiers are off",
            )
        if not offers.wildcard_subscriptions and topics.has_wildcard(inner):
            return ReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED, "wildcards are off"
        return None

    def _refusal(
        self, session: Session, request: SubscriptionRequest
    ) -> tuple[ReasonCode, str] | None:
        core, topic_filter = self._core, request.topic_filter
        if not topics.valid_topic_filter(topic_filter) or self._too_big(topic_filter):
            return ReasonCode.TOPIC_FILTER_INVALID, "the topic filter is not valid"
        inner = topics.split_share(topic_filter)[1]
        if inner.startswith("$") and not inner.startswith(SYSTEM_PREFIXES):
            core.stats.acl_subscribe_failure += 1
            detail = "topics that begin with '$' belong to the server"
            return ReasonCode.NOT_AUTHORIZED, detail  # SECURITY Z13
        detail_or_none = core.rights_of(session).refuses_subscribe(inner, qos=request.qos)
        if detail_or_none is not None:
            core.stats.acl_subscribe_failure += 1
            return ReasonCode.NOT_AUTHORIZED, detail_or_none
        cluster = core.cluster
        assert cluster is not None, "a client is connected only once there is a configuration"
        if topic_filter not in session.subscriptions:
            if len(session.subscriptions) >= cluster.max_subscriptions_per_client:
                return ReasonCode.QUOTA_EXCEEDED, "too many subscriptions of this client"
            if len(core.tree) >= cluster.max_subscriptions:
                return ReasonCode.QUOTA_EXCEEDED, "too many subscriptions in the cluster"
        return None

    def _too_big(self, topic_filter: str) -> bool:
        settings = self._core.settings
        return (
            len(topic_filter.encode()) > settings.max_topic_bytes
            or topics.level_count(topic_filter) > settings.max_topic_levels
        )

    def unsubscribe(self, link: Connection, packet: Unsubscribe) -> None:
        """Messages already on their way still arrive [MQTT-3.10.4-3].
        [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT3-3.10.4-2] [MQTT3-3.10.4-3]
        [MQTT3-3.10.4-5] [MQTT3-3.10.4-6]"""
        session = link.owner
        gone: list[str] = []
        reasons: list[int] = []
        for topic_filter in packet.topic_filters:
            if session.subscriptions.pop(topic_filter, None) is None:
                reasons.append(ReasonCode.NO_SUBSCRIPTION_EXISTED)
                continue
            self._core.tree.unsubscribe(session, topic_filter)
            self._core.shared.left(topic_filter)
            gone.append(topic_filter)
            reasons.append(ReasonCode.SUCCESS)
        if gone:
            self._event("unsubscribed", session, gone)
        if link.version < 5:
            reasons = []
        answer = encode(UnsubAck(packet_id=packet.packet_id, reasons=reasons), link.version)

        def confirm() -> None:
            if session.link is link:
                link.send_counted(UNSUBACK, answer)
                self._core.plan_flush()

        self._confirm(session, bool(gone), confirm)

    def _event(self, event: str, session: Session, filters: list[str]) -> None:
        shown = ", ".join(topic_filter[:200] for topic_filter in filters[:SHOWN_FILTERS])
        more = len(filters) - SHOWN_FILTERS
        self._core.events.add(
            event,
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            reason=f"{shown} and {more} more" if more > 0 else shown,
        )
        self._core.announcements.subscriptions(event, session, filters)

    # -- retained messages -------------------------------------------------------------------------

    def send_retained(self, session: Session) -> None:
        """Send what subscriptions are still owed, one step; goes on by itself while there is room.
        Where there is none, ``Sending.pump`` comes back."""
        link, requests = session.link, session.retained_requests
        if link is None or not requests or not self._has_room(session, link):
            return
        request = requests[0]
        if not request.found:
            request.found.extend(request.scan.step(RETAINED_STEP))
        while request.found and self._has_room(session, link):
            self._send_one(session, link, request, request.found.popleft())
        if request.scan.done and not request.found:
            requests.popleft()
            self._retained_sent(session, request)
        self._core.plan_flush()
        if requests:
            self._core.loop.call_soon(self.send_retained, session)

    def _retained_sent(self, session: Session, request: RetainedRequest) -> None:
        """All retained messages of a subscription are with the client, or in flight to it."""
        requests = session.retained_requests
        record = session.subscriptions.get(request.topic_filter)
        if record is not None and record.retained_due:
            record.retained_due = any(r.topic_filter == request.topic_filter for r in requests)
            self._core.persistence.mark(session)
        if not requests:
            session.retained_are_sent()

    def _has_room(self, session: Session, link: Connection) -> bool:
        """Nothing of it may wait in the window: only what is in flight survives a crash."""
        window = session.window
        return link.has_space() and not window.pending and window.has_room()

    def _send_one(
        self, session: Session, link: Connection, request: RetainedRequest, message: StoredMessage
    ) -> None:
        # [MQTT3-3.3.1-8]
        core, now_ms = self._core, self._core.now_ms()
        if message.expires_ms is not None and message.expires_ms <= now_ms:
            if core.retained.get(message.topic) is message:
                core.retained.delete(message.topic)
                core.store.retain(_emptied(message), None)
            return
        if core.rights_of(session).refuses_delivery(message.topic, qos=request.qos):
            return  # SECURITY Z14
        if request.repeated and message.seq in session.retained_done:
            return
        qos = min(message.qos, request.qos)
        sending = core.sending
        if qos == 0:
            packet = sending.whole(
                message, link.level, retain=True, identifiers=request.identifiers
            )
            was_sent = sending.send_whole(session, link, message, packet)
        else:
            outgoing = sending.parts(
                message,
                link.level,
                qos,
                retain=True,
                identifiers=request.identifiers,
                pinned=True,
                dup=qos == 1 and request.repeated and message.seq <= session.doubtful_seq,
            )
            was_sent = sending.offer(session, link, outgoing)
        if was_sent:
            sending.step(message.seq, session, "PUBLISH", qos, "success")


def _emptied(message: StoredMessage) -> StoredMessage:
    """What deletes a retained message from the store."""
    return StoredMessage(
        shard=message.shard,
        seq=message.seq,
        topic=message.topic,
        payload=b"",
        qos=message.qos,
        retain=True,
        client_id=message.client_id,
        username=message.username,
        address=message.address,
        stored_ms=message.stored_ms,
    )
