"""``LocalStore``: the DurableStore of one node, on SQLite in a folder of its own."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from broker_runtime.storage.base import (
    Done,
    SessionRecord,
    StorageError,
    StoredMessage,
    StoreHealth,
    Unavailable,
)
from broker_runtime.storage.local.blocks import read_page, read_some
from broker_runtime.storage.local.faults import reason_of
from broker_runtime.storage.local.files import StoreFiles
from broker_runtime.storage.local.writer import Answers, Writer
from broker_runtime.storage.local.writes import (
    Append,
    DeleteSession,
    Owe,
    PutReceived,
    ReleaseReceived,
    Retain,
    SaveSession,
    SettleOwed,
    Trim,
    Write,
)
from broker_runtime.storage.records import (
    MESSAGE_COLUMNS,
    decode_session,
    encode_session,
    message_of,
)

logger = logging.getLogger(__name__)

_COLUMNS = ", ".join(MESSAGE_COLUMNS)
_RETAINED = f"SELECT {_COLUMNS} FROM retained"  # noqa: S608  # our own column names
_RECEIVED = f"SELECT owner, packet_id, {_COLUMNS} FROM received ORDER BY seq"  # noqa: S608  # the same
_SESSIONS = """SELECT session.record, progress.record FROM session
    JOIN progress ON progress.session = session.id ORDER BY session.id"""
_LAST_SEQ = """SELECT max((SELECT value FROM meta WHERE key = 'last_seq'),
    ifnull((SELECT max(last_seq) FROM log), 0), ifnull((SELECT max(seq) FROM retained), 0),
    ifnull((SELECT max(seq) FROM received), 0))"""


class LocalStore:
    """See ``base.DurableStore``. Writes of one tick of the loop are handed to the writer thread
    together.

    Args:
        folder: made when missing; of this store alone.
        node_id: a folder that another node wrote is refused.
        connection_factory: class of the writing connection; tests give one that fails.
    """

    def __init__(
        self,
        folder: Path,
        *,
        node_id: str,
        connection_factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self._files = StoreFiles(folder.absolute(), node_id)
        self._factory = connection_factory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer | None = None
        self._writing: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._pending: list[Write] = []
        self._last_seq = 0

    async def open(self) -> None:
        """See ``base.DurableStore.open``."""
        self._loop = asyncio.get_running_loop()
        self._writing = await asyncio.to_thread(self._open_files)
        self._writer = Writer(self._writing, self._answer, name=str(self._files.database))
        self._writer.start()
        self._reader = ThreadPoolExecutor(1, "store-reader")

    async def close(self) -> None:
        """See ``base.DurableStore.close``."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if self._pending:
            writer.submit(self._pending)
            self._pending = []
        await asyncio.to_thread(self._close_files, writer)

    def health(self) -> tuple[StoreHealth, str]:
        """See ``base.DurableStore.health``."""
        return (
            self._writer.health if self._writer else (StoreHealth.DEGRADED, "the store is not open")
        )

    # Sessions

    def load_sessions(self) -> list[SessionRecord]:
        """See ``base.SessionStore.load_sessions``; raises ``StorageError`` when one is damaged."""
        return [decode_session(fixed, progress) for fixed, progress in self._select(_SESSIONS)]

    def save_session(self, record: SessionRecord, done: Done | None) -> None:
        """See ``base.SessionStore.save_session``."""
        fixed, progress = encode_session(record)
        self._submit(SaveSession(record.client_id, record.epoch, fixed, progress, done))

    def delete_session(self, client_id: str, epoch: int, done: Done | None) -> None:
        """See ``base.SessionStore.delete_session``."""
        self._submit(DeleteSession(client_id, epoch, done))

    def put_received(
        self, client_id: str, epoch: int, packet_id: int, message: StoredMessage, done: Done
    ) -> None:
        """See ``base.SessionStore.put_received``."""
        self._note_seq(message.seq)
        self._submit(PutReceived(client_id, epoch, packet_id, message, done))

    def release_received(
        self, client_id: str, epoch: int, packet_id: int, log: StoredMessage | None, done: Done
    ) -> None:
        """See ``base.SessionStore.release_received``."""
        if log is not None:
            self._note_seq(log.seq)
        self._submit(ReleaseReceived(client_id, epoch, packet_id, log, done))

    def load_received(self) -> list[tuple[str, int, StoredMessage]]:
        """See ``base.SessionStore.load_received``."""
        return [(row[0], row[1], message_of(row[2:])) for row in self._select(_RECEIVED)]

    # Messages

    def append(self, message: StoredMessage, done: Done) -> None:
        """See ``base.MessageStore.append``."""
        self._note_seq(message.seq)
        self._submit(Append([message], done))

    def append_all(self, messages: list[StoredMessage], done: Done) -> None:
        """See ``base.MessageStore.append_all``; it is a batch already, so it is handed over now."""
        self._note_seq(messages[-1].seq)
        self._submit(Append(messages, done))
        self._hand_over()

    def owe(self, copies: Sequence[tuple[int, str]], done: Done | None) -> None:
        """See ``base.MessageStore.owe``."""
        self._submit(Owe(copies, done))

    def settle_owed(self, copies: Sequence[tuple[int, str]], done: Done | None) -> None:
        """See ``base.MessageStore.settle_owed``."""
        self._submit(SettleOwed(copies, done))

    def load_owed(self) -> list[tuple[int, str]]:
        """See ``base.MessageStore.load_owed``."""
        return self._select("SELECT seq, key FROM owed ORDER BY seq, key")

    async def fetch(self, seqs: Sequence[int]) -> list[StoredMessage]:
        """See ``base.MessageStore.fetch``; reads in the thread of ``replay``."""
        if self._reader is None or self._loop is None:
            raise Unavailable("the store is not open")
        return await self._loop.run_in_executor(self._reader, self._fetch, tuple(seqs))

    async def replay(self, after_seq: int, limit: int) -> list[StoredMessage]:
        """See ``base.MessageStore.replay``; reads in a thread of its own, so the loop goes on."""
        if self._reader is None or self._loop is None:
            raise Unavailable("the store is not open")
        return await self._loop.run_in_executor(self._reader, self._replay, after_seq, limit)

    def trim(self, up_to_seq: int) -> None:
        """See ``base.MessageStore.trim``."""
        self._submit(Trim(up_to_seq))

    def retain(self, message: StoredMessage, done: Done | None) -> None:
        """See ``base.MessageStore.retain``."""
        self._note_seq(message.seq)
        self._submit(Retain(message, done))

    def load_retained(self) -> list[StoredMessage]:
        """See ``base.MessageStore.load_retained``."""
        return [message_of(row) for row in self._select(_RETAINED)]

    def last_seq(self) -> int:
        """See ``base.MessageStore.last_seq``."""
        return self._last_seq

    def _note_seq(self, seq: int) -> None:
        if seq > self._last_seq:
            self._last_seq = seq

    def _submit(self, write: Write) -> None:
        if self._loop is None:
            raise StorageError("the store is not open: await open() first")
        if self._writer is None:
            if write.done is not None:
                self._loop.call_soon(write.done, Unavailable("the store is closed"))
            return
        if not self._pending:
            self._loop.call_soon(self._hand_over)
        self._pending.append(write)

    def _hand_over(self) -> None:
        if self._writer is not None and self._pending:
            self._writer.submit(self._pending)
            self._pending = []

    def _answer(self, answers: Answers) -> None:
        """Called from the writer thread, once per commit."""
        assert self._loop is not None, "the writer is started after the loop is known"
        self._loop.call_soon_threadsafe(_deliver, answers)

    def _open_files(self) -> sqlite3.Connection:
        self._files.acquire()
        connection = None
        try:
            connection = self._files.connect(self._factory)
            self._reading = self._files.connect_read_only()
            ((self._last_seq,),) = self._select(_LAST_SEQ)
        except sqlite3.Error as error:
            for opened in (connection, self._reading):
                if opened is not None:
                    opened.close()
            self._files.release()
            raise StorageError(
                f"{self._files.database}: cannot be opened: {reason_of(error)}"
            ) from error
        return connection

    def _close_files(self, writer: Writer) -> None:
        """The connection that writes goes last: then SQLite empties the WAL and removes it."""
        writer.stop()
        if self._reader is not None:
            self._reader.shutdown()
        for connection in (self._reading, self._writing):
            try:
                if connection is not None:
                    connection.close()
            except sqlite3.Error as error:
                logger.error("store not closed cleanly error=%s", reason_of(error))
        self._files.release()

    def _fetch(self, seqs: tuple[int, ...]) -> list[StoredMessage]:
        assert self._reading is not None, "opened with the reader"
        try:
            return read_some(self._reading, seqs)
        except sqlite3.Error as error:
            raise Unavailable(f"{self._files.database}: {reason_of(error)}") from error

    def _replay(self, after_seq: int, limit: int) -> list[StoredMessage]:
        assert self._reading is not None, "opened with the reader"
        try:
            return read_page(self._reading, after_seq, limit)
        except sqlite3.Error as error:
            raise Unavailable(f"{self._files.database}: {reason_of(error)}") from error

    def _select(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows read at once, before the listeners open."""
        if self._reading is None:
            raise StorageError("the store is not open: await open() first")
        return self._reading.execute(statement).fetchall()


def _deliver(answers: Answers) -> None:
    for done, outcome in answers:
        try:
            done(outcome)
        except Exception:
            logger.exception("an acknowledgement could not be passed on")
