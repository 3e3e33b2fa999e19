"""What a write-ahead log held before SQLite recovered it, so that nothing is cut in silence.

SQLite reads a WAL up to the first frame that is not whole and forgets the rest without a word.
After ``kill -9`` or a power cut that rest was never acknowledged: one transaction that was being
written. Anything more is damage. Format: sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = (0x377F0682, 0x377F0683)


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a WAL as they stand in the file, checksums not looked at.

    ``commits``: for each frame up to the last of the current generation whether it ends a
    transaction (False for a foreign one between them, which is damaged). What follows is of earlier
    generations and used up.
    ``tail_bytes``: what is left at the end and is no whole frame. ``is_headless``: the file has
    content and no header that SQLite would take.
    """

    commits: list[bool]
    tail_bytes: int
    is_headless: bool


def read_frames(path: Path) -> Frames:
    """Look at the frames of a WAL file, a few bytes of each; an absent file has none.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return Frames([], 0, is_headless=False)
    with file:
        size_bytes = path.stat().st_size
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return Frames([], len(header), is_headless=False)
        magic, _, page_bytes, _, salt_1, salt_2, _, _ = _HEADER.unpack(header)
        frame_bytes = _FRAME.size + page_bytes
        if magic not in _MAGIC or not 512 <= page_bytes <= 65_536:
            return Frames([], size_bytes, is_headless=True)
        commits: list[bool] = []
        last = 0
        for offset in range(_HEADER.size, size_bytes - frame_bytes + 1, frame_bytes):
            file.seek(offset)
            _, pages, frame_salt_1, frame_salt_2, _, _ = _FRAME.unpack(file.read(_FRAME.size))
            is_current = (frame_salt_1, frame_salt_2) == (salt_1, salt_2)
            commits.append(is_current and pages != 0)
            last = len(commits) if is_current else last
        tail_bytes = (size_bytes - _HEADER.size) % frame_bytes if last == len(commits) else 0
        return Frames(commits[:last], tail_bytes, is_headless=False)


class Watched:
    """A WAL that is about to be recovered, with a second name for its content."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._second = path.with_name(f"{path.name}.before")
        self._frames = read_frames(path)
        self._second.unlink(missing_ok=True)
        if self._frames.commits or self._frames.is_headless:
            with contextlib.suppress(OSError):  # a file system without links: nothing is put aside
                self._second.hardlink_to(path)

    def recovered(self, connection: sqlite3.Connection) -> None:
        """Compare with what SQLite takes of it; what is cut off is said, and kept when it had been
        committed."""
        before = self._frames
        _, log_frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        taken = max(0, int(log_frames))
        cut = before.commits[taken:]
        lost = sum(cut)
        if before.is_headless or lost:
            aside = _free_name(self._path)
            with contextlib.suppress(FileNotFoundError):
                self._second.rename(aside)
            logger.error(
                "store_log_damaged file=%s frames_kept=%d frames_lost=%s transactions_lost=%s "
                "kept_as=%s advice=restore a snapshot if what was lost matters more than what came "
                "since",
                *(self._path, taken),
                *(("unknown", "unknown") if before.is_headless else (len(cut), lost)),
                aside.name if aside.exists() else "nothing",
            )
        elif cut or before.tail_bytes:
            logger.warning(
                "store_log_cut file=%s frames_kept=%d frames_cut=%d bytes_cut=%d "
                "reason=a transaction was not written to its end, so it was never acknowledged",
                *(self._path, taken, len(cut), before.tail_bytes),
            )

    def forget(self) -> None:
        """Drop the second name, unless it was put aside."""
        self._second.unlink(missing_ok=True)


@contextlib.contextmanager
def watched(database: Path) -> Iterator[Watched]:
    """Watch over the recovery of a database's WAL."""
    found = Watched(database.with_name(f"{database.name}-wal"))
    try:
        yield found
    finally:
        found.forget()


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside
