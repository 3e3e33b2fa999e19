"""What the encoder translates for older versions and refuses to say."""

from __future__ import annotations

import pytest

from broker_runtime.codec.encoder import (
    PUBACKS,
    PUBCOMPS,
    PUBRECS,
    PUBRELS,
    encode,
    encode_ack,
)
from broker_runtime.codec.packets import (
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    Ack,
    Auth,
    ConnAck,
    Publish,
    SubAck,
    Subscribe,
    SubscriptionRequest,
)
from broker_runtime.codec.primitives import varint_bytes


def test_an_ack_has_a_reason_only_in_mqtt_5():
    assert encode_ack(PUBACK, 258, 0x10, 5) == b"\x40\x03\x01\x02\x10"
    assert encode_ack(PUBACK, 258, 0x10, 4) == b"\x40\x02\x01\x02"
    assert encode_ack(PUBREL, 258, 0, 5) == b"\x62\x02\x01\x02"


@pytest.mark.parametrize(
    ("reason", "return_code"),
    [(0x84, 1), (0x85, 2), (0x88, 3), (0x97, 3), (0x9F, 3), (0x86, 4), (0x87, 5)],
)
def test_a_refused_connect_has_a_return_code_before_mqtt_5(reason, return_code):
    """DECISIONS 5"""
    assert encode(ConnAck(reason=reason), 4) == bytes((0x20, 2, 0, return_code))


@pytest.mark.parametrize(("version", "flags"), [(3, 0), (4, 1)])
def test_only_3_1_1_and_later_are_told_that_there_was_a_session(version, flags):
    """The byte is reserved in MQTT 3.1 (§3.2); [MQTT3-3.2.2-2]."""
    assert encode(ConnAck(reason=0, session_present=True), version) == bytes((0x20, 2, flags, 0))


def test_a_reason_without_a_return_code_cannot_be_said_before_mqtt_5():
    with pytest.raises(ValueError, match="no return code for reason 0x81"):
        encode(ConnAck(reason=0x81), 4)


def test_a_refused_filter_is_0x80_before_mqtt_5():
    """[MQTT-3.9.3-2]"""
    assert encode(SubAck(packet_id=1, reasons=[2, 0x87]), 4) == b"\x90\x04\x00\x01\x02\x80"


def test_options_of_mqtt_5_are_left_out_before_it():
    packet = Subscribe(
        packet_id=1, subscriptions=[SubscriptionRequest("a", 1, True, True, 2)], identifier=9
    )
    assert encode(packet, 4) == b"\x82\x06\x00\x01\x00\x01a\x01"


def test_an_identifier_needs_no_properties_of_its_own():
    packet = Subscribe(packet_id=1, subscriptions=[SubscriptionRequest("a", 0)], identifier=9)
    assert encode(packet, 5) == b"\x82\x09\x00\x01\x02\x0b\x09\x00\x01a\x00"


@pytest.mark.parametrize(
    ("packet", "version", "message"),
    [
        (Publish(topic="t" * 65_536, payload=b""), 4, "do not fit"),
        (Publish(topic="a\x00", payload=b""), 4, "U\\+0000"),
        (Publish(topic="\ud800", payload=b""), 4, "surrogates"),
        (Publish(topic="t", payload=b"", qos=1), 4, "packet identifier 0"),
        (Ack(PUBACK, 65_536), 5, "packet identifier 65536"),
        (Auth(reason=0x18), 4, "no AUTH"),
    ],
)
def test_what_cannot_be_said_is_our_error(packet, version, message):
    with pytest.raises(ValueError, match=message):
        encode(packet, version)


@pytest.mark.parametrize("value", [-1, 268_435_456])
def test_a_length_beyond_four_bytes_is_our_error(value):
    with pytest.raises(ValueError, match="does not fit"):
        varint_bytes(value)


@pytest.mark.parametrize(
    ("table", "packet_type"),
    [(PUBACKS, PUBACK), (PUBRECS, PUBREC), (PUBRELS, PUBREL), (PUBCOMPS, PUBCOMP)],
)
def test_the_tables_of_acknowledgements_hold_every_packet_id(table, packet_type):
    assert len(table) == 4 * 0x10000
    for packet_id in (1, 255, 256, 257, 0x1234, 0xFFFF):
        encoded = encode_ack(packet_type, packet_id, 0, 4)
        assert table[4 * packet_id : 4 * packet_id + 4] == encoded
