"""Where a journal goes on after its process ended, however it ended."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from broker_runtime.storage.journal import layout


def resume(folder: Path) -> tuple[int, int]:
    """Where to write on, and up to where everything is indexed.

    The first has no record yet: it is after every segment and after all that was indexed.
    """
    ends = [start + path.stat().st_size for start, path in layout.segments(folder)]
    indexed = _position_in(folder / layout.PROGRESS)
    hours = [_position_in(path) for _, path in layout.hours(folder)]
    return max([0, indexed, *ends, *hours]), indexed


def _position_in(path: Path) -> int:
    """The position that an index says it has reached; 0 when it cannot be read."""
    try:
        with closing(open_read_only(path)) as connection:
            (position,) = connection.execute("SELECT position FROM progress").fetchone()
    except (sqlite3.Error, TypeError):  # damaged or half made: the indexer deals with it
        return 0
    return int(position)


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that can only read; it waits up to 2 s for a writer that recovers the file."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2, isolation_level=None)
