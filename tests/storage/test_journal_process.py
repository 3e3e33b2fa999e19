"""The journal with its real indexer process: killed, stopped, behind, and never left over."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from broker_runtime.storage.base import MessageQuery, StorageError
from broker_runtime.storage.journal import indexer_process, layout, segment_journal
from broker_runtime.storage.journal.segment_journal import SegmentJournal
from broker_runtime.storage.journal.segments import SegmentWriter
from tests.storage.samples import FIRST_SEQ, NOW_MS, message

ROOT = Path(__file__).parents[2]
EVERYTHING = MessageQuery("#", 0, 1024)


@pytest.fixture
async def journal(tmp_path):
    kept = SegmentJournal(tmp_path / "journal")
    await kept.open()
    yield kept
    await kept.close()


async def until(holds: Callable[[], object], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  # another process makes it true
            await asyncio.sleep(0.01)


async def indexer_pid(journal: SegmentJournal) -> int:
    assert journal._indexer is not None
    process = journal._indexer
    await until(lambda: process.pid)
    assert process.pid is not None
    return process.pid


async def another_indexer(journal: SegmentJournal, victim: int) -> None:
    while await indexer_pid(journal) == victim:  # noqa: ASYNC110  # the next is being started
        await asyncio.sleep(0.01)


def rows(folder: Path, table: str) -> int:
    total = 0
    for _, path in layout.hours(folder):
        connection = sqlite3.connect(path)
        total += connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        connection.close()
    return total


@pytest.mark.parametrize("seed", range(2))
async def test_an_indexer_killed_at_any_moment_loses_and_doubles_nothing(
    journal, tmp_path, monkeypatch, seed
):
    monkeypatch.setattr(indexer_process, "FIRST_DELAY_S", 0.01)
    chance = random.Random(seed)
    for kill in range(4):
        victim = await indexer_pid(journal)
        for i in range(3_000):
            seq = FIRST_SEQ + kill * 3_000 + i
            journal.published(message(seq), [("r", 1)], "success")
            journal.step(seq, "r", "PUBACK", 1, "success", NOW_MS)
            if i % 500 == 0:
                await asyncio.sleep(chance.random() / 20)
        await asyncio.sleep(chance.random() / 5)
        os.kill(victim, signal.SIGKILL)
        await another_indexer(journal, victim)
    journal._flush()
    await until(lambda: journal.lag_bytes() == 0)
    assert journal.dropped() == 0
    folder = tmp_path / "journal"
    assert (rows(folder, "message"), rows(folder, "step")) == (12_000, 12_000)


async def test_a_broker_killed_with_9_leaves_no_indexer_and_loses_nothing_it_had_written(tmp_path):
    said: list[str] = []
    for seed in range(3):
        said += run_and_kill(tmp_path / "journal", random.Random(seed).randint(2, 30))
    journal = SegmentJournal(tmp_path / "journal")
    await journal.open()
    for seq in (int(line.split()[1]) for line in said):
        assert await journal.get_message(f"00{seq:014X}") is not None
    assert rows(tmp_path / "journal", "message") == rows(tmp_path / "journal", "step")
    await journal.close()


def run_and_kill(folder: Path, after_lines: int) -> list[str]:
    """Let a broker's process publish until it has said so many lines, kill it; what it had said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.endless_publisher", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after_lines)]
    indexer = psutil.Process(int(lines[0].split()[1]))
    process.kill()
    lines += process.stdout.readlines()
    process.wait(10)
    process.stdout.close()
    psutil.wait_procs([indexer], timeout=10)
    assert not indexer.is_running()
    return [line.decode() for line in lines[1:] if line.endswith(b"\n")]


async def test_an_indexer_that_stands_still_holds_up_neither_queries_nor_memory(
    tmp_path, monkeypatch, caplog
):
    journal = SegmentJournal(tmp_path / "journal", max_lag_bytes=100_000)
    await journal.open()
    journal.published(message(FIRST_SEQ), [], "success")
    assert len((await journal.list_messages(EVERYTHING)).messages) == 1
    monkeypatch.setattr(segment_journal, "SYNC_S", 0.1)
    pid = await indexer_pid(journal)
    os.kill(pid, signal.SIGSTOP)
    try:
        for i in range(1, 50):
            journal.published(message(FIRST_SEQ + i, payload=b"x" * 10_000), [], "success")
            journal._flush()
        assert len((await journal.list_messages(EVERYTHING)).messages) == 1
        assert 100_000 < journal.lag_bytes() < 200_000
        assert journal.dropped() > 30
        assert "too far behind" in caplog.text
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: journal.lag_bytes() == 0)
    before = journal.dropped()
    journal.published(message(FIRST_SEQ + 100), [], "success")
    assert len((await journal.list_messages(EVERYTHING)).messages) == 51 - before
    assert journal.dropped() == before
    await journal.close()


async def test_an_indexer_that_does_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(indexer_process, "STOP_S", 0.1)
    journal = SegmentJournal(tmp_path / "journal")
    await journal.open()
    pid = await indexer_pid(journal)
    os.kill(pid, signal.SIGSTOP)
    await journal.close()
    assert not psutil.pid_exists(pid)


async def test_an_indexer_that_cannot_be_started_is_tried_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(indexer_process, "FIRST_DELAY_S", 0.01)
    real, monkey = sys.executable, tmp_path / "no-such-python"
    monkeypatch.setattr(sys, "executable", str(monkey))
    journal = SegmentJournal(tmp_path / "journal")
    await journal.open()
    await until(lambda: "cannot be started" in caplog.text)
    monkeypatch.setattr(sys, "executable", real)
    journal.published(message(), [], "success")
    journal._flush()
    await until(lambda: journal.lag_bytes() == 0)
    assert len((await journal.list_messages(EVERYTHING)).messages) == 1
    await journal.close()


async def test_a_closed_journal_opens_where_it_stopped(tmp_path):
    for i in range(3):
        journal = SegmentJournal(tmp_path / "journal")
        await journal.open()
        journal.published(message(FIRST_SEQ + i), [], "success")
        await journal.close()
    journal = SegmentJournal(tmp_path / "journal")
    await journal.open()
    assert len((await journal.list_messages(EVERYTHING)).messages) == 3
    await journal.close()


async def test_retention_reaches_the_indexer_and_its_successors(journal, tmp_path, monkeypatch):
    monkeypatch.setattr(indexer_process, "FIRST_DELAY_S", 0.01)
    now_us = time.time_ns() // 1_000
    old, new = now_us - 10 * layout.HOUR_US, now_us
    for seq in (old, new):
        journal.published(message(seq), [], "success")
    assert len((await journal.list_messages(EVERYTHING)).messages) == 2
    journal.set_retention(3600)
    folder = tmp_path / "journal"
    await until(lambda: len(layout.hours(folder)) == 1)
    os.kill(await indexer_pid(journal), signal.SIGKILL)
    journal.published(message(old - 1), [], "success")
    journal.published(message(new + 1), [], "success")
    journal._flush()
    await until(lambda: journal.lag_bytes() == 0)
    found = (await journal.list_messages(EVERYTHING)).messages
    assert [int(m.message_id, 16) for m in found] == [new, new + 1]


async def test_a_second_process_is_refused(journal, tmp_path):
    with pytest.raises(StorageError, match="another process uses this message log"):
        await SegmentJournal(tmp_path / "journal").open()


async def test_f03_on_a_full_disk_records_are_dropped_and_counted_and_the_broker_goes_on(
    journal, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    journal.published(message(FIRST_SEQ), [], "success")
    assert len((await journal.list_messages(EVERYTHING)).messages) == 1
    real = os.pwrite

    def full(descriptor: int, data: bytes, offset: int) -> int:
        """Room for nine bytes, then none."""
        if len(data) > 9 and offset == journal._segments.position:
            return real(descriptor, data[:9], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    for i in range(1, 4):
        journal.published(message(FIRST_SEQ + i), [], "success")
        journal.step(FIRST_SEQ + i, "r", "PUBACK", 1, "success", NOW_MS)
        journal._flush()
    assert journal.dropped() == 6
    assert caplog.text.count("No space left on device") == 1
    monkeypatch.undo()
    journal.published(message(FIRST_SEQ + 9), [], "success")
    found = (await journal.list_messages(EVERYTHING)).messages
    assert [int(m.message_id, 16) for m in found] == [FIRST_SEQ, FIRST_SEQ + 9]
    assert "is written again" in caplog.text


def test_a_folder_that_takes_no_file_drops_and_recovers(tmp_path):
    writer = SegmentWriter(tmp_path / "missing", 0)
    writer.open()
    assert not writer.append(b"x")
    (tmp_path / "missing").mkdir()
    assert writer.append(b"x")
    writer.close()
