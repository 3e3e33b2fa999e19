"""The property table of MQTT 5.0 §2.2.2.2, every cell of it."""

from __future__ import annotations

import pytest

from broker_runtime.codec.decoder import decode
from broker_runtime.codec.packets import TYPE_NAMES, Properties
from broker_runtime.codec.primitives import ProtocolViolation, Reader, varint_bytes
from broker_runtime.codec.properties import (
    MAX_USER_PROPERTIES,
    RULES,
    WILL,
    forwardable_block,
    read_forwardable,
    read_properties,
    write_properties,
)
from broker_runtime.codec.reasons import ReasonCode, Violation

EVERYWHERE = (
    "CONNECT CONNACK PUBLISH WILL PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE"
    " UNSUBACK DISCONNECT AUTH"
)
SPECIFIED: dict[int, tuple[bytes, str]] = {
    # number: (a lawful value, packets), copied from table 2-4 of the specification
    1: (b"\x01", "PUBLISH WILL"),
    2: (b"\x00\x00\x00\x01", "PUBLISH WILL"),
    3: (b"\x00\x01t", "PUBLISH WILL"),
    8: (b"\x00\x01t", "PUBLISH WILL"),
    9: (b"\x00\x01t", "PUBLISH WILL"),
    11: (b"\x01", "PUBLISH SUBSCRIBE"),
    17: (b"\x00\x00\x00\x01", "CONNECT CONNACK DISCONNECT"),
    18: (b"\x00\x01t", "CONNACK"),
    19: (b"\x00\x01", "CONNACK"),
    21: (b"\x00\x01t", "CONNECT CONNACK AUTH"),
    22: (b"\x00\x01t", "CONNECT CONNACK AUTH"),
    23: (b"\x01", "CONNECT"),
    24: (b"\x00\x00\x00\x01", "WILL"),
    25: (b"\x01", "CONNECT"),
    26: (b"\x00\x01t", "CONNACK"),
    28: (b"\x00\x01t", "CONNACK DISCONNECT"),
    31: (
        b"\x00\x01t",
        "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
    ),
    33: (b"\x00\x01", "CONNECT CONNACK"),
    34: (b"\x00\x01", "CONNECT CONNACK"),
    35: (b"\x00\x01", "PUBLISH"),
    36: (b"\x01", "CONNACK"),
    37: (b"\x01", "CONNACK"),
    38: (b"\x00\x01k\x00\x01v", EVERYWHERE),
    39: (b"\x00\x00\x00\x01", "CONNECT CONNACK"),
    40: (b"\x01", "CONNACK"),
    41: (b"\x01", "CONNACK"),
    42: (b"\x01", "CONNACK"),
}
CARRIERS = [WILL, *(n for n in range(1, 16) if TYPE_NAMES[n] not in ("PINGREQ", "PINGRESP"))]


def name_of(packet_type: int) -> str:
    return "WILL" if packet_type == WILL else TYPE_NAMES[packet_type]


def read(inside: bytes, packet_type: int) -> Properties:
    block = bytes((len(inside),)) + inside
    return read_properties(Reader(block, 0, len(block)), packet_type)


def test_the_table_holds_exactly_the_properties_of_the_specification():
    assert set(RULES) == set(SPECIFIED)


@pytest.mark.parametrize("packet_type", CARRIERS, ids=name_of)
def test_a_property_is_lawful_where_the_specification_says_so(packet_type):
    """P19: known but unlawful here is 0x82."""
    for number, (value, carriers) in SPECIFIED.items():
        inside = bytes((number,)) + value
        if name_of(packet_type) in carriers.split():
            properties = read(inside, packet_type)
            assert write_properties(properties, packet_type)[1:] == inside
            continue
        with pytest.raises(ProtocolViolation) as refused:
            read(inside, packet_type)
        assert refused.value.violation.reason is ReasonCode.PROTOCOL_ERROR


@pytest.mark.parametrize("packet_type", CARRIERS, ids=name_of)
def test_a_property_may_come_twice_only_where_the_specification_says_so(packet_type):
    """P19 [MQTT-3.3.2-18]"""
    for number, (value, carriers) in SPECIFIED.items():
        if name_of(packet_type) not in carriers.split():
            continue
        twice = (bytes((number,)) + value) * 2
        if number == 38 or (number, name_of(packet_type)) == (11, "PUBLISH"):
            assert write_properties(read(twice, packet_type), packet_type)[1:] == twice
            continue
        with pytest.raises(ProtocolViolation) as refused:
            read(twice, packet_type)
        assert refused.value.violation.reason is ReasonCode.PROTOCOL_ERROR


@pytest.mark.parametrize("number", SPECIFIED)
def test_a_property_cut_short_is_malformed(number):
    """P11"""
    value, carriers = SPECIFIED[number]
    packet_type = next(n for n in CARRIERS if name_of(n) in carriers.split())
    for cut in range(len(value)):
        with pytest.raises(ProtocolViolation) as refused:
            read(bytes((number,)) + value[:cut], packet_type)
        assert refused.value.violation.reason is ReasonCode.MALFORMED_PACKET


def test_p18_user_properties_are_counted():
    """P18: up to the limit they are taken, in order; beyond it the packet is too large."""
    pairs = tuple((f"k{i}", "v") for i in range(MAX_USER_PROPERTIES))
    block = write_properties(Properties(user_properties=pairs), 1)
    assert read_properties(Reader(block, 0, len(block)), 1).user_properties == pairs
    more = write_properties(Properties(user_properties=(*pairs, ("k", "v"))), 1)
    with pytest.raises(ProtocolViolation) as refused:
        read_properties(Reader(more, 0, len(more)), 1)
    assert refused.value.violation.reason is ReasonCode.PACKET_TOO_LARGE


def test_our_own_unlawful_property_is_an_error_of_ours():
    with pytest.raises(ValueError, match="topic alias is not lawful in CONNECT"):
        write_properties(Properties(topic_alias=1), 1)


def test_what_travels_with_a_message_comes_back():
    properties = Properties(
        payload_format_indicator=1,
        message_expiry_s=5,
        will_delay_s=6,
        topic_alias=7,
        subscription_identifiers=(8,),
        content_type="t",
        response_topic="r",
        correlation_data=b"\x00",
        user_properties=(("k", "v"), ("k", "v")),
    )
    block = forwardable_block(properties)
    assert read_forwardable(block) == Properties(
        payload_format_indicator=1,
        content_type="t",
        response_topic="r",
        correlation_data=b"\x00",
        user_properties=(("k", "v"), ("k", "v")),
    )
    assert forwardable_block(Properties()) == b""
    assert read_forwardable(b"") == Properties()


def test_damaged_stored_properties_are_told():
    with pytest.raises(ValueError, match="damaged"):
        read_forwardable(b"\x03\x00")


@pytest.mark.parametrize(
    ("first_byte", "before", "after"),
    [
        (0x10, b"\x00\x04MQTT\x05\x02\x00\x00", b"\x00\x01c"),
        (0x10, b"\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x01c", b"\x00\x01w\x00\x00"),
        (0x30, b"\x00\x01a", b""),
    ],
    ids=["CONNECT", "will", "PUBLISH"],
)
def test_p18_sixty_thousand_user_properties_are_refused_without_reading_them_all(
    first_byte, before, after
):
    """P18: 1.4 ms of CPU measured, since reading stops at the limit."""
    inside = b"\x26\x00\x01a\x00\x01b" * 60_000
    outcome = decode(first_byte, before + varint_bytes(len(inside)) + inside + after, 5)
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.PACKET_TOO_LARGE
