"""Which runtimes should run: the rows of ``clusters_node``, by plain SQL and without Django."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import psycopg

NODE_ID = re.compile(r"mqtt-[a-z0-9]{8}-n\d{1,3}")
QUERY = (
    "SELECT node_id, cluster_public_id, control_host, control_port FROM clusters_node"
    " WHERE desired_state = 'running' ORDER BY node_id"
)
PATIENCE_S = 5
"""How long a query may wait for the database before it counts as away."""

Row = tuple[object, ...]


class DatabaseAway(Exception):
    """The rows cannot be read now; the message says why. What runs shall go on running."""


@dataclass(frozen=True, slots=True)
class DesiredNode:
    """A runtime that should run, with the address of its control API."""

    node_id: str
    cluster_id: str
    control_host: str
    control_port: int


class NodeSource(Protocol):
    """Tells which runtimes should run."""

    def read(self) -> list[Row]:
        """Return the columns of ``QUERY``; blocks; raises ``DatabaseAway``."""
        ...


class SqliteNodes:
    """Reads the rows from an SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Row]:
        """Return the rows, over a connection of this look: it costs 0.1 ms and holds no lock."""
        # mode=rw: a file that is not there is an error, and not a new empty database.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        try:
            with contextlib.closing(sqlite3.connect(address, PATIENCE_S, uri=True)) as connection:
                return connection.execute(QUERY).fetchall()
        except sqlite3.Error as problem:
            raise DatabaseAway(f"{self._path}: {problem}") from problem


class PostgresNodes:
    """Reads the rows from PostgreSQL, over one connection that is made anew when it breaks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    def read(self) -> list[Row]:
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
            return list(self._connection.execute(QUERY).fetchall())
        except psycopg.Error as problem:
            if self._connection is not None:
                self._connection.close()
            raise DatabaseAway(str(problem).strip()) from problem


def node_source(database_url: str) -> NodeSource:
    """Return the reader for a database URL (``sqlite:///path`` or ``postgresql://...``)."""
    address = urlsplit(database_url)
    if address.scheme == "sqlite":
        return SqliteNodes(Path(unquote(address.path.removeprefix("/"))))
    return PostgresNodes(database_url)


def accept(rows: Iterable[Row]) -> tuple[tuple[DesiredNode, ...], tuple[str, ...]]:
    """Sort rows into nodes and complaints: a row names files and ports, so it is checked first."""
    nodes, complaints = [], []
    for row in rows:
        node = _node(row)
        if node is None:
            complaints.append(f"clusters_node holds a row that cannot be a node: {row!r:.200}")
        else:
            nodes.append(node)
    return tuple(nodes), tuple(complaints)


def _node(row: Row) -> DesiredNode | None:
    node_id, cluster_id, host, port = row
    if not isinstance(node_id, str) or not NODE_ID.fullmatch(node_id):
        return None
    if not isinstance(cluster_id, str) or not node_id.startswith(f"{cluster_id}-n"):
        return None
    if not isinstance(host, str) or not host or host.startswith("-"):
        return None
    if not isinstance(port, int) or not 0 < port < 65_536:
        return None
    return DesiredNode(node_id, cluster_id, host, port)
