"""What holds for any input: nothing raises, no way of cutting it matters, packets come back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker_runtime.codec.decoder import decode, decode_from_server
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.packets import Packet, Publish
from broker_runtime.codec.properties import forwardable_block, read_forwardable
from broker_runtime.codec.publish import PublishProperties, scan_publish, split_properties, topic_of
from broker_runtime.codec.reasons import Violation
from broker_runtime.codec.stream import Decoder
from tests.codec.strategies import client_packets, publishes

versions = st.sampled_from((3, 4, 5))
LIMIT_BYTES = 4096


def outcome(chunks: list[bytes], version: int, from_server: bool) -> tuple[list[Packet], Any]:
    stream = Decoder(version=version, max_packet_bytes=LIMIT_BYTES, from_server=from_server)
    taken: list[Packet] = []
    for chunk in chunks:
        taken += stream.feed(chunk)
    return taken, stream.violation


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@st.composite
def hostile(draw: st.DrawFn) -> tuple[int, bytes]:
    """Garbage, packets, and packets with a few bytes changed, one after the other."""
    version = draw(versions)
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        piece = draw(st.binary(max_size=40) | client_packets(version).map(encoded(version)))
        for _ in range(draw(st.integers(0, 2)) if piece else 0):
            at = draw(st.integers(0, len(piece) - 1))
            piece = piece[:at] + draw(st.binary(max_size=2)) + piece[at + 1 :]
            if not piece:
                break
        pieces.append(piece)
    return version, b"".join(pieces)


def encoded(version: int) -> Any:
    return lambda packet: encode(packet, version)


@given(hostile(), st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_any_bytes_cut_anywhere_come_out_the_same_and_never_raise(case, places, from_server):
    """P11, P30: whole, in pieces, and byte by byte."""
    version, data = case
    whole = outcome([data], version, from_server)
    assert outcome(cut(data, places), version, from_server) == whole
    assert outcome([data[i : i + 1] for i in range(len(data))], version, from_server) == whole


@given(st.integers(0, 255), st.binary(max_size=64), versions)
def test_any_body_gives_a_packet_or_a_violation(first_byte, body, version):
    """P11, P30"""
    for reading in (decode, decode_from_server):
        assert isinstance(reading(first_byte, body, version), Packet | Violation)


@given(st.data(), versions)
def test_a_packet_comes_back_from_its_bytes(data, version):
    packet = data.draw(client_packets(version))
    raw = encode(packet, version)
    assert outcome([raw], version, False) == ([packet], None)


@given(st.binary(max_size=64), st.integers(0, 15), versions)
def test_the_hot_path_agrees_with_the_decoder(body, flags, version):
    """Same verdict, same parts, whatever the bytes."""
    packet = decode(0x30 | flags, body, version)
    scan = scan_publish(body, 0, len(body), flags, version)
    if isinstance(scan, Violation):
        assert packet == scan
        return
    topic, packet_id, start, end, payload_start = scan
    split: PublishProperties | Violation = PublishProperties(b"")
    if start < end:
        split = split_properties(body, start, end)
    if isinstance(split, Violation):
        assert isinstance(packet, Violation)
        assert packet.reason == split.reason
        return
    if not isinstance(packet, Publish):
        assert not split.topic_alias or topic
        assert isinstance(topic_of(topic), Violation)
        return
    assert (packet.topic.encode(), packet.packet_id) == (topic, packet_id)
    assert packet.payload == body[payload_start:]
    assert packet.properties.topic_alias == (split.topic_alias or None)
    assert packet.properties.message_expiry_s == split.message_expiry_s
    assert read_forwardable(split.forwardable) == read_forwardable(
        forwardable_block(packet.properties)
    )


@given(publishes(5))
def test_properties_that_travel_are_those_received(packet):
    """[MQTT-3.3.2-18]"""
    raw = encode(packet, 5)
    body = raw[2 if raw[1] < 0x80 else 3 :]
    scan = scan_publish(body, 0, len(body), raw[0] & 15, 5)
    assert isinstance(scan, tuple)
    if scan[2] < scan[3]:
        split = split_properties(body, scan[2], scan[3])
        assert isinstance(split, PublishProperties)
        assert split.forwardable == forwardable_block(packet.properties)
