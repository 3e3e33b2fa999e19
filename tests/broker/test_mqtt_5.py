"""What MQTT 5 adds, and retained messages."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R


async def test_properties_of_a_message_travel_with_it_in_order(stage):
    anna = await stage.client("anna", version=5)
    old = await stage.client("old", version=4)
    ben = await stage.client("ben", version=5)
    properties = p.Properties(
        payload_format_indicator=1,
        content_type="text/plain",
        response_topic="answers/1",
        correlation_data=b"\x00\x01",
        user_properties=(("b", "1"), ("a", "2"), ("b", "3")),
    )
    for qos in (0, 1, 2):
        await anna.subscribe("a", qos)
        await old.subscribe("a", qos)
        await ben.publish("a", b"x", qos, properties=properties)
        (message,) = anna.take(p.Publish)
        assert message.properties == properties
        assert [m[1] for m in await old.receive()] == [b"x"]


async def test_connack_tells_the_limits(stage):
    peer = stage.connection(version=5)
    properties = (await peer.connect("c")).properties
    assert properties.receive_maximum == 1_000
    assert properties.topic_alias_maximum == 32
    assert properties.maximum_packet_bytes > 4 * 1024 * 1024
    assert properties.server_keep_alive_s is None
    assert properties.assigned_client_id is None


async def test_subscription_identifiers_of_all_matches_come_with_one_message(stage):
    """DECISIONS 18."""
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a/#", 0, identifier=7)
    await anna.subscribe("a/+", 2, identifier=9)
    await anna.subscribe("a/b", 1)
    await (await stage.client("ben")).publish("a/b", b"x", 2)
    (message,) = anna.take(p.Publish)
    assert message.qos == 2
    assert sorted(message.properties.subscription_identifiers) == [7, 9]


async def test_no_local(stage):
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a", 1, no_local=True)
    await anna.publish("a", b"own", 1)
    await (await stage.client("ben")).publish("a", b"other", 1)
    assert [m[1] for m in await anna.receive()] == [b"other"]


@pytest.mark.parametrize("clean", [True, False])
async def test_no_local_on_one_of_two_overlapping_subscriptions(stage, clean):
    anna = await stage.client(
        "anna", version=5, properties=p.Properties(session_expiry_s=0 if clean else 60)
    )
    await anna.subscribe("a/#", 2, no_local=True)
    await anna.subscribe("a/b", 1)
    await anna.publish("a/b", b"own", 2)
    await anna.publish("a/c", b"own", 2)
    assert await anna.receive() == [("a/b", b"own", 1)]


async def test_retain_flag_as_published_or_not(stage):
    plain = await stage.client("plain", version=5)
    await plain.subscribe("a")
    exact = await stage.client("exact", version=5)
    await exact.subscribe("a", retain_as_published=True)
    ben = await stage.client("ben")
    for retain in (True, False):
        await ben.publish("a", b"x", retain=retain)
    assert [m.retain for m in plain.take(p.Publish)] == [False, False]
    assert [m.retain for m in exact.take(p.Publish)] == [True, False]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_retained_messages_come_with_a_subscription(stage, qos):
    ben = await stage.client("ben")
    for topic, payload in (("a/1", b"old"), ("a/1", b"new"), ("a/2", b"two"), ("b", b"no")):
        await ben.publish(topic, payload, qos, retain=True)
    await ben.publish("a/2", b"", qos, retain=True)
    anna = await stage.client("anna")
    await anna.subscribe("a/#", 1)
    (message,) = anna.take(p.Publish)
    assert (message.topic, message.payload, message.retain) == ("a/1", b"new", True)
    assert message.qos == min(qos, 1)


async def test_retain_handling(stage):
    await (await stage.client("ben")).publish("a", b"kept", retain=True)
    anna = await stage.client("anna", version=5)
    counts: list[int] = []
    for handling in (2, 1, 0, 1):
        if handling == 1 and not counts[1:]:
            await anna.unsubscribe("a")
        await anna.subscribe("a", retain_handling=handling)
        counts.append(len(anna.messages()))
    assert counts == [0, 1, 1, 0]
    await anna.subscribe("$share/g/a")
    assert anna.messages() == []


async def test_many_retained_messages_respect_the_window_and_survive_a_reconnect(stage):
    ben = await stage.client("ben")
    for number in range(400):
        await ben.publish(f"a/{number}", b"x", 1, retain=True)
    properties = p.Properties(receive_maximum=5, session_expiry_s=60)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.subscribe("a/#", 1)
    assert len(anna.transport.received) == 5
    first = [m.packet_id for m in anna.take(p.Publish)]
    await anna.vanish()
    anna = await stage.client("anna", version=5, clean=False, properties=properties)
    assert [m.packet_id for m in anna.transport.received if isinstance(m, p.Publish)] == first
    found: set[str] = set()
    while batch := await anna.receive():
        found.update(topic for topic, _, _ in batch)
    assert len(found) == 400


async def test_a_retained_message_expires(stage):
    ben = await stage.client("ben", version=5)
    await ben.publish("a", b"x", retain=True, properties=p.Properties(message_expiry_s=10))
    await stage.pass_time(4)
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a")
    (message,) = anna.take(p.Publish)
    assert message.properties.message_expiry_s == 6
    await stage.pass_time(7)
    await anna.subscribe("a")
    assert anna.messages() == []
    assert stage.broker.gauges()["retained"] == 0
    assert stage.store.load_retained() == []


async def test_a_shared_subscription_spreads_messages_over_those_who_are_there(stage):
    members = [await stage.client(f"m{n}", version=5) for n in range(3)]
    for member in members:
        await member.subscribe("$share/g/a/#", 1)
    outside = await stage.client("outside")
    await outside.subscribe("a/#")
    ben = await stage.client("ben")
    for number in range(9):
        await ben.publish("a/x", b"%d" % number, number % 2)
    assert [len(await member.receive()) for member in members] == [3, 3, 3]
    await members[0].disconnect()
    for number in range(4):
        await ben.publish("a/x", b"%d" % number, 1)
    assert [len(await member.receive()) for member in members[1:]] == [2, 2]
    assert len(outside.messages()) == 13


async def test_a_shared_message_in_flight_comes_again_to_a_durable_member(stage):
    member = await stage.client("m", clean=False)
    await member.subscribe("$share/g/a", 1)
    ben = await stage.client("ben")
    await ben.publish("a", b"1", 1)
    await member.vanish()
    await ben.publish("a", b"while it is away", 1)
    member = await stage.client("m", clean=False)
    assert [m[1] for m in await member.receive()] == [b"1", b"while it is away"]


async def test_response_to_an_mqtt_5_publish_without_matching_subscribers(stage):
    ben = await stage.client("ben", version=5)
    assert await ben.publish("a", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    await ben.subscribe("a")
    assert await ben.publish("a", qos=1) == 0


async def test_an_alias_that_was_never_set_is_a_violation__P20(stage):
    ben = await stage.client("ben", version=5)
    await ben.publish("", properties=p.Properties(topic_alias=4))
    assert ben.goodbye() == R.PROTOCOL_ERROR


@pytest.mark.parametrize(("strategy", "members"), [("hash", 1), ("hash_publisher", 1)])
async def test_the_cluster_says_how_shared_subscriptions_choose(stage, strategy, members):
    for name in ("m1", "m2", "m3"):
        await (await stage.client(name)).subscribe("$share/g/a/#", 1)
    stage.set(cluster=stage.cluster(shared_strategy=strategy))
    ben = await stage.client("ben")
    for _ in range(6):
        await ben.publish("a/1", b"x", 1)
    served = [n for n in ("m1", "m2", "m3") if stage.get_client(n).inflight]
    assert len(served) == members
    stage.set(cluster=stage.cluster(shared_strategies={"g": "round_robin"}))
    for _ in range(3):
        await ben.publish("a/1", b"x", 1)
    assert all(stage.get_client(n).inflight for n in ("m1", "m2", "m3"))
