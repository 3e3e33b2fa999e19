"""The files of the local store: created whole or not at all, owned by one process, checked before
use."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from pathlib import Path

from broker_runtime.storage.base import StorageError
from broker_runtime.storage.local import wal
from broker_runtime.storage.local.blocks import LOG_TABLE
from broker_runtime.storage.local.upgrade import OWED_TABLE, upgrade
from broker_runtime.storage.records import MESSAGE_COLUMNS

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 3
"""2: copies owed to shared groups; 3: the log in blocks (``upgrade`` brings older ones up)."""
SHARDS = 1
"""Shards of the log. Stored with the data and never changed in it (CLUSTERING 3.7, point 2)."""

CHECKED_BYTES = 512 * 1024 * 1024
"""Larger files are not read through at start, so that a node starts within seconds (SECURITY
F2)."""

_MESSAGE = """
    shard INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    qos INTEGER NOT NULL, retain INTEGER NOT NULL,
    client_id TEXT NOT NULL, username TEXT NOT NULL, address TEXT NOT NULL,
    stored_ms INTEGER NOT NULL, expires_ms INTEGER, properties BLOB NOT NULL"""

_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE session (
    id INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL,
    record BLOB NOT NULL);
CREATE TABLE progress (session INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE retained (seq INTEGER NOT NULL, {_MESSAGE}, UNIQUE (topic));
CREATE TABLE received (
    owner TEXT NOT NULL, packet_id INTEGER NOT NULL, seq INTEGER NOT NULL, {_MESSAGE},
    UNIQUE (owner, packet_id));
CREATE TABLE probe (filler BLOB NOT NULL);
{OWED_TABLE}{LOG_TABLE}"""

_RESTORE = "restore it from a backup, or move the folder away to begin with an empty store"


class StoreFiles:
    """Database and lock of one store folder.

    The lock file also remembers that the folder was in use, so that a lost database is noticed
    instead of replaced.
    """

    def __init__(self, folder: Path, node_id: str) -> None:
        self.folder = folder
        self.database = folder / "store.sqlite3"
        self._node_id = node_id
        self._lock_path = folder / "store.lock"
        self._lock: int | None = None

    def acquire(self) -> None:
        """Take the folder for this process, then create the database or check the one that is
        there.

        Raises:
            StorageError: another process holds it, or something is damaged; says which file and
            what to do.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            self._take_lock()
        except OSError as error:
            raise StorageError(f"{self.folder}: cannot be used: {error.strerror}") from error
        try:
            self._create_or_check()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the folder up; does nothing when it is not held."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def connect(self, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
        """The connection that writes: autocommit, transactions are begun and ended by hand."""
        connection = sqlite3.connect(
            self.database, isolation_level=None, check_same_thread=False, factory=factory
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it after its answers
        return connection

    def connect_read_only(self) -> sqlite3.Connection:
        """A connection that can only read."""
        return sqlite3.connect(
            f"{self.database.as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )

    def _take_lock(self) -> None:
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise StorageError(
                f"{self.folder}: another process uses this store; stop it, or give this node "
                "another folder"
            ) from error
        self._lock = descriptor

    def _create_or_check(self) -> None:
        used_by = self._lock_path.read_text(encoding="utf-8", errors="replace").strip()
        if self.database.exists():
            self._check()
        elif used_by or self.database.with_name(self.database.name + "-wal").exists():
            raise StorageError(
                f"{self.database}: the file is missing although it was used; {_RESTORE}"
            )
        else:
            self._create()
        self._mark_used()

    def _create(self) -> None:
        """Build the database under another name and rename it: a crash on the way leaves no half of
        one."""
        draft = self.database.with_name("store.draft")
        for leftover in self.folder.glob("store.draft*"):
            leftover.unlink()
        try:
            os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(draft, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
                connection.executemany(
                    "INSERT INTO meta VALUES (?, ?)",
                    [
                        ("schema_version", SCHEMA_VERSION),
                        ("shards", SHARDS),
                        ("node_id", self._node_id),
                        ("last_seq", 0),
                    ],
                )
            finally:
                connection.close()
            draft.rename(self.database)
            self._sync_folder()
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"{self.database}: cannot be created: {error}") from error

    def _check(self) -> None:
        try:
            size_bytes = self.database.stat().st_size
            if size_bytes == 0:
                raise StorageError(f"{self.database}: the file is empty; {_RESTORE}")
            with wal.watched(self.database) as frames:
                connection = sqlite3.connect(self.database, isolation_level=None)
                try:
                    frames.recovered(connection)
                    self._check_content(connection, size_bytes)
                finally:
                    connection.close()
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"{self.database}: damaged or unreadable: {error}; {_RESTORE}"
            ) from error

    def _check_content(self, connection: sqlite3.Connection, size_bytes: int) -> None:
        if size_bytes > CHECKED_BYTES:
            logger.info("store check left out file=%s size_bytes=%d", self.database, size_bytes)
        else:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                what = " ".join(str(verdict).split())
                raise StorageError(f"{self.database}: damaged: {what}; {_RESTORE}")
        upgrade(connection, self.database)
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        if meta.get("schema_version") != SCHEMA_VERSION or meta.get("shards") != SHARDS:
            raise StorageError(
                f"{self.database}: written by another version of Signalbox (schema "
                f"{meta.get('schema_version')}, not {SCHEMA_VERSION}); start that version"
            )
        if meta.get("node_id") != self._node_id:
            raise StorageError(
                f"{self.database}: belongs to node {meta.get('node_id')}, not to {self._node_id}; "
                "give this node the folder of its own"
            )
        connection.execute("SELECT last_seq, first_seq, messages FROM log LIMIT 1")
        for table in ("received", "retained"):
            connection.execute(f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM {table} LIMIT 1")  # noqa: S608  # our own names

    def _mark_used(self) -> None:
        assert self._lock is not None, "called while the folder is held"
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, self._node_id.encode(), 0)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
