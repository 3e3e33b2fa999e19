"""The hot path of PUBLISH."""

from __future__ import annotations

import pytest

from broker_runtime.codec.decoder import decode
from broker_runtime.codec.encoder import (
    PACKET_IDS,
    as_duplicate,
    publish_parts,
    publish_whole,
    receiver_properties,
)
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import Properties, Publish
from broker_runtime.codec.primitives import varint_bytes
from broker_runtime.codec.properties import MAX_USER_PROPERTIES
from broker_runtime.codec.publish import (
    KNOWN_PROPERTIES,
    NO_TOPIC,
    PlainProperties,
    PublishProperties,
    scan_publish,
    split_properties,
    topic_of,
)
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.codec.stream import Decoder
from tests.codec.broken_packets import BROKEN
from tests.codec.valid_packets import LENIENT, VALID

FORMAT = b"\x01\x01"
EXPIRY = b"\x02\x00\x00\x00\x1e"
CONTENT_TYPE = b"\x03\x00\x01t"
RESPONSE = b"\x08\x00\x01r"
CORRELATION = b"\x09\x00\x02\x26\x23"
ALIAS = b"\x23\x00\x05"
USER = b"\x26\x00\x01k\x00\x01v"

PUBLISHES = [
    case for case in VALID + LENIENT if isinstance(case.packet, Publish) and not case.from_server
]


@pytest.mark.parametrize("case", PUBLISHES, ids=lambda case: case.name)
def test_a_scan_finds_what_the_decoder_decodes(case):
    """In the middle of a buffer, between other bytes."""
    buffer = b"\xc0\x00" + case.raw + b"\xc0\x00"
    header = read_header(buffer, 2, 1000)
    assert isinstance(header, tuple)
    first_byte, start, end = header
    scan = scan_publish(buffer, start, end, first_byte & 15, case.version)
    assert isinstance(scan, tuple)
    topic, packet_id, _, _, payload_start = scan
    assert topic == case.packet.topic.encode()
    assert packet_id == case.packet.packet_id
    assert buffer[payload_start:end] == case.packet.payload


def test_a_scan_says_where_the_properties_are():
    body = b"\x00\x01a\x00\x09\x07" + EXPIRY + FORMAT + b"payload"
    scan = scan_publish(body, 0, len(body), 2, 5)
    assert scan == (b"a", 9, 6, 13, 13)
    assert body[6:13] == EXPIRY + FORMAT


def test_no_properties_are_an_empty_range():
    assert scan_publish(b"\x00\x01a\x00p", 0, 5, 0, 5) == (b"a", 0, 4, 4, 4)
    assert scan_publish(b"\x00\x01ap", 0, 4, 0, 4) == (b"a", 0, 3, 3, 3)


@pytest.mark.parametrize(
    "case",
    [case for case in BROKEN if case.raw[0] >> 4 == 3 and not case.from_server],
    ids=lambda case: case.name,
)
def test_the_hot_path_refuses_what_the_decoder_refuses(case):
    """P07, P08, P10 to P13, P15, P18 to P20: scan, split and topic together, same reason."""
    header = read_header(case.raw, 0, 1000)
    assert isinstance(header, tuple)
    first_byte, start, end = header
    outcome = hot_path(case.raw, start, end, first_byte & 15, case.version)
    assert isinstance(outcome, Violation)
    assert outcome.reason is case.reason


def hot_path(
    buffer: bytes, start: int, end: int, flags: int, version: int
) -> Violation | tuple[str, PublishProperties | None]:
    """What the broker's loop does with a PUBLISH that its cache does not know."""
    scan = scan_publish(buffer, start, end, flags, version)
    if isinstance(scan, Violation):
        return scan
    topic, _, properties_start, properties_end, _ = scan
    properties = None
    if properties_start < properties_end:
        split = split_properties(buffer, properties_start, properties_end)
        if isinstance(split, Violation):
            return split
        properties = split
    if not topic:
        if properties is None or properties.topic_alias == 0:
            return NO_TOPIC
        return "", properties
    text = topic_of(topic)
    return text if isinstance(text, Violation) else (text, properties)


def test_a_scan_of_every_prefix_is_refused_or_shorter():
    """P11: no offset ever lies beyond the end."""
    body = b"\x00\x03a/b\x00\x09\x0e" + EXPIRY + ALIAS + USER[:6] + b"payload"
    for version in (4, 5):
        for cut in range(len(body)):
            scan = scan_publish(body, 0, cut, 2, version)
            if not isinstance(scan, Violation):
                assert max(scan[2:]) <= cut


@pytest.mark.parametrize(
    ("inside", "forwardable", "alias", "expiry_s"),
    [
        (FORMAT + CONTENT_TYPE + USER, FORMAT + CONTENT_TYPE + USER, 0, None),
        (EXPIRY, b"", 0, 30),
        (ALIAS, b"", 5, None),
        (USER + EXPIRY + USER, USER + USER, 0, 30),
        (EXPIRY + USER + CORRELATION + ALIAS + RESPONSE, USER + CORRELATION + RESPONSE, 5, 30),
        (USER + ALIAS + EXPIRY, USER, 5, 30),
    ],
)
def test_properties_are_split_into_what_travels_and_what_is_for_us(
    inside, forwardable, alias, expiry_s
):
    """[MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]: unaltered,
    in order."""
    split = split_properties(b"??" + inside + b"payload", 2, 2 + len(inside))
    assert isinstance(split, PublishProperties)
    assert split.forwardable == forwardable
    assert (split.topic_alias, split.message_expiry_s) == (alias, expiry_s)


def test_p18_too_many_user_properties_are_refused_on_the_hot_path():
    """P18"""
    inside = USER * MAX_USER_PROPERTIES
    assert isinstance(split_properties(inside, 0, len(inside)), PublishProperties)
    inside += USER
    outcome = split_properties(inside, 0, len(inside))
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.PACKET_TOO_LARGE


def test_an_empty_topic_has_no_name():
    assert topic_of(b"") is NO_TOPIC


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("retain", [False, True])
def test_the_parts_of_a_fan_out_make_a_packet(version, qos, retain):
    hop = receiver_properties(30, (1, 200), 0)
    prefix, rest = publish_parts(
        b"a/b", b"p" * 200, qos=qos, retain=retain, version=version, properties=hop + USER
    )
    raw = prefix + PACKET_IDS[513] + rest
    packet = published(raw, version)
    assert (packet.topic, packet.payload, packet.qos) == ("a/b", b"p" * 200, qos)
    assert (packet.retain, packet.packet_id, packet.dup) == (retain, 513, False)
    assert packet.properties == expected_properties(version)
    assert published(as_duplicate(prefix) + PACKET_IDS[1] + rest, version).dup


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("retain", [False, True])
def test_a_whole_publish_makes_a_packet(version, retain):
    hop = receiver_properties(30, (1, 200), 0)
    raw = publish_whole(b"a/b", b"p", retain=retain, version=version, properties=hop + USER)
    packet = published(raw, version)
    assert (packet.topic, packet.payload, packet.qos) == ("a/b", b"p", 0)
    assert packet.retain is retain
    assert packet.properties == expected_properties(version)


def expected_properties(version: int) -> Properties:
    if version < 5:
        return Properties()
    return Properties(
        message_expiry_s=30, subscription_identifiers=(1, 200), user_properties=(("k", "v"),)
    )


def published(raw: bytes, version: int) -> Publish:
    stream = Decoder(version=version, max_packet_bytes=10_000, from_server=True)
    (packet,) = stream.feed(raw)
    assert isinstance(packet, Publish)
    return packet


def test_a_topic_alias_stands_for_a_topic():
    raw = publish_whole(
        b"", b"p", retain=False, version=5, properties=receiver_properties(None, (), 9)
    )
    packet = published(raw, 5)
    assert (packet.topic, packet.properties.topic_alias) == ("", 9)


def test_nothing_for_a_receiver_is_no_bytes():
    assert receiver_properties(None, (), 0) == b""
    assert receiver_properties(0, (), 0) == b"\x02\x00\x00\x00\x00"


def test_a_client_may_not_send_a_subscription_identifier():
    """[MQTT-3.3.4-6]"""
    outcome = decode(0x30, b"\x00\x01a\x02\x0b\x01", 5)
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.PROTOCOL_ERROR


def test_the_table_of_packet_ids_is_complete():
    assert len(PACKET_IDS) == 65_536
    assert PACKET_IDS[0x0102] == b"\x01\x02"


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize(
    ("block", "is_plain"),
    [
        (b"", True),
        (b"\x01\x01", True),
        (b"\x03\x00\x01x\x26\x00\x01a\x00\x01b", True),
        (b"\x23\x00\x01", False),  # a topic alias
        (b"\x02\x00\x00\x00\x09", False),  # an expiry
        (b"\x0b\x01", False),  # a subscription identifier is not for a client to send
        (b"\x01\x02", False),
        (b"\x26\x00\x02\xff\xff\x00\x00", False),
        (b"\x26\x00\x01a\x00\x79" + b"b" * 0x79, True),
        (b"\x26\x00\x01a\x00\x7a" + b"b" * 0x7A, False),  # too long to be looked up
    ],
)
def test_properties_that_may_be_passed_on_as_they_came(block, is_plain, start):
    plain = PlainProperties()
    buffer = b"x" * start + varint_bytes(len(block)) + block + b"payload"
    expected = len(buffer) - len(b"payload") if is_plain else 0
    for _ in range(2):
        assert plain.end_of(buffer, start, len(buffer)) == expected
    assert plain.end_of(buffer, start, start) == 0
    if block:
        assert plain.end_of(buffer, start, start + len(block)) == 0


def test_properties_are_remembered_within_bounds():
    plain = PlainProperties()
    for number in range(KNOWN_PROPERTIES + 5):
        block = b"\x26\x00\x01k\x00\x04%04d" % number
        buffer = bytes((len(block),)) + block
        assert plain.end_of(buffer, 0, len(buffer)) == len(buffer)
    assert len(plain._known) == 5
