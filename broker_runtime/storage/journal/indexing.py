"""From segments to hours: takes up where the last indexer stopped, indexes every record once."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from broker_runtime.storage.journal import layout
from broker_runtime.storage.journal.hours import HourFile
from broker_runtime.storage.journal.records import Found, Frame, frame_at

logger = logging.getLogger(__name__)

BATCH_BYTES = 4 * 1024 * 1024
OPEN_HOURS = 8
DISCARDED_AT_ONCE = 20_000
PATIENCE = 20
"""Looks at a damaged frame at the end of the newest segment before it is taken for damage."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNFIT = (OverflowError, sqlite3.IntegrityError, sqlite3.InterfaceError)
"""A record that SQLite cannot hold: only its frame is lost."""


class Progress:
    """The position up to which everything is indexed, in a file of its own."""

    def __init__(self, folder: Path) -> None:
        path = folder / layout.PROGRESS
        try:
            self._connection = _open_progress(path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            _set_aside(path)
            self._connection = _open_progress(path)
        row = self._connection.execute("SELECT position FROM progress").fetchone()
        self.position = int(row[0])

    def advance(self, position: int) -> None:
        """Everything before this position is in the hours."""
        self._connection.execute("UPDATE progress SET position = ?", (position,))
        self.position = position

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Indexer:
    """Moves records from segments to hour files, a batch a ``step``.

    Args:
        now_ms: wall clock, for the retention.
    """

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        self.retention_s: int | None = None
        self.max_bytes: int | None = None
        """What all files of the folder may take together."""
        self.size_bytes = 0
        """What they took when ``bound`` last looked."""
        self.discarded = 0
        """Messages that ``bound`` deleted."""
        self._first_hour = 0
        """Everything of earlier hours was deleted by ``bound``: what comes late for them goes
        too."""
        self._folder = folder
        self._now_ms = now_ms
        self._progress = Progress(folder)
        self._open_hours: dict[int, HourFile] = {}
        self._doubts = 0

    @property
    def position(self) -> int:
        """Everything before it is indexed."""
        return self._progress.position

    def step(self) -> bool:
        """Index the next batch; False when there is nothing (more) to do now."""
        segments = layout.segments(self._folder)
        for index, (start, path) in enumerate(segments):
            following = segments[index + 1][0] if index + 1 < len(segments) else None
            if following is not None and following <= self.position:
                self._forget_segment(path)
                continue
            return self._step_in(path, start, following)
        return False

    def expire(self) -> None:
        """Delete the hours that ended longer ago than the retention."""
        for hour, path in layout.hours(self._folder):
            if self._is_expired(hour):
                self._close_hour(hour)
                layout.remove_database(path)
                logger.info("message log hour deleted by retention file=%s", path.name)

    def bound(self) -> bool:
        """Delete the oldest while the files take more than ``max_bytes``: an hour, and of the
        newest hour some messages. True: there is more to delete, call again soon."""
        self.size_bytes = layout.size_bytes(self._folder)
        hours = layout.hours(self._folder)
        if self.max_bytes is None or self.size_bytes <= self.max_bytes or not hours:
            return False
        hour, path = hours[0]
        opened = self._hour(hour)
        if len(hours) == 1:
            if self.size_bytes - opened.unused_bytes() <= self.max_bytes:
                return False
            deleted = opened.drop_oldest(DISCARDED_AT_ONCE)
            self.discarded += deleted
            return deleted > 0
        deleted = opened.count()
        self.discarded += deleted
        self._first_hour = hour + 1
        self._close_hour(hour)
        layout.remove_database(path)
        logger.warning(
            "message log hour deleted by the limit of size file=%s messages=%d limit_bytes=%d",
            path.name,
            deleted,
            self.max_bytes,
        )
        return True

    def close(self) -> None:
        """Close every file."""
        for hour in list(self._open_hours):
            self._close_hour(hour)
        self._progress.close()

    def _step_in(self, path: Path, start: int, following: int | None) -> bool:
        if self.position < start:  # the segment before it ended here, or was lost
            self._progress.advance(start)
        frames, seen = self._read(path, start, is_sealed=following is not None)
        if frames:
            self._take(frames)
        if seen > self.position:
            self._progress.advance(seen)
            return True
        if following is None:
            return False
        left_bytes = following - self.position
        if left_bytes:
            logger.warning(
                "message log segment ends in the middle of a write, the rest is left out "
                "file=%s bytes=%d",
                path.name,
                left_bytes,
            )
        self._progress.advance(following)
        return True

    def _read(
        self, path: Path, start: int, *, is_sealed: bool
    ) -> tuple[list[tuple[int, Frame]], int]:
        """Whole frames from the position on, each with the position after it, and where they
        end."""
        data = _read_at(path, self.position - start, BATCH_BYTES)
        first = frame_at(data, 0)
        if isinstance(first, int) and first > BATCH_BYTES:
            data = _read_at(path, self.position - start, first)
        frames: list[tuple[int, Frame]] = []
        offset = 0
        while isinstance(found := frame_at(data, offset), Found):
            if found.frame is None and not self._is_damage(data, offset, found, is_sealed):
                break
            offset = found.end
            if found.frame is not None:
                frames.append((self.position + offset, found.frame))
                self._doubts = 0
        return frames, self.position + offset

    def _is_damage(self, data: bytes, offset: int, found: Found, is_sealed: bool) -> bool:
        """Whether a bad frame will stay bad; at the end of the newest segment it may be half
        written."""
        self._doubts += 1
        if not is_sealed and found.end == len(data) and self._doubts < PATIENCE:
            return False
        logger.error(
            "message log frame is damaged and left out position=%d bytes=%d",
            self.position + offset,
            found.end - offset,
        )
        self._doubts = 0
        return True

    def _take(self, frames: list[tuple[int, Frame]]) -> None:
        parts: dict[int, list[tuple[int, Frame]]] = {}
        for end, frame in frames:
            for hour, part in split_by_hour(frame).items():
                parts.setdefault(hour, []).append((end, part))
        for hour, entries in sorted(parts.items()):
            if not self._is_expired(hour):
                self._take_hour(hour, entries)

    def _take_hour(self, hour: int, entries: list[tuple[int, Frame]]) -> None:
        try:
            self._hour(hour).take(entries)
        except _UNFIT as error:
            self._close_hour(hour)
            if len(entries) == 1:
                logger.error("message log frame cannot be indexed, left out error=%s", error)
                return
            for entry in entries:
                self._take_hour(hour, [entry])
        except sqlite3.Error as error:
            self._close_hour(hour)
            if not _is_damage(error):
                raise
            _set_aside(layout.hour_path(self._folder, hour))
            self._hour(hour).take(entries)

    def _hour(self, hour: int) -> HourFile:
        """The hour, open; of the others the longest unused is closed when there are many."""
        opened = self._open_hours.pop(hour, None)
        if opened is None:
            opened = HourFile(layout.hour_path(self._folder, hour))
        self._open_hours[hour] = opened
        if len(self._open_hours) > OPEN_HOURS:
            self._close_hour(next(iter(self._open_hours)))
        return opened

    def _close_hour(self, hour: int) -> None:
        opened = self._open_hours.pop(hour, None)
        if opened is not None:
            opened.close()

    def _forget_segment(self, path: Path) -> None:
        for opened in self._open_hours.values():
            opened.settle()
        path.unlink()

    def _is_expired(self, hour: int) -> bool:
        if hour < self._first_hour:
            return True
        if self.retention_s is None:
            return False
        return (hour + 1) * layout.HOUR_MS <= self._now_ms() - self.retention_s * 1000


def split_by_hour(frame: Frame) -> dict[int, Frame]:
    """The frame as one frame for each hour that it touches; nearly always that is itself."""
    touched = {row[0] // layout.HOUR_US for row in frame.publishes}
    touched.update(row[0] // layout.HOUR_US for row in frame.steps)
    touched.update(row[0] // layout.HOUR_MS for row in frame.events)
    if len(touched) == 1:
        return {touched.pop(): frame}
    return {
        hour: Frame(
            [row for row in frame.publishes if row[0] // layout.HOUR_US == hour],
            frame.audiences,
            [row for row in frame.steps if row[0] // layout.HOUR_US == hour],
            [row for row in frame.events if row[0] // layout.HOUR_MS == hour],
        )
        for hour in touched
    }


def _read_at(path: Path, offset: int, size_bytes: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size_bytes, offset)
    finally:
        os.close(descriptor)


def _open_progress(path: Path) -> sqlite3.Connection:
    layout.make_private(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS progress (position INTEGER NOT NULL)")
        if connection.execute("SELECT count(*) FROM progress").fetchone() == (0,):
            connection.execute("INSERT INTO progress VALUES (0)")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _set_aside(path: Path) -> None:
    """Move a damaged file out of the way: the log goes on, the file can be looked at."""
    logger.error("message log file is damaged and set aside as %s.damaged", path.name)
    path.replace(path.with_name(path.name + ".damaged"))
    layout.remove_database(path)
