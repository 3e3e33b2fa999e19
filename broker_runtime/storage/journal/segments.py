"""The broker's side of the segment files: append, rotate, and go on when the disk is full."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from broker_runtime.storage.journal.layout import segment_path

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 64 * 1024 * 1024


class SegmentWriter:
    """Appends frames at a position that only grows.

    Args:
        position: where the next byte goes; a new segment begins there.
    """

    def __init__(self, folder: Path, position: int, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.position = position
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._start = position
        self._descriptor: int | None = None
        self._is_failing = False

    def open(self) -> None:
        """Begin a segment, so that the one of an earlier process is known to be finished."""
        try:
            self._current()
        except OSError as error:
            self._fail(error)

    def append(self, data: bytes) -> bool:
        """Write a frame whole; False when it was not kept, and then nothing of it stays."""
        try:
            self._write(self._current(), data)
        except OSError as error:
            self._fail(error)
            return False
        if self._is_failing:
            logger.info("message log is written again folder=%s", self._folder)
        self._is_failing = False
        self.position += len(data)
        return True

    def close(self) -> None:
        """Close the segment; a later ``append`` begins a new one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _fail(self, error: OSError) -> None:
        if not self._is_failing:
            logger.error(
                "message log cannot be written, records are dropped folder=%s error=%s",
                self._folder,
                error.strerror,
            )
        self._is_failing = True

    def _current(self) -> int:
        if self.position - self._start >= self._segment_bytes:
            self.close()
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(segment_path(self._folder, self.position), flags, 0o600)
            self._start = self.position
        return self._descriptor

    def _write(self, descriptor: int, data: bytes) -> None:
        offset = self.position - self._start
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(descriptor, view, offset)
                offset += written
                view = view[written:]
        except OSError:
            os.ftruncate(descriptor, self.position - self._start)
            raise
