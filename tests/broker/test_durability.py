"""What the store promises reaches the client, and nothing before (CLUSTERING 3.7, SECURITY F)."""

from __future__ import annotations

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from broker_runtime.storage.base import Unavailable
from tests.broker.held_store import durable
from tests.broker.stage import Stage, settle


async def test_nothing_is_acknowledged_or_delivered_before_the_commit(held):
    anna = await durable(held)
    quick = await held.client("quick")
    await quick.subscribe("a/#", 1)
    ben = await held.client("ben")
    held.store.is_held = True
    assert await ben.publish("a/x", b"1", 1) is None
    assert anna.messages() == []
    assert await quick.receive() == [("a/x", b"1", 1)]
    await held.store.commit()
    assert [a.packet_type for a in ben.take(p.Ack)] == [p.PUBACK]
    assert anna.messages() == [("a/x", b"1", 1)]


async def test_answers_keep_the_order_of_the_messages(held):
    await durable(held, topic_filter="slow/#")
    ben = await held.client("ben")
    held.store.is_held = True
    await ben.send(
        p.Publish(topic="slow/1", payload=b"", qos=1, packet_id=1),
        p.Publish(topic="fast/2", payload=b"", qos=1, packet_id=2),
        p.Publish(topic="fast/3", payload=b"", qos=2, packet_id=3),
        p.Publish(topic="slow/4", payload=b"", qos=1, packet_id=4),
    )
    assert ben.take(p.Ack) == []
    await held.store.commit(1)
    assert [a.packet_id for a in ben.take(p.Ack)] == [1, 2, 3]
    await held.store.commit()
    assert [a.packet_id for a in ben.take(p.Ack)] == [4]


async def test_a_message_that_cannot_be_stored_is_never_acknowledged__F3(held):
    await durable(held)
    ben = await held.client("ben", version=5)
    held.store.broken = True
    assert await ben.publish("a/x", b"1", 1) is None
    assert ben.goodbye() == R.QUOTA_EXCEEDED
    assert not ben.is_open
    assert held.count("dropped_not_stored") == 1
    assert held.broker.ready()[0] is False
    assert (await held.connection(version=5).connect("c")).reason == R.SERVER_UNAVAILABLE
    held.store.broken = False
    ben = await held.client("ben", version=5)
    assert await ben.publish("a/x", b"1", 1) == 0


async def test_suback_waits_for_the_store(held):
    anna = await held.client("anna", clean=False)
    held.store.is_held = True
    await anna.send(p.Subscribe(packet_id=1, subscriptions=[p.SubscriptionRequest("a", 1)]))
    assert anna.take(p.SubAck) == []
    await held.store.commit()
    assert len(anna.take(p.SubAck)) == 1


async def test_connack_of_a_durable_session_waits_for_the_store(held):
    await durable(held)
    held.store.is_held = True
    anna = held.connection()
    assert await anna.connect("anna", clean=False) is None
    await anna.send(p.PingReq())
    ben = await held.client("ben")
    await ben.publish("a/x", b"qos 0")
    assert anna.transport.received == []
    await held.store.commit()
    assert [type(x) for x in anna.transport.received] == [p.ConnAck, p.PingResp]


async def test_a_connection_lost_before_its_connack_leaves_no_will__S15(held):
    watcher = await held.client("watcher")
    await watcher.subscribe("will/#")
    held.store.is_held = True
    anna = held.connection()
    will = p.Will(topic="will/x", payload=b"w", qos=0, retain=False)
    assert await anna.connect("anna", will=will) is None
    await anna.vanish()
    await held.store.commit()
    assert watcher.messages() == []
    assert held.broker.gauges()["connections"] == 1


async def test_kicked_in_the_middle_of_connect__S21(held):
    held.store.is_held = True
    anna = held.connection()
    assert await anna.connect("anna", clean=False) is None
    await held.kick("anna", delete_session=True)
    await held.store.commit()
    assert not anna.is_open
    assert held.broker.gauges()["sessions"] == 0


async def test_a_crash_loses_no_acknowledged_message_and_no_subscription():
    stage = await Stage().start()
    await durable(stage, qos=2)
    offline = await durable(stage, "offline")
    await offline.disconnect()
    ben = await stage.client("ben")
    for number in range(10):
        await ben.publish("a/x", b"%d" % number, 1 + number % 2)
    await ben.publish("kept/x", b"r", 1, retain=True)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert anna.session_present
    received = [payload for _, payload, _ in await anna.receive()]
    assert sorted(set(received)) == [b"%d" % n for n in range(10)]
    offline = await stage.client("offline", clean=False)
    assert [payload for _, payload, _ in await offline.receive()] == [b"%d" % n for n in range(10)]
    await (await stage.client("ben")).publish("a/x", b"new", 1)
    assert [payload for _, payload, _ in await anna.receive()] == [b"new"]
    await anna.subscribe("kept/#", 1)
    assert await anna.receive() == [("kept/x", b"r", 1)]
    await stage.stop()


async def test_qos_2_is_exactly_once_across_a_crash_on_either_side():
    stage = await Stage().start()
    anna = await durable(stage, qos=2)
    ben = await stage.client("ben", clean=False)
    await ben.send(p.Publish(topic="a/x", payload=b"1", qos=2, packet_id=1))
    await stage.crash()
    await stage.start()
    ben = await stage.client("ben", clean=False)
    await ben.send(p.Publish(topic="a/x", payload=b"1", qos=2, packet_id=1, dup=True))
    anna = await stage.client("anna", clean=False)
    await ben.send(p.Ack(p.PUBREL, 1))
    (first,) = anna.take(p.Publish)
    await stage.crash()
    await stage.start()
    ben = await stage.client("ben", clean=False)
    await ben.send(p.Ack(p.PUBREL, 1))
    assert [a.packet_type for a in ben.take(p.Ack)] == [p.PUBCOMP]
    anna = await stage.client("anna", clean=False)
    (again,) = anna.take(p.Publish)
    assert (again.packet_id, again.dup) == (first.packet_id, True)
    await anna.send(p.Ack(p.PUBREC, again.packet_id))
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert anna.take(p.Publish) == []
    assert [(a.packet_type, a.packet_id) for a in anna.take(p.Ack)] == [(p.PUBREL, first.packet_id)]
    await anna.send(p.Ack(p.PUBCOMP, first.packet_id))
    await stage.stop()


async def test_progress_is_saved_often_enough(stage):
    anna = await durable(stage)
    ben = await stage.client("ben")
    for _ in range(5):
        await ben.publish("a/x", b"old", 1)
    await anna.receive()
    await stage.pass_time(0.5, step=0.1)
    await ben.publish("a/x", b"new", 1)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert [payload for _, payload, _ in await anna.receive()] == [b"new"]


async def test_wills_of_a_crashed_node_are_published_once__S14():
    stage = await Stage().start()
    await durable(stage, "watcher", "will/#")
    for number, clean in enumerate((True, False)):
        will = p.Will(topic=f"will/{number}", payload=b"w", qos=1, retain=False)
        await stage.client(f"c{number}", clean=clean, will=will)
    for _ in range(3):
        await stage.crash()
        await stage.start()
    watcher = await stage.client("watcher", clean=False)
    assert sorted(await watcher.receive()) == [("will/0", b"w", 1), ("will/1", b"w", 1)]
    assert stage.broker.gauges()["sessions"] == 2
    await stage.stop()


async def test_a_session_that_expired_while_the_node_was_down_is_gone():
    stage = await Stage().start()
    anna = await stage.client("anna", version=5, properties=p.Properties(session_expiry_s=60))
    await anna.subscribe("a", 1)
    await anna.disconnect()
    await stage.crash()
    stage.clock.elapsed_s += 3_600
    await stage.start()
    assert stage.broker.gauges()["sessions"] == 0
    await stage.stop()


async def test_the_log_is_trimmed_when_nobody_needs_it(stage):
    anna = await durable(stage)
    ben = await stage.client("ben")
    for _ in range(5):
        await ben.publish("a/x", b"x", 1)
    await stage.pass_time(11)
    assert len(await stage.store.replay(0, 100)) == 5
    await anna.receive()
    await stage.pass_time(11)
    assert await stage.store.replay(0, 100) == []


async def test_shutdown_says_so_and_publishes_no_wills__F7():
    stage = await Stage().start()
    watcher = await durable(stage, "watcher", "will/#")
    will = p.Will(topic="will/x", payload=b"w", qos=1, retain=False)
    anna = await stage.client("anna", version=5, will=will)
    silent = stage.connection()
    await stage.broker.stop(1)
    await settle()
    assert anna.goodbye() == R.SERVER_SHUTTING_DOWN
    assert not silent.is_open
    await stage.start()
    watcher = await stage.client("watcher", clean=False)
    assert await watcher.receive() == []
    await stage.stop()


async def test_a_replay_longer_than_a_batch_and_than_the_window(stage):
    anna = await durable(stage)
    await anna.disconnect()
    ben = await stage.client("ben")
    for number in range(700):
        ben.protocol.data_received(b"")
        await ben.publish("a/x", b"%d" % number, 1)
    anna = await stage.client(
        "anna", version=5, clean=False,
        properties=p.Properties(receive_maximum=7, session_expiry_s=60),
    )  # fmt: skip
    received = []
    while batch := await anna.receive():
        received += [payload for _, payload, _ in batch]
    assert received == [b"%d" % n for n in range(700)]
    assert anna.protocol.session.behind is False


async def test_expired_messages_are_not_delivered_late():
    stage = await Stage(settings=BrokerSettings(allow_anonymous=True)).start()
    anna = await durable(stage)
    await anna.disconnect()
    ben = await stage.client("ben", version=5)
    await ben.publish("a/1", b"short", 1, properties=p.Properties(message_expiry_s=10))
    await ben.publish("a/2", b"long", 1, properties=p.Properties(message_expiry_s=100))
    await stage.pass_time(30)
    anna = await stage.client(
        "anna", version=5, clean=False, properties=p.Properties(session_expiry_s=60)
    )
    (message,) = anna.take(p.Publish)
    assert (message.payload, message.properties.message_expiry_s) == (b"long", 70)
    assert stage.count("dropped_expired") == 1
    await stage.stop()


async def test_a_retained_message_in_flight_survives_a_crash(stage):
    ben = await stage.client("ben")
    await ben.publish("a/x", b"kept", 1, retain=True)
    await ben.publish("a/y", b"gone", 1, retain=True)
    anna = await stage.client("anna", clean=False)
    await anna.subscribe("a/#", 1)
    first = {m.topic: m.packet_id for m in anna.take(p.Publish)}
    await stage.pass_time(0.5)
    await ben.publish("a/y", b"", 0, retain=True)
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    (again,) = anna.take(p.Publish)
    assert (again.topic, again.packet_id, again.dup, again.retain) == (
        "a/x",
        first["a/x"],
        True,
        True,
    )
    assert stage.count("dropped_expired") == 1


@pytest.mark.parametrize("joins_late", [True, False])
async def test_members_of_a_shared_group_may_change_while_the_store_works(held, joins_late):
    member = await held.client("member", clean=joins_late)
    await member.subscribe("$share/g/a", 1)
    await durable(held, "other", "a")
    late = await held.client("late", clean=False)
    ben = await held.client("ben")
    held.store.is_held = True
    await ben.send(p.Publish(topic="a", payload=b"1", qos=1, packet_id=1))
    held.store.is_held = False
    if joins_late:
        await late.subscribe("$share/g/a", 1)
    else:
        await member.unsubscribe("$share/g/a")
    await held.store.commit()
    received = len(await member.receive()) + len(await late.receive())
    unserved = held.count("dropped_shared_group_unserved")
    assert (received, unserved) == ((1, 0) if joins_late else (0, 1))


async def test_a_session_that_another_owner_took_is_closed(held):
    anna = await held.client(
        "anna", version=5, clean=False, properties=p.Properties(session_expiry_s=60)
    )
    record = held.store.load_sessions()[0]
    record.epoch += 5
    held.store.save_session(record, None)
    await anna.send(p.Subscribe(packet_id=1, subscriptions=[p.SubscriptionRequest("a", 1)]))
    assert anna.goodbye() == R.SESSION_TAKEN_OVER
    assert not anna.is_open


async def test_an_unreadable_log_closes_the_client_that_needs_it(held):
    anna = await durable(held)
    await anna.disconnect()
    await (await held.client("ben")).publish("a/x", b"1", 1)

    async def broken(after_seq, limit):
        raise Unavailable("bad sector")

    held.store.replay = broken
    anna = held.connection(version=5)
    await anna.connect("anna", clean=False, properties=p.Properties(session_expiry_s=60))
    assert anna.goodbye() == R.SERVER_BUSY
    del held.store.replay
    anna = await held.client("anna", clean=False)
    assert await anna.receive() == [("a/x", b"1", 1)]


async def test_a_smaller_receive_maximum_is_respected_at_the_return(stage):
    """[MQTT-3.3.4-9] [MQTT-4.4.0-1]"""
    anna = await durable(stage)
    ben = await stage.client("ben")
    for number in range(10):
        await ben.publish("a/x", b"%d" % number, 1)
    before = {m.payload: m.packet_id for m in anna.take(p.Publish)}
    assert len(before) == 10
    await anna.vanish()
    await ben.publish("a/x", b"new", 1)
    properties = p.Properties(receive_maximum=3, session_expiry_s=60)
    anna = await stage.client("anna", version=5, clean=False, properties=properties)
    again: list[p.Publish] = []
    while batch := anna.take(p.Publish):
        again += batch
        assert len(batch) <= 3
        for message in batch:
            await anna.send(p.Ack(p.PUBACK, message.packet_id))
    assert [m.payload for m in again] == [*(b"%d" % n for n in range(10)), b"new"]
    assert [m.dup for m in again] == [True] * 10 + [False]
    sent_again = {m.payload: m.packet_id for m in again[:10]}
    assert sent_again == before, "the packet ids are those of before [MQTT-4.4.0-1]"
