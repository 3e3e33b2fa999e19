"""Real processes: start, ask to stop, kill, and keep what they print."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from console.supervisor.leash import Leash
from console.supervisor.log_file import LogFile
from console.supervisor.specification import ProcessSpecification

READ_BYTES = 65_536

OnEnd = Callable[[str, int], None]
"""Called in the event loop with a process's name and exit status (negative: the signal)."""


class Launcher(Protocol):
    """Carries out what the roster decides."""

    def start(self, specification: ProcessSpecification) -> int:
        """Start a process and return its id; raise OSError where it cannot be started."""
        ...

    def stop(self, name: str) -> None:
        """Ask a process to stop."""
        ...

    def kill(self, name: str) -> None:
        """End a process, and those it started, now."""
        ...

    def last_line(self, name: str) -> str:
        """Return the newest line that a process of this name printed."""
        ...


class Child:
    """One running process and its output."""

    def __init__(self, popen: subprocess.Popen[bytes], log: LogFile) -> None:
        assert popen.stdout is not None  # the launcher gives every child a pipe
        self.popen = popen
        self._pipe = popen.stdout.fileno()
        self._log = log
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._read)

    def finish(self) -> None:
        """Keep what is left of its output and release its files; it has ended."""
        while self._read():
            pass
        self._loop.remove_reader(self._pipe)
        for stream in (self.popen.stdout, self.popen.stdin):
            if stream is not None:
                stream.close()
        self._log.close()

    def signal_group(self, signum: signal.Signals) -> None:
        """Signal it and every process that it started; each child leads a group of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signum)

    def last_line(self) -> str:
        """Return the newest line that it printed."""
        return self._log.last_line()

    def _read(self) -> bool:
        """Move one piece of output into the log; False where there is none now."""
        try:
            output = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if output:
            self._log.append(output)
        else:
            self._loop.remove_reader(self._pipe)
        return bool(output)


class ProcessLauncher:
    """Starts processes that cannot outlive this one and logs what they print."""

    def __init__(self, *, leash: Leash, logs: Path, folder: Path, on_end: OnEnd) -> None:
        self._leash = leash
        self._logs = logs
        self._folder = folder
        self._on_end = on_end
        self._children: dict[str, Child] = {}
        self._last_lines: dict[str, str] = {}

    def start(self, specification: ProcessSpecification) -> int:
        """Start a process and return its id; raise OSError where it cannot be started."""
        log = LogFile(self._logs / f"{specification.name}.log")
        try:
            popen = subprocess.Popen(
                specification.command,
                cwd=self._folder,
                env=dict(specification.variables),
                stdin=subprocess.PIPE if specification.lifeline else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor alone
                # Safe here: one C call and one system call, loaded before, no lock taken.
                preexec_fn=self._leash.tie(),
            )
        except OSError:
            log.close()
            raise
        self._leash.hold(popen.pid)
        self._children[specification.name] = Child(popen, log)
        # A thread per child works on every system and with every event loop; a child is rare.
        arguments = (specification.name, popen, asyncio.get_running_loop())
        threading.Thread(target=self._wait, args=arguments, daemon=True).start()
        return popen.pid

    def stop(self, name: str) -> None:
        """Ask a process to stop; only itself, for it knows best how to end what it started."""
        child = self._children.get(name)
        if child is not None:
            child.popen.send_signal(signal.SIGTERM)

    def kill(self, name: str) -> None:
        """End a process, and those it started, now."""
        child = self._children.get(name)
        if child is not None:
            child.signal_group(signal.SIGKILL)

    def last_line(self, name: str) -> str:
        """Return the newest line that a process of this name printed."""
        child = self._children.get(name)
        return child.last_line() if child else self._last_lines.get(name, "")

    def _wait(
        self, name: str, popen: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop
    ) -> None:
        status = popen.wait()
        with contextlib.suppress(
            RuntimeError
        ):  # the loop has closed: nobody is interested any more
            loop.call_soon_threadsafe(self._ended, name, status)

    def _ended(self, name: str, status: int) -> None:
        child = self._children.pop(name)
        child.signal_group(signal.SIGKILL)  # what it started and left behind
        child.finish()
        self._leash.release(child.popen.pid)
        self._last_lines[name] = child.last_line()
        self._on_end(name, status)
