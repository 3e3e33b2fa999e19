"""The contract of ``DurableStore``, the same for every implementation (CLUSTERING 3.7, point
13)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.storage.base import (
    DurableStore,
    Fenced,
    Inflight,
    StorageError,
    StoredMessage,
    StoreHealth,
    Unavailable,
)
from broker_runtime.storage.local.store import LocalStore
from broker_runtime.storage.memory import MemoryStore
from broker_runtime.storage.records import decode_session, encode_session
from tests.storage.samples import FIRST_SEQ, contents, keep, message, outcome, session


async def test_a_message_comes_back_as_it_went(store):
    sent = message(
        payload=b"\x00\xff" * 500,
        topic="a/é/日本",
        retain=True,
        qos=2,
        expires_ms=5,
        properties=b"\x26\x00\x01a\x00\x01b",
    )
    await keep(store.append, sent)
    (found,) = await store.replay(0, 10)
    assert contents(found) == contents(sent)
    assert found.retain is True


async def test_replay_is_in_order_after_the_cursor_and_limited(store):
    for i in range(20):
        await keep(store.append, message(FIRST_SEQ + i))
    found = await store.replay(FIRST_SEQ + 4, 10)
    assert [m.seq for m in found] == [FIRST_SEQ + i for i in range(5, 15)]
    assert await store.replay(FIRST_SEQ + 19, 10) == []


async def test_answers_come_in_the_order_of_the_calls_and_never_within_a_call(store):
    answers: list[int] = []
    for i in range(100):
        store.append(message(FIRST_SEQ + i), lambda _, i=i: answers.append(i))
        if i % 3 == 0:
            store.save_session(session(f"c{i}"), lambda _, i=i: answers.append(1000 + i))
    assert answers == []
    await keep(store.retain, message(FIRST_SEQ + 200))
    assert [a for a in answers if a < 1000] == list(range(100))
    assert [a - 1000 for a in answers if a >= 1000] == list(range(0, 100, 3))
    assert answers.index(1003) == answers.index(3) + 1


async def test_a_duplicate_sequence_is_refused_and_its_neighbours_are_kept(store):
    await keep(store.append, message(FIRST_SEQ))
    first, *others = await asyncio.gather(
        outcome(store.append, message(FIRST_SEQ)),
        outcome(store.append, message(FIRST_SEQ + 1)),
        outcome(store.save_session, session()),
    )
    assert isinstance(first, StorageError)
    assert others == [None, None]
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ, FIRST_SEQ + 1]


async def test_a_session_comes_back_as_it_went(store):
    record = session(
        cursor=FIRST_SEQ,
        inflight=[Inflight(7, FIRST_SEQ + 1, 1), Inflight(8, FIRST_SEQ + 2, 2, released=True)],
        offered=FIRST_SEQ + 5,
    )
    await keep(store.save_session, record)
    assert store.load_sessions() == [record]


async def test_a_session_is_copied_when_it_is_saved(store):
    record = session(cursor=5)
    answer = asyncio.ensure_future(outcome(store.save_session, record))
    await asyncio.sleep(0)
    record.cursor = 6
    record.subscriptions.clear()
    assert await answer is None
    (kept,) = store.load_sessions()
    assert kept.cursor == 5
    assert list(kept.subscriptions) == ["plant/#"]


async def test_the_last_of_several_saves_wins_and_each_is_answered(store):
    saves = [outcome(store.save_session, session(cursor=i)) for i in range(50)]
    assert await asyncio.gather(*saves) == [None] * 50
    (kept,) = store.load_sessions()
    assert kept.cursor == 49


async def test_an_older_epoch_is_fenced_and_changes_nothing(store):
    await keep(store.save_session, session(epoch=2, cursor=9))
    assert isinstance(await outcome(store.save_session, session(epoch=1, cursor=1)), Fenced)
    assert isinstance(await outcome(store.delete_session, "reader", 1), Fenced)
    assert isinstance(await outcome(store.put_received, "reader", 1, 4, message()), Fenced)
    assert isinstance(await outcome(store.release_received, "reader", 1, 4, message()), Fenced)
    (kept,) = store.load_sessions()
    assert (kept.epoch, kept.cursor) == (2, 9)
    assert store.load_received() == []
    assert await store.replay(0, 10) == []


async def test_a_takeover_in_one_batch_fences_only_what_came_after_it(store):
    results = await asyncio.gather(
        outcome(store.save_session, session(epoch=1, cursor=1)),
        outcome(store.save_session, session(epoch=1, cursor=2)),
        outcome(store.save_session, session(epoch=2, cursor=3)),
        outcome(store.save_session, session(epoch=1, cursor=4)),
        outcome(store.save_session, session(epoch=1, cursor=5)),
        outcome(store.save_session, session(epoch=2, cursor=6)),
    )
    assert [type(r) for r in results] == [type(None)] * 3 + [Fenced] * 2 + [type(None)]
    (kept,) = store.load_sessions()
    assert (kept.epoch, kept.cursor) == (2, 6)


async def test_saves_around_a_delete_in_one_batch_keep_their_order(store):
    await asyncio.gather(
        outcome(store.save_session, session(cursor=1)),
        outcome(store.put_received, "reader", 1, 4, message()),
        outcome(store.delete_session, "reader", 1),
        outcome(store.save_session, session(cursor=2)),
    )
    (kept,) = store.load_sessions()
    assert kept.cursor == 2
    assert store.load_received() == []


async def test_deleting_a_session_twice_succeeds(store):
    await keep(store.save_session, session())
    await keep(store.delete_session, "reader", 1)
    await keep(store.delete_session, "reader", 1)
    assert store.load_sessions() == []


async def test_writes_without_a_done_are_kept_too(store):
    store.save_session(session("a"), None)
    store.save_session(session("b"), None)
    store.delete_session("a", 1, None)
    store.retain(message(), None)
    await keep(store.append, message(FIRST_SEQ + 1))
    assert [s.client_id for s in store.load_sessions()] == ["b"]
    assert len(store.load_retained()) == 1


async def test_an_inbound_qos_2_message_moves_to_the_log_once(store):
    """[MQTT-4.3.3-2]: a repeated PUBREL publishes nothing."""
    await keep(store.save_session, session())
    await keep(store.put_received, "reader", 1, 4, message())
    await keep(store.put_received, "reader", 1, 4, message(FIRST_SEQ + 1, payload=b"again"))
    ((owner, packet_id, held),) = store.load_received()
    assert (owner, packet_id, held.payload) == ("reader", 4, b"21.5")
    await keep(store.release_received, "reader", 1, 4, message(FIRST_SEQ + 2))
    await keep(store.release_received, "reader", 1, 4, message(FIRST_SEQ + 3))
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ + 2]
    assert store.load_received() == []


async def test_an_inbound_qos_2_message_may_be_forgotten_without_the_log(store):
    """S08: the right to publish was revoked before PUBREL."""
    await keep(store.save_session, session())
    await keep(store.put_received, "reader", 1, 4, message())
    await keep(store.release_received, "reader", 1, 4, None)
    assert await store.replay(0, 10) == []
    assert store.load_received() == []


async def test_an_inbound_qos_2_message_needs_its_session(store):
    assert isinstance(await outcome(store.put_received, "nobody", 1, 4, message()), Fenced)
    assert isinstance(await outcome(store.release_received, "nobody", 1, 4, message()), Fenced)


async def test_a_retained_message_is_replaced_and_deleted_by_topic(store):
    await keep(store.retain, message(topic="a"))
    await keep(store.retain, message(FIRST_SEQ + 1, topic="b", payload=b"1"))
    await keep(store.retain, message(FIRST_SEQ + 2, topic="b", payload=b"2"))
    assert {m.topic: m.payload for m in store.load_retained()} == {"a": b"21.5", "b": b"2"}
    await keep(store.retain, message(FIRST_SEQ + 3, topic="b", payload=b""))
    assert [m.topic for m in store.load_retained()] == ["a"]


async def test_trimming_leaves_what_sessions_still_need_and_the_last_sequence(store):
    for i in range(2_000):
        store.append(message(FIRST_SEQ + i), lambda _: None)
    store.trim(FIRST_SEQ + 1_989)
    for i in range(2_000, 2_010):
        await keep(store.append, message(FIRST_SEQ + i))
    found = await _replay_until(store, 200)
    assert [m.seq for m in found][-20:] == [FIRST_SEQ + i for i in range(1_990, 2_010)]
    store.trim(FIRST_SEQ + 2_009)
    assert await _replay_until(store, 0) == []
    assert store.last_seq() == FIRST_SEQ + 2_009


async def test_messages_that_are_appended_together_are_kept_together(store):
    batch = [message(FIRST_SEQ + i, payload=b"%d" % i) for i in range(300)]
    await keep(store.append_all, list(batch))
    await keep(store.append_all, [message(FIRST_SEQ + 300)])
    assert isinstance(
        await outcome(store.append_all, [message(FIRST_SEQ + 300), message(FIRST_SEQ + 301)]),
        StorageError,
    )
    found = await store.replay(0, 5_000)
    assert [contents(m) for m in found[:300]] == [contents(m) for m in batch]
    assert [m.seq for m in found[300:]] == [FIRST_SEQ + 300]
    assert [m.seq for m in await store.replay(FIRST_SEQ + 120, 20)] == [
        FIRST_SEQ + i for i in range(121, 141)
    ]


async def test_a_page_of_a_replay_is_bounded_in_bytes_and_goes_on_until_empty(store):
    for i in range(4):
        await keep(store.append, message(FIRST_SEQ + i, payload=bytes(3 * 1024 * 1024)))
    seen: list[int] = []
    while page := await store.replay(seen[-1] if seen else 0, 100):
        assert len(page) <= 2
        seen += [m.seq for m in page]
    assert seen == [FIRST_SEQ + i for i in range(4)]


async def _replay_until(store: DurableStore, at_most: int) -> list[StoredMessage]:
    """Trimming goes on in small steps while the store is idle: look until it is done."""
    async with asyncio.timeout(10):
        while len(found := await store.replay(0, 5_000)) > at_most:
            await keep(store.save_session, session("looker"))
    return found


async def test_the_last_sequence_is_the_greatest_of_log_retained_and_received(store):
    assert store.last_seq() == 0
    await keep(store.append, message(FIRST_SEQ))
    await keep(store.retain, message(FIRST_SEQ + 5))
    await keep(store.save_session, session())
    await keep(store.put_received, "reader", 1, 4, message(FIRST_SEQ + 9))
    assert store.last_seq() == FIRST_SEQ + 9


async def test_everything_is_there_after_close_and_open(store):
    await keep(store.append, message(FIRST_SEQ))
    await keep(store.retain, message(FIRST_SEQ + 1, topic="r"))
    await keep(store.save_session, session())
    await keep(store.put_received, "reader", 1, 4, message(FIRST_SEQ + 2))
    await store.close()
    await store.open()
    assert [m.seq for m in await store.replay(0, 10)] == [FIRST_SEQ]
    assert [m.topic for m in store.load_retained()] == ["r"]
    assert store.load_sessions() == [session()]
    assert [entry[:2] for entry in store.load_received()] == [("reader", 4)]
    assert store.last_seq() == FIRST_SEQ + 2


async def test_close_answers_everything_that_was_submitted(store):
    answers: list[object] = []
    for i in range(500):
        store.append(message(FIRST_SEQ + i), answers.append)
    await store.close()
    assert answers == [None] * 500
    await store.open()
    assert len(await store.replay(0, 1_000)) == 500


async def test_a_write_after_close_is_refused_through_its_done(store):
    await store.close()
    assert isinstance(await outcome(store.append, message()), Unavailable)
    assert store.health()[0] is StoreHealth.DEGRADED
    await store.open()
    assert store.health() == (StoreHealth.OK, "")


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_store_that_was_never_opened_says_so_and_leaves_no_trace(kind, tmp_path):
    fresh = LocalStore(tmp_path / "s", node_id="n0") if kind == "local" else MemoryStore()
    with pytest.raises(StorageError, match="await open"):
        fresh.append(message(), lambda _: None)
    assert list(tmp_path.iterdir()) == []


_SEQS = st.integers(0, 2**56 - 1)
_INFLIGHT = st.builds(Inflight, st.integers(0, 65_535), _SEQS, st.integers(1, 2), st.booleans())


@given(_SEQS, st.lists(_INFLIGHT), _SEQS, st.text(min_size=1))
def test_every_session_survives_encoding(cursor, inflight, offered, client_id):
    record = session(client_id, cursor=cursor, inflight=inflight, offered=offered)
    assert decode_session(*encode_session(record)) == record


@given(st.binary(), st.binary())
def test_damaged_session_bytes_are_an_error_with_words(fixed, progress):
    with pytest.raises(StorageError, match="damaged"):
        decode_session(fixed, progress)
