"""A message on its way from one client to another."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("receiver", [3, 4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_message_reaches_a_subscriber_at_the_lower_qos(stage, version, receiver, qos):
    for granted in (0, 1, 2):
        anna = await stage.client(f"anna{granted}", version=receiver)
        assert await anna.subscribe("home/+/temp", granted) == granted
        ben = await stage.client(f"ben{granted}", version=version)
        for payload in (b"21", b"", b"22" * 500):
            assert await ben.publish("home/hall/temp", payload, qos) in (None, 0)
        expected = min(qos, granted)
        assert await anna.receive() == [
            ("home/hall/temp", b"21", expected),
            ("home/hall/temp", b"", expected),
            ("home/hall/temp", b"22" * 500, expected),
        ]
        await anna.disconnect()


async def test_nobody_subscribes_is_said_in_mqtt_5(stage):
    ben = await stage.client("ben", version=5)
    assert await ben.publish("home/x", qos=1) == ReasonCode.NO_MATCHING_SUBSCRIBERS
    assert await ben.publish("home/x", qos=1) == ReasonCode.NO_MATCHING_SUBSCRIBERS


async def test_a_read_of_many_packets_makes_one_write(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a/#", 1)
    ben = await stage.client("ben")
    before = anna.transport.writes, ben.transport.writes
    await ben.send(
        *(p.Publish(topic="a/b", payload=b"%d" % i, qos=i % 2, packet_id=i % 2) for i in range(50))
    )
    assert (anna.transport.writes, ben.transport.writes) == (before[0] + 1, before[1] + 1)
    assert [payload for _, payload, _ in anna.messages()] == [b"%d" % i for i in range(50)]


async def test_packets_cut_anywhere_arrive_whole(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a/#")
    ben = await stage.client("ben")
    from broker_runtime.codec.encoder import encode

    data = b"".join(encode(p.Publish(topic="a/b", payload=b"x" * n), 4) for n in (1, 200, 0))
    for byte in data:
        await ben.raw(bytes((byte,)))
    assert [len(payload) for _, payload, _ in anna.messages()] == [1, 200, 0]
