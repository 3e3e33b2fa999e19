"""The message log stays within its limit of size, the oldest goes first."""

from __future__ import annotations

import asyncio

from broker_runtime.storage.journal import indexing, layout
from broker_runtime.storage.journal.segment_journal import SegmentJournal
from broker_runtime.storage.memory_journal import MemoryJournal
from tests.storage.samples import FIRST_SEQ, message

HOUR_US = layout.HOUR_US
PAYLOAD = b"x" * 1_000


def write_hours(bench, hours, messages=200):
    for hour in range(hours):
        bench.restart_writer()
        first = FIRST_SEQ + hour * HOUR_US
        bench.write_messages(*range(first, first + messages), payload=PAYLOAD)
    bench.index()


async def test_whole_hours_go_oldest_first_until_the_rest_fits(bench, caplog):
    write_hours(bench, 4)
    assert not bench.indexer.bound()
    bench.indexer.max_bytes = bench.indexer.size_bytes - 400_000
    while bench.indexer.bound():
        pass
    assert bench.indexer.size_bytes <= bench.indexer.max_bytes
    found = bench.found()
    assert found[0] in {FIRST_SEQ + HOUR_US, FIRST_SEQ + 2 * HOUR_US}
    assert found[-1] == FIRST_SEQ + 3 * HOUR_US + 199
    assert len(found) + bench.indexer.discarded == 800
    assert "limit of size" in caplog.text


async def test_what_comes_late_for_a_deleted_hour_is_left_out(bench):
    write_hours(bench, 3)
    bench.indexer.bound()
    bench.indexer.max_bytes = bench.indexer.size_bytes - 1
    bench.indexer.bound()
    bench.write(steps=[(FIRST_SEQ, FIRST_SEQ // 1000, "r", "PUBACK", 1, "success")])
    bench.index()
    assert len(layout.hours(bench.folder)) == 2


async def test_of_the_only_hour_the_oldest_messages_go_and_their_room_is_used_again(
    bench, monkeypatch
):
    monkeypatch.setattr(indexing, "DISCARDED_AT_ONCE", 100)
    bench.write_messages(*range(FIRST_SEQ, FIRST_SEQ + 1_000), payload=PAYLOAD)
    bench.write(steps=[(FIRST_SEQ, FIRST_SEQ // 1000, "r", "PUBACK", 1, "success")])
    bench.restart_writer()
    bench.index()
    bench.indexer._hour(FIRST_SEQ // HOUR_US).drop_oldest(1)
    before = layout.size_bytes(bench.folder)
    bench.indexer.max_bytes = before - 500_000
    while bench.indexer.bound():
        pass
    found = bench.found()
    assert 100 <= len(found) <= 700
    assert found[-1] == FIRST_SEQ + 999
    assert bench.indexer.discarded == 999 - len(found)
    bench.write_messages(*range(FIRST_SEQ + 1_000, FIRST_SEQ + 1_400), payload=PAYLOAD)
    bench.index()
    while bench.indexer.bound():
        pass
    (hour,) = layout.hours(bench.folder)
    assert hour[1].stat().st_size <= before


async def test_a_few_large_messages_over_the_limit_stay(bench):
    bench.write_messages(FIRST_SEQ, payload=b"x" * 1_000_000)
    bench.index()
    bench.indexer.max_bytes = 100_000
    assert not bench.indexer.bound()
    assert bench.found() == [FIRST_SEQ]


async def test_the_journal_tells_its_size_and_what_it_discarded(tmp_path, monkeypatch):
    journal = SegmentJournal(tmp_path / "journal", max_bytes=2_000_000)
    await journal.open()
    heard = asyncio.Event()
    hear = journal._hear

    def note(verb, figure):
        hear(verb, figure)
        if journal.counters()["journal_discarded"] and journal.gauges()["journal_bytes"]:
            heard.set()

    assert journal._indexer is not None
    journal._indexer._heard = note
    for hour in range(3):
        for i in range(200):
            seq = FIRST_SEQ + hour * HOUR_US + i
            journal.published(message(seq, payload=PAYLOAD), [], "success")
        journal._flush()
    journal._indexer.bound(400_000)
    async with asyncio.timeout(30):
        await heard.wait()
    assert journal.gauges()["journal_bytes"] > 100_000
    await journal.close()


async def test_the_journal_in_memory_counts_what_does_not_fit():
    journal = MemoryJournal(max_messages=3)
    for i in range(5):
        journal.published(message(FIRST_SEQ + i), [], "success")
    assert journal.counters() == {"journal_lost": 0, "journal_discarded": 2}
