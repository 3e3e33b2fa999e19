"""Every write to the local store as an object, and how a list of them becomes one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from broker_runtime.storage.base import Done, Fenced, StoredMessage
from broker_runtime.storage.local.blocks import LogTail
from broker_runtime.storage.records import MESSAGE_COLUMNS, message_row

Outcome = Exception | None
"""What became of a write: None when it was kept."""

_COLUMNS = ", ".join(MESSAGE_COLUMNS)
_MARKS = ", ".join("?" * len(MESSAGE_COLUMNS))
_RETAIN = f"INSERT OR REPLACE INTO retained ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608  # our own column names
_RECEIVE = f"INSERT OR IGNORE INTO received (owner, packet_id, {_COLUMNS}) VALUES (?, ?, {_MARKS})"  # noqa: S608  # the same


@dataclass(slots=True, eq=False)
class Append:
    """Add messages to the log, all or none."""

    session: ClassVar[str | None] = None
    messages: list[StoredMessage]
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction."""
        return tail.add(self.messages)


@dataclass(slots=True, eq=False)
class Owe:
    """Copies are owed to shared groups."""

    session: ClassVar[str | None] = None
    copies: Sequence[tuple[int, str]]
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction."""
        connection.executemany("INSERT OR IGNORE INTO owed (seq, key) VALUES (?, ?)", self.copies)
        return None


@dataclass(slots=True, eq=False)
class SettleOwed:
    """Copies of shared groups are owed no more."""

    session: ClassVar[str | None] = None
    copies: Sequence[tuple[int, str]]
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction; what is not there is ignored."""
        connection.executemany("DELETE FROM owed WHERE seq = ? AND key = ?", self.copies)
        return None


@dataclass(slots=True, eq=False)
class Retain:
    """Set or, with an empty payload, delete a retained message."""

    session: ClassVar[str | None] = None
    message: StoredMessage
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction."""
        if self.message.payload:
            connection.execute(_RETAIN, message_row(self.message))
        else:
            connection.execute("DELETE FROM retained WHERE topic = ?", (self.message.topic,))
        return None


@dataclass(slots=True, eq=False)
class SaveSession:
    """Insert or replace a session, unless a newer epoch owns it."""

    session: str
    epoch: int
    fixed: bytes
    progress: bytes
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write what differs: a checkpoint is one look-up and one small row."""
        row = connection.execute(
            "SELECT id, epoch, record = ? FROM session WHERE client_id = ?",
            (self.fixed, self.session),
        ).fetchone()
        if row is None:
            key = connection.execute(
                "INSERT INTO session (client_id, epoch, record) VALUES (?, ?, ?)",
                (self.session, self.epoch, self.fixed),
            ).lastrowid
        elif row[1] > self.epoch:
            return _fenced(self.session, self.epoch, row[1])
        else:
            key = row[0]
            if not row[2]:
                connection.execute(
                    "UPDATE session SET epoch = ?, record = ? WHERE id = ?",
                    (self.epoch, self.fixed, key),
                )
        connection.execute(
            "INSERT INTO progress VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
            (key, self.progress),
        )
        return None


@dataclass(slots=True, eq=False)
class DeleteSession:
    """Forget a session and its inbound QoS 2 messages."""

    session: str
    epoch: int
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction; deleting what is not there succeeds."""
        row = connection.execute(
            "SELECT id, epoch FROM session WHERE client_id = ?", (self.session,)
        ).fetchone()
        if row is None:
            return None
        if row[1] > self.epoch:
            return _fenced(self.session, self.epoch, row[1])
        connection.execute("DELETE FROM session WHERE id = ?", (row[0],))
        connection.execute("DELETE FROM progress WHERE session = ?", (row[0],))
        connection.execute("DELETE FROM received WHERE owner = ?", (self.session,))
        return None


@dataclass(slots=True, eq=False)
class PutReceived:
    """Keep an inbound QoS 2 message."""

    session: str
    epoch: int
    packet_id: int
    message: StoredMessage
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction; the first message of a packet id stays."""
        if (fenced := _check_lease(connection, self.session, self.epoch)) is not None:
            return fenced
        connection.execute(_RECEIVE, (self.session, self.packet_id, *message_row(self.message)))
        return None


@dataclass(slots=True, eq=False)
class ReleaseReceived:
    """Forget an inbound QoS 2 message and append it to the log, both or neither."""

    session: str
    epoch: int
    packet_id: int
    log: StoredMessage | None
    done: Done | None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Write it within the open transaction; appends only what it found."""
        if (fenced := _check_lease(connection, self.session, self.epoch)) is not None:
            return fenced
        found = connection.execute(
            "DELETE FROM received WHERE owner = ? AND packet_id = ?", (self.session, self.packet_id)
        ).rowcount
        if found and self.log is not None:
            error = tail.add((self.log,))
            if error is not None:
                raise error  # both or neither: the transaction is undone
        return None


@dataclass(slots=True, eq=False)
class Trim:
    """The log up to ``up_to_seq`` may go; the writer deletes it in small steps."""

    session: ClassVar[str | None] = None
    up_to_seq: int
    done: Done | None = None

    def apply(self, connection: sqlite3.Connection, tail: LogTail) -> Outcome:
        """Remember the sequence: when the log is empty new ones must still be greater."""
        connection.execute(
            "UPDATE meta SET value = max(value, ?) WHERE key = 'last_seq'", (self.up_to_seq,)
        )
        return None


Write = (
    Append
    | Owe
    | SettleOwed
    | Retain
    | SaveSession
    | DeleteSession
    | PutReceived
    | ReleaseReceived
    | Trim
)


def apply_all(
    connection: sqlite3.Connection, writes: Sequence[Write], tail: LogTail
) -> list[Outcome]:
    """Apply writes, in order, within the open transaction; one outcome for each.

    What they append goes to the log together. Of several saves of one session with the same epoch
    only the last is written: all of them share its outcome, for nothing between them can have
    changed the lease.
    """
    replaced_by = _superseded(writes)
    outcomes: list[Outcome] = [
        None if index in replaced_by else write.apply(connection, tail)
        for index, write in enumerate(writes)
    ]
    tail.write(connection)
    for index in sorted(replaced_by, reverse=True):
        outcomes[index] = outcomes[replaced_by[index]]
    return outcomes


def _superseded(writes: Sequence[Write]) -> dict[int, int]:
    """Index of each save that need not be written → index of the save that holds the newer
    state."""
    replaced_by: dict[int, int] = {}
    latest: dict[str, int] = {}
    for index, write in enumerate(writes):
        if write.session is None:
            continue
        before = latest.pop(write.session, None)
        if isinstance(write, SaveSession):
            latest[write.session] = index
            if before is not None and cast(SaveSession, writes[before]).epoch == write.epoch:
                replaced_by[before] = index
    return replaced_by


def _check_lease(connection: sqlite3.Connection, client_id: str, epoch: int) -> Fenced | None:
    row = connection.execute(
        "SELECT epoch FROM session WHERE client_id = ?", (client_id,)
    ).fetchone()
    if row is None:
        return Fenced("the session is not kept any more")
    return _fenced(client_id, epoch, row[0]) if row[0] > epoch else None


def _fenced(client_id: str, epoch: int, owner: int) -> Fenced:
    return Fenced(f"session {client_id!r}: epoch {epoch} was taken over by epoch {owner}")
