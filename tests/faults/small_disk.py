"""A real disk of a few megabytes for the data folder of a node: a tmpfs in a mount namespace of its
own. It can be filled, freed, and made read-only while the node runs, without harm to anything else.

It needs the right to make namespaces (root, or unprivileged user namespaces).
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
from pathlib import Path

from tests.node.process import REPOSITORY

SIZE = "24m"


@functools.cache
def namespace() -> list[str]:
    """How to enter a new mount namespace; empty when that is not allowed here."""
    for options in (["-m"], ["-U", "-r", "-m"]):
        command = ["unshare", *options, "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run(command, capture_output=True).returncode == 0:
                return ["unshare", *options]
    return []


class SmallDisk:
    """The disk, held by a process that sleeps in its namespace."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._namespace = namespace()
        script = f"mount -t tmpfs -o size={SIZE} none '{folder}' && echo ready && exec sleep 600"
        self._holder = subprocess.Popen(
            [*self._namespace, "sh", "-c", script], stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"

    @property
    def path(self) -> Path:
        """The disk as this process sees it."""
        return Path(f"/proc/{self._holder.pid}/root{self._folder}")

    def enter(self) -> list[str]:
        """What to put before a command that is to see the disk at its folder."""
        user = ["-U", "--preserve-credentials"] if "-U" in self._namespace else []
        return ["nsenter", "-t", str(self._holder.pid), *user, "-m", f"--wd={REPOSITORY}"]

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (65_536, 4_096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def free(self) -> None:
        """Give the room back."""
        (self.path / "filler").unlink()

    def remount(self, how: str) -> None:
        """``ro`` or ``rw``."""
        subprocess.run(
            [*self.enter(), "mount", "-o", f"remount,{how}", str(self._folder)], check=True
        )

    def close(self) -> None:
        """The disk is gone with its last process."""
        assert self._holder.stdout is not None
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
