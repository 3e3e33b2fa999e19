"""Sessions: how long they last and what they keep."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R

BOTH = pytest.mark.parametrize("version", [4, 5])


def keeping(version, seconds=60):
    return p.Properties(session_expiry_s=seconds if version == 5 else None)


async def durable(stage, version, client_id="anna", *, clean=False, **fields):
    return await stage.client(
        client_id, version=version, clean=clean, properties=keeping(version), **fields
    )


@BOTH
async def test_a_session_is_resumed_with_subscriptions_and_messages(stage, version):
    """[MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-4.5.0-1] [MQTT3-3.1.2-4]
    [MQTT3-3.1.2-5] [MQTT3-4.1.0-1] [MQTT3-4.5.0-1]"""
    anna = await durable(stage, version)
    assert not anna.session_present
    await anna.subscribe("a/#", 2)
    await anna.vanish()
    ben = await stage.client("ben")
    for qos in (1, 2):
        await ben.publish("a/x", b"%d" % qos, qos)
    await ben.publish("b", b"no", 1)
    anna = await durable(stage, version)
    assert anna.session_present
    assert await anna.receive() == [("a/x", b"1", 1), ("a/x", b"2", 2)]
    await ben.publish("a/y", b"3", 1)
    assert await anna.receive() == [("a/y", b"3", 1)]


@BOTH
async def test_a_clean_start_forgets_everything(stage, version):
    """[MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT3-3.1.2-6] [MQTT3-3.1.4-3]"""
    anna = await durable(stage, version)
    await anna.subscribe("a", 1)
    await anna.vanish()
    ben = await stage.client("ben")
    await ben.publish("a", b"x", 1)
    await (await durable(stage, version, clean=True)).vanish()
    anna = await durable(stage, version)
    assert not anna.session_present or version == 5
    await ben.publish("a", b"y", 1)
    assert anna.messages() == []


@BOTH
async def test_a_session_lasts_as_long_as_its_connection(stage, version):
    """[MQTT-4.1.0-1] [MQTT3-4.1.0-2]"""
    anna = await stage.client("anna", version=version)
    await anna.subscribe("a", 1)
    await stage.pass_time(100_000, step=5_000)
    await (await stage.client("ben")).publish("a", b"x", 1)
    assert len(await anna.receive()) == 1
    await anna.vanish()
    assert stage.broker.gauges()["sessions"] == 1


async def test_a_session_ends_when_its_expiry_has_passed__S10(stage):
    """[MQTT-4.1.0-2]"""
    anna = await durable(stage, 5)
    await anna.subscribe("a", 1)
    await anna.vanish()
    await stage.pass_time(58)
    assert stage.broker.gauges()["sessions"] == 1
    await stage.pass_time(3)
    assert stage.broker.gauges()["sessions"] == 0
    assert not (await durable(stage, 5)).session_present


@pytest.mark.parametrize(
    ("before", "after", "survives"),
    [(60, None, True), (60, 0, False), (60, 30, True), (0, 0, False), (None, None, False)],
)
async def test_disconnect_may_change_the_expiry_of_a_durable_session__S11(
    stage, before, after, survives
):
    properties = p.Properties(session_expiry_s=before)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.disconnect(properties=p.Properties(session_expiry_s=after))
    assert anna.goodbye() is None
    assert stage.broker.gauges()["sessions"] == int(survives)


@pytest.mark.parametrize("before", [None, 0])
async def test_disconnect_cannot_make_a_session_durable_after_all__S11(stage, before):
    """MQTT 5.0 §3.14.2.2.2; [MQTT-4.13.1-1]"""
    properties = p.Properties(session_expiry_s=before)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.disconnect(properties=p.Properties(session_expiry_s=1))
    assert anna.goodbye() == R.PROTOCOL_ERROR


async def test_the_servers_disconnect_tells_no_session_expiry(stage):
    """[MQTT-3.14.2-2]"""
    anna = await durable(stage, 5)
    await stage.kick("anna")
    (goodbye,) = anna.take(p.Disconnect)
    assert goodbye.reason == R.ADMINISTRATIVE_ACTION
    assert goodbye.properties.session_expiry_s is None


@BOTH
async def test_retained_messages_outlive_their_session(stage, version):
    """[MQTT3-3.1.2-7]"""
    ben = await stage.client("ben", version=version)
    await ben.publish("a", b"kept", 1, retain=True)
    await ben.disconnect()
    anna = await stage.client("anna", version=version)
    await anna.subscribe("a")
    assert [m[1] for m in anna.messages()] == [b"kept"]


@BOTH
async def test_what_is_open_is_sent_again_in_order_with_its_identifiers(stage, version):
    """[MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT3-4.4.0-1]
    [MQTT3-4.6.0-1] [MQTT3-3.3.1-1] [MQTT3-2.3.1-4]"""
    anna = await durable(stage, version)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    for number in range(6):
        await ben.publish("a", b"%d" % number, 1 + number % 2)
    first = anna.take(p.Publish)
    assert not any(m.dup for m in first)
    await anna.send(p.Ack(p.PUBACK, first[0].packet_id))
    await stage.pass_time(300)
    assert anna.take(p.Publish) == [], "only a resumption sends again"
    await anna.vanish()
    anna = await durable(stage, version)
    again = anna.take(p.Publish)
    assert [(m.packet_id, m.payload) for m in again] == [
        (m.packet_id, m.payload) for m in first[1:]
    ]
    assert all(m.dup for m in again)


@BOTH
async def test_a_pubrel_that_is_open_is_sent_again_and_no_publish(stage, version):
    """[MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.4.0-1] [MQTT-4.6.0-4] [MQTT3-4.3.3-1]
    [MQTT3-4.6.0-4]"""
    anna = await durable(stage, version)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    for number in range(3):
        await ben.publish("a", b"%d" % number, 2)
    ids = [m.packet_id for m in anna.take(p.Publish)]
    received = [ids[2], ids[0], ids[1]]
    for packet_id in received:
        await anna.send(p.Ack(p.PUBREC, packet_id))
    assert [x.packet_id for x in anna.take(p.Ack)] == received
    await anna.vanish()
    anna = await durable(stage, version)
    assert anna.take(p.Publish) == []
    assert [(x.packet_type, x.packet_id) for x in anna.take(p.Ack)] == [
        (p.PUBREL, packet_id) for packet_id in received
    ]
    for packet_id in received:
        await anna.send(p.Ack(p.PUBCOMP, packet_id))
    await anna.vanish()
    assert (await durable(stage, version)).take(p.Ack) == []


async def test_a_message_that_the_client_refused_does_not_come_again(stage):
    """[MQTT-4.4.0-2]"""
    anna = await durable(stage, 5)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    for qos in (1, 2):
        await ben.publish("a", b"x", qos)
        (message,) = anna.take(p.Publish)
        answer = p.PUBACK if qos == 1 else p.PUBREC
        await anna.send(p.Ack(answer, message.packet_id, R.QUOTA_EXCEEDED))
        assert anna.take() == []
    await anna.vanish()
    assert (await durable(stage, 5)).take() == []


async def test_a_message_that_was_sent_no_longer_expires(stage):
    """[MQTT-4.3.3-7]"""
    anna = await durable(stage, 5)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben", version=5)
    await ben.publish("a", b"x", 2, properties=p.Properties(message_expiry_s=5))
    (message,) = anna.take(p.Publish)
    await anna.vanish()
    await stage.pass_time(20)
    anna = await durable(stage, 5)
    (again,) = anna.take(p.Publish)
    assert (again.packet_id, again.dup) == (message.packet_id, True)


async def test_a_connection_ends_when_the_server_cannot_keep_what_it_took__F3(held):
    """[MQTT3-4.8.0-2]"""
    anna = await durable(held, 4)
    await anna.subscribe("a", 1)
    ben = await held.client("ben")
    held.store.broken = True
    assert await ben.publish("a", b"x", 1) is None
    assert not ben.is_open
