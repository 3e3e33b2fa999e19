"""CONNECT when the answer takes its time, and acknowledgements with reasons."""

from __future__ import annotations

import asyncio

import pytest

from broker_runtime.auth.chain import AuthRefusal, Chain, Identity
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import settle


class Elsewhere:
    """An authenticator that must ask somewhere else."""

    name = "elsewhere"

    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    async def authenticate(self, credentials):
        return await self.answer

    def still_holds(self, identity):
        return True


@pytest.fixture
async def elsewhere(stage):
    made = Elsewhere()
    stage.broker._core.chain = Chain([made])
    return made


async def test_packets_behind_the_connect_wait_for_the_answer(stage, elsewhere):
    peer = stage.connection()
    assert await peer.connect("c") is None
    await peer.send(p.PingReq())
    assert not peer.transport.reading
    assert peer.transport.received == []
    elsewhere.answer.set_result(Identity(username="u", authenticator="elsewhere"))
    await settle()
    assert [type(x) for x in peer.transport.received] == [p.ConnAck, p.PingResp]
    assert peer.transport.reading


async def test_a_late_refusal(stage, elsewhere):
    peer = stage.connection(version=5)
    assert await peer.connect("c") is None
    elsewhere.answer.set_result(AuthRefusal(R.BANNED, "blocked"))
    await settle()
    assert [x.reason for x in peer.take(p.ConnAck)] == [R.BANNED]


async def test_an_answer_that_never_comes_ends_in_time__P05(stage, elsewhere):
    peer = stage.connection(version=5)
    assert await peer.connect("c") is None
    await stage.pass_time(11)
    assert [x.reason for x in peer.take(p.ConnAck)] == [R.SERVER_BUSY]
    elsewhere.answer.set_result(Identity(username="u", authenticator="elsewhere"))
    await settle()
    assert stage.broker.gauges()["sessions"] == 0


async def test_a_client_that_left_before_the_answer_is_not_connected(stage, elsewhere):
    peer = stage.connection()
    assert await peer.connect("c") is None
    await peer.vanish()
    elsewhere.answer.set_result(Identity(username="u", authenticator="elsewhere"))
    await settle()
    assert stage.broker.gauges()["connections"] == 0


async def test_a_node_that_stops_refuses_who_waits(stage, elsewhere):
    peer = stage.connection(version=5)
    assert await peer.connect("c") is None
    await stage.broker.stop(0.1)
    await settle()
    assert not peer.is_open


@pytest.mark.parametrize("packet_type", [p.PUBACK, p.PUBREC, p.PUBREL, p.PUBCOMP])
async def test_a_packet_id_of_zero_is_a_violation__P10(stage, packet_type):
    for properties in (None, p.Properties()):
        peer = await stage.client("c", version=5)
        first = packet_type << 4 | (2 if packet_type == p.PUBREL else 0)
        body = b"\0\0" if properties is None else b"\0\0\0\0"
        await peer.raw(bytes((first, len(body))) + body)
        assert not peer.is_open


async def test_acknowledgements_with_reasons_of_a_subscriber(stage):
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    for qos in (1, 2):
        await ben.publish("a", b"x", qos)
    one, two = anna.take(p.Publish)
    nothing = p.Properties(reason_string="no room")
    await anna.send(p.Ack(p.PUBACK, one.packet_id, 0x97, nothing))
    await anna.send(p.Ack(p.PUBREC, two.packet_id, 0, nothing))
    (released,) = anna.take(p.Ack)
    assert released.packet_type == p.PUBREL
    await anna.send(p.Ack(p.PUBREC, two.packet_id))
    assert [a.reason for a in anna.take(p.Ack)] == [0]
    await anna.send(p.Ack(p.PUBCOMP, two.packet_id, 0, nothing))
    assert stage.broker.gauges()["inflight"] == 0
    await ben.send(p.Publish(topic="a", payload=b"x", qos=2, packet_id=9))
    ben5 = await stage.client("ben5", version=5)
    await ben5.send(p.Publish(topic="a", payload=b"x", qos=2, packet_id=9))
    await ben5.send(p.Ack(p.PUBREL, 9, 0, nothing))
    assert [a.packet_type for a in ben5.take(p.Ack)] == [p.PUBREC, p.PUBCOMP]
