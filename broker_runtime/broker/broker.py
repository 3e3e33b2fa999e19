"""The broker of one node, as the rest of the process sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from broker_runtime.broker.clock import Clock
from broker_runtime.broker.configuring import Configuring
from broker_runtime.broker.core import Core
from broker_runtime.broker.delivery.plans import DIRECT_PREFIX, Plan
from broker_runtime.broker.errors import ConfigurationInvalid, Refused
from broker_runtime.broker.links.connection import Connection
from broker_runtime.broker.links.draining import Departed, Farewell, drain
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.broker.watching.census import Census
from broker_runtime.broker.watching.presence import Presence
from broker_runtime.broker.watching.stalls import Stalls
from broker_runtime.codec import topics
from broker_runtime.codec.packets import PUBLISH, Properties
from broker_runtime.codec.properties import forwardable_block
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.contract.commands import KickClient, Kicked, Published, PublishMessage
from broker_runtime.contract.configuration import Sections
from broker_runtime.contract.queries import (
    Client,
    ClientEvent,
    ClientPage,
    GetClient,
    GetTopicActivity,
    ListClients,
    TopicActivityList,
)
from broker_runtime.storage.base import DurableStore, Journal, StoredMessage, StoreHealth

logger = logging.getLogger(__name__)

TICK_S: Final = 0.05


class Broker:
    """Everything a node does for MQTT clients. One event loop, one thread.

    Order of use: ``await start()``, ``configure(…)``, then
    ``listeners.Listeners(broker).apply(…)``;
    at the end ``await listeners.close()``, ``await stop(…)``. The store and the journal are opened
    and closed by the caller.

    [MQTT3-7.0.0-2]
    """

    def __init__(
        self,
        *,
        cluster_id: str,
        node_id: str,
        store: DurableStore,
        journal: Journal,
        clock: Clock,
        settings: BrokerSettings,
    ) -> None:
        self._cluster_id = cluster_id
        self._core = Core(
            node_id=node_id, store=store, journal=journal, clock=clock, settings=settings
        )
        self._configuring = Configuring(self._core)
        self._presence = Presence(self._core)
        self._ticker: asyncio.TimerHandle | None = None
        self._census = Census(self._core)
        self._tick_due_s = 0.0
        self._stalls = Stalls(0.0)

    @property
    def on_client_event(self) -> Callable[[ClientEvent], None]:
        """Called for each client event, after the journal has it."""
        return self._core.events.listener

    @on_client_event.setter
    def on_client_event(self, listener: Callable[[ClientEvent], None]) -> None:
        self._core.events.listener = listener

    @property
    def on_topics_created(self) -> Callable[[Sequence[str]], None]:
        """Called with the first-level topics that their first use made (DECISIONS 2)."""
        return self._core.on_topics_created

    @on_topics_created.setter
    def on_topics_created(self, listener: Callable[[Sequence[str]], None]) -> None:
        self._core.on_topics_created = listener

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what the store holds. Wills and expiry of sessions that were connected when the
        last process ended follow as soon as there is a configuration to judge them by."""
        core = self._core
        core.attach(asyncio.get_running_loop())
        core.last_seq = core.committed_seq = core.store.last_seq()
        core.sessions.load()
        core.is_started = True
        self._configuring.reap_once()
        self._tick_again()

    async def drain(self, farewell: Farewell, within_s: float) -> Departed:
        """Let every client go; from now on nobody is let in.

        Args:
            within_s: how long acknowledged clients may take to get their last bytes.
        """
        return await drain(self._core, farewell, within_s)

    async def stop(self, drain_s: float) -> None:
        """Drain what was not, and stop looking at the clock."""
        await self.drain(Farewell(), drain_s)
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    @property
    def clock(self) -> Clock:
        """What everything is timed by."""
        return self._core.clock

    def accept(self) -> Connection:
        """The protocol object for a new transport."""
        return Connection(self._core)

    def input_bound_bytes(self, connection: Connection) -> int:
        """The most bytes that a layer below may gather before it hands them on (P05)."""
        core = self._core
        return core.max_packet_bytes if connection.is_live else core.settings.max_connect_bytes

    def configure(self, sections: Sections) -> None:
        """Check all sections, then put them in force at once (F11). Live clients are looked at
        again within a second (A4, S6).

        Raises:
            ConfigurationInvalid: one of them cannot be used; nothing changed.
        """
        cluster = sections.cluster
        if cluster is not None and cluster.cluster_id != self._cluster_id:
            raise ConfigurationInvalid(
                f"cluster: this node belongs to {self._cluster_id!r}, not {cluster.cluster_id!r}"
            )
        self._configuring.apply(sections)
        self._configuring.reap_once()

    def tick(self) -> None:
        """What happens with time: expiry, keep-alive, checkpoints, tokens. Called by itself."""
        core = self._core
        now_s = core.now_s = core.clock.monotonic_s()
        core.throttle.refill(now_s)
        core.timers.advance(now_s)
        core.patrol.advance(now_s)
        self._configuring.check_some()
        core.persistence.checkpoint(now_s)
        core.shared.serve_all()
        core.events.flush(now_s)
        core.counters.tick(now_s)
        core.tell_created_topics()
        self._census.advance(now_s)
        core.plan_flush()

    def _tick_again(self) -> None:
        core = self._core
        try:
            if self._ticker is not None:
                now_s = core.loop.time()
                self._stalls.note(now_s, now_s - self._tick_due_s)
                self.tick()
        except Exception:
            logger.exception("tick failed")
        self._tick_due_s = core.loop.time() + TICK_S
        self._ticker = core.loop.call_at(self._tick_due_s, self._tick_again)

    # -- commands ----------------------------------------------------------------------------------

    async def kick(self, command: KickClient) -> Kicked:
        """Disconnect a client; its will is published (S14). Raises ``Refused`` (``not_found``)."""
        core = self._core
        session = core.sessions.by_client_id.get(command.client_id)
        if session is None:
            raise Refused(
                "not_found", f"client_id: there is no session {command.client_id[:100]!r}"
            )
        link = session.link
        was_connected = link is not None
        if link is not None:
            core.events.add(
                "kicked",
                client_id=session.client_id,
                username=session.username,
                address=session.address,
                reason="disconnected from the console",
            )
            link.close(ReasonCode.ADMINISTRATIVE_ACTION, "disconnected from the console")
        if command.delete_session:
            core.sessions.end(session)
        core.plan_flush()
        return Kicked(was_connected=was_connected, session_deleted=session.ended)

    async def publish(self, command: PublishMessage) -> Published:
        """Publish as the console; returns once the message is durable. Raises ``Refused``."""
        core = self._core
        if core.cluster is None:
            raise Refused("not_ready", "the node has no configuration yet")
        topic, plan = self._destination(command)
        if command.qos not in (0, 1, 2):
            raise Refused("malformed", f"qos: 0, 1 or 2 expected, not {command.qos}")
        if len(command.payload) > core.max_message_bytes:
            raise Refused("too_large", f"payload: larger than {core.max_message_bytes} bytes")
        now_ms = core.now_ms()
        message = StoredMessage(
            shard=0,
            seq=core.next_seq(),
            topic=topic,
            payload=command.payload,
            qos=command.qos,
            retain=command.retain and bool(command.topic),
            client_id=command.publisher,
            username="",
            address="",
            stored_ms=now_ms,
            properties=_properties(command),
        )
        kept: asyncio.Future[None] = core.loop.create_future()

        def finish(error: Exception | None, reached: bool) -> None:
            if kept.done():
                return
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(Refused("storage", f"the message cannot be stored: {error}"))

        core.publishing.publish(message, plan, None, finish)
        await kept
        return Published(message_id=message.message_id, matched_sessions=plan.session_count())

    def _destination(self, command: PublishMessage) -> tuple[str, Plan]:
        core = self._core
        if bool(command.topic) == bool(command.client_id):
            raise Refused("malformed", "exactly one of topic and client_id expected")
        if command.client_id:
            session = core.sessions.by_client_id.get(command.client_id)
            if session is None:
                raise Refused(
                    "not_found", f"client_id: there is no session {command.client_id[:100]!r}"
                )
            topic = DIRECT_PREFIX + command.client_id
            if not topics.valid_topic_name(topic):
                raise Refused("invalid_topic", "client_id: cannot be part of a topic name")
            return topic, core.planner.direct_plan(session)
        if not topics.valid_topic_name(command.topic):
            raise Refused("invalid_topic", "topic: not a topic name")
        refusal = core.planner.unfit_topic(command.topic) or core.planner.admit(command.topic)
        if refusal is not None:
            raise Refused("invalid_topic", f"topic: {refusal.detail}")
        return command.topic, core.planner.plan(command.topic)

    # -- queries -----------------------------------------------------------------------------------

    def list_clients(self, query: ListClients) -> ClientPage:
        """Sessions, connected first, newest connection first."""
        return self._presence.list_clients(query)

    def get_client(self, query: GetClient) -> Client:
        """One session with everything known. Raises ``Refused`` (``not_found``)."""
        return self._presence.get_client(query)

    def topic_activity(self, query: GetTopicActivity) -> TopicActivityList:
        """Online subscriptions under first-level topics."""
        return self._presence.topic_activity(query)

    def gauges(self) -> dict[str, int]:
        """Gauges now, named as in ``contract.reports`` (without ``rss_bytes``)."""
        core = self._core
        inflight, backlog = self._census.totals()
        return {
            "connections": core.sessions.connected,
            "sessions": len(core.sessions.by_client_id),
            "subscriptions": len(core.tree),
            "retained": len(core.retained),
            "inflight": inflight,
            "backlog": backlog + core.shared.waiting(),
            "topics": len(core.first_levels),
        }

    def strains(self) -> dict[str, int]:
        """Gauges of what keeps others waiting."""
        core = self._core
        return {
            "unstored_bytes": core.back_pressure.unstored_bytes,
            "handshakes": len(core.entrance.undecided),
            "open_connections": len(core.open_links),
            "loop_stall_ms": self._stalls.worst_ms(),
        }

    def messages_by_qos(self) -> dict[str, int]:
        """``publish_<received|sent>_qos<0|1|2>`` → PUBLISH packets since the start."""
        stats = self._core.stats
        packets = {"received": stats.packets_received, "sent": stats.packets_sent}
        return {
            f"publish_{way}_qos{qos}": counts[PUBLISH << 2 | qos]
            for way, counts in packets.items()
            for qos in (0, 1, 2)
        }

    def counters(self) -> dict[str, int]:
        """Counters since the start, named as in ``contract.reports``."""
        return self._core.stats.counters()

    def ready(self) -> tuple[bool, str]:
        """Whether clients can be served, and if not, why."""
        core = self._core
        if core.is_stopping:
            return False, "the node is stopping"
        if not core.is_started:
            return False, "the node is starting"
        if core.cluster is None:
            return False, "there is no configuration yet"
        health, why = core.store.health()
        if health is not StoreHealth.OK:
            return False, f"the store is {health.value}: {why}"
        return True, ""


def _properties(command: PublishMessage) -> bytes:
    if not command.user_properties:
        return b""
    try:
        return forwardable_block(Properties(user_properties=command.user_properties))
    except ValueError as error:
        raise Refused("malformed", f"user_properties: {error}") from None
