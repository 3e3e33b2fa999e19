"""``MemoryJournal``: the Journal without a disk, bounded; for tests and a node without
``--data``."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker_runtime.codec.topics import matches
from broker_runtime.contract.queries import (
    ClientEvent,
    ClientEventList,
    Message,
    MessageList,
    MessageSummary,
    TraceStep,
)
from broker_runtime.storage.base import MessageQuery, StoredMessage
from broker_runtime.storage.descriptions import Step, detail_of, place_of, summary_of, trace_of
from broker_runtime.storage.publishes import PublishMix, PublishRun
from broker_runtime.storage.runs import messages_of, mixed_messages_of

MAX_MESSAGES = 20_000
MAX_BYTES = 64 * 1024 * 1024
MAX_EVENTS = 20_000
MAX_STEPS = 1_000
"""Later steps kept of one message."""
MAX_ROWS = 1024


@dataclass(slots=True)
class _Entry:
    message: StoredMessage
    deliveries: Sequence[tuple[str, int]]
    result: str
    steps: list[Step] = field(default_factory=list)


class MemoryJournal:
    """See ``base.Journal``. The oldest goes when there are too many, too many bytes, or too old.

    Age is counted from the newest record: there is no clock.
    """

    def __init__(self, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._bytes = 0
        self._events: deque[ClientEvent] = deque(maxlen=MAX_EVENTS)
        self._retention_ms: int | None = None
        self._dropped = self._discarded = 0

    async def open(self) -> None:
        """See ``base.Journal.open``."""

    async def close(self) -> None:
        """See ``base.Journal.close``; what is kept stays readable."""

    def published(
        self, message: StoredMessage, deliveries: Sequence[tuple[str, int]], result: str
    ) -> None:
        """See ``base.Journal.published``."""
        if message.seq in self._entries:
            self._dropped += 1
            return
        self._entries[message.seq] = _Entry(message, deliveries, result)
        self._bytes += len(message.payload)
        while True:
            oldest = next(iter(self._entries.values()))
            is_old = self._is_old(oldest.message.stored_ms, message.stored_ms)
            is_much = len(self._entries) > self._max_messages or self._bytes > self._max_bytes
            if not (is_old or is_much):
                return
            self._discarded += not is_old
            del self._entries[oldest.message.seq]
            self._bytes -= len(oldest.message.payload)

    def published_run(
        self, run: PublishRun, deliveries: Sequence[tuple[str, int]], result: str
    ) -> None:
        """See ``base.Journal.published_run``."""
        for message in messages_of(run):
            self.published(message, deliveries, result)

    def published_mix(self, mix: PublishMix) -> None:
        """See ``base.Journal.published_mix``."""
        for message, deliveries in zip(mixed_messages_of(mix), mix.audiences, strict=True):
            self.published(message, deliveries, "success" if deliveries else "no_subscriber")

    def step(
        self, seq: int, client_id: str, packet_type: str, qos: int, result: str, at_ms: int
    ) -> None:
        """See ``base.Journal.step``."""
        entry = self._entries.get(seq)
        if entry is not None and len(entry.steps) < MAX_STEPS:
            entry.steps.append((seq, at_ms, client_id, packet_type, qos, result))

    def steps(
        self,
        seqs: Sequence[int],
        client_id: str,
        packet_type: str,
        qos: int,
        result: str,
        at_ms: int,
    ) -> None:
        """See ``base.Journal.steps``."""
        for seq in seqs:
            self.step(seq, client_id, packet_type, qos, result, at_ms)

    def event(self, event: ClientEvent) -> None:
        """See ``base.Journal.event``."""
        self._events.append(event)
        while self._is_old(self._events[0].at_ms, event.at_ms):
            self._events.popleft()

    def dropped(self) -> int:
        """See ``base.Journal.dropped``."""
        return self._dropped

    def gauges(self) -> dict[str, int]:
        """See ``base.Journal.gauges``; nothing is on a disk."""
        return {"journal_lag_bytes": 0, "journal_bytes": 0}

    def counters(self) -> dict[str, int]:
        """See ``base.Journal.counters``."""
        return {"journal_lost": self._dropped, "journal_discarded": self._discarded}

    def lag_bytes(self) -> int:
        """How much is not indexed yet: nothing."""
        return 0

    def set_retention(self, retention_s: int) -> None:
        """See ``base.Journal.set_retention``."""
        self._retention_ms = retention_s * 1000

    async def list_messages(self, query: MessageQuery) -> MessageList:
        """See ``base.Journal.list_messages``."""
        found: list[MessageSummary] = []
        for seq in sorted(self._entries):
            message = self._entries[seq].message
            if len(found) >= min(query.limit, MAX_ROWS):
                break
            if seq <= query.after_seq or message.stored_ms < query.from_ms:
                continue
            if matches(query.topic_filter, message.topic):
                found.append(summary_of(message))
        return MessageList(messages=tuple(found))

    async def get_message(self, message_id: str) -> Message | None:
        """See ``base.Journal.get_message``."""
        entry = self._find(message_id)
        return detail_of(entry.message) if entry else None

    async def get_trace(self, message_id: str) -> list[TraceStep] | None:
        """See ``base.Journal.get_trace``."""
        entry = self._find(message_id)
        if entry is None:
            return None
        return trace_of(entry.message, entry.deliveries, entry.result, entry.steps)

    async def list_events(
        self, client_id: str, from_ms: int, until_ms: int, limit: int
    ) -> ClientEventList:
        """See ``base.Journal.list_events``."""
        matching = [
            event
            for event in reversed(self._events)
            if client_id in ("", event.client_id)
            and from_ms <= event.at_ms
            and (not until_ms or event.at_ms <= until_ms)
        ]
        newest_first = sorted(matching, key=lambda event: event.at_ms, reverse=True)
        return ClientEventList(events=tuple(newest_first[: min(limit, MAX_ROWS)]))

    def _find(self, message_id: str) -> _Entry | None:
        place = place_of(message_id)
        entry = self._entries.get(place[1]) if place else None
        return entry if entry is not None and entry.message.message_id == message_id else None

    def _is_old(self, at_ms: int, newest_ms: int) -> bool:
        return self._retention_ms is not None and at_ms <= newest_ms - self._retention_ms
