"""A log file that never grows past a bound."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

LIMIT_BYTES = 5_000_000
"""Size at which a log file becomes ``<name>.log.1``, replacing the one before it."""
TAIL_BYTES = 4_000
LONGEST_LAST_LINE = 120
"""Characters of the last line that the terminal shows; the file has all of it."""


class LogFile:
    """What one process printed, unchanged; the newest part, at most twice the limit."""

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._file = self._open()
        self._tail = b""
        self._dropped_bytes = 0

    def append(self, output: bytes) -> None:
        """Write a piece of output; it need not end at the end of a line.

        While the disk is full, output is dropped; once it is not, the log says how much is missing.
        """
        self._tail = (self._tail + output)[-TAIL_BYTES:]
        try:
            self._rotate(len(output))
            if self._dropped_bytes:
                self._file.write(b"\n[%d bytes could not be written]\n" % self._dropped_bytes)
                self._dropped_bytes = 0
            self._file.write(output)
        except OSError:
            self._dropped_bytes += len(output)

    def last_line(self) -> str:
        """Return the newest line that is not empty, shortened; empty where nothing was printed."""
        lines = [line for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        last = lines[-1].strip() if lines else ""
        return last if len(last) <= LONGEST_LAST_LINE else f"{last[:LONGEST_LAST_LINE]} ..."

    def close(self) -> None:
        """Release the file; nothing may be appended afterwards."""
        self._file.close()

    def _rotate(self, more_bytes: int) -> None:
        size = self._file.tell()
        if size and size + more_bytes > self._limit_bytes:
            os.replace(self.path, self.path.with_suffix(".log.1"))
            self._file.close()
            self._file = self._open()

    def _open(self) -> FileIO:
        return self.path.open("ab", buffering=0)
