"""The format of packets: strings, flags, identifiers, lengths."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode, publish_whole
from broker_runtime.codec.primitives import text_bytes
from broker_runtime.codec.reasons import ReasonCode as R

BOTH = pytest.mark.parametrize("version", [4, 5])
BAD_STRINGS = {
    "a surrogate": b"\xed\xa0\x80",
    "an overlong form": b"\xc0\x80",
    "a stray byte": b"\xff",
    "U+0000": b"a\x00b",
}


def framed(first_byte, body):
    assert len(body) < 128
    return bytes((first_byte, len(body))) + body


def text(raw):
    return len(raw).to_bytes(2, "big") + raw


def connect(version, *, flags=2, client_id=b"c", rest=b""):
    properties = b"\x00" if version == 5 else b""
    head = text(b"MQTT") + bytes((version, flags, 0, 0)) + properties
    return framed(0x10, head + text(client_id) + rest)


def with_string(version, place, raw):
    """A packet that holds ``raw`` where a string is expected; None: it exists in MQTT 5 only."""
    none = b"\x00" if version == 5 else b""
    plain = {
        "client id": connect(version, client_id=raw),
        "user name": connect(version, flags=0x82, rest=text(raw)),
        "will topic": connect(version, flags=0x06, rest=none + text(raw) + text(b"")),
        "topic": framed(0x30, text(raw) + none),
        "filter": framed(0x82, b"\x00\x01" + none + text(raw) + b"\x00"),
        "filter to remove": framed(0xA2, b"\x00\x01" + none + text(raw)),
    }
    if place in plain:
        return plain[place]
    if version < 5:
        return None
    inside = {
        "response topic": b"\x08" + text(raw),
        "content type": b"\x03" + text(raw),
        "name of a user property": b"\x26" + text(raw) + text(b"v"),
        "value of a user property": b"\x26" + text(b"n") + text(raw),
    }[place]
    return framed(0x30, text(b"t") + bytes((len(inside),)) + inside)


PLACES = (
    "client id",
    "user name",
    "will topic",
    "topic",
    "filter",
    "filter to remove",
    "response topic",
    "content type",
    "name of a user property",
    "value of a user property",
)


@BOTH
@pytest.mark.parametrize("raw", BAD_STRINGS.values(), ids=BAD_STRINGS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_string_that_is_none_ends_the_connection__P13(stage, version, place, raw):
    """[MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12]
    [MQTT-3.3.2-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2]
    [MQTT-4.13.1-1] [MQTT3-1.5.3-1] [MQTT3-1.5.3-2] [MQTT3-3.1.3-4] [MQTT3-3.1.3-10]
    [MQTT3-3.1.3-11] [MQTT3-3.3.2-1] [MQTT3-3.8.3-1] [MQTT3-3.10.3-1] [MQTT3-4.7.3-2]
    [MQTT3-4.8.0-1]"""
    data = with_string(version, place, raw)
    if data is None:
        return
    peer = stage.connection(version=version)
    if data[0] != 0x10:
        await peer.connect("c")
    await peer.raw(data)
    assert not peer.is_open
    if version == 5:
        answers = [x.reason for x in peer.take() if isinstance(x, p.ConnAck | p.Disconnect)]
        assert answers[-1] == R.MALFORMED_PACKET


@BOTH
async def test_a_byte_order_mark_is_an_ordinary_character(stage, version):
    """[MQTT-1.5.4-3] [MQTT3-1.5.3-3] [MQTT-4.7.3-4] [MQTT3-4.7.3-4]"""
    anna = await stage.client("anna", version=version)
    await anna.subscribe("\ufeffa")
    await anna.subscribe("caf\u00e9")
    ben = await stage.client("ben", version=version)
    for topic in ("\ufeffa", "a", "caf\u00e9", "cafe\u0301", "CAF\u00c9"):
        await ben.publish(topic, b"x")
    assert [m[0] for m in anna.messages()] == ["\ufeffa", "caf\u00e9"]


RIGHT_FLAGS = {
    p.PUBACK: 0,
    p.PUBREC: 0,
    p.PUBREL: 2,
    p.PUBCOMP: 0,
    p.SUBSCRIBE: 2,
    p.UNSUBSCRIBE: 2,
    p.PINGREQ: 0,
    p.DISCONNECT: 0,
    p.AUTH: 0,
}


@BOTH
@pytest.mark.parametrize("packet_type", RIGHT_FLAGS)
async def test_reserved_flags_other_than_the_tables_end_the_connection__P06(
    stage, version, packet_type
):
    """[MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1]
    [MQTT-3.15.1-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2] [MQTT3-3.6.1-1] [MQTT3-3.8.1-1]
    [MQTT3-3.10.1-1] [MQTT3-3.14.1-1]"""
    for flags in range(16):
        if flags == RIGHT_FLAGS[packet_type]:
            continue
        peer = await stage.client("c", version=version)
        await peer.raw(framed(packet_type << 4 | flags, b"\x00\x01"))
        assert not peer.is_open
        assert peer.goodbye() == (R.MALFORMED_PACKET if version == 5 else None)


@BOTH
@pytest.mark.parametrize("first_byte", [0x11, 0x12, 0x18, 0x1F])
async def test_reserved_flags_of_connect_end_the_connection__P06(stage, version, first_byte):
    """[MQTT-2.1.3-1] [MQTT3-2.2.2-2] [MQTT-3.1.4-1] [MQTT3-3.1.4-1]"""
    peer = stage.connection(version=version)
    await peer.raw(bytes((first_byte,)) + connect(version)[1:])
    assert not peer.is_open
    assert peer.take() == []


@BOTH
@pytest.mark.parametrize(
    "head", [0x32, 0x34, 0x82, 0xA2, 0x40, 0x62], ids=lambda head: f"{head:#x}"
)
async def test_a_packet_identifier_of_zero_ends_the_connection__P10(stage, version, head):
    """[MQTT3-2.3.1-1]"""
    peer = await stage.client("c", version=version)
    none = b"\x00" if version == 5 else b""
    rest = {
        0x32: text(b"t") + b"\x00\x00" + none,
        0x34: text(b"t") + b"\x00\x00" + none,
        0x82: b"\x00\x00" + none + text(b"t") + b"\x00",
        0xA2: b"\x00\x00" + none + text(b"t"),
    }.get(head, b"\x00\x00")
    await peer.raw(framed(head, rest))
    assert not peer.is_open
    assert peer.goodbye() == (R.PROTOCOL_ERROR if version == 5 else None)


def test_a_publish_at_qos_0_has_no_identifier_and_says_that_it_has_no_properties():
    """[MQTT-2.2.1-2] [MQTT-2.2.2-1] [MQTT3-2.3.1-5] [MQTT-4.3.1-1] [MQTT3-4.3.1-1]"""
    for version, expected in ((4, b"\x30\x04\x00\x01ax"), (5, b"\x30\x05\x00\x01a\x00x")):
        assert publish_whole(b"a", b"x", retain=False, version=version, properties=b"") == expected
        assert encode(p.Publish(topic="a", payload=b"x"), version) == expected
    assert encode(p.ConnAck(reason=0), 5) == b"\x20\x03\x00\x00\x00"


@pytest.mark.parametrize("version", [4, 5])
async def test_a_length_of_more_bytes_than_needed_ends_the_connection__P04(stage, version):
    """[MQTT-1.5.5-1]"""
    peer = await stage.client("c", version=version)
    await peer.raw(b"\xc0\x80\x00")
    assert not peer.is_open


@BOTH
async def test_topics_and_filters_of_65535_bytes_are_the_longest(stage, version):
    """[MQTT-4.7.3-1] [MQTT-4.7.3-3] [MQTT3-4.7.3-1] [MQTT3-4.7.3-3]"""
    peer = await stage.client("c", version=version)
    assert await peer.subscribe("a" * 65_535) >= 0x80, "the configured limit is smaller"
    assert await peer.subscribe("") >= 0x80
    none = b"\x00" if version == 5 else b""
    await peer.raw(framed(0x30, text(b"") + none))
    assert not peer.is_open


@BOTH
@pytest.mark.parametrize("topic", ["a/+", "a/#", "+", "#", "a+b"])
async def test_a_topic_name_with_a_wildcard_ends_the_connection__P15(stage, version, topic):
    """[MQTT-3.3.2-2] [MQTT-4.7.0-1] [MQTT3-3.3.2-2] [MQTT3-4.7.1-1]"""
    peer = await stage.client("c", version=version)
    await peer.publish(topic)
    assert not peer.is_open
    assert peer.goodbye() == (R.TOPIC_NAME_INVALID if version == 5 else None)


async def test_a_response_topic_with_a_wildcard_ends_the_connection(stage):
    """[MQTT-3.3.2-14]"""
    peer = await stage.client("c", version=5)
    await peer.publish("a", properties=p.Properties(response_topic="a/+"))
    assert peer.goodbye() == R.PROTOCOL_ERROR


@BOTH
@pytest.mark.parametrize("flags", [0x36, 0x37, 0x3E, 0x3F])
async def test_both_qos_bits_end_the_connection__P07(stage, version, flags):
    """[MQTT-3.3.1-4] [MQTT3-3.3.1-4]"""
    peer = await stage.client("c", version=version)
    await peer.raw(framed(flags, text(b"a") + b"\x00\x01\x00"))
    assert not peer.is_open
    assert peer.goodbye() == (R.MALFORMED_PACKET if version == 5 else None)


@BOTH
async def test_dup_at_qos_0_ends_the_connection__P08(stage, version):
    """[MQTT-3.3.1-2] [MQTT3-3.3.1-2]"""
    peer = await stage.client("c", version=version)
    await peer.raw(framed(0x38, text(b"a") + b"\x00"))
    assert not peer.is_open


@BOTH
@pytest.mark.parametrize("body", [b"\x00\x01", b"\x00\x01\x00"])
@pytest.mark.parametrize("head", [0x82, 0xA2])
async def test_a_packet_of_no_filter_ends_the_connection__P17(stage, version, head, body):
    """[MQTT-3.8.3-2] [MQTT-3.10.3-2] [MQTT3-3.8.3-3] [MQTT3-3.10.3-2]"""
    peer = await stage.client("c", version=version)
    await peer.raw(framed(head, body))
    assert not peer.is_open


@pytest.mark.parametrize(
    ("version", "options"), [(4, 0x04), (4, 0x80), (4, 0x03), (5, 0x40), (5, 0x80), (5, 0x03)]
)
async def test_reserved_bits_of_subscription_options_end_the_connection(stage, version, options):
    """[MQTT-3.8.3-5] [MQTT3-3-8.3-4]"""
    peer = await stage.client("c", version=version)
    none = b"\x00" if version == 5 else b""
    await peer.raw(framed(0x82, b"\x00\x01" + none + text_bytes("a") + bytes((options,))))
    assert not peer.is_open


async def test_a_subscription_identifier_of_a_client_ends_the_connection(stage):
    """[MQTT-3.3.4-6]"""
    peer = await stage.client("c", version=5)
    await peer.publish("a", properties=p.Properties(subscription_identifiers=(1,)))
    assert peer.goodbye() == R.PROTOCOL_ERROR


async def test_reasons_outside_the_tables_end_the_connection(stage):
    """[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1]
    [MQTT-3.15.2-1]"""
    for data in (
        b"\x40\x03\x00\x01\x92",
        b"\x50\x03\x00\x01\x92",
        b"\x62\x03\x00\x01\x10",
        b"\x70\x03\x00\x01\x10",
        b"\xe0\x01\x01",
        b"\xf0\x02\x01\x00",
    ):
        peer = await stage.client("c", version=5)
        await peer.raw(data)
        assert peer.goodbye() == R.PROTOCOL_ERROR, data.hex()
