"""The indexer, in this process and step by step: everything once, whatever happens."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from collections.abc import Callable

import pytest

from broker_runtime.storage.journal import hours, indexing, layout
from broker_runtime.storage.journal.hours import HourFile
from broker_runtime.storage.journal.indexing import Indexer, Progress
from broker_runtime.storage.journal.search import Search
from tests.storage.samples import FIRST_SEQ, NOW_MS, message
from tests.storage.workbench import Bench

HOUR_US = layout.HOUR_US


def test_records_are_indexed_once_and_segments_deleted_when_done(tmp_path):
    bench = Bench(tmp_path, segment_bytes=2_000)
    for i in range(100):
        bench.write_messages(FIRST_SEQ + i, payload=b"x" * 200)
    assert len(layout.segments(tmp_path)) > 5
    bench.index()
    assert bench.found() == [FIRST_SEQ + i for i in range(100)]
    assert len(layout.segments(tmp_path)) == 1, "the newest stays: it is being written"
    assert bench.indexer.position == bench.writer.position
    bench.restart_indexer()
    bench.index()
    assert len(bench.found()) == 100
    bench.close()


def test_files_are_private(bench):
    bench.write_messages(FIRST_SEQ)
    bench.index()
    names = {path.name.split("-")[0]: path for path in bench.folder.iterdir()}
    assert {"segment", "hour", "progress.sqlite3"} <= set(names)
    for path in bench.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@pytest.mark.parametrize("cut", [1, 7, 9, 60])
def test_a_torn_tail_is_left_out_with_a_line_in_the_log(bench, caplog, cut):
    """The broker was killed in the middle of a write."""
    bench.write_messages(FIRST_SEQ)
    bench.write_messages(FIRST_SEQ + 1)
    ((_, path),) = layout.segments(bench.folder)
    whole = path.stat().st_size
    os.truncate(path, whole - cut)
    bench.index()
    assert bench.found() == [FIRST_SEQ], "it may still be being written: wait"
    assert not caplog.records
    bench.restart_writer()
    bench.write_messages(FIRST_SEQ + 2)
    bench.index()
    assert bench.found() == [FIRST_SEQ, FIRST_SEQ + 2]
    assert "ends in the middle of a write" in caplog.text
    assert path.name in caplog.text
    assert bench.indexer.position == bench.writer.position


def test_a_damaged_frame_costs_only_itself(bench, caplog):
    bench.write_messages(FIRST_SEQ)
    damaged_at = bench.writer.position + 20
    bench.write_messages(FIRST_SEQ + 1)
    bench.write_messages(FIRST_SEQ + 2)
    ((_, path),) = layout.segments(bench.folder)
    with path.open("r+b") as file:
        file.seek(damaged_at)
        file.write(b"\xee\xee")
    bench.index()
    assert bench.found() == [FIRST_SEQ, FIRST_SEQ + 2]
    assert "frame is damaged" in caplog.text


def test_a_bad_frame_at_the_end_gets_time_to_become_good(bench, caplog):
    bench.write_messages(FIRST_SEQ)
    ((_, path),) = layout.segments(bench.folder)
    good = path.read_bytes()
    path.write_bytes(good[:-4] + b"\0\0\0\0")
    for _ in range(3):
        assert not bench.indexer.step()
    path.write_bytes(good)
    bench.index()
    assert bench.found() == [FIRST_SEQ]
    assert not caplog.records
    path.write_bytes(good + good[:-4] + b"\0\0\0\0")
    for _ in range(indexing.PATIENCE + 1):
        bench.indexer.step()
    assert "frame is damaged" in caplog.text


def test_a_frame_larger_than_a_batch_is_indexed(bench, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH_BYTES", 1_000)
    bench.write_messages(FIRST_SEQ, payload=b"x" * 50_000)
    bench.write_messages(FIRST_SEQ + 1)
    bench.index()
    assert bench.found() == [FIRST_SEQ, FIRST_SEQ + 1]


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("seed", range(8))
def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(tmp_path, monkeypatch, seed):
    """Three hours are touched by every batch, so a crash can fall between their commits."""
    chance = random.Random(seed)
    bench = Bench(tmp_path, segment_bytes=3_000)

    def crashing(real: Callable[..., None]) -> Callable[..., None]:
        def call(*args: object) -> None:
            if chance.random() < 0.08:
                raise Crash
            real(*args)
            if chance.random() < 0.08:
                raise Crash

        return call

    monkeypatch.setattr(HourFile, "take", crashing(HourFile.take))
    monkeypatch.setattr(Progress, "advance", crashing(Progress.advance))
    seqs = [FIRST_SEQ + hour * HOUR_US + i for i in range(60) for hour in range(3)]
    crashes = 0
    for start in range(0, len(seqs), 6):
        bench.write(
            [(message(seq), [("r", 1)], "success") for seq in seqs[start : start + 6]],
            [(seqs[start], NOW_MS, "r", "PUBACK", 1, "success")],
            [(NOW_MS, "c", "", "", "connected", "")],
        )
        try:
            bench.index()
        except Crash:
            crashes += 1
            bench.restart_indexer()
            if chance.random() < 0.3:
                bench.restart_writer()
    assert crashes > 3
    monkeypatch.undo()
    bench.index()
    assert bench.found() == sorted(seqs)
    count = {"step": 0, "event": 0}
    for _, path in layout.hours(tmp_path):
        connection = sqlite3.connect(path)
        for table in count:
            count[table] += connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        connection.close()
    assert count == {"step": 30, "event": 30}
    bench.close()


def test_a_new_writer_never_reuses_a_position(bench):
    bench.write_messages(FIRST_SEQ)
    bench.index()
    position = bench.writer.position
    bench.writer.close()
    for _, path in layout.segments(bench.folder):
        path.unlink()
    layout.remove_database(bench.folder / layout.PROGRESS)
    bench.restart_writer()
    assert bench.writer.position == position
    bench.restart_indexer()
    bench.write_messages(FIRST_SEQ + 1)
    bench.index()
    assert bench.found() == [FIRST_SEQ, FIRST_SEQ + 1]


@pytest.mark.parametrize("name", ["progress.sqlite3", None])
def test_a_damaged_index_file_is_set_aside_and_the_log_goes_on(bench, caplog, name):
    bench.write_messages(FIRST_SEQ)
    bench.index()
    bench.indexer.close()
    hour = layout.hour_path(bench.folder, FIRST_SEQ // HOUR_US)
    path = bench.folder / name if name else hour
    path.write_bytes(b"no database " * 1_000)
    bench.indexer = Indexer(bench.folder, lambda: NOW_MS)
    bench.write_messages(FIRST_SEQ + 1)
    bench.index()
    assert bench.found() == ([FIRST_SEQ] if name else []) + [FIRST_SEQ + 1]
    assert path.with_name(path.name + ".damaged").exists()
    assert "set aside" in caplog.text


def test_retention_deletes_whole_hours_and_late_steps_do_not_bring_them_back(bench):
    seqs = [FIRST_SEQ + hour * HOUR_US for hour in range(4)]
    bench.write_messages(*seqs)
    bench.index()
    bench.now_ms = NOW_MS + 4 * layout.HOUR_MS
    bench.indexer.expire()
    assert len(bench.found()) == 4, "without a retention nothing goes"
    bench.indexer.retention_s = 2 * 3600
    bench.indexer.expire()
    assert bench.found() == seqs[2:]
    bench.write(steps=[(seqs[0], NOW_MS, "r", "PUBACK", 1, "success")])
    bench.write_messages(seqs[3] + 1)
    bench.index()
    assert bench.found() == [*seqs[2:], seqs[3] + 1]
    assert not layout.hour_path(bench.folder, seqs[0] // HOUR_US).exists()


def test_many_hours_are_written_with_few_files_open(bench):
    seqs = [FIRST_SEQ + hour * HOUR_US for hour in range(20)]
    for seq in seqs * 2:
        bench.write(steps=[(seq, NOW_MS, "r", "PUBACK", 1, "success")])
    bench.write_messages(*seqs)
    bench.index()
    assert bench.found() == seqs
    assert len(bench.indexer._open_hours) <= indexing.OPEN_HOURS


def test_a_record_that_the_index_cannot_hold_costs_only_its_frame(bench, caplog):
    bench.write_messages(FIRST_SEQ)
    bench.write(steps=[(FIRST_SEQ, 2**64 - 1, "r", "PUBACK", 1, "success")])
    bench.write_messages(FIRST_SEQ + 1)
    bench.index()
    assert bench.found() == [FIRST_SEQ, FIRST_SEQ + 1]
    assert "cannot be indexed" in caplog.text
    assert bench.indexer.position == bench.writer.position


def test_numbers_given_are_forgotten_in_time_and_stay_right(bench, monkeypatch):
    monkeypatch.setattr(hours, "KNOWN_TOPICS", 2)
    monkeypatch.setattr(hours, "KNOWN_AUDIENCE_BYTES", 10)
    for i in range(30):
        sent = message(FIRST_SEQ + i, topic=f"t/{i % 5}")
        bench.write([(sent, [(f"reader-{i % 4}", 1)], "success")])
    bench.index()
    assert bench.found("t/3") == [FIRST_SEQ + i for i in range(30) if i % 5 == 3]
    for i in range(30):
        trace = Search(bench.folder).get_trace(message(FIRST_SEQ + i).message_id)
        assert trace is not None
        assert trace[1].client_id == f"reader-{i % 4}"
