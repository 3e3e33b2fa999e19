"""Sessions as the console sees them (CONTRACT K2 to K6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from broker_runtime.broker.clients.client import Session
from broker_runtime.broker.errors import Refused
from broker_runtime.broker.watching.stats import Packets, packets_of
from broker_runtime.codec import topics
from broker_runtime.codec.packets import (
    CONNACK,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    TYPE_NAMES,
    UNSUBACK,
)
from broker_runtime.contract.queries import (
    Client,
    ClientPage,
    GetClient,
    GetTopicActivity,
    ListClients,
    PacketCount,
    Subscription,
    TopicActivity,
    TopicActivityList,
)

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core
    from broker_runtime.broker.links.connection import Connection

_NO_QOS: Final = -1


class Presence:
    """Answers queries about sessions, connected or not."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list_clients(self, query: ListClients) -> ClientPage:
        """Newest connection first, the connected ones before the others."""
        found = [s for s in self._core.sessions.by_client_id.values() if _fits(s, query)]
        found.sort(key=lambda s: (s.link is None, -s.connected_ms, s.client_id))
        page = found[query.offset : query.offset + query.limit]
        return ClientPage(
            clients=tuple(
                self._client(s, with_subscriptions=query.with_subscriptions) for s in page
            ),
            total=len(found),
        )

    def get_client(self, query: GetClient) -> Client:
        """One session, with packet counts."""
        session = self._core.sessions.by_client_id.get(query.client_id)
        if session is None:
            raise Refused("not_found", f"client_id: there is no session {query.client_id[:100]!r}")
        return self._client(session, with_subscriptions=True)

    def topic_activity(self, query: GetTopicActivity) -> TopicActivityList:
        """Live use of first-level topics, in the order asked."""
        activity = self._core.tree.activity.of
        return TopicActivityList(
            topics=tuple(
                TopicActivity(
                    name=name,
                    online_subscriptions=activity(name)[0],
                    online_subscriber_clients=activity(name)[1],
                )
                for name in query.names
            )
        )

    def _client(self, session: Session, *, with_subscriptions: bool) -> Client:
        link, window = session.link, session.window
        packets: tuple[PacketCount, ...] = ()
        if link is not None:
            packets = _packets(link)
        return Client(
            client_id=session.client_id,
            username=session.username,
            address=session.address,
            protocol_version=session.protocol_version,
            keep_alive_s=session.keep_alive_s,
            connected=link is not None,
            clean_start=session.clean_start,
            session_expiry_s=session.expiry_s,
            created_ms=session.created_ms,
            connected_ms=session.connected_ms,
            disconnected_ms=session.disconnected_ms,
            bytes_received=0 if link is None else link.bytes_received,
            bytes_sent=0 if link is None else link.bytes_sent,
            inflight=window.unacknowledged(),
            backlog=len(window.pending) + session.queued_messages,
            subscriptions=_subscriptions(session) if with_subscriptions else (),
            packets=packets,
        )


def _fits(session: Session, query: ListClients) -> bool:
    is_connected = session.link is not None
    if query.state != "any" and is_connected != (query.state == "connected"):
        return False
    if query.search not in session.client_id:
        return False
    since_ms = session.connected_ms if is_connected else session.disconnected_ms
    return not query.before_ms or since_ms < query.before_ms


def _subscriptions(session: Session) -> tuple[Subscription, ...]:
    unacknowledged: dict[str, int] = {}
    backlog: dict[str, int] = {}
    filters = {f: topics.split_share(f)[1] for f in session.subscriptions}
    for outgoing in session.window.inflight.values():
        if outgoing.message is not None:
            _attribute(outgoing.message.topic, filters, unacknowledged)
    for passed in session.window.passed.values():
        _attribute(passed.topic, filters, unacknowledged)
    for outgoing in session.window.pending:
        if outgoing.message is not None:
            _attribute(outgoing.message.topic, filters, backlog)
    return tuple(
        Subscription(
            topic_filter=topic_filter,
            qos=record.qos,
            unacknowledged=unacknowledged.get(topic_filter, 0),
            backlog=backlog.get(topic_filter, 0),
        )
        for topic_filter, record in session.subscriptions.items()
    )


def _attribute(topic: str, filters: dict[str, str], counts: dict[str, int]) -> None:
    """Count a message for the first subscription that it matches."""
    for topic_filter, inner in filters.items():
        if topics.matches(inner, topic):
            counts[topic_filter] = counts.get(topic_filter, 0) + 1
            return


_WITH_QOS: Final = {PUBLISH: (0, 1, 2)}
_OF_QOS: Final = {PUBACK: 1, PUBREC: 2, PUBREL: 2, PUBCOMP: 2}


def _packets(link: Connection) -> tuple[PacketCount, ...]:
    received, sent = list(link.received), list(link.sent)
    sent[PUBLISH << 2] += link.sent0
    for packet_type in range(1, len(TYPE_NAMES)):
        count = packets_of(link.tally, packet_type)
        of_server = packet_type in (CONNACK, SUBACK, UNSUBACK, PINGRESP)
        (sent if of_server else received)[packet_type << 2] += count
    return (*_counts("received", received), *_counts("sent", sent))


def _counts(direction: Literal["received", "sent"], packets: Packets) -> list[PacketCount]:
    counts = []
    for packet_type in range(1, len(TYPE_NAMES)):
        for qos in _WITH_QOS.get(packet_type, (0,)):
            count = packets[packet_type << 2 | qos]
            if count:
                shown = qos if packet_type in _WITH_QOS else _OF_QOS.get(packet_type, _NO_QOS)
                counts.append(
                    PacketCount(
                        direction=direction,
                        packet_type=TYPE_NAMES[packet_type],
                        qos=shown,
                        count=count,
                    )
                )
    return counts
