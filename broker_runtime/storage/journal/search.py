"""The queries of the journal, over the hour files; called in a thread that only reads.

10 M messages of 64 B in 10 hours, 2,000 topics, ms p50 / max of 20 from various instants, on two
cores that other work kept busy (``python -m tests.bench.message_log``, 2026-11-20, Python 3.11):
one topic, 100 8 / 24, 1,024 27 / 71; one of 50 wildcards, 100 3 / 9, 1,024 35 / 59; everything,
1,024 13 / 25; a filter of 3,000 topics with 14 messages 7 / 22; one that no topic matches 37 / 131;
by id and trace 0.3 / 6.
"""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from broker_runtime.codec.topics import has_wildcard, matches
from broker_runtime.contract.queries import (
    ClientEvent,
    ClientEventList,
    Message,
    MessageList,
    MessageSummary,
    TraceStep,
)
from broker_runtime.storage.base import MessageQuery, StorageError, StoredMessage
from broker_runtime.storage.descriptions import detail_of, place_of, trace_of
from broker_runtime.storage.journal import layout
from broker_runtime.storage.journal.records import audience_of
from broker_runtime.storage.journal.resume import open_read_only

MAX_ROWS = 1024
BUDGET_S = 2.0
INSTRUCTIONS_PER_CHECK = 20_000
"""SQLite looks at the clock this often, in its own instructions: about every half millisecond."""
SCAN_ROWS = 20_000
MERGED_TOPICS = 5_000
FEW_TOPICS = 50
"""A filter that matches few topics of an hour merges their ranges at once. One that matches more
first reads ``SCAN_ROWS`` in order of time: when that does not fill the answer the messages are
rare, and up to ``MERGED_TOPICS`` ranges cost less than reading on (ENGINE section 5)."""

_SUMMARY = "seq, topic, client_id, qos, retain, stored_ms, length(payload), shard"
_ROW = f"SELECT {_SUMMARY} FROM message WHERE seq = ?"  # noqa: S608  # our own column names
_SCAN = f"SELECT {_SUMMARY} FROM message WHERE seq >= ? ORDER BY seq LIMIT ?"  # noqa: S608  # the same
_NEXT = "SELECT seq FROM message WHERE topic = ? AND seq >= ? ORDER BY seq LIMIT 1"
_MESSAGE = """SELECT shard, message.seq, topic.name, payload, qos, retain, client_id, username,
    address, stored_ms, expires_ms, properties, result, audience.deliveries
    FROM message JOIN topic ON topic.id = message.topic
    LEFT JOIN audience ON audience.id = message.audience WHERE message.seq = ?"""
_STEPS = """SELECT seq, at_ms, client_id, packet_type, qos, result FROM step
    WHERE seq = ? ORDER BY at_ms, rowid"""
_EVENTS = """SELECT at_ms, client_id, username, address, event, reason FROM event
    WHERE at_ms >= ? AND at_ms <= ? ORDER BY at_ms DESC, rowid DESC LIMIT ?"""
_EVENTS_OF = """SELECT at_ms, client_id, username, address, event, reason FROM event
    WHERE client_id = ? AND at_ms >= ? AND at_ms <= ? ORDER BY at_ms DESC, rowid DESC LIMIT ?"""


class Search:
    """Reads a journal folder. ``budget_s`` bounds one query."""

    def __init__(self, folder: Path, *, budget_s: float = BUDGET_S) -> None:
        self._folder = folder
        self._budget_s = budget_s

    def list_messages(self, query: MessageQuery) -> MessageList:
        """See ``base.Journal.list_messages``.

        When the time is up, what was found so far is the answer: the oldest matches, none left out
        between them.

        Raises:
            StorageError: the time was up and nothing had been found.
        """
        limit = min(query.limit, MAX_ROWS)
        found: list[MessageSummary] = []
        complete = True
        deadline_s = time.monotonic() + self._budget_s
        for hour, path in layout.hours(self._folder):
            if len(found) >= limit:
                break
            if hour < query.from_ms // layout.HOUR_MS:
                continue
            try:
                with closing(_open(path, deadline_s)) as connection:
                    for summary in _Hour(connection, deadline_s).summaries(query):
                        found.append(summary)
                        if len(found) >= limit:
                            break
            except _TimeIsUp as error:
                if found:
                    complete = False
                    break
                raise StorageError(
                    f"no message under {query.topic_filter!r} was found within "
                    f"{self._budget_s:g} s; use a narrower filter or a later start"
                ) from error
            except sqlite3.Error as error:
                _raise_unless_gone(path, error)
        return MessageList(messages=tuple(found), complete=complete)

    def get_message(self, message_id: str) -> Message | None:
        """See ``base.Journal.get_message``."""
        found = self._fetch(message_id)
        return detail_of(found[0]) if found else None

    def get_trace(self, message_id: str) -> list[TraceStep] | None:
        """See ``base.Journal.get_trace``."""
        found = self._fetch(message_id)
        if found is None:
            return None
        message, result, audience, steps = found
        return trace_of(message, audience_of(audience), result, steps)

    def list_events(
        self, client_id: str, from_ms: int, until_ms: int, limit: int
    ) -> ClientEventList:
        """See ``base.Journal.list_events``; bounded in time like ``list_messages``."""
        limit = min(limit, MAX_ROWS)
        until_ms = until_ms or 2**63 - 1
        found: list[ClientEvent] = []
        complete = True
        deadline_s = time.monotonic() + self._budget_s
        statement = _EVENTS_OF if client_id else _EVENTS
        for hour, path in reversed(layout.hours(self._folder)):
            if len(found) >= limit or hour < from_ms // layout.HOUR_MS:
                break
            if hour > until_ms // layout.HOUR_MS:
                continue
            if time.monotonic() >= deadline_s:
                complete = False
                break
            bounds = (from_ms, until_ms, limit - len(found))
            try:
                with closing(_open(path, deadline_s)) as connection:
                    rows = connection.execute(
                        statement, (client_id, *bounds) if client_id else bounds
                    ).fetchall()
            except sqlite3.Error as error:
                if time.monotonic() >= deadline_s:
                    complete = False
                    break
                _raise_unless_gone(path, error)
                continue
            found += [_event(row) for row in rows]
        return ClientEventList(events=tuple(found), complete=complete)

    def _fetch(self, message_id: str) -> tuple[StoredMessage, str, bytes | None, list[Any]] | None:
        place = place_of(message_id)
        if place is None:
            return None
        shard, seq = place
        path = layout.hour_path(self._folder, seq // layout.HOUR_US)
        if not path.exists():
            return None
        try:
            with closing(open_read_only(path)) as connection:
                row = connection.execute(_MESSAGE, (seq,)).fetchone()
                if row is None or row[0] != shard:
                    return None
                steps = connection.execute(_STEPS, (seq,)).fetchall()
        except sqlite3.Error as error:
            _raise_unless_gone(path, error)
            return None
        message = StoredMessage(*row[:12])
        message.retain = bool(message.retain)
        return message, row[12], row[13], steps


class _TimeIsUp(Exception):
    """The budget of a query is used up."""


class _Hour:
    """One hour file being searched."""

    def __init__(self, connection: sqlite3.Connection, deadline_s: float) -> None:
        self._connection = connection
        self._deadline_s = deadline_s

    def summaries(self, query: MessageQuery) -> Iterator[MessageSummary]:
        """Matches in order of sequence.

        Raises:
            _TimeIsUp: the deadline passed on the way.
        """
        try:
            topics = self._topics(query.topic_filter)
            # A sequence is never behind its instant, so none is missed; after the clock was set
            # back it may be ahead of it, hence the second comparison (SECURITY F6).
            start = max(query.from_ms * 1000, query.after_seq + 1)
            for row in self._rows(topics, start):
                if row[5] >= query.from_ms:
                    yield _summary(row, topics[row[1]])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise _TimeIsUp from error
            raise

    def _topics(self, topic_filter: str) -> dict[int, str]:
        """Numbers and names of the topics of this hour that match."""
        self._check_time()
        if not has_wildcard(topic_filter):
            rows = self._connection.execute(
                "SELECT id, name FROM topic WHERE name = ?", (topic_filter,)
            )
            return dict(rows.fetchall())
        low, high = prefix_range(topic_filter)
        rows = self._connection.execute(
            "SELECT id, name FROM topic WHERE name >= ? AND (?2 IS NULL OR name < ?2)", (low, high)
        )
        found: dict[int, str] = {}
        for count, (number, name) in enumerate(rows):
            if matches(topic_filter, name):
                found[number] = name
            if count % 1_000 == 0:
                self._check_time()
        return found

    def _rows(self, topics: dict[int, str], start: int) -> Iterator[tuple[Any, ...]]:
        if not topics:
            return
        while len(topics) > FEW_TOPICS:
            row: tuple[Any, ...] = ()
            count = 0
            for count, row in enumerate(  # noqa: B007  # both are used after the loop
                self._connection.execute(_SCAN, (start, SCAN_ROWS)), 1
            ):
                if row[1] in topics:
                    yield row
            if count < SCAN_ROWS:
                return
            start = row[0] + 1
            if len(topics) <= MERGED_TOPICS:
                break
        yield from self._merged(topics, start)

    def _merged(self, topics: dict[int, str], start: int) -> Iterator[tuple[Any, ...]]:
        """Rows of the topics from a sequence on: one seek a topic and one a row."""
        heap: list[tuple[int, int]] = []
        for topic in topics:
            if (first := self._next(topic, start)) is not None:
                heap.append((first, topic))
        heapq.heapify(heap)
        while heap:
            seq, topic = heap[0]
            yield self._connection.execute(_ROW, (seq,)).fetchone()
            following = self._next(topic, seq + 1)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (following, topic))

    def _next(self, topic: int, start: int) -> int | None:
        self._check_time()
        row = self._connection.execute(_NEXT, (topic, start)).fetchone()
        return row[0] if row else None

    def _check_time(self) -> None:
        if time.monotonic() >= self._deadline_s:
            raise _TimeIsUp


def prefix_range(topic_filter: str) -> tuple[str, str | None]:
    """What every matching topic is not before, and what it is before (None: no bound).

    Code points and UTF-8 bytes sort alike, so this is the order of SQLite's index too.
    """
    cut = min(i for i in (topic_filter.find("+"), topic_filter.find("#")) if i >= 0)
    low = topic_filter[:cut]
    if topic_filter[cut] == "#":  # "a/#" matches "a" as well [MQTT-4.7.1-2]
        low = low.removesuffix("/")
    high = low.rstrip("\U0010ffff")
    if not high:
        return low, None
    after = ord(high[-1]) + 1
    return low, high[:-1] + chr(0xE000 if after == 0xD800 else after)


def _open(path: Path, deadline_s: float) -> sqlite3.Connection:
    connection = open_read_only(path)
    connection.set_progress_handler(lambda: time.monotonic() >= deadline_s, INSTRUCTIONS_PER_CHECK)
    return connection


def _raise_unless_gone(path: Path, error: sqlite3.Error) -> None:
    """An hour that retention deleted meanwhile is no error."""
    if path.exists():
        raise StorageError(f"{path}: cannot be read: {error}") from error


def _summary(row: tuple[Any, ...], topic: str) -> MessageSummary:
    return MessageSummary(
        message_id=f"{row[7]:02X}{row[0]:014X}",
        topic=topic,
        client_id=row[2],
        qos=row[3],
        retain=bool(row[4]),
        stored_ms=row[5],
        payload_bytes=row[6],
    )


def _event(row: tuple[Any, ...]) -> ClientEvent:
    return ClientEvent(
        at_ms=row[0],
        client_id=row[1],
        username=row[2],
        address=row[3],
        event=row[4],
        reason=row[5],
    )
