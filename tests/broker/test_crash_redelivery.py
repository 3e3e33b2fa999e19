"""What a client gets again after a crash, and how it can tell (MQTT 5.0 §4.3, §4.4)."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from tests.broker.held_store import durable
from tests.broker.stage import Stage


async def test_what_may_have_been_sent_before_a_crash_comes_as_a_duplicate():
    """[MQTT-3.3.1-1]: not even the packet id was kept, for no checkpoint came between."""
    stage = await Stage().start()
    anna = await durable(stage)
    ben = await stage.client("ben")
    await ben.publish("a/x", b"sent", 1)
    assert [m.dup for m in anna.take(p.Publish)] == [False]
    await stage.crash()
    await stage.start()
    await (await stage.client("ben")).publish("a/x", b"never sent", 1)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    found = [(m.payload, m.dup) for m in anna.take(p.Publish)]
    assert found == [(b"sent", True), (b"never sent", False)]
    await stage.stop()


async def test_a_message_that_waited_while_the_client_was_away_is_no_duplicate():
    stage = await Stage().start()
    anna = await durable(stage)
    await anna.disconnect()
    await (await stage.client("ben")).publish("a/x", b"1", 1)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert [m.dup for m in anna.take(p.Publish)] == [False]
    await stage.stop()


async def test_a_qos_2_message_that_was_never_sent_is_no_duplicate(held):
    """The connection is lost while its packet id is being stored."""
    anna = await durable(held, qos=2)
    ben = await held.client("ben")
    held.store.is_held = True
    await ben.send(p.Publish(topic="a/x", payload=b"1", qos=2, packet_id=1))
    await ben.send(p.Ack(p.PUBREL, 1))
    await held.store.commit(1)
    assert anna.take(p.Publish) == []
    await anna.vanish()
    held.store.is_held = False
    await held.store.commit()
    anna = await held.client("anna", clean=False)
    assert [(m.payload, m.dup) for m in anna.take(p.Publish)] == [(b"1", False)]


async def test_a_second_pubrec_gets_no_pubrel_before_the_first_is_durable(held):
    anna = await durable(held, qos=2)
    await (await held.client("ben")).publish("a/x", b"1", 2)
    (message,) = anna.take(p.Publish)
    held.store.is_held = True
    await anna.send(p.Ack(p.PUBREC, message.packet_id))
    await anna.send(p.Ack(p.PUBREC, message.packet_id))
    assert anna.take(p.Ack) == []
    await held.store.commit()
    assert [a.packet_type for a in anna.take(p.Ack)] == [p.PUBREL]
    await anna.send(p.Ack(p.PUBREC, message.packet_id))
    assert [a.packet_type for a in anna.take(p.Ack)] == [p.PUBREL]


async def small_window(stage, *, subscribe, maximum=3):
    anna = await stage.client(
        "anna", version=5, clean=False,
        properties=p.Properties(receive_maximum=maximum, session_expiry_s=600),
    )  # fmt: skip
    if subscribe:
        await anna.send(
            p.Subscribe(packet_id=900, subscriptions=[p.SubscriptionRequest("kept/#", 2)])
        )
    return anna


@pytest.mark.parametrize("qos", [1, 2])
async def test_retained_messages_that_a_subscription_was_not_sent_yet_survive_a_crash(qos):
    stage = await Stage().start()
    ben = await stage.client("ben")
    for number in range(10):
        await ben.publish(f"kept/{number}", b"%d" % number, qos, retain=True)
    anna = await small_window(stage, subscribe=True)
    first = [m.payload for m in anna.take(p.Publish)]
    assert len(first) == 3
    await stage.crash()
    await stage.start()
    anna = await small_window(stage, subscribe=False)
    received = [payload for _, payload, _ in await anna.receive()]
    assert sorted(set(received)) == [b"%d" % n for n in range(10)]
    if qos == 2:
        assert len(received) == 10
    await stage.pass_time(1)
    await stage.crash()
    await stage.start()
    anna = await small_window(stage, subscribe=False)
    assert await anna.receive() == []
    await stage.stop()


async def test_a_retained_qos_2_message_that_was_completed_never_comes_again():
    stage = await Stage().start()
    ben = await stage.client("ben")
    for number in range(6):
        await ben.publish(f"kept/{number}", b"%d" % number, 2, retain=True)
    anna = await small_window(stage, subscribe=True, maximum=2)
    received = []
    for _ in range(3):
        (message,) = anna.take(p.Publish)[:1]
        received.append(message.payload)
        await anna.send(p.Ack(p.PUBREC, message.packet_id))
        await anna.send(p.Ack(p.PUBCOMP, message.packet_id))
        await stage.crash()
        await stage.start()
        anna = await small_window(stage, subscribe=False, maximum=2)
    received += [payload for _, payload, _ in await anna.receive()]
    assert sorted(received) == [b"%d" % n for n in range(6)]
    await stage.stop()


async def test_a_smaller_window_sends_what_was_sent_as_a_duplicate(stage):
    anna = await durable(stage)
    ben = await stage.client("ben")
    for number in range(3):
        await ben.publish("a/x", b"%d" % number, 1)
    await anna.vanish()
    await ben.publish("a/x", b"new", 1)
    anna = await small_window(stage, subscribe=False, maximum=1)
    dups = []
    while batch := anna.take(p.Publish):
        for message in batch:
            dups.append((message.payload, message.dup))
            await anna.send(p.Ack(p.PUBACK, message.packet_id))
    assert dups == [(b"0", True), (b"1", True), (b"2", True), (b"new", False)]


async def test_the_packet_id_of_a_released_copy_is_not_given_to_another_message(stage):
    """The copy was settled in the transaction before the one that knows of its PUBREC: without a
    PUBREL the client would take the next message under the id for a repetition of the first."""
    anna = await durable(stage, topic_filter="$share/g/a/x", qos=2)
    await (await stage.client("ben")).publish("a/x", b"1", 2)
    (message,) = anna.take(p.Publish)
    (copy,) = stage.store.load_owed()
    stage.store.settle_owed([copy], None)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert [(a.packet_type, a.packet_id) for a in anna.take(p.Ack)] == [
        (p.PUBREL, message.packet_id)
    ]
    await (await stage.client("ben")).publish("a/x", b"2", 2)
    (second,) = anna.take(p.Publish)
    assert second.packet_id != message.packet_id


async def test_a_qos_2_message_that_is_gone_is_released_and_its_packet_id_is_not_reused(stage):
    ben = await stage.client("ben")
    await ben.publish("kept/x", b"1", 2, retain=True)
    anna = await durable(stage, topic_filter="kept/#", qos=2)
    (message,) = anna.take(p.Publish)
    await stage.pass_time(0.5)
    await ben.publish("kept/x", b"", 1, retain=True)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert [(a.packet_type, a.packet_id) for a in anna.take(p.Ack)] == [
        (p.PUBREL, message.packet_id)
    ]
