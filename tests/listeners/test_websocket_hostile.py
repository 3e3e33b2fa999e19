"""MQTT over WebSocket: upgrades that do not fit, and peers against the rules (P26, P27, P30)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode, Frame, Opcode

from broker_runtime.listeners.websocket import CONTROL_FRAMES, MIN_FRAME_BYTES
from tests.listeners.websocket_stand import Stand, masked, ws

# -- refused upgrades ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stand", "status", "reason"),
    [
        (lambda: Stand(subprotocols=()), 400, "subprotocol"),
        (lambda: Stand(subprotocols=("chat",)), 400, "subprotocol"),
        (lambda: Stand(path="/"), 404, "path"),
        (
            lambda: Stand(
                ws(origins=("https://a.example",)), headers=[("Origin", "https://b.example")]
            ),
            403,
            "origin",
        ),
    ],
)
def test_p26_an_upgrade_that_does_not_fit_is_refused_and_counted(stand, status, reason):
    refused = stand()
    refused.layer.data_received(refused.request)

    assert refused.wire.written.startswith(b"HTTP/1.1 %d " % status)
    assert refused.wire.is_closed
    assert refused.above.violations[0].startswith("WebSocket upgrade: ")
    assert refused.refusals.counters() == {f"transport_refused_ws_{reason}": 1}


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "no_upgrade"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", "bad_request"),
        (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s\n", "bad_request"),
        (b"GET /" + b"x" * 20_000, "bad_request"),
        (b"GET /mqtt HTTP/1.1\r\n" + b"X: y\r\n" * 4_000, "bad_request"),
        (b"GET /mqtt HTTP/1.1\r\n" + (b"X: " + b"y" * 7_000 + b"\r\n") * 3, "too_long"),
        (b"POST /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"),
        (b"GET /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "bad_request"),
    ],
)
def test_what_is_no_upgrade_is_refused_and_bounded(request_bytes, reason):
    stand = Stand()
    for start in range(0, len(request_bytes), 1_000):
        stand.layer.data_received(request_bytes[start : start + 1_000])

    assert stand.wire.is_closed
    assert stand.refusals.counters() == {f"transport_refused_ws_{reason}": 1}
    assert stand.above.received == b""


def test_frames_before_the_answer_are_refused():
    stand = Stand()
    stand.layer.data_received(stand.request + masked(Frame(Opcode.PING, b"early")))
    assert stand.wire.written.startswith(b"HTTP/1.1 400")
    assert stand.wire.is_closed


def test_a_connection_closed_before_the_upgrade_is_counted_once():
    for how, reason in (("close", "timeout"), ("abort", "not_admitted")):
        stand = Stand()
        getattr(stand.layer, how)()
        stand.layer.connection_lost(None)
        assert stand.refusals.counters() == {f"transport_refused_ws_{reason}": 1}
    left = Stand()
    left.layer.connection_lost(None)
    assert left.refusals.counters() == {"transport_refused_ws_left": 1}


# -- hostile frames --------------------------------------------------------------------------------


def huge(size):
    return b"\x82\xff" + struct.pack("!Q", size) + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x85\0\0\0\0hello", CloseCode.UNSUPPORTED_DATA),
        (b"\x01\x83\0\0\0\0hel", CloseCode.UNSUPPORTED_DATA),  # the first fragment
        (Frame(Opcode.BINARY, b"\xc0\x00").serialize(mask=False), CloseCode.PROTOCOL_ERROR),
        (b"\xc2\x80\0\0\0\0", CloseCode.PROTOCOL_ERROR),  # reserved bit 1: compressed
        (b"\x92\x80\0\0\0\0", CloseCode.PROTOCOL_ERROR),  # reserved bit 3
        (b"\x83\x80\0\0\0\0", CloseCode.PROTOCOL_ERROR),  # reserved opcode
        (b"\x80\x80\0\0\0\0", CloseCode.PROTOCOL_ERROR),  # continues nothing
        (b"\x09\x80\0\0\0\0", CloseCode.PROTOCOL_ERROR),  # a fragmented ping
        (b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126, CloseCode.PROTOCOL_ERROR),  # a long ping
        (b"\x88\x81\0\0\0\0x", CloseCode.PROTOCOL_ERROR),  # half a close code
        (b"\x88\x82\0\0\0\0\x03\xed", CloseCode.PROTOCOL_ERROR),  # 1005 is never sent
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", CloseCode.INVALID_DATA),
        (huge(1_000_001), CloseCode.MESSAGE_TOO_BIG),
        (huge(2**63 - 1), CloseCode.MESSAGE_TOO_BIG),
        (b"\x02\x81\0\0\0\0a" + huge(2**62), CloseCode.MESSAGE_TOO_BIG),
    ],
)
def test_p26_frames_against_the_rules_end_the_connection_with_the_right_code(data, code):
    stand = Stand().open()
    stand.layer.data_received(data)
    stand.layer.data_received(b"whatever comes behind")

    assert stand.close_code == code
    assert stand.wire.is_closed
    assert len(stand.above.violations) == 1
    assert stand.refusals.counters() == {f"transport_refused_ws_closed_{int(code)}": 1}


def test_what_came_before_a_broken_frame_is_handed_on():
    stand = Stand().open()
    stand.say(
        Frame(Opcode.BINARY, b"\xc0\x00"), Frame(Opcode.TEXT, b"x"), Frame(Opcode.BINARY, b"y")
    )
    assert stand.above.received in (b"", b"\xc0\x00")
    assert stand.close_code == CloseCode.UNSUPPORTED_DATA


@pytest.mark.parametrize(
    "frame", [Frame(Opcode.PING, b"x" * 125), Frame(Opcode.PONG, b""), Frame(Opcode.BINARY, b"")]
)
def test_p26_a_flood_of_frames_without_mqtt_is_cut_off(frame):
    stand = Stand().open()
    for _ in range(CONTROL_FRAMES):
        stand.say(frame)
    assert not stand.wire.is_closed
    for _ in range(5):
        stand.say(frame)
    assert stand.close_code == CloseCode.POLICY_VIOLATION
    assert stand.wire.is_closed


def test_pings_of_a_peer_that_does_not_read_are_not_answered_for_ever():
    stand = Stand().open()
    stand.layer.pause_writing()
    stand.say(Frame(Opcode.PING, b"x"))
    assert stand.close_code == CloseCode.POLICY_VIOLATION


async def test_before_connect_a_frame_may_be_as_long_as_a_connect():
    stand = Stand().open()
    stand.above.bound_bytes = 100
    stand.say(Frame(Opcode.BINARY, b"x" * MIN_FRAME_BYTES))
    assert len(stand.above.received) == MIN_FRAME_BYTES
    stand.layer.data_received(huge(MIN_FRAME_BYTES + 1))
    assert stand.close_code == CloseCode.MESSAGE_TOO_BIG


@given(st.binary(max_size=300))
def test_p30_nothing_a_peer_sends_after_the_upgrade_raises(data):
    stand = Stand().open()
    stand.layer.data_received(data)
    stand.layer.data_received(data)


@given(st.binary(max_size=300))
def test_p30_nothing_a_peer_sends_instead_of_an_upgrade_raises(data):
    stand = Stand()
    stand.layer.data_received(data)
    stand.layer.data_received(b"\r\n\r\n")
