"""The indexer and the search, in this process and step by step."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_runtime.codec.topics import matches
from broker_runtime.storage.base import MessageQuery, StorageError
from broker_runtime.storage.descriptions import Step
from broker_runtime.storage.journal import indexing, layout, search
from broker_runtime.storage.journal.hours import HourFile
from broker_runtime.storage.journal.indexing import Indexer, Progress
from broker_runtime.storage.journal.records import EventRow, Pending, encode_frame, frames_of
from broker_runtime.storage.journal.resume import resume
from broker_runtime.storage.journal.search import Search, prefix_range
from broker_runtime.storage.journal.segments import SegmentWriter
from tests.storage.samples import FIRST_SEQ, NOW_MS, message

HOUR_US = layout.HOUR_US


class Bench:
    """A journal folder, its writer and its indexer, driven by hand."""

    def __init__(self, folder: Path, **options: int) -> None:
        self.folder = folder
        self.now_ms = NOW_MS
        self.options = options
        self.restart_writer()
        self.indexer = Indexer(folder, lambda: self.now_ms)

    def restart_writer(self) -> None:
        self.writer = SegmentWriter(self.folder, resume(self.folder)[0], **self.options)
        self.writer.open()

    def restart_indexer(self) -> None:
        self.indexer.close()
        retention_s = self.indexer.retention_s
        self.indexer = Indexer(self.folder, lambda: self.now_ms)
        self.indexer.retention_s = retention_s

    def write(
        self,
        publishes: Iterable[Pending] = (),
        steps: Iterable[Step] = (),
        events: Iterable[EventRow] = (),
    ) -> None:
        for frame in frames_of(list(publishes), list(steps), list(events)):
            assert self.writer.append(encode_frame(frame)[0])

    def write_messages(self, *seqs: int, **changes: object) -> None:
        self.write([(message(seq, **changes), [("r", 1)], "success") for seq in seqs])

    def index(self) -> None:
        while self.indexer.step():
            pass

    def found(self, topic_filter: str = "#", from_ms: int = 0, limit: int = 1024) -> list[int]:
        rows = Search(self.folder).list_messages(MessageQuery(topic_filter, from_ms, limit))
        return [int(row.message_id, 16) for row in rows]

    def close(self) -> None:
        self.indexer.close()
        self.writer.close()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.close()


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


def test_after_the_clock_went_back_nothing_is_missed_and_order_stays(bench):
    """F6: sequences stay ahead of the clock until it has caught up."""
    ahead = FIRST_SEQ + 10 * 60_000_000
    bench.write([(message(ahead), [], "success")])
    bench.write([(message(ahead + 1, stored_ms=NOW_MS), [], "success")])
    bench.write([(message(ahead + 2, stored_ms=NOW_MS + 60_000), [], "success")])
    bench.index()
    assert bench.found(from_ms=NOW_MS) == [ahead, ahead + 1, ahead + 2]
    assert bench.found(from_ms=NOW_MS + 1) == [ahead, ahead + 2]


LEVELS = st.sampled_from(["a", "b", "c", "", "$s", "+", "\U0010ffff", "日"])
TOPIC = st.lists(LEVELS.filter(lambda level: level != "+"), min_size=1, max_size=4).map("/".join)
FILTER = st.builds(
    lambda levels, tail: "/".join(levels) + tail,
    st.lists(LEVELS, min_size=1, max_size=4),
    st.sampled_from(["", "", "/#"]),
) | st.just("#")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    messages=st.lists(st.tuples(TOPIC.filter(bool), st.integers(1, HOUR_US)), max_size=40),
    filters=st.lists(FILTER.filter(bool), min_size=1, max_size=6),
    from_ms=st.integers(NOW_MS - 10, NOW_MS + 20 * layout.HOUR_MS),
    limit=st.integers(1, 20),
    few=st.sampled_from([0, 2, 50]),
    scanned=st.sampled_from([1, 3, 20_000]),
)
def test_every_query_agrees_with_the_obvious_answer(
    tmp_path_factory, messages, filters, from_ms, limit, few, scanned
):
    bench = Bench(tmp_path_factory.mktemp("journal"))
    seq, sent = FIRST_SEQ, []
    for topic, gap in messages:
        seq += gap
        sent.append(message(seq, topic=topic))
    bench.write([(m, [], "success") for m in sent])
    bench.index()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FEW_TOPICS", few)
        patch.setattr(search, "SCAN_ROWS", scanned)
        for topic_filter in [*filters, *(m.topic for m in sent[:3])]:
            assert (
                bench.found(topic_filter, from_ms, limit)
                == [
                    m.seq for m in sent if m.stored_ms >= from_ms and matches(topic_filter, m.topic)
                ][:limit]
            )
    bench.close()


@pytest.mark.parametrize(
    ("topic_filter", "low", "high"),
    [
        ("a/b/+/c", "a/b/", "a/b0"),
        ("a/b/#", "a/b", "a/c"),
        ("#", "", None),
        ("+/a", "", None),
        ("x\U0010ffff/#", "x\U0010ffff", "y"),
        ("\ud7ff/#", "\ud7ff", "\ue000"),
    ],
)
def test_the_range_of_topics_that_a_filter_can_match(topic_filter, low, high):
    assert prefix_range(topic_filter) == (low, high)


def test_a_rare_message_among_many_topics_is_found(bench, monkeypatch):
    monkeypatch.setattr(search, "SCAN_ROWS", 100)
    for i in range(3_000):
        bench.write_messages(FIRST_SEQ + i, topic=f"site/{i % 300}/noise")
    rare = [FIRST_SEQ + 10_000 + i for i in range(100)]
    bench.write([(message(seq, topic=f"site/{seq % 100}/rare"), [], "success") for seq in rare])
    bench.index()
    assert bench.found("site/+/rare") == rare


def test_a_query_without_time_says_so_instead_of_nothing_found(bench):
    """C18: `#` over a long range is bounded."""
    bench.write_messages(*(FIRST_SEQ + i for i in range(1_000)))
    bench.index()
    hasty = Search(bench.folder, budget_s=0)
    with pytest.raises(StorageError, match="narrower filter or a later start"):
        hasty.list_messages(MessageQuery("nothing/+", 0, 10))


def test_an_hour_that_vanishes_during_a_query_is_left_out(bench, monkeypatch):
    bench.write_messages(FIRST_SEQ, FIRST_SEQ + HOUR_US)
    bench.index()
    listed = layout.hours(bench.folder)
    layout.remove_database(listed[0][1])
    monkeypatch.setattr(layout, "hours", lambda _: listed)
    assert bench.found() == [FIRST_SEQ + HOUR_US]
