"""The contract of ``Journal``, the same for the one on files and the one in memory."""

from __future__ import annotations

from typing import Literal

import pytest

from broker_runtime.codec.packets import Properties
from broker_runtime.codec.properties import forwardable_block
from broker_runtime.contract.queries import ClientEvent, Message, MessageSummary, TraceStep
from broker_runtime.storage.base import MessageQuery, StorageError
from broker_runtime.storage.journal.segment_journal import SegmentJournal
from broker_runtime.storage.memory_journal import MemoryJournal
from broker_runtime.storage.publishes import PublishMix, PublishRun
from tests.storage.samples import FIRST_SEQ, NOW_MS, message


@pytest.fixture(params=["segments", "memory"])
async def journal(request, tmp_path):
    """An open journal of either kind."""
    kept = SegmentJournal(tmp_path / "journal") if request.param == "segments" else MemoryJournal()
    await kept.open()
    yield kept
    await kept.close()


def query(topic_filter: str = "#", from_ms: int = 0, limit: int = 100) -> MessageQuery:
    return MessageQuery(topic_filter, from_ms, limit)


def event(at_ms: int, client_id: str = "c", kind: str = "connected") -> ClientEvent:
    return ClientEvent(
        at_ms=at_ms, client_id=client_id, username="u", address="a", event=kind, reason="why"
    )


def step(
    stage: Literal["produce", "consume"],
    at_ms: int,
    client_id: str,
    packet_type: str,
    qos: int,
    result: str = "success",
) -> TraceStep:
    return TraceStep(
        stage=stage,
        at_ms=at_ms,
        client_id=client_id,
        packet_type=packet_type,
        qos=qos,
        result=result,
    )


async def test_a_query_sees_everything_published_before_it(journal):
    for i in range(50):
        journal.published(message(FIRST_SEQ + i), [("reader", 1)], "success")
        found = (await journal.list_messages(query())).messages
        assert [m.message_id for m in found] == [
            message(FIRST_SEQ + n).message_id for n in range(i + 1)
        ]


async def test_a_row_of_the_list_says_what_a_person_needs(journal):
    sent = message(retain=True, qos=2, payload=b"12345")
    journal.published(sent, [], "success")
    (found,) = (await journal.list_messages(query("plant/+/temperature"))).messages
    assert found == MessageSummary(
        message_id=f"00{FIRST_SEQ:014X}",
        topic="plant/7/temperature",
        client_id="sensor-7",
        qos=2,
        retain=True,
        stored_ms=NOW_MS,
        payload_bytes=5,
    )


async def test_a_message_is_found_whole_by_its_id(journal):
    properties = Properties(
        user_properties=(("k", "v"), ("k", "w")),
        content_type="application/json",
        payload_format_indicator=1,
        response_topic="answers",
        correlation_data=b"\x00\x01",
    )
    sent = message(
        properties=forwardable_block(properties), expires_ms=NOW_MS + 60_000, payload=b"\xff\x00"
    )
    journal.published(sent, [], "success")
    assert await journal.get_message(sent.message_id) == Message(
        message_id=sent.message_id,
        topic=sent.topic,
        client_id="sensor-7",
        username="alice",
        address="192.0.2.7:50123",
        qos=1,
        retain=False,
        stored_ms=NOW_MS,
        payload=b"\xff\x00",
        user_properties=(("k", "v"), ("k", "w")),
        content_type="application/json",
        payload_format=1,
        expiry_s=60,
        response_topic="answers",
        correlation_data=b"\x00\x01",
    )


@pytest.mark.parametrize(
    "unknown",
    ["", "x", "0", f"01{FIRST_SEQ:014X}", f"00{FIRST_SEQ + 1:014X}", f"00{FIRST_SEQ:014x}",
     "-0FFFFFFFFFFFFFF", "F" * 16, "F" * 17, f"0_{FIRST_SEQ:014X}", "../../etc/passwd"],
)  # fmt: skip
async def test_an_id_of_no_message_is_unknown(journal, unknown):
    journal.published(message(), [], "success")
    assert await journal.get_message(unknown) is None
    assert await journal.get_trace(unknown) is None


async def test_a_trace_names_the_publisher_and_each_receiver(journal):
    sent = message()
    journal.published(sent, [("a", 1), ("b", 0)], "success")
    assert await journal.get_trace(sent.message_id) == [
        step("produce", NOW_MS, "sensor-7", "PUBLISH", 1),
        step("consume", NOW_MS, "a", "PUBLISH", 1),
        step("consume", NOW_MS, "b", "PUBLISH", 0),
    ]


async def test_later_steps_join_the_trace_in_time_order(journal):
    sent = message()
    journal.published(sent, [("a", 1)], "success")
    journal.step(sent.seq, "a", "PUBACK", 1, "success", NOW_MS + 9)
    journal.step(sent.seq, "away", "QUEUE", 1, "success", NOW_MS + 1)
    journal.step(sent.seq, "away", "DROP", 1, "queue_full", NOW_MS + 5)
    journal.step(sent.seq, "sensor-7", "PUBACK", 1, "success", NOW_MS + 2)
    trace = await journal.get_trace(sent.message_id)
    assert trace[2:] == [
        step("consume", NOW_MS + 1, "away", "QUEUE", 1),
        step("produce", NOW_MS + 2, "sensor-7", "PUBACK", 1),
        step("consume", NOW_MS + 5, "away", "DROP", 1, "queue_full"),
        step("consume", NOW_MS + 9, "a", "PUBACK", 1),
    ]


async def test_a_message_for_nobody_ends_in_no_subscriber(journal):
    sent = message()
    journal.published(sent, [], "success")
    assert (await journal.get_trace(sent.message_id))[1:] == [
        step("consume", NOW_MS, "", "DROP", 1, "no_subscriber")
    ]


async def test_a_queued_message_has_a_subscriber(journal):
    sent = message()
    journal.published(sent, [], "success")
    journal.step(sent.seq, "away", "QUEUE", 1, "success", NOW_MS)
    assert (await journal.get_trace(sent.message_id))[1:] == [
        step("consume", NOW_MS, "away", "QUEUE", 1)
    ]


async def test_a_refused_message_shows_its_reason_and_nothing_else(journal):
    sent = message()
    journal.published(sent, [], "not_authorized")
    assert await journal.get_trace(sent.message_id) == [
        step("produce", NOW_MS, "sensor-7", "PUBLISH", 1, "not_authorized")
    ]


async def test_a_publisher_that_receives_its_own_message_acknowledges_as_a_consumer(journal):
    sent = message()
    journal.published(sent, [("sensor-7", 1)], "success")
    journal.step(sent.seq, "sensor-7", "PUBACK", 1, "success", NOW_MS + 1)
    assert (await journal.get_trace(sent.message_id))[-1].stage == "consume"


async def test_a_shared_list_of_deliveries_belongs_to_each_message(journal):
    shared = [(f"c{i}", i % 3) for i in range(500)]
    for i in range(2_500):
        journal.published(message(FIRST_SEQ + i), shared if i % 2 else [("one", 0)], "success")
    for i in (0, 1, 998, 999, 1_000, 2_499):
        trace = await journal.get_trace(message(FIRST_SEQ + i).message_id)
        receivers = [(s.client_id, s.qos) for s in trace[1:]]
        assert receivers == (shared if i % 2 else [("one", 0)])


async def test_events_come_newest_first_within_their_bounds(journal):
    for i in range(10):
        journal.event(event(NOW_MS + i, client_id=f"c{i % 2}"))
    answer = await journal.list_events("", 0, 0, 100)
    assert answer.complete
    everything = answer.events
    assert [e.at_ms - NOW_MS for e in everything] == list(range(9, -1, -1))
    assert everything[0] == event(NOW_MS + 9, "c1")
    some = (await journal.list_events("c0", NOW_MS + 2, NOW_MS + 6, 2)).events
    assert [e.at_ms - NOW_MS for e in some] == [6, 4]


async def test_events_of_one_instant_come_last_in_first_out(journal):
    for kind in ("connected", "subscribed", "disconnected"):
        journal.event(event(NOW_MS, kind=kind))
    found = (await journal.list_events("c", 0, 0, 10)).events
    assert [e.event for e in found] == ["disconnected", "subscribed", "connected"]


async def test_a_limit_is_never_more_than_1024(journal):
    for i in range(1_100):
        journal.published(message(FIRST_SEQ + i, topic=f"t/{i}"), [], "success")
        journal.event(event(NOW_MS))
    assert len((await journal.list_messages(query(limit=5_000))).messages) == 1024
    assert len((await journal.list_events("", 0, 0, 5_000)).events) == 1024


async def test_nothing_is_dropped_and_nothing_lags_in_good_times(journal):
    journal.published(message(), [], "success")
    await journal.list_messages(query())
    assert journal.dropped() == 0
    assert journal.lag_bytes() == 0


async def test_memory_keeps_the_newest_within_its_bounds():
    """Records that are dropped for room are the oldest: a node without a disk stays small."""
    journal = MemoryJournal(max_messages=3, max_bytes=10)
    for i in range(5):
        journal.published(message(FIRST_SEQ + i, payload=b"1"), [], "success")
    assert await ids(journal) == [2, 3, 4]
    journal.published(message(FIRST_SEQ + 5, payload=b"123456789"), [], "success")
    assert await ids(journal) == [4, 5]
    journal.set_retention(60)
    journal.published(message(FIRST_SEQ + 60_000_001), [], "success")
    assert await ids(journal) == [60_000_001]


async def ids(journal: MemoryJournal) -> list[int]:
    return [
        int(m.message_id, 16) - FIRST_SEQ for m in (await journal.list_messages(query())).messages
    ]


async def test_a_journal_that_is_not_open_says_so(tmp_path):
    journal = SegmentJournal(tmp_path / "journal")
    with pytest.raises(StorageError, match="not open"):
        await journal.list_messages(query())
    assert list(tmp_path.iterdir()) == []


async def test_a_run_is_found_message_by_message_with_its_trace(journal):
    packets = b"\x32\x08\x00\x01a\x00\x01one" + b"\x32\x08\x00\x01a\x00\x02two"
    run = PublishRun(0, FIRST_SEQ, 2, NOW_MS, "a", 1, 4, "p", "u", "1.2.3.4:5", packets)
    journal.published_run(run, [("r", 1)], "success")
    journal.steps([FIRST_SEQ, FIRST_SEQ + 1], "r", "PUBACK", 1, "success", NOW_MS + 1)
    found = (await journal.list_messages(query())).messages
    assert [(m.topic, m.client_id, m.qos, m.payload_bytes) for m in found] == [("a", "p", 1, 3)] * 2
    second = await journal.get_message(found[1].message_id)
    assert second.payload == b"two"
    assert await journal.get_trace(found[1].message_id) == [
        step("produce", NOW_MS, "p", "PUBLISH", 1),
        step("consume", NOW_MS, "r", "PUBLISH", 1),
        step("consume", NOW_MS + 1, "r", "PUBACK", 1),
    ]


async def test_a_page_goes_on_after_the_last_message_of_the_one_before(journal):
    for i in range(5):
        journal.published(message(FIRST_SEQ + i), [], "success")

    first = (await journal.list_messages(query(limit=3))).messages
    last_seq = int(first[-1].message_id, 16)
    rest = (await journal.list_messages(MessageQuery("#", 0, 3, last_seq))).messages

    seqs = [int(row.message_id, 16) - FIRST_SEQ for row in (*first, *rest)]
    assert seqs == [0, 1, 2, 3, 4]


async def test_a_mix_is_found_message_by_message_with_its_trace(journal):
    packets = b"\x30\x06\x00\x01aone" + b"\x30\x06\x00\x01btwo"
    mix = PublishMix(0, FIRST_SEQ, NOW_MS, 4, "p", "u", "1.2.3.4:5", packets, [[("r", 0)], []])
    journal.published_mix(mix)
    found = (await journal.list_messages(query())).messages
    assert [(m.topic, m.client_id, m.qos, m.payload_bytes) for m in found] == [
        ("a", "p", 0, 3),
        ("b", "p", 0, 3),
    ]
    second = await journal.get_message(found[1].message_id)
    assert second.payload == b"two"
    assert await journal.get_trace(found[0].message_id) == [
        step("produce", NOW_MS, "p", "PUBLISH", 0),
        step("consume", NOW_MS, "r", "PUBLISH", 0),
    ]
