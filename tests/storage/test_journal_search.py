"""The queries of the journal, against an index made by hand."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_runtime.codec.topics import matches
from broker_runtime.storage.base import MessageQuery, StorageError
from broker_runtime.storage.journal import layout, search
from broker_runtime.storage.journal.indexing import Indexer
from broker_runtime.storage.journal.search import Search, prefix_range
from tests.storage.samples import FIRST_SEQ, NOW_MS, message
from tests.storage.workbench import Bench

HOUR_US = layout.HOUR_US


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


def test_what_was_found_in_time_is_the_answer_when_the_time_is_up(bench, monkeypatch):
    bench.write_messages(*(FIRST_SEQ + i for i in range(5)))
    bench.write_messages(FIRST_SEQ + HOUR_US)
    bench.index()
    instants = iter([0.0] * 5)
    monkeypatch.setattr(time, "monotonic", lambda: next(instants, 99.0))
    found = Search(bench.folder).list_messages(MessageQuery("plant/7/temperature", 0, 100))
    seqs = [int(row.message_id, 16) for row in found.messages]
    assert not found.complete
    assert 0 < len(seqs) < 6
    assert seqs == [FIRST_SEQ + i for i in range(len(seqs))], "the oldest, none left out between"


def test_events_of_several_hours_come_newest_first_within_their_bounds(bench):
    instants = [NOW_MS + hour * layout.HOUR_MS for hour in range(5)]
    bench.write(events=[(at_ms, "c", "u", "a", "connected", "") for at_ms in instants])
    bench.index()
    found = Search(bench.folder).list_events("", instants[1], instants[3], 100).events
    assert [event.at_ms for event in found] == [instants[3], instants[2], instants[1]]
    newest = Search(bench.folder).list_events("c", 0, 0, 2).events
    assert [event.at_ms for event in newest] == [instants[4], instants[3]]


def test_events_that_were_not_looked_at_in_time_are_said_to_be_missing(bench):
    bench.write(events=[(NOW_MS, "c", "u", "a", "connected", "")])
    bench.index()
    assert not Search(bench.folder, budget_s=0).list_events("", 0, 0, 10).complete


def test_an_hour_that_cannot_be_read_is_an_error_with_its_name(bench):
    bench.write_messages(FIRST_SEQ)
    bench.index()
    bench.indexer.close()
    path = layout.hour_path(bench.folder, FIRST_SEQ // HOUR_US)
    path.write_bytes(b"no database " * 1_000)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    with pytest.raises(StorageError, match=path.name):
        bench.found()
    with pytest.raises(StorageError, match=path.name):
        Search(bench.folder).get_trace(message(FIRST_SEQ).message_id)
    with pytest.raises(StorageError, match=path.name):
        Search(bench.folder).list_events("", NOW_MS, 0, 10)
    bench.indexer = Indexer(bench.folder, lambda: NOW_MS)


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_pages_follow_one_another_without_gap_or_repeat(bench, page):
    """Also where messages share an instant, and from one hour to the next."""
    seqs = [FIRST_SEQ + n for n in range(6)] + [FIRST_SEQ + HOUR_US + n for n in range(3)]
    bench.write([(message(seq, stored_ms=seq // 1000), [], "success") for seq in seqs])
    bench.index()

    found: list[int] = []
    while (
        rows := Search(bench.folder)
        .list_messages(MessageQuery("#", 0, page, found[-1] if found else 0))
        .messages
    ):
        found += [int(row.message_id, 16) for row in rows]

    assert found == seqs
