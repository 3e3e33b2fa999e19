"""The data folder of a node: made private, locked for one process, written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

LOCK = "node.lock"
RESTORING = "restore.draft"
"""Where a snapshot is unpacked before it takes the place of what the folder holds."""
RESTORE_MARK = f"{RESTORING}/manifest.json"
"""There while files are moved; still there when that was cut off."""


class FolderUnusable(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class DataFolder:
    """A folder (0700) that one node at a time may use.

    The lock is a POSIX record lock: the kernel releases it when the process dies, however it dies,
    and child processes do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def acquire(self, *, restoring: bool = False) -> None:
        """Make the folder if need be and lock it.

        Args:
            restoring: whether it may be a folder in which a restore was cut off.

        Raises:
            FolderUnusable: it cannot be made or written, another node runs on it, or a restore was
                cut off.
        """
        if not restoring and (self.path / RESTORE_MARK).exists():
            raise FolderUnusable(
                f"--data {self.path}: a restore was cut off ({RESTORE_MARK} is there); run it again"
            )
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderUnusable(
                f"--data {self.path}: {error.strerror}; give a folder this user may write to"
            ) from None
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise FolderUnusable(
                f"--data {self.path}: another node runs on this folder (process {owner}); "
                "stop it, or give this node a folder of its own"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock = descriptor

    def release(self) -> None:
        """Let another process use the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file (0600) as a whole; on the disk when it returns. Raises ``OSError``."""
    draft = path.with_name(f"{path.name}.draft")
    try:
        write_private(draft, content)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, and sync it. Raises ``OSError``."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames within the folder durable. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
