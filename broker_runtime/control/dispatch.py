"""The one table from the names of commands and queries to what carries them out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from broker_runtime.broker.errors import Refused
from broker_runtime.codec.topics import valid_topic_filter
from broker_runtime.contract.commands import (
    COMMANDS,
    Drain,
    Drained,
    KickClient,
    Kicked,
    Published,
    PublishMessage,
    SnapshotTaken,
    TakeSnapshot,
)
from broker_runtime.contract.queries import (
    QUERIES,
    Client,
    ClientEventList,
    ClientPage,
    GetClient,
    GetMessage,
    GetNodeState,
    GetTopicActivity,
    GetTrace,
    ListClientEvents,
    ListClients,
    ListMessages,
    Message,
    MessageList,
    NodeState,
    TopicActivityList,
    Trace,
    TraceStep,
)
from broker_runtime.storage.base import MessageQuery

MAX_INSTANT_MS = 2**53 - 1
MAX_LIST = 1_024
MAX_STEPS = 10_000
MAX_DRAIN_MS = 4_000
MAX_REFERENCE_BYTES = 1_024
MAX_NAMES = 10_000

Handler = Callable[[Any], Awaitable[msgspec.Struct]]
SnapshotTaker = Callable[[TakeSnapshot], Awaitable[SnapshotTaken]]


class Clients(Protocol):
    """What commands and queries need of the broker; each raises ``Refused`` when it will not."""

    async def kick(self, command: KickClient) -> Kicked:
        """Disconnect a client."""
        ...

    async def publish(self, command: PublishMessage) -> Published:
        """Publish as the console."""
        ...

    def list_clients(self, query: ListClients) -> ClientPage:
        """Sessions of the node."""
        ...

    def get_client(self, query: GetClient) -> Client:
        """One session."""
        ...

    def topic_activity(self, query: GetTopicActivity) -> TopicActivityList:
        """Live use of first-level topics."""
        ...


class Records(Protocol):
    """What queries need of the journal (``storage.base.Journal``)."""

    async def list_messages(self, query: MessageQuery) -> MessageList:
        """Matching messages, oldest first."""
        ...

    async def get_message(self, message_id: str) -> Message | None:
        """One message by id."""
        ...

    async def get_trace(self, message_id: str) -> list[TraceStep] | None:
        """Steps of one message in time order."""
        ...

    async def list_events(
        self, client_id: str, from_ms: int, until_ms: int, limit: int
    ) -> ClientEventList:
        """Events newest first."""
        ...


class Dispatch:
    """Carries out commands and queries by name.

    Args:
        drain: lets every client go.
    """

    def __init__(
        self,
        clients: Clients,
        records: Records,
        state: Callable[[], NodeState],
        take_snapshot: SnapshotTaker,
        drain: Callable[[Drain], Awaitable[Drained]],
    ) -> None:
        self._drain_node = drain
        self._clients = clients
        self._records = records
        self._state = state
        self.commands: dict[str, tuple[type[msgspec.Struct], Handler]] = {
            "KickClient": (COMMANDS["KickClient"], clients.kick),
            "PublishMessage": (COMMANDS["PublishMessage"], clients.publish),
            "TakeSnapshot": (COMMANDS["TakeSnapshot"], take_snapshot),
            "Drain": (COMMANDS["Drain"], self._drain),
        }
        self.queries: dict[str, tuple[type[msgspec.Struct], Handler]] = {
            "ListClients": (QUERIES["ListClients"], self._list_clients),
            "GetClient": (QUERIES["GetClient"], self._get_client),
            "ListMessages": (QUERIES["ListMessages"], self._list_messages),
            "GetMessage": (QUERIES["GetMessage"], self._get_message),
            "GetTrace": (QUERIES["GetTrace"], self._get_trace),
            "ListClientEvents": (QUERIES["ListClientEvents"], self._list_client_events),
            "GetTopicActivity": (QUERIES["GetTopicActivity"], self._get_topic_activity),
            "GetNodeState": (QUERIES["GetNodeState"], self._get_node_state),
        }

    async def _drain(self, command: Drain) -> Drained:
        _within("within_ms", command.within_ms, 0, MAX_DRAIN_MS)
        if len(command.server_reference.encode()) > MAX_REFERENCE_BYTES:
            raise Refused("malformed", f"server_reference: over {MAX_REFERENCE_BYTES} bytes")
        if not all(part.isprintable() for part in command.server_reference.split(" ")):
            raise Refused("malformed", "server_reference: HOST:PORT, separated by spaces, expected")
        if command.moved_for_good and not command.server_reference:
            raise Refused("malformed", "moved_for_good: goes with server_reference")
        return await self._drain_node(command)

    async def _list_clients(self, query: ListClients) -> ClientPage:
        _within("offset", query.offset, 0, MAX_INSTANT_MS)
        _within("limit", query.limit, 0, MAX_LIST)
        _within("before_ms", query.before_ms, 0, MAX_INSTANT_MS)
        return self._clients.list_clients(query)

    async def _get_client(self, query: GetClient) -> Client:
        return self._clients.get_client(query)

    async def _list_messages(self, query: ListMessages) -> MessageList:
        _within("limit", query.limit, 1, MAX_LIST)
        _within("from_ms", query.from_ms, 0, MAX_INSTANT_MS)
        _check_filter(query.topic_filter)
        after_seq = int(_message_id(query.after_id)[2:], 16) if query.after_id else 0
        wanted = MessageQuery(query.topic_filter, query.from_ms, query.limit, after_seq)
        return await self._records.list_messages(wanted)

    async def _get_message(self, query: GetMessage) -> Message:
        found = await self._records.get_message(_message_id(query.message_id))
        if found is None:
            raise Refused("not_found", "message_id: no such message; it may have expired")
        return found

    async def _get_trace(self, query: GetTrace) -> Trace:
        _within("offset", query.offset, 0, MAX_INSTANT_MS)
        _within("limit", query.limit, 0, MAX_STEPS)
        steps = await self._records.get_trace(_message_id(query.message_id))
        if steps is None:
            raise Refused("not_found", "message_id: no such message; it may have expired")
        page = steps[query.offset : query.offset + query.limit]
        return Trace(steps=tuple(page), total=len(steps))

    async def _list_client_events(self, query: ListClientEvents) -> ClientEventList:
        _within("limit", query.limit, 1, MAX_LIST)
        _within("from_ms", query.from_ms, 0, MAX_INSTANT_MS)
        _within("until_ms", query.until_ms, 0, MAX_INSTANT_MS)
        return await self._records.list_events(
            query.client_id, query.from_ms, query.until_ms, query.limit
        )

    async def _get_topic_activity(self, query: GetTopicActivity) -> TopicActivityList:
        _within("names", len(query.names), 0, MAX_NAMES)
        return self._clients.topic_activity(query)

    async def _get_node_state(self, query: GetNodeState) -> NodeState:
        return self._state()


def _within(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise Refused("malformed", f"{field}: {low} to {high} expected")


def _message_id(text: str) -> str:
    """Sixteen hex digits, as shown to people; any other text names no message."""
    if len(text) != 16 or not all(c in "0123456789abcdefABCDEF" for c in text):
        raise Refused("not_found", "message_id: 16 hex digits expected")
    return text.upper()


def _check_filter(topic_filter: str) -> None:
    if not valid_topic_filter(topic_filter) or topic_filter.startswith("$share/"):
        raise Refused("invalid_topic", "topic_filter: an MQTT topic filter without $share expected")
