"""Bringing a store that an earlier version of Signalbox wrote up to the schema of now."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from broker_runtime.storage.local.blocks import LOG_TABLE, write_blocks
from broker_runtime.storage.records import (
    MESSAGE_COLUMNS,
    message_of,
    upgrade_progress_1,
    upgrade_progress_2,
)

logger = logging.getLogger(__name__)

OWED_TABLE = """
CREATE TABLE owed (seq INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (seq, key)) WITHOUT ROWID;
"""
MOVED_ROWS = 1_000


def upgrade(connection: sqlite3.Connection, database: Path) -> None:
    """Bring schema 1 and 2 to schema 3, each step in one transaction; leaves any other alone.

    Raises:
        StorageError: something in it is damaged; the step changed nothing.
    """
    for version, step in ((1, _owe), (2, _use_blocks)):
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        if found != (version,):
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            step(connection)
            connection.execute(
                "UPDATE meta SET value = ? WHERE key = 'schema_version'", (version + 1,)
            )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        logger.info("store_upgraded file=%s schema=%d->%d", database, version, version + 1)


def _owe(connection: sqlite3.Connection) -> None:
    """Schema 2: copies owed to shared groups, the source of what is in flight."""
    connection.execute(OWED_TABLE)
    _rewrite_progress(connection, upgrade_progress_1)


def _use_blocks(connection: sqlite3.Connection) -> None:
    """Schema 3: the log in blocks of messages, ``offered`` in place of a list."""
    seqs = [row[0] for row in connection.execute("SELECT seq FROM log ORDER BY seq")]
    _rewrite_progress(connection, lambda progress: upgrade_progress_2(progress, seqs))
    connection.execute("ALTER TABLE log RENAME TO log_rows")
    connection.execute(LOG_TABLE)
    rows = connection.execute(f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM log_rows ORDER BY seq")  # noqa: S608  # our own names
    while page := rows.fetchmany(MOVED_ROWS):
        write_blocks(connection, [message_of(row) for row in page])
    connection.execute("DROP TABLE log_rows")


def _rewrite_progress(connection: sqlite3.Connection, change: Callable[[bytes], bytes]) -> None:
    for key, progress in connection.execute("SELECT session, record FROM progress").fetchall():
        connection.execute(
            "UPDATE progress SET record = ? WHERE session = ?", (change(progress), key)
        )
