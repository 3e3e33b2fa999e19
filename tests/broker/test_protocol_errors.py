"""SECURITY group P: what a hostile or broken client sends, and what must come of it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage, settle


@pytest.mark.parametrize(
    "data",
    [
        encode(p.Publish(topic="a", payload=b"x"), 4),
        b"\xc0\x00",
        b"\x00\x00",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\x20\x02\x00\x00",
        b"\xff",
    ],
)
async def test_a_first_packet_that_is_not_connect_closes_at_once__P01_P09_A27(stage, data):
    peer = stage.connection()
    await peer.raw(data)
    assert not peer.is_open
    assert peer.transport.received == []
    assert stage.event_names() == ["refused"]
    assert stage.count("connect_failure") == 1


async def test_a_second_connect_ends_the_connection_and_publishes_the_will__P02(stage):
    anna = await stage.client("anna")
    await anna.subscribe("will/#")
    ben = await stage.client(
        "ben", version=5, will=p.Will(topic="will/b", payload=b"w", qos=0, retain=False)
    )
    await ben.send(p.Connect(protocol_version=5, client_id="ben", clean_start=True, keep_alive_s=0))
    assert ben.goodbye() == R.PROTOCOL_ERROR
    assert not ben.is_open
    assert anna.messages() == [("will/b", b"w", 0)]


CONTAINED = [
    (b"\x30\xff\xff\xff\xff\x7f", R.MALFORMED_PACKET),  # P03
    (b"\xc0\x80\x00", R.MALFORMED_PACKET),  # P04
    (b"\x80\x06\x00\x01\x00\x01a\x00", R.MALFORMED_PACKET),  # P06
    (b"\x60\x02\x00\x01", R.MALFORMED_PACKET),
    (b"\xc1\x00", R.MALFORMED_PACKET),
    (b"\x36\x06\x00\x01a\x00\x01\x00", R.MALFORMED_PACKET),  # P07
    (b"\x38\x05\x00\x01a\x00x", R.MALFORMED_PACKET),  # P08
    (b"\x20\x03\x00\x00\x00", R.PROTOCOL_ERROR),  # P09
    (b"\xd0\x00", R.PROTOCOL_ERROR),
    (b"\x00\x00", R.MALFORMED_PACKET),
    (b"\x32\x06\x00\x01a\x00\x00\x00", R.PROTOCOL_ERROR),  # P10
    (b"\x82\x07\x00\x00\x00\x00\x01a\x00", R.PROTOCOL_ERROR),
    (b"\xa2\x06\x00\x00\x00\x00\x01a", R.PROTOCOL_ERROR),
    (b"\x30\x03\x00\x00\x00", R.PROTOCOL_ERROR),  # P12
    (b"\x30\x04\x00\x01\x00\x00", R.MALFORMED_PACKET),  # P13
    (b"\x30\x06\x00\x03\xed\xa0\x80\x00", R.MALFORMED_PACKET),
    (b"\x30\x05\x00\x02\xc0\x80\x00", R.MALFORMED_PACKET),
    (b"\x30\x04\x00\x01\xff\x00", R.MALFORMED_PACKET),
    (b"\x30\x04\x00\x01+\x00", R.TOPIC_NAME_INVALID),  # P15
    (b"\x30\x06\x00\x03a/#\x00", R.TOPIC_NAME_INVALID),
    (b"\x82\x03\x00\x01\x00", R.PROTOCOL_ERROR),  # P17
    (b"\xa2\x03\x00\x01\x00", R.PROTOCOL_ERROR),
    (b"\x30\x07\x00\x01a\x03\x23\x00\x00", R.TOPIC_ALIAS_INVALID),  # P20
    (b"\x30\x07\x00\x01a\x03\x23\xff\xff", R.TOPIC_ALIAS_INVALID),
    (b"\x30\x06\x00\x00\x03\x23\x00\x01", R.PROTOCOL_ERROR),
    (b"\x30\x08\x00\x01a\x04\x01\x00\x01\x00", R.PROTOCOL_ERROR),  # P19
    (b"\xf0\x00", R.PROTOCOL_ERROR),  # A30
]


@pytest.mark.parametrize(("data", "reason"), CONTAINED)
async def test_a_broken_packet_ends_that_connection_only__P03_to_P20(stage, data, reason):
    other = await stage.client("other")
    await other.subscribe("still/#")
    bad = await stage.client("bad", version=5)
    await bad.raw(data)
    assert bad.goodbye() == reason
    assert not bad.is_open
    older = await stage.client("older", version=4)
    if data not in (b"\x30\x07\x00\x01a\x03\x23\x00\x00",):
        await older.raw(data)
        assert older.transport.received == []
    await (await stage.client("good")).publish("still/here")
    assert other.messages() == [("still/here", b"x", 0)]


async def test_a_large_length_before_connect_is_refused_before_it_is_kept__P05(stage):
    peer = stage.connection()
    await peer.raw(b"\x10\xff\xff\xff\x7f")
    assert not peer.is_open


@pytest.mark.parametrize("sent", [b"", b"\x10", b"\x10\x20\x00\x04MQTT\x04"])
async def test_who_does_not_finish_connect_is_closed_in_time__P05_E2(stage, sent):
    peer = stage.connection()
    if sent:
        await peer.raw(sent)
    await stage.pass_time(9.5)
    assert peer.is_open
    await stage.pass_time(1)
    assert not peer.is_open


async def test_too_large_a_packet_is_refused_by_its_header(stage):
    ben = await stage.client("ben", version=5)
    await ben.raw(b"\x30\xff\xff\xff\x7f")
    assert ben.goodbye() == R.PACKET_TOO_LARGE


async def test_long_and_deep_topics_are_refused_by_the_limit__P14(stage):
    ben = await stage.client("ben", version=5)
    assert await ben.publish("a" * 65_535, qos=1) == R.TOPIC_NAME_INVALID
    assert await ben.publish("/" * 300, qos=1) == R.TOPIC_NAME_INVALID
    assert await ben.subscribe("/" * 300) == R.TOPIC_FILTER_INVALID
    assert await ben.publish("a/" * 100 + "b", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    assert stage.count("dropped_topic_too_long") == 1


@pytest.mark.parametrize(
    "bad", ["a/#/b", "a#", "+a", "$share/g", "$share//x", "$share/g+/x", "", "#/"]
)
@pytest.mark.parametrize("version", [4, 5])
async def test_a_bad_filter_is_refused_alone__P16_Z9(stage, bad, version):
    anna = await stage.client("anna", version=version)
    requests = [p.SubscriptionRequest(f, 1) for f in ("ok/1", bad, "ok/2")]
    await anna.send(p.Subscribe(packet_id=7, subscriptions=requests))
    (answer,) = anna.take(p.SubAck)
    assert answer.reasons == [1, R.TOPIC_FILTER_INVALID if version == 5 else 0x80, 1]
    assert anna.is_open


async def test_many_user_properties_are_forwarded_or_refused_quickly__P18(stage):
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a")
    ben = await stage.client("ben", version=5)
    pairs = tuple((f"k{i % 3}", str(i)) for i in range(500))
    await ben.publish("a", properties=p.Properties(user_properties=pairs))
    (message,) = anna.take(p.Publish)
    assert message.properties.user_properties == pairs
    peer = stage.connection(version=5)
    many = p.Properties(user_properties=tuple(("k", "v") for _ in range(120_000)))
    assert await peer.connect("c", properties=many) is None
    assert not peer.is_open


async def test_receive_maximum_and_packet_size_of_zero_are_refused__P21(stage):
    for block in (b"\x03\x21\x00\x00", b"\x05\x27\x00\x00\x00\x00"):
        peer = stage.connection(version=5)
        body = b"\x00\x04MQTT\x05\x02\x00\x00" + block + b"\x00\x01c"
        await peer.raw(bytes((0x10, len(body))) + body)
        assert [a.reason for a in peer.take(p.ConnAck)] == [R.PROTOCOL_ERROR]
        assert not peer.is_open


@pytest.mark.parametrize("version", [4, 5])
async def test_more_in_flight_than_the_receive_maximum_is_refused__P22_S9(stage, version):
    ben = await stage.client("ben", version=version)
    for number in range(1, 1_001):
        ben.protocol.data_received(
            encode(p.Publish(topic="a/b", payload=b"", qos=2, packet_id=number), version)
        )
    await settle()
    assert ben.is_open
    await ben.send(p.Publish(topic="a/b", payload=b"", qos=2, packet_id=2_000))
    assert not ben.is_open
    if version == 5:
        assert ben.goodbye() == R.RECEIVE_MAXIMUM_EXCEEDED


async def test_what_a_subscriber_cannot_take_is_dropped_for_it_alone__P23(stage):
    small = await stage.client("small", version=5, properties=p.Properties(maximum_packet_bytes=60))
    large = await stage.client("large", version=5)
    ben = await stage.client("ben")
    for qos in (0, 1, 2):
        for peer in (small, large):
            await peer.subscribe("a", qos)
        await ben.publish("a", b"x" * 100, qos)
        await ben.publish("a", b"y", qos)
        assert [payload for _, payload, _ in await small.receive()] == [b"y"]
        assert len(await large.receive()) == 2
    assert stage.count("dropped_too_large") == 3


@pytest.mark.parametrize(
    "body",
    [
        b"\x00\x04MQTT\x04\x03\x00\x00\x00\x01c",  # reserved flag
        b"\x00\x04MQTT\x04\x0a\x00\x00\x00\x01c",  # will QoS without a will
        b"\x00\x04MQTT\x04\x42\x00\x00\x00\x01c\x00\x01p",  # password without username
        b"\x00\x04MQTT\x04\x1e\x00\x00\x00\x01c\x00\x01w\x00\x00",  # will QoS 3
    ],
)
async def test_contradictory_connect_flags_are_refused__P24(stage, body):
    peer = stage.connection()
    await peer.raw(bytes((0x10, len(body))) + body)
    assert not peer.is_open
    assert stage.broker.gauges()["sessions"] == 0


@pytest.mark.parametrize(
    ("body", "version", "answer"),
    [
        (b"\x00\x04MQTT\x03\x02\x00\x00\x00\x01c", 4, 1),
        (b"\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x01c", 5, 0x84),
        (b"\x00\x04MQTT\x84\x02\x00\x00\x00\x01c", 4, 1),
        (b"\x00\x06MQIsdp\x04\x02\x00\x00\x00\x01c", 4, 1),
    ],
)
async def test_other_protocol_levels_are_refused_with_a_word__P25(stage, body, version, answer):
    peer = stage.connection(version=version)
    await peer.raw(bytes((0x10, len(body))) + body)
    assert [a.reason for a in peer.take(p.ConnAck)] == [answer]
    assert not peer.is_open


async def test_enhanced_authentication_is_refused__A30(stage):
    peer = stage.connection(version=5)
    properties = p.Properties(authentication_method="SCRAM-SHA-1")
    answer = await peer.connect("c", properties=properties)
    assert answer.reason == R.BAD_AUTHENTICATION_METHOD
    assert not peer.is_open


VALID = [
    encode(x, 5)
    for x in (
        p.Publish(topic="a/b", payload=b"xyz", qos=1, packet_id=3,
                  properties=p.Properties(user_properties=(("a", "b"),), topic_alias=1)),
        p.Subscribe(packet_id=1, subscriptions=[p.SubscriptionRequest("a/#", 2)]),
        p.Unsubscribe(packet_id=1, topic_filters=["a/#"]),
        p.Ack(p.PUBREL, 5),
        p.Disconnect(reason=4),
    )
]  # fmt: skip


async def test_every_prefix_of_every_packet_is_contained__P11(stage):
    other = await stage.client("other")
    for packet in VALID:
        for cut in range(1, len(packet)):
            bad = await stage.client("bad", version=5)
            # The length is told truly, the body is cut.
            await bad.raw(bytes((packet[0], max(0, cut - 2))) + packet[2:cut])
            await bad.vanish()
    await other.send(p.PingReq())
    assert len(other.take(p.PingResp)) == 1


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(VALID)), min_size=1, max_size=12),
    st.sampled_from([3, 4, 5]),
    st.booleans(),
)
def test_random_bytes_never_raise_and_disturb_nobody__P30(chunks, version, is_connected):
    async def scenario():
        stage = await Stage().start()
        other = await stage.client("other")
        peer = stage.connection(version=version)
        if is_connected:
            await peer.connect("bad", clean=False)
        for chunk in chunks:
            await peer.raw(chunk)
        await other.send(p.PingReq())
        assert len(other.take(p.PingResp)) == 1
        await stage.stop()

    asyncio.run(scenario())
