"""One hour of the index: a SQLite file that takes parts of frames, each exactly once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from broker_runtime.storage.journal.layout import make_private
from broker_runtime.storage.journal.records import Frame, PublishRow

MESSAGE_COLUMNS = (
    "seq, stored_ms, topic, client_id, username, address, qos, retain, expires_ms, payload, "
    "properties, shard, result, audience"
)

# Topics and audiences are kept once an hour and named by number: both repeat without end, and an
# index of numbers is a third of an index of topics. The rowid (seq) is the tail of message_topic.
_SCHEMA = """
CREATE TABLE progress (position INTEGER NOT NULL);
INSERT INTO progress VALUES (0);
CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE audience (id INTEGER PRIMARY KEY, deliveries BLOB NOT NULL);
CREATE TABLE message (
    seq INTEGER PRIMARY KEY, stored_ms INTEGER NOT NULL, topic INTEGER NOT NULL,
    client_id TEXT NOT NULL, username TEXT NOT NULL, address TEXT NOT NULL, qos INTEGER NOT NULL,
    retain INTEGER NOT NULL, expires_ms INTEGER, payload BLOB NOT NULL, properties BLOB NOT NULL,
    shard INTEGER NOT NULL, result TEXT NOT NULL, audience INTEGER);
CREATE INDEX message_topic ON message (topic);
CREATE TABLE step (
    seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, client_id TEXT NOT NULL,
    packet_type TEXT NOT NULL, qos INTEGER NOT NULL, result TEXT NOT NULL);
CREATE INDEX step_seq ON step (seq);
CREATE TABLE event (
    at_ms INTEGER NOT NULL, client_id TEXT NOT NULL, username TEXT NOT NULL,
    address TEXT NOT NULL, event TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX event_client ON event (client_id, at_ms);
CREATE INDEX event_at ON event (at_ms);
"""

_INSERT_MESSAGE = (
    f"INSERT OR IGNORE INTO message ({MESSAGE_COLUMNS}) VALUES ({', '.join('?' * 14)})"  # noqa: S608  # our own names
)

_NTH_OLDEST = "SELECT seq FROM message ORDER BY seq LIMIT 1 OFFSET ?"

KNOWN_TOPICS = 100_000
KNOWN_AUDIENCE_BYTES = 8 * 1024 * 1024
"""What is remembered of numbers already given, per open hour; then it begins anew."""


class HourFile:
    """The index of one hour, open for writing; only the indexer makes one."""

    def __init__(self, path: Path) -> None:
        make_private(path)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._topics: dict[str, int] = {}
        self._audiences: dict[bytes, int] = {}
        self._audience_bytes = 0
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            if not self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                self._connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            (self._taken,) = self._connection.execute("SELECT position FROM progress").fetchone()
        except sqlite3.Error:
            self._connection.close()
            raise

    def take(self, parts: Sequence[tuple[int, Frame]]) -> None:
        """Write parts of frames, in one transaction with how far this hour has come.

        Args:
            parts: (position after the frame, what of the frame belongs to this hour), in order;
                what was taken before is left out.
        """
        new = [(end, frame) for end, frame in parts if end > self._taken]
        if not new:
            return
        write = self._connection
        write.execute("BEGIN IMMEDIATE")
        for _, frame in new:
            if frame.publishes:
                write.executemany(_INSERT_MESSAGE, self._message_rows(frame))
            write.executemany("INSERT INTO step VALUES (?, ?, ?, ?, ?, ?)", frame.steps)
            write.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", frame.events)
        write.execute("UPDATE progress SET position = ?", (new[-1][0],))
        write.execute("COMMIT")
        self._taken = new[-1][0]

    def drop_oldest(self, count: int) -> int:
        """Delete the oldest messages with their steps; returns how many: ``count``, or none when
        there are not so many. What they took is used again, the file does not shrink."""
        write = self._connection
        row = write.execute(_NTH_OLDEST, (count - 1,)).fetchone()
        if row is None:
            return 0
        write.execute("BEGIN IMMEDIATE")
        write.execute("DELETE FROM message WHERE seq <= ?", row)
        write.execute("DELETE FROM step WHERE seq <= ?", row)
        write.execute("COMMIT")
        write.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return count

    def count(self) -> int:
        """How many messages it holds."""
        (count,) = self._connection.execute("SELECT count(*) FROM message").fetchone()
        return int(count)

    def unused_bytes(self) -> int:
        """What of the file waits to be used again."""
        (pages,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(page_bytes)

    def settle(self) -> None:
        """Bring what was taken to the disk; call before its source is deleted."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the file; what is not committed is undone."""
        self._connection.close()

    def _message_rows(self, frame: Frame) -> list[tuple[object, ...]]:
        audiences = {-1: None, **{i: self._audience(a) for i, a in enumerate(frame.audiences)}}
        return [self._message_row(row, audiences[row[13]]) for row in frame.publishes]

    def _message_row(self, row: PublishRow, audience: int | None) -> tuple[object, ...]:
        topic = self._topics.get(row[2]) or self._number_topic(row[2])
        return (*row[:2], topic, *row[3:13], audience)

    def _number_topic(self, name: str) -> int:
        if len(self._topics) >= KNOWN_TOPICS:
            self._topics.clear()
        found = self._connection.execute("SELECT id FROM topic WHERE name = ?", (name,)).fetchone()
        if found is None:
            found = self._connection.execute(
                "INSERT INTO topic (name) VALUES (?) RETURNING id", (name,)
            ).fetchone()
        self._topics[name] = found[0]
        return int(found[0])

    def _audience(self, deliveries: bytes) -> int:
        known = self._audiences.get(deliveries)
        if known is not None:
            return known
        if self._audience_bytes >= KNOWN_AUDIENCE_BYTES:
            self._audiences.clear()
            self._audience_bytes = 0
        (number,) = self._connection.execute(
            "INSERT INTO audience (deliveries) VALUES (?) RETURNING id", (deliveries,)
        ).fetchone()
        self._audiences[deliveries] = number
        self._audience_bytes += len(deliveries)
        return int(number)
