"""The loop of the indexer process, without the process: a pipe for its lifeline, a scripted
index."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from typing import cast

import pytest

from broker_runtime.storage.journal import indexer, layout
from broker_runtime.storage.journal.indexer import Lifeline, Work, take_lock
from broker_runtime.storage.journal.indexing import Indexer


class ScriptedIndex:
    """Each ``step`` plays the next line: a position to reach, None for nothing new, or an error."""

    def __init__(
        self, *script: int | Exception | None, then: Callable[[], object] = lambda: None
    ) -> None:
        self.retention_s: int | None = None
        self.position = self.size_bytes = self.discarded = 0
        self.max_bytes = 0
        self.expired_with: list[int | None] = []
        self.before_first_step: Callable[[], object] = lambda: None
        self._script = list(script)
        self._then = then

    def step(self) -> bool:
        self.before_first_step()
        self.before_first_step = lambda: None
        entry = self._script.pop(0)
        if not self._script:
            self._then()
        if isinstance(entry, Exception):
            raise entry
        self.position = entry or self.position
        return entry is not None

    def bound(self) -> bool:
        return True  # it says nothing of its size meanwhile

    def expire(self) -> None:
        self.expired_with.append(self.retention_s)


@pytest.fixture
def pipe():
    """(reading end, writing end) of a lifeline; the test may close the writing end."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def work(index: ScriptedIndex, reading: int, said: list[str]) -> None:
    Work(cast(Indexer, index), Lifeline(reading), said.append).run()


def test_it_reports_each_new_position_and_ends_with_its_lifeline(pipe, monkeypatch):
    monkeypatch.setattr(indexer, "IDLE_S", 0)
    reading, writing = pipe
    said: list[str] = []
    work(ScriptedIndex(10, 10, 25, None, then=lambda: os.close(writing)), reading, said)
    assert said == ["indexed 10\n", "indexed 25\n"]


def test_it_obeys_a_retention_in_pieces_and_passes_over_nonsense(pipe, monkeypatch):
    monkeypatch.setattr(indexer, "IDLE_S", 0)
    reading, writing = pipe
    os.write(writing, b"look\nretain x\nwhat is this\nreta")
    index = ScriptedIndex(None, None, None, None, then=lambda: os.close(writing))
    index.before_first_step = lambda: os.write(writing, b"in 3600\n")
    work(index, reading, [])
    assert index.expired_with == [None, 3600]


def test_a_disk_that_fails_is_tried_again_and_told_of_once(pipe, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(indexer, "IDLE_S", 0)
    monkeypatch.setattr(indexer, "RETRY_S", 0)
    reading, writing = pipe
    full = OSError(errno.ENOSPC, "No space left on device")
    said: list[str] = []
    work(ScriptedIndex(full, full, full, 7, then=lambda: os.close(writing)), reading, said)
    assert said == ["indexed 7\n"]
    assert [r.levelname for r in caplog.records] == ["ERROR", "INFO"]


def test_an_indexer_waits_for_its_predecessor_and_gives_up_with_its_lifeline(pipe, tmp_path):
    reading, writing = pipe
    first = take_lock(tmp_path, Lifeline(reading))
    assert first is not None
    os.write(writing, b"retain 60\n")
    os.close(writing)
    second = Lifeline(reading)
    assert take_lock(tmp_path, second) is None
    assert second.lines() == ["retain 60"], "what was said while it waited is not lost"
    os.close(first)
    descriptor = os.open(tmp_path / layout.INDEXER_LOCK, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
