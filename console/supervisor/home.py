"""The home folder: who may use it, what lies where, and files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("run", "logs", "nodes", "valkey")


class HomeUnusable(Exception):
    """The home folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """All data of one installation, readable by its user alone."""

    path: Path

    @property
    def run(self) -> Path:
        """Sockets, locks, the status file: nothing here is needed after a stop."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """``<process>.log`` of every process."""
        return self.path / "logs"

    @property
    def valkey(self) -> Path:
        """The private Valkey's append-only file."""
        return self.path / "valkey"

    def node(self, node_id: str) -> Path:
        """The folder of one runtime: its sessions, messages, configuration and tokens."""
        return self.path / "nodes" / node_id

    def prepare(self) -> None:
        """Make what is missing, for this user alone; raise ``HomeUnusable`` where that fails."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.path, *(self.path / name for name in FOLDERS)):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
        except OSError as problem:
            raise HomeUnusable(
                f"The home folder {self.path} cannot be used: {problem.strerror}.\n"
                "  Set SIGNALBOX_HOME to a folder that you may write."
            ) from problem

    def lock(self) -> int:
        """Keep every other supervisor away from this home for as long as this process lives.

        Returns: the descriptor that holds the lock; closing it, or dying, gives it up.
        """
        descriptor = os.open(self.run / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise HomeUnusable(
                f"Signalbox is already running on {self.path} (process {holder}).\n"
                "  Stop it first, or set SIGNALBOX_HOME to another folder for a second one."
            ) from problem
        os.truncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        return descriptor


def write_private(path: Path, content: str) -> None:
    """Put a file in place whole, readable by this user alone (0600)."""
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    os.replace(draft, path)
