"""What the server itself publishes: ``$events/…`` as it happens, and a place for ``$SYS/…``.

Clients may read these topics where a policy names them, never write them, and no filter that begins
with a wildcard reaches them [MQTT-4.7.2-1]. They are sent at QoS 0, kept in memory only, and stand
in no message log: what happened is in the client events, what was counted in the metrics.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from broker_runtime.broker.clients.client import Session
from broker_runtime.contract.queries import ClientEvent
from broker_runtime.routing.retained import RetainedTree
from broker_runtime.storage.base import StoredMessage

if TYPE_CHECKING:
    from broker_runtime.broker.core import Core

SYSTEM_PREFIXES: Final = ("$SYS/", "$events/")
"""Beginnings of the topics of the server that clients may be allowed to read."""

MAX_WAITING: Final = 1_000
"""Events that wait for the end of the current turn of the loop; more are counted and left out."""

_TOPICS: Final = {
    "connected": ("$events/client_connected", "client.connected"),
    "disconnected": ("$events/client_disconnected", "client.disconnected"),
    "subscribed": ("$events/session_subscribed", "session.subscribed"),
    "unsubscribed": ("$events/session_unsubscribed", "session.unsubscribed"),
    "dropped": ("$events/message_dropped", "message.dropped"),
}
"""Client event → its topic and the name in its JSON (CONTRACT 23, DECISIONS 15)."""

Fields = dict[str, object]

_encode = msgspec.json.Encoder().encode


class Announcements:
    """Messages of the server, delivered to whoever subscribes to them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.kept: RetainedTree[StoredMessage] = RetainedTree()
        """The newest value of each ``$SYS`` topic: what a new subscription gets."""
        self._waiting: deque[tuple[str, Fields]] = deque()

    def publish(self, topic: str, payload: bytes, *, keep: bool) -> None:
        """Publish to a topic of the server.

        Args:
            keep: whether later subscriptions get it as a retained message.
        """
        core = self._core
        message = StoredMessage(
            shard=0,
            seq=core.next_seq(),
            topic=topic,
            payload=payload,
            qos=0,
            retain=keep,
            client_id="",
            username="",
            address="",
            stored_ms=core.now_ms(),
        )
        if keep:
            self.kept.put(topic, message, len(payload))
        plan = core.planner.plan(topic)
        if plan.reaches_anybody():
            core.fan_out.announce(message, plan)

    # -- events ------------------------------------------------------------------------------------

    def note(self, event: ClientEvent) -> None:
        """A client event: announce it if it is of a kind that somebody subscribes to."""
        kind = event.event
        if kind in ("subscribed", "unsubscribed") or not self._is_wanted(kind):
            return  # subscriptions are announced one by one, see ``subscriptions``
        fields: Fields = {
            "clientid": event.client_id,
            "username": event.username,
            "peername": event.address,
            "timestamp": event.at_ms,
        }
        session = self._core.sessions.by_client_id.get(event.client_id)
        if kind == "connected" and session is not None:
            fields |= {
                "proto_ver": session.protocol_version,
                "keepalive": session.keep_alive_s,
                "clean_start": session.clean_start,
                "expiry_interval": session.expiry_s,
                "connected_at": session.connected_ms,
            }
        elif kind == "disconnected":
            fields |= {"reason": event.reason, "disconnected_at": event.at_ms}
        elif kind == "dropped":
            fields["reason"] = event.reason
        self._add(kind, fields)

    def subscriptions(self, kind: str, session: Session, topic_filters: Sequence[str]) -> None:
        """Subscriptions that came (``subscribed``) or went (``unsubscribed``)."""
        if not self._is_wanted(kind):
            return
        now_ms = self._core.now_ms()
        for topic_filter in topic_filters:
            record = session.subscriptions.get(topic_filter)
            fields: Fields = {
                "clientid": session.client_id,
                "username": session.username,
                "peername": session.address,
                "topic": topic_filter,
                "timestamp": now_ms,
            }
            if record is not None:
                fields["qos"] = record.qos
            self._add(kind, fields)

    def _is_wanted(self, kind: str) -> bool:
        named = _TOPICS.get(kind)
        return named is not None and self._core.planner.plan(named[0]).reaches_anybody()

    def _add(self, kind: str, fields: Fields) -> None:
        """Events may come up in the middle of a delivery: they go out after it."""
        topic, name = _TOPICS[kind]
        if len(self._waiting) >= MAX_WAITING:
            self._core.stats.dropped["event_not_announced"] += 1
            return
        if not self._waiting:
            self._core.loop.call_soon(self._announce)
        self._waiting.append((topic, {"event": name, "node": self._core.node_id} | fields))

    def _announce(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for topic, fields in waiting:
            self.publish(topic, _encode(fields), keep=False)
        self._core.plan_flush()
