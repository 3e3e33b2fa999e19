"""A client that sends a lot at once has its turn, and the others theirs (SECURITY E4)."""

from __future__ import annotations

from broker_runtime.broker.links.turns import TURN_BYTES
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from tests.broker.stage import settle


def flood(topic, count, size):
    """PUBLISHes as one read would bring them."""
    return b"".join(
        encode(p.Publish(topic=topic, payload=b"%06d" % number + b"x" * size), 4)
        for number in range(count)
    )


def numbers(peer):
    return [int(payload[:6]) for _, payload, _ in peer.messages()]


async def test_a_read_that_is_longer_than_a_turn_is_handled_whole_and_in_order(stage):
    anna, ben = await stage.client("anna"), await stage.client("ben")
    await anna.subscribe("a", 0)
    ben.protocol.data_received(flood("a", 4_000, 64))
    await settle()
    assert numbers(anna) == list(range(4_000))
    assert ben.transport.reading
    assert ben.protocol.unfinished is None


async def test_another_client_has_its_turn_before_a_long_read_is_done__E4(stage):
    anna, ben = await stage.client("anna"), await stage.client("ben")
    eve = await stage.client("eve")
    await anna.subscribe("#", 0)
    ben.protocol.data_received(flood("a", 2_000, 64))
    assert not ben.transport.reading
    eve.protocol.data_received(flood("b", 1, 64))
    await settle()
    topics = [topic for topic, _, _ in anna.messages()]
    assert len(topics) == 2_001
    assert topics.index("b") * 70 <= TURN_BYTES


async def test_a_packet_larger_than_a_turn_is_handled(stage):
    anna, ben = await stage.client("anna"), await stage.client("ben")
    await anna.subscribe("a", 0)
    whole = flood("a", 2, TURN_BYTES * 3)
    ben.protocol.data_received(whole[: TURN_BYTES * 2])
    ben.protocol.data_received(whole[TURN_BYTES * 2 :])
    await settle()
    assert numbers(anna) == [0, 1]


async def test_one_who_is_closed_before_its_next_turn_has_no_more_of_it(stage):
    anna, ben = await stage.client("anna"), await stage.client("ben")
    await anna.subscribe("a", 0)
    ben.protocol.data_received(flood("a", 2_000, 64))
    ben.transport.close()
    await settle()
    found = numbers(anna)
    assert found == list(range(len(found)))
    assert len(found) < 2_000


async def test_what_is_wrong_in_a_later_turn_ends_the_connection(stage):
    ben = await stage.client("ben")
    ben.protocol.data_received(flood("a", 2_000, 64) + b"\xf0\x00")
    await settle()
    assert not ben.is_open
