"""A broker, a journal and a control API for tests of what stands around them."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

from broker_runtime.broker.errors import ConfigurationInvalid, Refused
from broker_runtime.contract.commands import (
    Drain,
    Drained,
    KickClient,
    Kicked,
    Published,
    PublishMessage,
    SnapshotTaken,
    TakeSnapshot,
)
from broker_runtime.contract.configuration import (
    ClusterSection,
    Configuration,
    ConfigurationApplied,
    Listener,
    ListenersSection,
    PoliciesSection,
    Policy,
    Sections,
    TopicsSection,
    User,
    UsersSection,
)
from broker_runtime.contract.queries import (
    Client,
    ClientEvent,
    ClientEventList,
    ClientPage,
    GetClient,
    GetTopicActivity,
    ListClients,
    Message,
    MessageList,
    MessageSummary,
    NodeState,
    TopicActivity,
    TopicActivityList,
    TraceStep,
)
from broker_runtime.control.api import ControlApi
from broker_runtime.control.configuration_file import ConfigurationFile
from broker_runtime.control.configuration_keeper import ConfigurationKeeper
from broker_runtime.control.dispatch import Dispatch
from broker_runtime.passwords import verifier
from broker_runtime.storage.base import MessageQuery

CLUSTER = "mqtt-abcd1234"
TOKEN = "f" * 64
KEY = "5a" * 32
MESSAGE_ID = "00000005D2A1B3C4"


def cluster_section(cluster_id: str = CLUSTER, **changes) -> ClusterSection:
    """A cluster with room for anything a test does."""
    values = {
        "cluster_id": cluster_id,
        "tps_limit": 0,
        "max_connections": 1_000,
        "max_subscriptions": 10_000,
        "max_subscriptions_per_client": 100,
        "max_topics": 100,
        "auto_create_topics": True,
        "authorization_enabled": False,
    }
    return ClusterSection(**{**values, **changes})


def sections(*ports: int, **changes) -> Sections:
    """Every section, with a TCP listener on each port."""
    values = {
        "cluster": cluster_section(),
        "listeners": ListenersSection(
            listeners=tuple(Listener(kind="tcp", host="127.0.0.1", port=port) for port in ports)
        ),
        "users": device_users(),
        "policies": PoliciesSection(),
        "topics": TopicsSection(),
    }
    return Sections(**{**values, **changes})


def device_users() -> UsersSection:
    """One user, ``device`` with the password ``secret``."""
    user = User(username="device", verifier=verifier(KEY, "device", "secret"))
    return UsersSection(verifier_key=KEY, users=(user,))


def whole(revision: int, *ports: int, **changes) -> Configuration:
    """A configuration from base 0."""
    return Configuration(base_revision=0, revision=revision, sections=sections(*ports, **changes))


def with_topics(base_revision: int, revision: int, *names: str) -> Configuration:
    """A change of the topics alone."""
    return Configuration(
        base_revision=base_revision,
        revision=revision,
        sections=Sections(topics=TopicsSection(names=names)),
    )


def with_users(base_revision: int, revision: int) -> Configuration:
    """A change of users and policies."""
    user = User(username="sensor", verifier="00" * 32)
    policy = Policy(id=1, name="all", effect="allow", actions=("connect", "pub", "sub"))
    return Configuration(
        base_revision=base_revision,
        revision=revision,
        sections=Sections(
            users=UsersSection(verifier_key="11" * 32, users=(user,)),
            policies=PoliciesSection(policies=(policy,)),
        ),
    )


def client(client_id: str) -> Client:
    """A connected client."""
    return Client(
        client_id=client_id,
        username="sensor",
        address="127.0.0.1:50000",
        protocol_version=5,
        keep_alive_s=60,
        connected=True,
        clean_start=True,
        session_expiry_s=0,
        created_ms=1,
        connected_ms=1,
        disconnected_ms=0,
    )


class FakeBroker:
    """Knows the clients it is given; refuses topics with a wildcard and the topic ``bad``."""

    def __init__(self, *client_ids: str) -> None:
        self.clients = {client_id: client(client_id) for client_id in client_ids}
        self.published: list[PublishMessage] = []
        self.sections: list[Sections] = []

    async def configure(self, wanted: Sections) -> None:
        if wanted.topics is not None and "bad" in wanted.topics.names:
            raise ConfigurationInvalid("topics.names[0]: 'bad' cannot be used")
        self.sections.append(wanted)

    async def kick(self, command: KickClient) -> Kicked:
        if command.client_id not in self.clients:
            raise Refused("not_found", f"client_id: no session {command.client_id!r}")
        del self.clients[command.client_id]
        return Kicked(was_connected=True, session_deleted=command.delete_session)

    async def publish(self, command: PublishMessage) -> Published:
        if "#" in command.topic or "+" in command.topic:
            raise Refused("invalid_topic", "topic: no wildcards in a topic name")
        self.published.append(command)
        return Published(message_id=MESSAGE_ID, matched_sessions=len(self.clients))

    def list_clients(self, query: ListClients) -> ClientPage:
        found = [c for c in self.clients.values() if query.search in c.client_id]
        return ClientPage(clients=tuple(found[: query.limit]), total=len(found))

    def get_client(self, query: GetClient) -> Client:
        if query.client_id not in self.clients:
            raise Refused("not_found", f"client_id: no session {query.client_id!r}")
        return self.clients[query.client_id]

    def topic_activity(self, query: GetTopicActivity) -> TopicActivityList:
        return TopicActivityList(
            topics=tuple(
                TopicActivity(name=name, online_subscriptions=0, online_subscriber_clients=0)
                for name in query.names
            )
        )


class FakeRecords:
    """Holds one message with its trace, and one event."""

    message = Message(
        message_id=MESSAGE_ID,
        topic="plant/line/1",
        client_id="sensor-1",
        username="sensor",
        address="127.0.0.1:50000",
        qos=1,
        retain=False,
        stored_ms=1_700_000_000_000,
        payload=b"\x00\xff",
    )
    step = TraceStep(
        stage="produce",
        at_ms=1_700_000_000_000,
        client_id="sensor-1",
        packet_type="PUBLISH",
        qos=1,
        result="success",
    )
    event = ClientEvent(
        at_ms=1_700_000_000_000,
        client_id="sensor-1",
        username="sensor",
        address="127.0.0.1:50000",
        event="connected",
        reason="",
    )

    async def list_messages(self, query: MessageQuery) -> MessageList:
        summary = MessageSummary(
            message_id=MESSAGE_ID,
            topic=self.message.topic,
            client_id=self.message.client_id,
            qos=1,
            retain=False,
            stored_ms=self.message.stored_ms,
            payload_bytes=2,
        )
        found = (summary,) if query.from_ms <= summary.stored_ms else ()
        return MessageList(messages=found)

    async def get_message(self, message_id: str) -> Message | None:
        return self.message if message_id == MESSAGE_ID else None

    async def get_trace(self, message_id: str) -> list[TraceStep] | None:
        return [self.step] if message_id == MESSAGE_ID else None

    async def list_events(
        self, client_id: str, from_ms: int, until_ms: int, limit: int
    ) -> ClientEventList:
        return ClientEventList(events=(self.event,) if client_id in ("", "sensor-1") else ())


async def no_snapshot(command: TakeSnapshot) -> SnapshotTaken:
    raise Refused("snapshot", f"{command.name}: the disk is full")


class FakeNode:
    """A control API over a fake broker, with a real keeper and a real file."""

    def __init__(self, folder: Path, *client_ids: str) -> None:
        self.broker = FakeBroker(*client_ids)
        self.applied: list[ConfigurationApplied] = []
        self.sickness = ""
        self.keeper = ConfigurationKeeper(
            cluster_id=CLUSTER,
            file=ConfigurationFile(folder),
            configure=self.broker.configure,
            clock_ms=lambda: 1_700_000_000_000,
            on_applied=self.applied.append,
        )
        self.api = ControlApi(
            token=TOKEN,
            dispatch=Dispatch(self.broker, FakeRecords(), self.state, no_snapshot, self.drain),
            configuration=self.keeper,
            health=lambda: self.sickness,
            ready=lambda: self.keeper.obstacle,
            metrics=lambda: "signalbox_connections 0\n",
        )

    async def drain(self, command: Drain) -> Drained:
        told = len(self.broker.clients)
        self.broker.clients.clear()
        return Drained(told=told, cut_off=0, took_ms=1)

    def state(self) -> NodeState:
        return NodeState(
            cluster_id=CLUSTER,
            node_id=f"{CLUSTER}-n0",
            revision=self.keeper.revision,
            ready=not self.keeper.obstacle,
            reason=self.keeper.obstacle,
            started_ms=1,
            connections=len(self.broker.clients),
            listeners=(),
        )


def free_port() -> int:
    """A TCP port on loopback that is free now, beneath those the system gives to connections: of
    these one could be taken by anybody between the question and its use.
    """
    while True:
        # Hypothesis seeds the common generator: every run would try the same ports.
        port = random.SystemRandom().randrange(10_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
