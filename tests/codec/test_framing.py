"""The fixed header and the buffer of unfinished packets."""

from __future__ import annotations

import pytest

from broker_runtime.codec.framing import MAX_REMAINING_BYTES, ReceiveBuffer, read_header
from broker_runtime.codec.reasons import ReasonCode, Violation


@pytest.mark.parametrize(
    ("length", "encoded"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"),
        (MAX_REMAINING_BYTES, b"\xff\xff\xff\x7f"),
    ],
)
def test_the_table_of_lengths_of_the_specification_is_read(length, encoded):
    """MQTT 5.0 §1.5.5, table 1-1; also from the middle of a buffer."""
    raw = b"\x30" + encoded
    assert read_header(raw, 0, 1 << 29) == (0x30, len(raw), len(raw) + length)
    assert read_header(b"zz" + raw, 2, 1 << 29) == (0x30, 2 + len(raw), 2 + len(raw) + length)


@pytest.mark.parametrize("raw", [b"", b"\x30", b"\x30\x80", b"\x30\xff\xff\xff"])
def test_an_unfinished_header_asks_for_more(raw):
    assert read_header(raw, 0, 1 << 29) is None


@pytest.mark.parametrize(
    "raw", [b"\x30\xff\xff\xff\xff\x7f", b"\x30\x80\x80\x80\x80", b"\x30\xff\xff\xff\xff"]
)
def test_p03_a_length_of_five_bytes_is_malformed_before_the_fifth(raw):
    """P03 [MQTT-1.5.5-1]"""
    outcome = read_header(raw, 0, 1 << 29)
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.MALFORMED_PACKET


@pytest.mark.parametrize("raw", [b"\x30\x80\x00", b"\x30\xff\x80\x00", b"\x30\x80\x80\x80\x00"])
def test_p04_a_length_that_is_not_in_its_shortest_form_is_malformed(raw):
    """P04 [MQTT-1.5.5-1]"""
    outcome = read_header(raw, 0, 1 << 29)
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.MALFORMED_PACKET


def test_p05_a_packet_over_the_maximum_is_refused_by_its_header_alone():
    """P05: the fixed header counts as a part of the packet."""
    outcome = read_header(b"\x10\xff\xff\xff\x7f", 0, 1000)
    assert isinstance(outcome, Violation)
    assert outcome.reason is ReasonCode.PACKET_TOO_LARGE
    assert read_header(b"\x10\x08", 0, 10) == (0x10, 2, 10)
    assert isinstance(read_header(b"\x10\x09", 0, 10), Violation)


def test_a_buffer_gives_reads_through_while_nothing_is_unfinished():
    buffer = ReceiveBuffer()
    data = b"\xc0\x00"
    assert buffer.feed(data) is data
    assert len(buffer) == 0


def test_a_buffer_holds_back_until_the_needed_bytes_are_there():
    buffer = ReceiveBuffer()
    buffer.keep(b"..\x30\x05ab", 2, 7)
    assert len(buffer) == 4
    assert buffer.feed(b"cd") == b""
    assert buffer.feed(b"e\xc0") == b"\x30\x05abcde\xc0"
    assert len(buffer) == 0
    assert buffer.feed(b"\x00") == b"\x00"


def test_a_buffer_that_knows_no_length_gives_what_it_has():
    buffer = ReceiveBuffer()
    buffer.keep(b"\x30", 0, 0)
    assert buffer.feed(b"\x80") == b"\x30\x80"


def test_a_packet_of_a_megabyte_in_single_bytes_is_put_together_once():
    """E2: linear work; while the packet is unfinished nothing is copied or parsed again."""
    buffer = ReceiveBuffer()
    size = 1 << 20
    buffer.keep(b"\x30", 0, size)
    for _ in range(size - 2):
        assert buffer.feed(b"x") == b""
    assert len(buffer.feed(b"x")) == size
