"""The storage Protocols: the only way in which the broker keeps anything.

Shapes and rules come from CLUSTERING "What the single-node code must have from day one": one copy
of a message for any number of durable sessions, a session is a record plus a cursor into the log,
every session write carries the lease. All calls are made from the event-loop thread; nothing here
blocks it. A write takes ``done``, which is called on the loop thread after the group commit that
made it durable: ``done(None)``, or ``done(error)`` when it was not kept. Writes take effect in the
order of the calls, and the writes of one turn of the loop become durable together: a crash leaves
all of them or none. (A write that cannot be kept at all, ``StorageError``, does not take the others
with it.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec

from broker_runtime.contract.queries import (
    ClientEvent,
    ClientEventList,
    Message,
    MessageList,
    TraceStep,
)
from broker_runtime.storage.publishes import PublishMix, PublishRun

Done = Callable[[Exception | None], None]


class StorageError(Exception):
    """The store could not keep what it was given; nothing of it may be acknowledged."""


class Fenced(StorageError):
    """Another connection owns this session now: close the client, write nothing more."""


class Unavailable(StorageError):
    """The store cannot write (disk full, read-only, I/O error): never acknowledge."""


class StoreHealth(StrEnum):
    """``DEGRADED`` still reads, and heals by itself; readiness drops with it.

    ``FAILED``: a write to the disk ended in a way after which nothing may be acknowledged any more
    (a failed fsync, a damaged file). The store refuses every write until it is opened anew: the
    node exits non-zero (SECURITY F4).
    """

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


class StoredMessage(msgspec.Struct, eq=False, gc=False, array_like=True):
    """One PUBLISH as the broker keeps and forwards it, neutral to the protocol version.

    A Struct because one is made for each PUBLISH: 0.14 us, a dataclass with slots takes 0.46 us
    (2026-11-20, Python 3.11); it holds no references that could form a cycle. Kept as an array of
    its fields, in this order: a new one goes to the end and has a default.

    ``(shard, seq)`` names it in the whole cluster; ``seq`` grows with time (microseconds since
    1970, made unique), so the id shown to people, ``f"{shard:02X}{seq:014X}"``, sorts by time.
    ``properties`` holds the MQTT 5 properties that travel with the message, encoded without length
    prefix and without topic alias, message expiry and subscription identifiers.
    """

    shard: int
    seq: int
    topic: str
    payload: bytes
    qos: int
    retain: bool
    client_id: str
    username: str
    address: str
    stored_ms: int
    expires_ms: int | None = None
    properties: bytes = b""

    @property
    def message_id(self) -> str:
        """The id shown to people."""
        return f"{self.shard:02X}{self.seq:014X}"


@dataclass(slots=True)
class SubscriptionRecord:
    """Options of a subscription; ``since_seq`` keeps older messages of the log out of a replay,
    ``retained_due``: not all retained messages that it brings were handed to the session yet."""

    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    identifier: int | None = None
    since_seq: int = 0
    retained_due: bool = False


@dataclass(slots=True)
class WillRecord:
    """The will of a connected session, kept so that it is published even after ``kill -9``."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    delay_s: int = 0
    expiry_s: int | None = None
    properties: bytes = b""


@dataclass(slots=True)
class Inflight:
    """An outbound QoS 1 or 2 message that awaits its acknowledgement, with its own packet id.

    ``packet_id`` 0: it has none, the message must be offered to the client anew.
    """

    packet_id: int
    seq: int
    qos: int
    released: bool = False
    """QoS 2: PUBREC was received, PUBREL is owed."""
    source: str = ""
    """Where the message is found again: empty, in the log by the session's subscriptions;
    ``RETAINED``, among the retained messages; else the shared group it was taken for."""


RETAINED = "retained"
"""``Inflight.source`` of a retained message."""


@dataclass(slots=True)
class SessionRecord:
    """Everything of a session that outlives its connection.

    ``cursor``: every message of the log up to it is done with. ``offered``: everything up to it was
    offered to the client, and what of it ``inflight`` does not name is done with too: so a client
    that acknowledges all but one message needs no longer record. ``doubtful_seq``: QoS 1 messages
    up to it may have been sent before a crash, with a packet id that was not kept.
    ``retained_done``: QoS 2 retained messages that the client has while subscriptions have
    ``retained_due``. Inbound QoS 2 messages are kept by ``SessionStore.put_received``.
    """

    client_id: str
    username: str
    address: str
    protocol_version: int
    keep_alive_s: int
    clean_start: bool
    expiry_s: int
    created_ms: int
    connected_ms: int
    disconnected_ms: int
    connected: bool
    epoch: int
    subscriptions: dict[str, SubscriptionRecord] = field(default_factory=dict)
    will: WillRecord | None = None
    cursor: int = 0
    inflight: list[Inflight] = field(default_factory=list)
    offered: int = 0
    doubtful_seq: int = 0
    retained_done: list[int] = field(default_factory=list)


class SessionStore(Protocol):
    """Durable sessions. ``epoch`` of the record is the lease: a write with an older epoch ends in
    ``Fenced``.

    A session that is not kept has no lease: ``save_session`` starts one, ``delete_session`` is done
    already, and the calls for inbound QoS 2 messages end in ``Fenced``.
    """

    def load_sessions(self) -> list[SessionRecord]:
        """Every session kept; called once before listeners open."""
        ...

    def save_session(self, record: SessionRecord, done: Done | None) -> None:
        """Insert or replace the record (it is copied before the call returns)."""
        ...

    def delete_session(self, client_id: str, epoch: int, done: Done | None) -> None:
        """Forget a session, its inbound QoS 2 messages included."""
        ...

    def put_received(
        self, client_id: str, epoch: int, packet_id: int, message: StoredMessage, done: Done
    ) -> None:
        """Keep an inbound QoS 2 PUBLISH of a durable session until its PUBREL; a second one of the
        same id is ignored."""
        ...

    def release_received(
        self, client_id: str, epoch: int, packet_id: int, log: StoredMessage | None, done: Done
    ) -> None:
        """In one transaction: forget the inbound message and, when ``log`` is given, append it to
        the log.

        When no such message is kept (a repeated PUBREL) nothing is appended: exactly once.
        """
        ...

    def load_received(self) -> list[tuple[str, int, StoredMessage]]:
        """Inbound QoS 2 messages not released: (client id, packet id, message); called once at
        start."""
        ...


class MessageStore(Protocol):
    """The durable log (only messages that a durable session must get) and the retained messages."""

    def append(self, message: StoredMessage, done: Done) -> None:
        """Add to the log; ``message.seq`` is greater than of every earlier call."""
        ...

    def append_all(self, messages: list[StoredMessage], done: Done) -> None:
        """Add to the log, all or none, in order; the list belongs to the store from now on."""
        ...

    def owe(self, copies: Sequence[tuple[int, str]], done: Done | None) -> None:
        """Copies of messages of the log that are owed to shared groups: (sequence, key of the
        group, ``$share/<name>/<filter>``). Called in the same turn of the loop as the append."""
        ...

    def settle_owed(self, copies: Sequence[tuple[int, str]], done: Done | None) -> None:
        """Copies that are owed no more; unknown ones are ignored."""
        ...

    def load_owed(self) -> list[tuple[int, str]]:
        """Copies of shared groups not settled, oldest message first; called once at start."""
        ...

    async def fetch(self, seqs: Sequence[int]) -> list[StoredMessage]:
        """These messages of the log, oldest first, without those it does not hold."""
        ...

    async def replay(self, after_seq: int, limit: int) -> list[StoredMessage]:
        """Messages of the log with ``seq > after_seq``, oldest first, at most ``limit``.

        A page ends early after some megabytes; only an empty one says that there is no more.
        """
        ...

    def trim(self, up_to_seq: int) -> None:
        """No session needs messages up to this one: they may be deleted, or some found again."""
        ...

    def retain(self, message: StoredMessage, done: Done | None) -> None:
        """Set the retained message of its topic; an empty payload deletes it."""
        ...

    def load_retained(self) -> list[StoredMessage]:
        """Every retained message; called once before listeners open."""
        ...

    def last_seq(self) -> int:
        """The greatest sequence ever kept (log, retained, received), so that new ones are
        greater."""
        ...


class DurableStore(SessionStore, MessageStore, Protocol):
    """What one engine offers behind both Protocols."""

    async def open(self) -> None:
        """Open or create; recovers from a crash; raises ``StorageError`` with what to do when it
        cannot."""
        ...

    async def close(self) -> None:
        """Commit everything submitted, then close."""
        ...

    def health(self) -> tuple[StoreHealth, str]:
        """State and, when degraded, why."""
        ...


@dataclass(slots=True)
class MessageQuery:
    """Filter, instant, count, and what the page before ended with (CONTRACT M1)."""

    topic_filter: str
    from_ms: int
    limit: int
    after_seq: int = 0


class Journal(Protocol):
    """The message log with traces and client events: every message, kept for people, not delivery.

    Appending is a list append; a batch goes to a file every few tens of milliseconds and is indexed
    outside the process.
    """

    async def open(self) -> None:
        """Start; takes up what an earlier process left unindexed."""
        ...

    async def close(self) -> None:
        """Write what is in memory, then stop."""
        ...

    def published(
        self, message: StoredMessage, deliveries: Sequence[tuple[str, int]], result: str
    ) -> None:
        """A PUBLISH was taken (``result`` ``success``) or refused; ``deliveries``: (client id, QoS
        sent with).

        ``deliveries`` may be a list that the broker shares between calls: it is not changed after
        the call.
        """
        ...

    def published_run(
        self, run: PublishRun, deliveries: Sequence[tuple[str, int]], result: str
    ) -> None:
        """The same for messages that came one after another and all went to the same clients."""
        ...

    def published_mix(self, mix: PublishMix) -> None:
        """The same for messages that came one after another, each to a topic of its own."""
        ...

    def step(
        self, seq: int, client_id: str, packet_type: str, qos: int, result: str, at_ms: int
    ) -> None:
        """A later step of a message: a queued delivery, an acknowledgement, a drop and its
        reason."""
        ...

    def steps(
        self,
        seqs: Sequence[int],
        client_id: str,
        packet_type: str,
        qos: int,
        result: str,
        at_ms: int,
    ) -> None:
        """The same step of several messages; ``seqs`` is not changed after the call."""
        ...

    def event(self, event: ClientEvent) -> None:
        """A client event."""
        ...

    async def list_messages(self, query: MessageQuery) -> MessageList:
        """Matching messages, oldest first; sees everything appended before the call."""
        ...

    async def get_message(self, message_id: str) -> Message | None:
        """One message by id."""
        ...

    async def get_trace(self, message_id: str) -> list[TraceStep] | None:
        """Steps of one message in time order; None when the message is unknown."""
        ...

    async def list_events(
        self, client_id: str, from_ms: int, until_ms: int, limit: int
    ) -> ClientEventList:
        """Events newest first; ``client_id`` empty = all, ``until_ms`` 0 = now."""
        ...

    def set_retention(self, retention_s: int) -> None:
        """Messages and events older than this may be deleted."""
        ...

    def gauges(self) -> dict[str, int]:
        """``journal_lag_bytes``: written, not indexed yet; ``journal_bytes``: on the disk."""
        ...

    def counters(self) -> dict[str, int]:
        """``journal_lost``: records that could not be written (disk full …);
        ``journal_discarded``: messages that the limit of size deleted."""
        ...
