"""The console's database, asked by plain SQL and without Django."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, Protocol
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import psycopg

PATIENCE_S = 5
"""How long a question may wait for the database before it counts as away."""

Row = tuple[object, ...]


class DatabaseAway(Exception):
    """The database cannot be asked now; the message says why."""


class Database(Protocol):
    """Answers questions."""

    def ask(self, question: LiteralString) -> list[Row]:
        """Return the rows of a SELECT; blocks; raises ``DatabaseAway``."""
        ...


class SqliteDatabase:
    """An SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, question: LiteralString) -> list[Row]:
        """Return the rows, over a connection of this look: it costs 0.1 ms and holds no lock."""
        # mode=rw: a file that is not there is an error, and not a new empty database.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        try:
            with contextlib.closing(sqlite3.connect(address, PATIENCE_S, uri=True)) as connection:
                return connection.execute(question).fetchall()
        except sqlite3.Error as problem:
            raise DatabaseAway(f"{self._path}: {problem}") from problem


class PostgresDatabase:
    """A PostgreSQL server, over one connection that is made anew when it breaks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    def ask(self, question: LiteralString) -> list[Row]:
        """Return the rows."""
        import psycopg  # a tenth of a second that an installation with SQLite need not wait

        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=PATIENCE_S,
                    options=f"-c statement_timeout={PATIENCE_S * 1000}",
                )
            return list(self._connection.execute(question).fetchall())
        except psycopg.Error as problem:
            if self._connection is not None:
                self._connection.close()
            raise DatabaseAway(str(problem).strip()) from problem


def open_database(url: str) -> Database:
    """Return the database of a URL (``sqlite:///path`` or ``postgresql://...``)."""
    address = urlsplit(url)
    if address.scheme == "sqlite":
        return SqliteDatabase(Path(unquote(address.path.removeprefix("/"))))
    return PostgresDatabase(url)
