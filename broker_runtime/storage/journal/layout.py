"""Which files a journal folder holds, by name."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

HOUR_MS = 3_600_000
HOUR_US = HOUR_MS * 1000
"""A message belongs to the hour of its sequence, so hours do not overlap in sequences."""

PROGRESS = "progress.sqlite3"
WRITER_LOCK = "journal.lock"
INDEXER_LOCK = "indexer.lock"


def segment_path(folder: Path, position: int) -> Path:
    """The segment that starts at this position."""
    return folder / f"segment-{position:020d}.log"


def segments(folder: Path) -> list[tuple[int, Path]]:
    """(start position, path) of every segment, oldest first."""
    return _numbered(folder, "segment-", ".log")


def hour_path(folder: Path, hour: int) -> Path:
    """The index of this hour (hours since 1970)."""
    return folder / f"hour-{hour:08d}.sqlite3"


def hours(folder: Path) -> list[tuple[int, Path]]:
    """(hour, path) of every index, oldest first."""
    return _numbered(folder, "hour-", ".sqlite3")


def size_bytes(folder: Path) -> int:
    """What all files of a journal take."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                total += entry.stat().st_size
    return total


def remove_database(path: Path) -> None:
    """Delete a SQLite database with what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def make_private(path: Path) -> None:
    """Create an empty file that only its owner may read, unless it exists."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _numbered(folder: Path, prefix: str, suffix: str) -> list[tuple[int, Path]]:
    found = []
    for name in os.listdir(folder):
        number = name.removeprefix(prefix).removesuffix(suffix)
        if name == f"{prefix}{number}{suffix}" and number.isascii() and number.isdigit():
            found.append((int(number), folder / name))
    return sorted(found)
