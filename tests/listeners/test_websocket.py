"""MQTT over WebSocket: random framing, closing, and paho-mqtt as the honest client."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from broker_runtime.contract.commands import KickClient
from tests.listeners.certificates import make
from tests.listeners.stand import Node, device, until
from tests.listeners.websocket_stand import Stand, cut, masked, ws

CERTIFICATE = make("default")


# -- the honest client -----------------------------------------------------------------------------


@given(
    st.binary(min_size=1, max_size=3_000),
    st.lists(st.integers(0, 4_000), max_size=8),
    st.lists(st.integers(0, 4_000), max_size=8),
    st.lists(st.booleans(), min_size=10, max_size=10),
    st.data(),
)
def test_p26_mqtt_bytes_come_through_whatever_the_framing(data, frames, reads, pings, draw):
    """Packets and frames need not align [MQTT-6.0.0-2] [MQTT3-6.0.0-2]; messages may be
    fragmented, with pings between the fragments; TCP cuts everything anywhere."""
    stand = Stand()
    stream = stand.request
    is_fragmented = False
    for number, piece in enumerate(cut(data, frames)):
        fin = draw.draw(st.booleans())
        opcode = Opcode.CONT if is_fragmented else Opcode.BINARY
        stream_part = masked(Frame(opcode, piece, fin))
        if pings[number]:
            stream_part += masked(Frame(Opcode.PING, b"ping"))
        is_fragmented = not fin
        stream += stream_part
    head = len(stand.request)
    stand.layer.data_received(stream[:head])
    for piece in cut(stream[head:], reads):
        stand.layer.data_received(piece)

    assert stand.above.received == data
    assert stand.above.violations == []
    answers = stand.hear()
    assert [f.data for f in answers if f.opcode is Opcode.PONG] == [b"ping"] * sum(
        pings[: len(cut(data, frames))]
    )


@given(st.lists(st.integers(0, 1_000), max_size=8))
def test_an_upgrade_in_pieces_is_put_together(places):
    stand = Stand()
    for piece in cut(stand.request, places):
        stand.layer.data_received(piece)
    stand.hear()
    assert stand.client.state is State.OPEN
    assert stand.client.subprotocol == "mqtt"  # [MQTT-6.0.0-4] [MQTT3-6.0.0-4]


@given(st.lists(st.binary(min_size=1, max_size=200_000), min_size=1, max_size=4))
def test_each_write_is_one_binary_frame(writes):
    """[MQTT-6.0.0-1] [MQTT3-6.0.0-1]"""
    stand = Stand().open()
    for data in writes:
        stand.layer.write(data)
    frames = stand.hear()
    assert [(f.opcode, bytes(f.data), f.fin) for f in frames] == [
        (Opcode.BINARY, data, True) for data in writes
    ]


@pytest.mark.parametrize(
    ("offered", "taken"),
    [(("mqtt",), "mqtt"), (("mqttv3.1",), "mqttv3.1"), (("mqttv3.1", "mqtt"), "mqtt")],
)
def test_the_subprotocol_is_mqtt_or_that_of_3_1(offered, taken):
    stand = Stand(subprotocols=offered).open()
    assert stand.client.subprotocol == taken


def test_a_thousand_packets_in_a_frame_come_at_once():
    stand = Stand().open()
    stand.say(Frame(Opcode.BINARY, b"\xc0\x00" * 1_000))
    assert stand.above.received == b"\xc0\x00" * 1_000


def test_compression_is_not_negotiated__P27():
    stand = Stand(headers=[("Sec-WebSocket-Extensions", "permessage-deflate")])
    stand.layer.data_received(stand.request)
    assert b"101 Switching" in stand.wire.written
    assert b"extensions" not in stand.wire.written.lower()


def test_a_query_does_not_change_the_path_and_an_empty_path_takes_any():
    Stand(path="/mqtt?token=x").open()
    Stand(ws(path=""), path="/any/where").open()


def test_origins_are_checked_where_they_are_set_and_programs_send_none():
    listener = ws(origins=("https://plant.example",))
    Stand(listener).open()
    Stand(listener, headers=[("Origin", "https://plant.example")]).open()
    Stand(ws(), headers=[("Origin", "https://anywhere.example")]).open()


# -- closing ---------------------------------------------------------------------------------------


def test_closing_says_goodbye_and_waits_for_the_answer():
    stand = Stand().open()
    stand.layer.close()
    stand.layer.close()
    assert stand.close_code == CloseCode.NORMAL_CLOSURE
    assert not stand.wire.is_closed
    stand.layer.write(b"too late")
    stand.layer.data_received(b"".join(stand.client.data_to_send()))
    assert stand.wire.is_closed
    assert stand.hear() == []


def test_a_goodbye_of_the_peer_is_answered_with_its_code():
    stand = Stand().open()
    stand.client.send_close(CloseCode.GOING_AWAY)
    stand.layer.data_received(b"".join(stand.client.data_to_send()))
    assert stand.close_code == CloseCode.GOING_AWAY
    assert stand.wire.is_closed
    assert stand.above.violations == []
    stand.layer.write(b"too late")


def test_what_a_peer_sends_after_our_goodbye_is_handed_on_until_it_answers():
    stand = Stand().open()
    assert stand.layer.can_write_eof()
    stand.layer.write(b"\xe0\x00")
    stand.layer.write_eof()
    stand.say(Frame(Opcode.BINARY, b"late"))
    assert stand.above.received == b"late"
    assert not stand.wire.is_closed
    assert [bytes(f.data) for f in stand.hear() if f.opcode is Opcode.BINARY] == [b"\xe0\x00"]
    stand.layer.data_received(b"".join(stand.client.data_to_send()))
    assert stand.wire.is_closed


# -- real clients ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("kind", ["ws", "wss"])
async def test_the_main_walk_over_websockets_with_paho(kind, version):
    node = await Node().start()
    await node.listen(ws(kind), certificates=(CERTIFICATE,))
    options = {"path": "/mqtt", "trusted": CERTIFICATE.chain if kind == "wss" else None}
    async with (
        device(node, "anna", version, **options) as anna,
        device(node, "ben", version, **options) as ben,
    ):
        await anna.subscribe("a/#", 2)
        for qos in (0, 1, 2):
            await ben.publish("a/b", b"x" * 10, qos)
        big = b"0123456789abcdef" * 100_000
        await ben.publish("a/big", big, 1)
        await until(lambda: len(anna.messages) == 4)
        assert {m[1] for m in anna.messages} == {b"x" * 10, big}
    await until(lambda: not node.broker.gauges()["connections"])
    assert node.listeners.counters() == {}
    await node.stop()


@pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
async def test_a_client_that_is_sent_away_is_told_why_by_every_transport(kind):
    node = await Node().start()
    await node.listen(ws(kind), certificates=(CERTIFICATE,))
    trusted = CERTIFICATE.chain if kind in ("tls", "wss") else None
    path = "/mqtt" if kind in ("ws", "wss") else ""
    async with device(node, "anna", 5, path=path, trusted=trusted) as anna:
        for number in range(20):
            anna.client.publish("a", b"x" * 100_000 * (number % 2), 0)
        await node.broker.kick(KickClient(client_id="anna"))
        await until(lambda: len(anna.reasons) == 2)
        assert anna.reasons[1].value == 0x98
    await until(lambda: not node.broker._core.open_links)
    await node.stop()


async def test_a_peer_that_says_nothing_is_closed_at_the_connect_timeout():
    node = await Node(connect_timeout_s=0.3).start()
    await node.listen(ws())
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(b"GET /mqtt HTTP/1.1\r\nHost: x\r\n")

    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    await until(lambda: node.listeners.counters())
    assert node.counted("transport_refused_ws_") == {"timeout": 1}
    await node.stop()
