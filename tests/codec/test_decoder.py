"""Decoder and encoder against the tables of packets, whole and cut at every byte."""

from __future__ import annotations

import pytest

from broker_runtime.codec import decoder, packets
from broker_runtime.codec.decoder import MAX_FILTERS, decode, decode_from_server
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.framing import read_header
from broker_runtime.codec.packets import Packet
from broker_runtime.codec.primitives import varint_bytes
from broker_runtime.codec.reasons import ReasonCode, Violation
from broker_runtime.codec.stream import Decoder
from tests.codec.broken_packets import BROKEN, Broken
from tests.codec.valid_packets import LENIENT, VALID, Valid

LIMIT_BYTES = 1 << 28


def decoded(raw: bytes, version: int, *, from_server: bool) -> Packet | Violation:
    header = read_header(raw, 0, LIMIT_BYTES)
    assert isinstance(header, tuple)
    first_byte, start, end = header
    assert end == len(raw)
    reading = decode_from_server if from_server else decode
    return reading(first_byte, raw[start:end], version)


@pytest.mark.parametrize("case", VALID + LENIENT, ids=lambda case: case.name)
def test_lawful_bytes_become_their_packet(case: Valid):
    assert decoded(case.raw, case.version, from_server=case.from_server) == case.packet


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_a_packet_becomes_its_bytes(case: Valid):
    assert encode(case.packet, case.version) == case.raw


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_unlawful_bytes_become_a_violation_with_its_reason(case: Broken):
    """P06 to P25: the reason that goes into the DISCONNECT, and how a CONNACK may answer."""
    outcome = decoded(case.raw, case.version, from_server=case.from_server)
    assert isinstance(outcome, Violation), outcome
    assert (outcome.reason, outcome.reply_version) == (case.reason, case.reply_version)
    assert outcome.detail


@pytest.mark.parametrize("case", VALID + LENIENT, ids=lambda case: case.name)
def test_every_prefix_of_a_packet_is_only_unfinished(case: Valid):
    """P11: nothing is decoded, nothing is wrong, before the last byte is there."""
    for length in range(len(case.raw)):
        stream = Decoder(
            version=case.version, max_packet_bytes=LIMIT_BYTES, from_server=case.from_server
        )
        assert stream.feed(case.raw[:length]) == []
        assert stream.violation is None
        assert stream.feed(case.raw[length:]) == [case.packet]


@pytest.mark.parametrize("case", VALID + LENIENT, ids=lambda case: case.name)
def test_a_body_cut_anywhere_never_raises(case: Valid):
    """P11: the fixed header tells the truth about a body that is cut short."""
    header = read_header(case.raw, 0, LIMIT_BYTES)
    assert isinstance(header, tuple)
    first_byte, start, end = header
    reading = decode_from_server if case.from_server else decode
    for cut in range(start, end):
        outcome = reading(first_byte, case.raw[start:cut], case.version)
        assert isinstance(outcome, Packet | Violation)


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.name)
def test_a_byte_lost_or_changed_anywhere_never_raises(case: Valid):
    """P11: all truncations by one byte, and every byte replaced by the awkward ones."""
    header = read_header(case.raw, 0, LIMIT_BYTES)
    assert isinstance(header, tuple)
    first_byte, start, end = header
    body = case.raw[start:end]
    reading = decode_from_server if case.from_server else decode
    for at in range(len(body)):
        for replacement in (b"", b"\x00", b"\x7f", b"\x80", b"\xff"):
            damaged = body[:at] + replacement + body[at + 1 :]
            assert isinstance(reading(first_byte, damaged, case.version), Packet | Violation)


def test_every_first_byte_gives_a_packet_or_a_violation():
    """P06, P09: any type and flags, with an empty body, on both sides, in every version."""
    for first_byte in range(256):
        for version in (3, 4, 5):
            for reading in (decode, decode_from_server):
                assert isinstance(reading(first_byte, b"", version), Packet | Violation)


@pytest.mark.parametrize(
    "topic_filter", ["a/#/b", "a#", "+a", "$share/g", "$share//x", "$share/g+/x", ""]
)
def test_an_invalid_filter_leaves_the_rest_of_its_subscribe_alone(topic_filter):
    """P16: the packet decodes, so that the other filters can be answered."""
    packet = packets.Subscribe(
        packet_id=1,
        subscriptions=[
            packets.SubscriptionRequest(topic_filter, 0),
            packets.SubscriptionRequest("good", 1),
        ],
    )
    raw = encode(packet, 5)
    assert decoded(raw, 5, from_server=False) == packet


@pytest.mark.parametrize(("first_byte", "line"), [(0x82, b"\x00\x01a\x00"), (0xA2, b"\x00\x01a")])
def test_more_filters_than_any_client_may_have_are_refused(first_byte, line):
    """E5: a packet may not cost a hundred times its size."""
    lawful = decode(first_byte, b"\x00\x01" + line * MAX_FILTERS, 4)
    assert not isinstance(lawful, Violation)
    outcome = decode(first_byte, b"\x00\x01" + line * (MAX_FILTERS + 1), 4)
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.QUOTA_EXCEEDED


def test_a_stream_takes_the_version_of_the_connect_that_passes():
    stream = Decoder(version=4, max_packet_bytes=1000, from_server=False)
    connect = packets.Connect(protocol_version=5, client_id="c", clean_start=True, keep_alive_s=0)
    publish = packets.Publish(topic="t", payload=b"p")
    assert stream.feed(encode(connect, 5) + encode(publish, 5)) == [connect, publish]
    assert stream.version == 5


def test_a_stream_gives_nothing_after_a_violation():
    stream = Decoder(version=4, max_packet_bytes=1000, from_server=False)
    assert stream.feed(b"\xc0\x00\xc1\x00\xc0\x00") == [packets.PingReq()]
    assert stream.violation == Violation(
        ReasonCode.MALFORMED_PACKET, "PINGREQ has wrong flags in its first byte"
    )
    assert stream.feed(b"\xc0\x00") == []


def test_a_stream_stops_at_a_malformed_length():
    stream = Decoder(version=4, max_packet_bytes=1000, from_server=False)
    assert stream.feed(b"\xc0\x00\xc0\x80\x00") == [packets.PingReq()]
    assert stream.violation is not None


def test_each_side_knows_the_reasons_the_other_may_give():
    """MQTT 5.0 §3.14.2.1: which DISCONNECT reasons belong to whom."""
    client = {0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99}
    server = (client - {4}) | {0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, *range(0x9A, 0xA3)}
    for reading, lawful in ((decoder.decode, client), (decoder.decode_from_server, server)):
        told = {
            reason
            for reason in range(256)
            if not isinstance(reading(0xE0, bytes((reason,)), 5), Violation)
        }
        assert told == lawful


def test_a_connack_may_give_the_reasons_of_the_specification():
    """MQTT 5.0 §3.2.2.2."""
    told = {
        reason
        for reason in range(256)
        if not isinstance(decode_from_server(0x20, bytes((0, reason, 0)), 5), Violation)
    }
    assert told == {
        0, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
    }  # fmt: skip


def test_a_very_long_packet_keeps_its_length_in_four_bytes():
    packet = packets.Publish(topic="t", payload=b"x" * 2_097_152)
    raw = encode(packet, 4)
    assert raw[1:5] == varint_bytes(2_097_155)
    assert len(raw[1:5]) == 4
    assert decoded(raw, 4, from_server=False) == packet
