"""The way from the console to a node: the control API of one runtime, typed by the wire contract.

Knows no models. Safe to share between threads: the connection pool is, and nothing else changes.
"""

from __future__ import annotations

from typing import TypeVar, cast, overload

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from broker_runtime.contract import CONTRACT_HEADER, CONTRACT_VERSION
from broker_runtime.contract.commands import (
    Command,
    Drain,
    Drained,
    KickClient,
    Kicked,
    Published,
    PublishMessage,
    Refusal,
    SnapshotTaken,
    TakeSnapshot,
)
from broker_runtime.contract.configuration import (
    Configuration,
    ConfigurationApplied,
    ConfigurationChange,
)
from broker_runtime.contract.queries import (
    Client,
    ClientEvent,
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
    MessageSummary,
    NodeState,
    Query,
    Subscription,
    TopicActivity,
    TopicActivityList,
    Trace,
    TraceStep,
)

__all__ = [
    "Client",
    "ClientEvent",
    "ClientEventList",
    "ClientPage",
    "Command",
    "Configuration",
    "ConfigurationApplied",
    "ConfigurationChange",
    "Drain",
    "Drained",
    "GetClient",
    "GetMessage",
    "GetNodeState",
    "GetTopicActivity",
    "GetTrace",
    "KickClient",
    "Kicked",
    "ListClientEvents",
    "ListClients",
    "ListMessages",
    "Message",
    "MessageList",
    "MessageSummary",
    "NodeGateway",
    "NodeRefused",
    "NodeState",
    "NodeUnreachable",
    "PublishMessage",
    "Published",
    "Query",
    "Subscription",
    "TopicActivity",
    "TopicActivityList",
    "Trace",
    "TraceStep",
]
"""The contract's words for services, which may not import the contract themselves."""

CONNECT_TIMEOUT_S = 0.5
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_POOL_SIZE = 8
"""Idle connections kept to a node; more are opened when more threads ask at once."""

T = TypeVar("T", bound=msgspec.Struct)


class NodeUnreachable(Exception):
    """The node did not answer, or not in time; whether it carried the request out is unknown."""


class NodeRefused(Exception):
    """The node answered and did not carry the request out.

    ``code`` is one of ``broker_runtime.contract.commands.Refusal``; ``bad_answer`` when what
    answered is not a node of this contract version.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NodeGateway:
    """Speaks to one node; keep it and reuse it, connections are pooled per gateway.

    Args:
        host, port: the control address of the node.
        token: its control token (``Keyring.node_token``).
    """

    def __init__(self, host: str, port: int, token: str) -> None:
        self._pool = urllib3.HTTPConnectionPool(host, port, maxsize=_POOL_SIZE, retries=False)
        self._headers = {
            "Authorization": f"Bearer {token}",
            CONTRACT_HEADER: str(CONTRACT_VERSION),
            "Content-Type": "application/json",
        }

    def configure(self, configuration: Configuration, *, timeout_s: float) -> ConfigurationApplied:
        """Send desired state; the answer says which revision the node holds now.

        Raises:
            NodeUnreachable: no answer within ``timeout_s``; send it again, it is idempotent.
            NodeRefused: the node keeps what it had.
        """
        return self._call(
            "PUT", "/v1/configuration", configuration, ConfigurationApplied, timeout_s
        )

    def change(self, change: ConfigurationChange, *, timeout_s: float) -> ConfigurationApplied:
        """Send a change of entries.

        Raises:
            NodeUnreachable: no answer within ``timeout_s``; it may be in force.
            NodeRefused: ``revision_conflict`` when the node holds another revision.
        """
        return self._call("PATCH", "/v1/configuration", change, ConfigurationApplied, timeout_s)

    @overload
    def command(self, command: KickClient, *, timeout_s: float) -> Kicked: ...
    @overload
    def command(self, command: PublishMessage, *, timeout_s: float) -> Published: ...
    @overload
    def command(self, command: TakeSnapshot, *, timeout_s: float) -> SnapshotTaken: ...
    @overload
    def command(self, command: Drain, *, timeout_s: float) -> Drained: ...
    def command(self, command: Command, *, timeout_s: float) -> msgspec.Struct:
        """Order something; the answer is of type ``command.Answer``.

        Raises:
            NodeUnreachable: no answer within ``timeout_s``; it may have been carried out.
            NodeRefused: it was not carried out.
        """
        path = f"/v1/command/{type(command).__name__}"
        answer = cast(type[msgspec.Struct], command.Answer)
        return self._call("POST", path, command, answer, timeout_s)

    @overload
    def query(self, query: ListClients, *, timeout_s: float) -> ClientPage: ...
    @overload
    def query(self, query: GetClient, *, timeout_s: float) -> Client: ...
    @overload
    def query(self, query: ListMessages, *, timeout_s: float) -> MessageList: ...
    @overload
    def query(self, query: GetMessage, *, timeout_s: float) -> Message: ...
    @overload
    def query(self, query: GetTrace, *, timeout_s: float) -> Trace: ...
    @overload
    def query(self, query: ListClientEvents, *, timeout_s: float) -> ClientEventList: ...
    @overload
    def query(self, query: GetTopicActivity, *, timeout_s: float) -> TopicActivityList: ...
    @overload
    def query(self, query: GetNodeState, *, timeout_s: float) -> NodeState: ...
    def query(self, query: Query, *, timeout_s: float) -> msgspec.Struct:
        """Ask something; the answer is of type ``query.Answer``.

        Raises:
            NodeUnreachable: no answer within ``timeout_s``.
            NodeRefused: for example ``not_found``.
        """
        path = f"/v1/query/{type(query).__name__}"
        return self._call("POST", path, query, cast(type[msgspec.Struct], query.Answer), timeout_s)

    def close(self) -> None:
        """Close idle connections; the gateway opens new ones if it is used again."""
        self._pool.close()

    def _call(
        self, method: str, path: str, body: msgspec.Struct, answer: type[T], timeout_s: float
    ) -> T:
        status, content = self._exchange(method, path, msgspec.json.encode(body), timeout_s)
        try:
            if status == 200:
                return msgspec.json.decode(content, type=answer)
            refusal = msgspec.json.decode(content, type=Refusal)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NodeRefused("bad_answer", f"status {status}: {error}") from None
        raise NodeRefused(refusal.code, refusal.message)

    def _exchange(self, method: str, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s)
        try:
            response = self._pool.urlopen(
                method,
                path,
                body=body,
                headers=self._headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                content = response.read(MAX_ANSWER_BYTES + 1)
            finally:
                response.release_conn()
        except (HTTPError, OSError) as error:
            raise NodeUnreachable(f"{method} {path}: {error}") from error
        if response.headers.get(CONTRACT_HEADER) != str(CONTRACT_VERSION):
            raise NodeRefused("bad_answer", f"status {response.status}: not a node of this version")
        if len(content) > MAX_ANSWER_BYTES:
            raise NodeRefused("bad_answer", f"longer than {MAX_ANSWER_BYTES} bytes")
        return response.status, content
