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


@pytest.mark.parametrize("tail", ["", "00", "0000", "00051f00026869", "92", "9200"])
@pytest.mark.parametrize("count", [1, 3])
async def test_a_pubrel_with_a_reason_publishes_what_the_hot_path_kept(stage, tail, count):
    """As mqtt.js sends it: the message was answered with PUBCOMP and lost."""
    anna = await stage.client("anna")
    await anna.subscribe("a", 2)
    ben = await stage.client("ben", version=5)
    await ben.publish("a", b"first", 1)
    publishes = [
        p.Publish(topic="a", payload=b"%d" % n, qos=2, packet_id=7 + n) for n in range(count)
    ]
    await ben.send(*publishes)
    anna.take()
    ben.take()

    for n in reversed(range(count)):
        packet = bytes([0, 7 + n]) + bytes.fromhex(tail)
        await ben.raw(bytes([0x62, len(packet)]) + packet)

    expected = [b"%d" % n for n in reversed(range(count))]
    assert [m.payload for m in anna.take(p.Publish)] == expected
    assert [(a.packet_type, a.reason) for a in ben.take(p.Ack)] == [(p.PUBCOMP, 0)] * count
