"""Bringing a store that an earlier version of Signalbox wrote up to the schema of now."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from broker_runtime.storage.records import upgrade_progress

logger = logging.getLogger(__name__)

OWED_TABLE = """
CREATE TABLE owed (seq INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (seq, key)) WITHOUT ROWID;
"""


def upgrade(connection: sqlite3.Connection, database: Path) -> None:
    """Bring schema 1 to schema 2, in one transaction; leaves any other schema alone.

    Raises:
        StorageError: a session in it is damaged; nothing was changed.
    """
    version = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if version != (1,):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(OWED_TABLE)
        for key, progress in connection.execute("SELECT session, record FROM progress").fetchall():
            connection.execute(
                "UPDATE progress SET record = ? WHERE session = ?",
                (upgrade_progress(progress), key),
            )
        connection.execute("UPDATE meta SET value = 2 WHERE key = 'schema_version'")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    logger.info("store_upgraded file=%s schema=1->2", database)
