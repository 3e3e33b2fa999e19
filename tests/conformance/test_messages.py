"""PUBLISH and its answers: quality of service, order, retained messages, expiry, limits."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R

BOTH = pytest.mark.parametrize("version", [4, 5])


async def pair(stage, version=5, topic_filter="a/#", qos=2, **properties):
    reader = await stage.client("reader", version=version, properties=p.Properties(**properties))
    await reader.subscribe(topic_filter, qos)
    return reader, await stage.client("writer", version=version)


def acks(peer):
    return [(x.packet_type, x.packet_id) for x in peer.take(p.Ack)]


# -- answers to a publisher ----------------------------------------------------------------------


@BOTH
async def test_a_publish_is_answered_as_its_qos_asks(stage, version):
    """[MQTT-3.3.4-1] [MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT3-3.3.4-1]
    [MQTT3-2.3.1-6] [MQTT3-4.3.2-2] [MQTT3-4.3.3-2]"""
    _, writer = await pair(stage, version)
    for qos, packet_id in ((0, 0), (1, 7), (2, 8)):
        await writer.send(p.Publish(topic="a/x", payload=b"x", qos=qos, packet_id=packet_id))
    assert acks(writer) == [(p.PUBACK, 7), (p.PUBREC, 8)]
    await writer.send(p.Ack(p.PUBREL, 8))
    assert acks(writer) == [(p.PUBCOMP, 8)]


@BOTH
async def test_a_repeated_qos_1_publish_is_a_new_message(stage, version):
    """[MQTT-4.3.2-5] [MQTT3-4.3.2-2] [MQTT-3.3.1-3] [MQTT3-3.3.1-3]"""
    reader, writer = await pair(stage, version)
    for dup in (False, True, True):
        await writer.publish("a/x", b"x", 1, packet_id=5, dup=dup)
    messages = reader.take(p.Publish)
    assert len(messages) == 3
    assert not any(m.dup for m in messages), "DUP is the publisher's own"


@BOTH
async def test_a_repeated_qos_2_publish_is_the_same_message_until_its_pubcomp(stage, version):
    """[MQTT-4.3.3-10] [MQTT-4.3.3-12] [MQTT3-4.3.3-2]"""
    reader, writer = await pair(stage, version)
    publish = p.Publish(topic="a/x", payload=b"x", qos=2, packet_id=5)
    again = p.Publish(topic="a/x", payload=b"x", qos=2, packet_id=5, dup=True)
    await writer.send(publish, again, again)
    assert acks(writer) == [(p.PUBREC, 5)] * 3
    await writer.send(p.Ack(p.PUBREL, 5), p.Ack(p.PUBREL, 5))
    assert acks(writer) == [(p.PUBCOMP, 5)] * 2
    assert len(reader.take(p.Publish)) == 1
    await writer.send(publish)
    await writer.send(p.Ack(p.PUBREL, 5))
    assert len(reader.take(p.Publish)) == 1


async def test_after_a_pubrec_with_an_error_the_identifier_is_free(stage):
    """[MQTT-4.3.3-9]"""
    reader, writer = await pair(stage)
    assert await writer.publish("$SYS/x", b"x", 2, packet_id=5) == R.NOT_AUTHORIZED
    await writer.publish("a/x", b"new", 2, packet_id=5)
    assert [m.payload for m in reader.take(p.Publish)] == [b"new"]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_before_mqtt_5_a_publish_that_is_not_allowed_is_acknowledged(stage, qos):
    """[MQTT3-3.3.5-2]"""
    writer = await stage.client("writer", version=4)
    assert await writer.publish("$SYS/x", b"x", qos) == (0 if qos else None)
    assert writer.is_open


@BOTH
async def test_acknowledgements_have_the_order_of_the_messages(held, version):
    """[MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT3-4.6.0-2] [MQTT3-4.6.0-3]"""
    keep = p.Properties(session_expiry_s=60 if version == 5 else None)
    for name in ("reader", "writer"):
        peer = await held.client(name, version=version, clean=False, properties=keep)
        await peer.subscribe("kept", 2)
    held.store.is_held = True
    sent = [("kept", 1), ("free", 1), ("free", 2), ("kept", 2), ("free", 1)]
    await peer.send(
        *(
            p.Publish(topic=topic, payload=b"x", qos=qos, packet_id=number)
            for number, (topic, qos) in enumerate(sent, start=1)
        )
    )
    for _ in range(20):
        await held.store.commit(1)
    expected = [(p.PUBACK if qos == 1 else p.PUBREC, n) for n, (_, qos) in enumerate(sent, 1)]
    assert [x for x in acks(peer) if x[0] in (p.PUBACK, p.PUBREC)] == expected


# -- what a subscriber gets ----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_message_comes_at_the_lower_qos(stage, version, granted, qos):
    """[MQTT-3.8.4-8] [MQTT3-3.8.4-6] [MQTT-4.3.1-1] [MQTT3-4.3.1-1] [MQTT-2.2.1-2]"""
    reader, writer = await pair(stage, version, qos=granted)
    await writer.publish("a/x", b"x", qos)
    (message,) = reader.take(p.Publish)
    assert message.qos == min(qos, granted)
    assert bool(message.packet_id) == bool(message.qos)
    assert not message.dup


@BOTH
async def test_identifiers_to_a_subscriber_are_unused(stage, version):
    """[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT3-2.3.1-4]
    [MQTT3-4.3.2-1] [MQTT3-4.3.3-1]"""
    reader, writer = await pair(stage, version)
    for number in range(10):
        await writer.publish("a/x", b"x", 1 + number % 2)
    messages = reader.take(p.Publish)
    assert len({m.packet_id for m in messages}) == 10
    assert not any(m.dup or m.packet_id == 0 for m in messages)
    second = next(m for m in messages if m.qos == 2)
    await reader.send(p.Ack(p.PUBREC, second.packet_id))
    for _ in range(20):
        await writer.publish("a/x", b"x", 1)
    used = {m.packet_id for m in messages}
    assert not used & {m.packet_id for m in reader.take(p.Publish)}, "until its PUBCOMP"


@BOTH
async def test_a_pubrec_is_answered_with_a_pubrel(stage, version):
    """[MQTT-4.3.3-4] [MQTT-2.2.1-5] [MQTT3-4.3.3-1] [MQTT3-2.3.1-6]"""
    reader, writer = await pair(stage, version)
    await writer.publish("a/x", b"x", 2)
    (message,) = reader.take(p.Publish)
    await reader.send(p.Ack(p.PUBREC, message.packet_id))
    assert acks(reader) == [(p.PUBREL, message.packet_id)]
    await reader.send(p.Ack(p.PUBREC, message.packet_id))
    assert acks(reader) == [(p.PUBREL, message.packet_id)], "a repeated one as well"
    await reader.send(p.Ack(p.PUBCOMP, message.packet_id))
    assert acks(reader) == []


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_messages_of_a_client_come_in_order(stage, version, qos):
    """[MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT3-4.6.0-5] [MQTT3-4.6.0-6]"""
    reader, writer = await pair(stage, version, receive_maximum=7 if version == 5 else None)
    other = await stage.client("other", version=version)
    for number in range(50):
        await writer.publish("a/x", b"%d" % number, qos)
        await other.publish("a/x", b"o%d" % number, qos)
    found = [payload for _, payload, _ in await reader.receive()]
    assert [x for x in found if not x.startswith(b"o")] == [b"%d" % n for n in range(50)]
    assert [x for x in found if x.startswith(b"o")] == [b"o%d" % n for n in range(50)]


@BOTH
async def test_a_message_goes_only_where_its_topic_matches(stage, version):
    """[MQTT-3.3.2-3] [MQTT3-3.3.2-3]"""
    reader, writer = await pair(stage, version, "a/+/c")
    for topic in ("a/b/c", "a/b", "a/b/c/d", "b/b/c", "a//c", "/a/b/c"):
        await writer.publish(topic)
    assert [m[0] for m in reader.messages()] == ["a/b/c", "a//c"]


async def test_what_travels_with_a_message_is_unaltered(stage):
    """[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
    [MQTT-3.3.2-20]"""
    reader, writer = await pair(stage)
    properties = p.Properties(
        payload_format_indicator=1,
        content_type="text/plain; x=\u00e9",
        response_topic="answers/1",
        correlation_data=bytes(range(256)),
        user_properties=(("b", "1"), ("a", "2"), ("b", "1"), ("", "")),
    )
    for qos in (0, 1, 2):
        await writer.publish("a/x", b"x", qos, properties=properties)
        (message,) = reader.take(p.Publish)
        assert message.properties == properties
        if qos == 2:
            await reader.send(p.Ack(p.PUBREC, message.packet_id))
            reader.take(p.Ack)


# -- retained messages ---------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_retained_message_replaces_the_one_before(stage, version, qos):
    """[MQTT-3.3.1-5] [MQTT-3.3.1-8] [MQTT3-3.3.1-5] [MQTT3-3.3.1-6] [MQTT3-3.3.1-7]
    [MQTT3-3.3.1-8] [MQTT3-3.3.1-12]"""
    writer = await stage.client("writer", version=version)
    await writer.publish("a/x", b"first", 2, retain=True)
    await writer.publish("a/x", b"kept", qos, retain=True)
    await writer.publish("a/x", b"passing", qos)
    reader = await stage.client("reader", version=version)
    await reader.subscribe("a/#", 2)
    (message,) = reader.take(p.Publish)
    assert (message.payload, message.qos, message.retain) == (b"kept", qos, True)


@BOTH
async def test_an_empty_retained_message_removes_it_and_is_delivered(stage, version):
    """[MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]"""
    reader, writer = await pair(stage, version)
    await writer.publish("a/x", b"kept", 1, retain=True)
    await writer.publish("a/x", b"", 1, retain=True)
    await writer.publish("a/y", b"", 1, retain=True)
    assert [m.payload for m in reader.take(p.Publish)] == [b"kept", b"", b""]
    late = await stage.client("late", version=version)
    await late.subscribe("a/#")
    assert late.messages() == []
    assert stage.broker.gauges()["retained"] == 0


@BOTH
async def test_an_established_subscription_gets_no_retain_flag(stage, version):
    """[MQTT-3.3.1-12] [MQTT3-3.3.1-9]"""
    reader, writer = await pair(stage, version)
    for retain in (True, False):
        await writer.publish("a/x", b"x", 1, retain=retain)
    assert [m.retain for m in reader.take(p.Publish)] == [False, False]


# -- expiry --------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["retained", "offline", "window"])
async def test_a_message_tells_what_is_left_of_its_life_or_dies(stage, where):
    """[MQTT-3.3.2-5] [MQTT-3.3.2-6]"""
    keep = p.Properties(session_expiry_s=600, receive_maximum=1)
    reader = await stage.client("reader", version=5, properties=keep)
    if where != "retained":
        await reader.subscribe("a/#", 1)
    if where == "offline":
        await reader.vanish()
    writer = await stage.client("writer", version=5)
    if where == "window":
        await writer.publish("a/first", b"x", 1)
        (first,) = reader.take(p.Publish)
    for topic, life_s in (("a/long", 100), ("a/short", 5)):
        properties = p.Properties(message_expiry_s=life_s)
        await writer.publish(topic, b"x", 1, retain=where == "retained", properties=properties)
    await stage.pass_time(10)
    if where == "retained":
        await reader.subscribe("a/#", 1)
    elif where == "offline":
        reader = await stage.client("reader", version=5, clean=False, properties=keep)
    else:
        await reader.send(p.Ack(p.PUBACK, first.packet_id))
    (message,) = reader.take(p.Publish)
    assert message.topic == "a/long"
    assert message.properties.message_expiry_s == 90
    await reader.send(p.Ack(p.PUBACK, message.packet_id))
    assert reader.take(p.Publish) == []


async def test_the_handshake_goes_on_though_the_message_has_expired(stage):
    """[MQTT-4.3.3-13]"""
    reader, writer = await pair(stage)
    publish = p.Publish(
        topic="a/x",
        payload=b"x",
        qos=2,
        packet_id=1,
        properties=p.Properties(message_expiry_s=2),
    )
    await writer.send(publish)
    await stage.pass_time(10)
    await writer.send(p.Ack(p.PUBREL, 1))
    assert acks(writer) == [(p.PUBREC, 1), (p.PUBCOMP, 1)]
    assert reader.take(p.Publish) == []


# -- limits of the receiver ----------------------------------------------------------------------


async def test_no_more_is_open_than_the_receive_maximum_and_all_else_goes_on(stage):
    """[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3]"""
    reader, writer = await pair(stage, receive_maximum=3)
    for number in range(10):
        await writer.publish("a/x", b"%d" % number, 1 + number % 2)
    first = reader.take(p.Publish)
    assert len(first) == 3
    await writer.publish("a/x", b"at QoS 0")
    assert [m.payload for m in reader.take(p.Publish)] == [b"at QoS 0"]
    await reader.send(p.PingReq())
    assert len(reader.take(p.PingResp)) == 1
    assert await reader.subscribe("b", 1) == 1
    assert await reader.publish("c", b"x", 1) == R.NO_MATCHING_SUBSCRIBERS
    second = next(m for m in first if m.qos == 2)
    await reader.send(p.Ack(p.PUBREC, second.packet_id))
    assert acks(reader) == [(p.PUBREL, second.packet_id)]
    assert reader.take(p.Publish) == [], "PUBREC frees nothing"
    await reader.send(p.Ack(p.PUBCOMP, second.packet_id))
    assert len(reader.take(p.Publish)) == 1
    refused = next(m for m in first if m.qos == 1)
    await reader.send(p.Ack(p.PUBACK, refused.packet_id, R.UNSPECIFIED_ERROR))
    assert len(reader.take(p.Publish)) == 1


async def test_a_message_too_large_for_a_client_is_as_good_as_delivered__P23(stage):
    """[MQTT-3.1.2-24] [MQTT-3.1.2-25]"""
    reader, writer = await pair(stage, maximum_packet_bytes=50, receive_maximum=1)
    for qos in (0, 1, 2):
        await writer.publish("a/x", b"x" * 60, qos)
    await writer.publish("a/x", b"small", 1)
    assert [m.payload for m in reader.take(p.Publish)] == [b"small"]
    assert stage.count("dropped_too_large") == 3


# -- identifiers run out ---------------------------------------------------------------------------


async def test_packet_identifiers_that_run_out_hold_messages_back(stage):
    """Packet-id exhaustion: a client that acknowledges nothing costs a bounded window."""
    reader, writer = await pair(stage)
    for number in range(1_500):
        await writer.publish("a/x", b"%d" % number, 1)
    assert len(reader.take(p.Publish)) == stage.settings.inflight_maximum
    assert stage.get_client("reader").backlog == 500
    await writer.publish("a/x", b"x")
    assert len(reader.take(p.Publish)) == 1
