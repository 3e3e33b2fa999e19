"""SECURITY group E and the limits of a cluster."""

from __future__ import annotations

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage, settle


async def test_connections_without_connect_are_bounded_and_others_unaffected__E1():
    stage = await Stage(settings=BrokerSettings(allow_anonymous=True, max_handshakes=5)).start()
    anna = await stage.client("anna")
    silent = [stage.connection() for _ in range(8)]
    await settle()
    assert [peer.is_open for peer in silent] == [True] * 5 + [False] * 3
    await anna.send(p.PingReq())
    assert len(anna.take(p.PingResp)) == 1
    await stage.pass_time(11)
    assert not any(peer.is_open for peer in silent)
    assert (await stage.connection().connect("later")).reason == 0
    await stage.stop()


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_subscriber_that_does_not_read_costs_bounded_memory__E3(qos):
    settings = BrokerSettings(
        allow_anonymous=True, outbox_max_bytes=10_000, pending_max_messages=50
    )
    stage = await Stage(settings=settings).start()
    slow = await stage.client("slow")
    await slow.subscribe("a", qos)
    quick = await stage.client("quick")
    await quick.subscribe("a", qos)
    ben = await stage.client("ben")
    slow.transport.stuck = True
    for number in range(300):
        await ben.publish("a", b"%03d" % number + b"x" * 100, qos)
    link = slow.protocol
    assert link.queued_bytes + link.session.window.pending_bytes < 25_000
    assert stage.count("dropped_queue_full") > 100
    assert len(await quick.receive()) == 300
    dropped = [e for e in stage.events if e.event == "dropped"]
    assert len(dropped) == 1
    assert "queue_full" in dropped[0].reason
    await stage.stop()


async def test_a_durable_subscriber_that_does_not_read_loses_nothing__E3():
    settings = BrokerSettings(allow_anonymous=True, outbox_max_bytes=5_000, pending_max_messages=10)
    stage = await Stage(settings=settings).start()
    slow = await stage.client("slow", clean=False)
    await slow.subscribe("a", 1)
    ben = await stage.client("ben")
    slow.transport.stuck = True
    for number in range(300):
        await ben.publish("a", b"%03d" % number, 1)
    assert len(slow.protocol.session.window.pending) <= 10
    slow.transport.stuck = False
    slow.protocol.resume_writing()
    await settle()
    received = [payload for _, payload, _ in await slow.receive()]
    # What was written while it did not read is lost with the fake transport's peer, not by the
    # broker.
    assert received == [b"%03d" % n for n in range(300 - len(received), 300)]
    assert len(received) > 200
    assert stage.count("dropped_queue_full") == 0
    await stage.stop()


async def test_a_publisher_above_the_limit_is_slowed_and_nothing_is_dropped__E4(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a")
    ben = await stage.client("ben")
    stage.set(cluster=stage.cluster(tps_limit=100))
    burst = b"".join(encode(p.Publish(topic="a", payload=b"%d" % n), 4) for n in range(300))
    await ben.raw(burst)
    assert not ben.transport.reading
    carl = await stage.client("carl")
    await carl.publish("a", b"carl")
    got = anna.messages()
    assert 45 <= len(got) <= 52
    await stage.pass_time(1, step=0.05)
    second = anna.messages()
    assert 45 <= len(second) <= 55
    assert ("a", b"carl", 0) in second
    await stage.pass_time(7, step=0.05)
    assert len(got) + len(second) + len(anna.messages()) == 301
    assert ben.transport.reading
    assert stage.count("publish_throttled") > 200
    assert stage.count("messages_received") == 301


async def test_a_flood_lets_the_others_have_their_turn__E4(stage):
    ben = await stage.client("ben")
    flood = encode(p.Publish(topic="a", payload=b"x" * 1_000), 4) * 70
    ben.protocol.data_received(flood)
    assert not ben.transport.reading
    await settle()
    assert ben.transport.reading


async def test_a_flood_above_the_limit_stays_held__E4(stage):
    ben = await stage.client("ben")
    stage.set(cluster=stage.cluster(tps_limit=10))
    ben.protocol.data_received(encode(p.Publish(topic="a", payload=b"x" * 1_000), 4) * 70)
    await settle()
    assert not ben.transport.reading


async def test_a_client_above_its_own_rate_is_slowed_and_the_others_are_not(stage):
    anna = await stage.client("anna")
    await anna.subscribe("#", 1)
    ben = await stage.client("ben")
    stage.set(cluster=stage.cluster(client_message_rate=20))
    burst = b"".join(encode(p.Publish(topic="a", payload=b"%d" % n), 4) for n in range(50))
    burst += encode(p.Publish(topic="a", payload=b"last", qos=1, packet_id=7), 4)
    await ben.raw(burst)
    assert not ben.transport.reading
    carl = await stage.client("carl")
    await carl.publish("b", b"carl")
    assert len(anna.messages()) == 20 + 1
    await stage.pass_time(1, step=0.05)
    assert len(anna.messages()) in (19, 20, 21)
    await stage.pass_time(1, step=0.05)
    assert anna.messages()[-1][:2] == ("a", b"last")
    assert ben.transport.reading
    assert stage.count("publish_throttled") == 31
    assert stage.count("dropped_queue_full") == 0


async def test_without_a_rate_a_client_sends_as_fast_as_it_likes(stage):
    anna = await stage.client("anna")
    await anna.subscribe("#")
    ben = await stage.client("ben")
    stage.set(cluster=stage.cluster(client_message_rate=5))
    stage.set(cluster=stage.cluster(client_message_rate=0))
    await ben.raw(b"".join(encode(p.Publish(topic="a", payload=b"x"), 4) for _ in range(50)))
    assert len(anna.messages()) == 50


async def test_a_message_weighs_one_for_each_started_4_kb(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a", 1)
    ben = await stage.client("ben")
    for size, qos in ((0, 0), (4_096, 0), (4_097, 0), (10_000, 1)):
        before = stage.count("tps_units")
        await ben.publish("a", b"x" * size, qos)
        await anna.receive()
        assert stage.count("tps_units") - before == 2 * max(1, -(-size // 4_096))


async def test_too_many_connections_are_refused(stage):
    stage.set(cluster=stage.cluster(max_connections=2))
    await stage.client("a")
    b = await stage.client("b")
    assert (await stage.connection(version=5).connect("c")).reason == R.QUOTA_EXCEEDED
    assert (await stage.connection(version=4).connect("c")).reason == 3
    assert (await stage.connection().connect("b")).reason == 0
    assert not b.is_open
    assert stage.count("connect_throttled") == 2


async def test_subscriptions_are_limited_by_client_and_cluster__E5(stage):
    stage.set(cluster=stage.cluster(max_subscriptions_per_client=2, max_subscriptions=3))
    anna = await stage.client("anna", version=5)
    ben = await stage.client("ben", version=5)
    assert [await anna.subscribe(f"a/{n}") for n in range(3)] == [0, 0, R.QUOTA_EXCEEDED]
    assert await anna.subscribe("a/0", 1) == 1
    assert [await ben.subscribe(f"a/{n}") for n in range(2)] == [0, R.QUOTA_EXCEEDED]
    assert await anna.unsubscribe("a/0", "nothing") == [0, R.NO_SUBSCRIPTION_EXISTED]
    assert await ben.subscribe("a/1") == 0


async def test_retained_messages_are_limited__E6():
    settings = BrokerSettings(allow_anonymous=True, retained_max_messages=2, retained_max_bytes=100)
    stage = await Stage(settings=settings).start()
    ben = await stage.client("ben", version=5)
    answers = [await ben.publish(f"a/{n}", b"x", 1, retain=True) for n in range(3)]
    assert answers == [R.NO_MATCHING_SUBSCRIBERS] * 2 + [R.QUOTA_EXCEEDED]
    assert await ben.publish("a/1", b"y", 1, retain=True) == R.NO_MATCHING_SUBSCRIBERS
    assert await ben.publish("a/0", b"", 1, retain=True) == R.NO_MATCHING_SUBSCRIBERS
    assert await ben.publish("a/2", b"x" * 200, 1, retain=True) == R.QUOTA_EXCEEDED
    assert stage.broker.gauges()["retained"] == 1
    await stage.stop()


async def test_a_large_payload_is_shared_by_its_receivers__E7(stage):
    peers = [await stage.client(f"c{n}") for n in range(20)]
    for peer in peers:
        await peer.subscribe("a")
        peer.transport.stuck = True
        peer.protocol.pause_writing()
    ben = await stage.client("ben")
    await ben.publish("a", b"x" * 1_000_000)
    chunks = {id(peer.protocol.out[-1]) for peer in peers}
    assert len(chunks) == 1


async def test_a_large_message_is_written_in_pieces(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a")
    ben = await stage.client("ben")
    before = anna.transport.writes
    await ben.publish("a", b"x" * 1_000_000)
    await ben.publish("a", b"y")
    assert anna.transport.writes - before > 3
    assert [len(payload) for _, payload, _ in anna.messages()] == [1_000_000, 1]


async def test_too_large_a_message_is_refused(stage):
    stage.set(cluster=stage.cluster(max_message_bytes=1_000))
    anna = await stage.client("anna")
    await anna.subscribe("a")
    ben = await stage.client("ben", version=5)
    assert await ben.publish("a", b"x" * 1_001, 1) == R.QUOTA_EXCEEDED
    await ben.publish("a", b"x" * 1_001, 0)
    assert await ben.publish("a", b"x" * 1_000, 1) == 0
    assert len(anna.messages()) == 1
    assert stage.count("dropped_message_too_large") == 2


async def test_a_first_use_creates_a_topic_until_the_quota(stage):
    stage.set(cluster=stage.cluster(max_topics=2))
    ben = await stage.client("ben", version=5)
    assert await ben.publish("plant/x", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    assert await ben.subscribe("house/#") == 0
    assert await ben.subscribe("third/#") == 0
    assert await ben.publish("third/x", qos=1) == R.QUOTA_EXCEEDED
    assert await ben.publish("x/plain", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    await stage.pass_time(0.1)
    assert stage.created == ["plant", "house"]
    assert stage.count("dropped_topic_quota") == 1
    stage.set(cluster=stage.cluster(max_topics=3))
    assert await ben.publish("third/x", qos=1) == 0


async def test_without_the_switch_an_unknown_topic_is_refused(stage):
    stage.set(cluster=stage.cluster(auto_create_topics=False))
    stage.topics("known")
    ben = await stage.client("ben", version=5)
    assert await ben.publish("unknown/x", qos=1) == R.TOPIC_NAME_INVALID
    assert await ben.publish("known/x", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    old = await stage.client("old", version=4)
    assert await old.publish("unknown/x", qos=1) == 0
    assert old.is_open
    assert stage.count("dropped_unknown_topic") == 2
    stage.topics("known", "unknown")
    assert await ben.publish("unknown/x", qos=1) == R.NO_MATCHING_SUBSCRIBERS


async def test_repeated_refusals_make_few_events(stage):
    for _ in range(30):
        await stage.connection(version=4).connect("", clean=False)
    assert stage.event_names().count("refused") == 30  # thirty addresses
    ben = await stage.client("ben")
    for _ in range(30):
        await ben.publish("$SYS/x")
    assert stage.event_names("ben").count("denied") == 1


async def test_new_connections_come_in_no_faster_than_the_accept_rate__E1():
    stage = await Stage(settings=BrokerSettings(allow_anonymous=True, accept_rate=2)).start()
    came = [stage.connection() for _ in range(6)]
    await settle()
    assert [peer.is_open for peer in came] == [True] * 4 + [False] * 2, "two seconds at once"
    assert stage.count("dropped_accept_rate") == 2
    assert stage.count("connect_throttled") == 2
    await stage.pass_time(1)
    assert [stage.connection().is_open for _ in range(2)] == [True, True]
    await stage.stop()


async def test_packets_that_come_in_part_are_bounded_together__P05():
    settings = BrokerSettings(allow_anonymous=True, half_received_max_bytes=100_000)
    stage = await Stage(settings=settings).start()
    hoarders = [await stage.client(f"h{n}", version=5) for n in range(4)]
    small = await stage.client("small")
    begun = encode(p.Publish(topic="a", payload=b"x" * 500_000), 5)
    await small.raw(encode(p.Publish(topic="a", payload=b"y" * 2_000), 4)[:1_000])
    for size in (20_000, 10_000):
        for hoarder in hoarders:
            await hoarder.raw(begun[:size] if size == 20_000 else begun[20_000:30_000])
    open_hoarders = [peer for peer in hoarders if peer.is_open]
    assert len(open_hoarders) == 3
    assert stage.count("dropped_half_received") == 1
    closed = next(peer for peer in hoarders if not peer.is_open)
    assert closed.goodbye() == R.QUOTA_EXCEEDED
    assert small.is_open
    for peer in (*hoarders, small):
        await peer.vanish()
    assert stage.broker._core.half_received.total_bytes == 0
    await stage.stop()


async def test_a_client_that_still_sends_can_read_why_it_was_ended(stage):
    """Closed with unread input the kernel would reset the connection, the DISCONNECT lost."""
    anna = await stage.client("anna", version=5)
    anna.transport.slow_to_close = True
    await anna.raw(encode(p.Publish(topic="a", payload=b""), 5) + b"\x00\x00" + b"more")
    assert anna.goodbye() == R.MALFORMED_PACKET
    assert anna.is_open, "half closed: the client may read it and close"
    await anna.raw(b"x" * 1_000_000)
    assert anna.is_open
    await anna.raw(b"x" * 100_000)
    assert not anna.is_open, "it has sent more than its share"


async def test_a_client_that_does_not_close_is_cut_off(stage):
    anna = await stage.client("anna", version=5)
    anna.transport.slow_to_close = True
    await stage.kick("anna")
    assert anna.is_open
    await stage.pass_time(6)
    assert not anna.is_open
