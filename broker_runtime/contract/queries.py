"""What a console may ask a node, and what it answers.

Transport: ``POST /v1/query/<class name>`` with the JSON of the struct; 200 with the JSON of
``Answer``, else 4xx/5xx with a ``commands.Refusal``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

ConnectionState = Literal["any", "connected", "disconnected"]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription of a session (CONTRACT K6)."""

    topic_filter: str
    qos: int
    unacknowledged: int = 0
    backlog: int = 0


class PacketCount(msgspec.Struct, frozen=True, kw_only=True):
    """Packets of one type and QoS since the connection began (CONTRACT K5); qos -1 where it has
    none.
    """

    direction: Literal["received", "sent"]
    packet_type: str
    qos: int
    count: int


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A session, connected or not (CONTRACT K2, K4, K5). Times are Unix milliseconds, 0 = never."""

    client_id: str
    username: str
    address: str
    """``host:port`` of the peer, of the last connection when not connected."""
    protocol_version: int
    """3, 4 or 5 as in CONNECT."""
    keep_alive_s: int
    connected: bool
    clean_start: bool
    session_expiry_s: int
    created_ms: int
    connected_ms: int
    disconnected_ms: int
    bytes_received: int = 0
    bytes_sent: int = 0
    inflight: int = 0
    backlog: int = 0
    subscriptions: tuple[Subscription, ...] = ()
    packets: tuple[PacketCount, ...] = ()


class ClientPage(msgspec.Struct, frozen=True, kw_only=True):
    """Clients, newest connection first, and how many match in all."""

    clients: tuple[Client, ...]
    total: int


class ListClients(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sessions whose client id contains ``search`` (CONTRACT K3)."""

    Answer: ClassVar[type[ClientPage]] = ClientPage
    search: str = ""
    state: ConnectionState = "any"
    offset: int = 0
    limit: int = 1024
    before_ms: int = 0
    """Only sessions connected (or, when offline, disconnected) before this instant; 0 = no bound.
    """
    with_subscriptions: bool = True


class GetClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session with everything known; refused with ``not_found``."""

    Answer: ClassVar[type[Client]] = Client
    client_id: str


class MessageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the message query (CONTRACT M3)."""

    message_id: str
    topic: str
    client_id: str
    qos: int
    retain: bool
    stored_ms: int
    payload_bytes: int


class MessageList(msgspec.Struct, frozen=True, kw_only=True):
    """Messages in strict time order."""

    messages: tuple[MessageSummary, ...]
    complete: bool = True
    """False: the time for the search was up; these are the oldest matches, later ones may exist."""


class ListMessages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first ``limit`` messages that match ``topic_filter`` since ``from_ms`` (CONTRACT M1)."""

    Answer: ClassVar[type[MessageList]] = MessageList
    topic_filter: str
    from_ms: int
    limit: int = 100
    """1 to 1024."""
    after_id: str = ""
    """The id of the last message of the page before; empty: the first page."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message, whole (CONTRACT M4)."""

    message_id: str
    topic: str
    client_id: str
    username: str
    address: str
    qos: int
    retain: bool
    stored_ms: int
    payload: bytes
    user_properties: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    payload_format: int = 0
    expiry_s: int = 0
    response_topic: str = ""
    correlation_data: bytes = b""


class GetMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message by id; refused with ``not_found``."""

    Answer: ClassVar[type[Message]] = Message
    message_id: str


class TraceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a message (CONTRACT M5)."""

    stage: Literal["produce", "consume"]
    at_ms: int
    client_id: str
    packet_type: str
    """PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP; QUEUE for "kept for an offline session"; DROP."""
    qos: int
    result: str
    """``success``, else the reason in snake case: ``no_subscriber``, ``queue_full``, ``too_large``
    …
    """


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Every step known of a message, in time order."""

    steps: tuple[TraceStep, ...]
    total: int = 0
    """How many steps there are, on other pages too."""


class GetTrace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trace of one message, a page of it; refused with ``not_found``."""

    Answer: ClassVar[type[Trace]] = Trace
    message_id: str
    offset: int = 0
    limit: int = 10_000
    """0 to 10,000."""


class ClientEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something a client did or suffered (CONTRACT K8)."""

    at_ms: int
    client_id: str
    username: str
    address: str
    event: str
    """``connected``, ``disconnected``, ``refused``, ``subscribed``, ``unsubscribed``, ``denied``,
    ``kicked``, ``taken_over``, ``dropped``.
    """
    reason: str
    """Plain words or the deciding rule; empty when there is nothing to add."""


class ClientEventList(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first."""

    events: tuple[ClientEvent, ...]
    complete: bool = True
    """False: the time for the search was up; these are the newest, older ones may exist."""


class ListClientEvents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events of one client, or of all when ``client_id`` is empty."""

    Answer: ClassVar[type[ClientEventList]] = ClientEventList
    client_id: str = ""
    from_ms: int = 0
    until_ms: int = 0
    """0 = now."""
    limit: int = 100


class TopicActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Live use of one first-level topic (CONTRACT T7)."""

    name: str
    online_subscriptions: int
    online_subscriber_clients: int


class TopicActivityList(msgspec.Struct, frozen=True, kw_only=True):
    """Activity of the topics asked for, in the order of the question."""

    topics: tuple[TopicActivity, ...]


class GetTopicActivity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Live use of first-level topics."""

    Answer: ClassVar[type[TopicActivityList]] = TopicActivityList
    names: tuple[str, ...]


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself."""

    cluster_id: str
    node_id: str
    revision: int
    """Configuration revision in force; 0 when it has none yet."""
    ready: bool
    reason: str
    """Why not ready; empty otherwise."""
    started_ms: int
    connections: int
    listeners: tuple[str, ...]
    """``tcp://127.0.0.1:1883`` …, those that are open now."""


class GetNodeState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """State of the node."""

    Answer: ClassVar[type[NodeState]] = NodeState


Query = (
    ListClients
    | GetClient
    | ListMessages
    | GetMessage
    | GetTrace
    | ListClientEvents
    | GetTopicActivity
    | GetNodeState
)
QUERIES: dict[str, type[Query]] = {
    q.__name__: q
    for q in (
        ListClients,
        GetClient,
        ListMessages,
        GetMessage,
        GetTrace,
        ListClientEvents,
        GetTopicActivity,
        GetNodeState,
    )
}
