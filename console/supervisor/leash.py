"""No child outlives the supervisor, not even one that is killed with -9.

On Linux the kernel sees to it: a child asks to be killed when its parent dies. Elsewhere a small
guard process holds the end of a pipe whose other end only the supervisor has; at its end the guard
kills the children it was told of.

``python -m console.supervisor.leash`` is that guard.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol

PR_SET_PDEATHSIG = 1
"""``prctl(2)``: the signal that the kernel sends to this process when its parent dies."""


class Leash(Protocol):
    """Ties children to the life of this process."""

    def tie(self) -> Callable[[], None] | None:
        """Return what a child runs between fork and exec; None: nothing."""
        ...

    def hold(self, pid: int) -> None:
        """Note a child that was started."""
        ...

    def release(self, pid: int) -> None:
        """Note a child that has ended."""
        ...


class KernelLeash:
    """Linux: each child is killed by the kernel."""

    def __init__(self) -> None:
        # Loaded before the fork: between fork and exec nothing may be imported or opened.
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._parent = os.getpid()

    def tie(self) -> Callable[[], None]:
        """Return what asks the kernel, and ends the child where the parent died in the meantime."""

        def ask_kernel() -> None:
            self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self._parent:
                os._exit(1)

        return ask_kernel

    def hold(self, pid: int) -> None:
        """Nothing to note: the child has asked for itself."""

    def release(self, pid: int) -> None:
        """Nothing to note."""


class GuardLeash:
    """Other systems: a guard process kills the children when this process has gone."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "console.supervisor.leash"]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def tie(self) -> None:
        """Return nothing: the guard is told once the child has a process id."""

    def hold(self, pid: int) -> None:
        """Have the guard kill this child, and the processes it started, when we are gone."""
        self._tell(f"+{pid}\n")

    def release(self, pid: int) -> None:
        """Have the guard forget a child that ended, for its id may be another's soon."""
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None  # Popen was given a pipe
        with contextlib.suppress(BrokenPipeError):  # a guard that was killed guards no more
            self._guard.stdin.write(line.encode())
            self._guard.stdin.flush()


def make_leash() -> Leash:
    """Return the leash for this system."""
    return KernelLeash() if sys.platform == "linux" else GuardLeash()


def held_at_the_end(lines: Iterable[bytes]) -> set[int]:
    """Read what ``GuardLeash`` wrote until its end; return the children that were still alive."""
    held: set[int] = set()
    for line in lines:
        pid = int(line[1:])
        held.add(pid) if line[:1] == b"+" else held.discard(pid)
    return held


def guard(pipe: BinaryIO) -> None:
    """Wait for the end of the pipe, then kill the process groups that are left."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # only the supervisor's end counts
    for pid in held_at_the_end(pipe):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    guard(sys.stdin.buffer)
