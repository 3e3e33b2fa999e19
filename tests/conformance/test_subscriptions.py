"""SUBSCRIBE and UNSUBSCRIBE, their options and their answers."""

from __future__ import annotations

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage

BOTH = pytest.mark.parametrize("version", [4, 5])


def request(topic_filter, qos=0, **options):
    return p.SubscriptionRequest(topic_filter, qos, **options)


@BOTH
async def test_every_filter_is_answered_in_its_place(stage, version):
    """[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1]
    [MQTT-3.9.3-2] [MQTT-2.2.1-6] [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-3.8.4-4] [MQTT3-3.8.4-5]
    [MQTT3-3.9.3-1] [MQTT3-3.9.3-2] [MQTT3-2.3.1-7]"""
    anna = await stage.client("anna", version=version)
    requests = [request("a", 2), request("a/#/b"), request("b", 1), request("+a"), request("c")]
    await anna.send(p.Subscribe(packet_id=4_321, subscriptions=requests))
    (answer,) = anna.take(p.SubAck)
    assert answer.packet_id == 4_321
    refused = R.TOPIC_FILTER_INVALID if version == 5 else 0x80
    assert answer.reasons == [2, refused, 1, refused, 0]
    ben = await stage.client("ben")
    for topic in ("a", "b", "c", "xa"):
        await ben.publish(topic)
    assert [m[0] for m in anna.messages()] == ["a", "b", "c"]


@BOTH
async def test_unsubscribing_is_answered_in_its_place_whatever_was_there(stage, version):
    """[MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6]
    [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT-2.2.1-6] [MQTT3-3.10.4-1] [MQTT3-3.10.4-2]
    [MQTT3-3.10.4-4] [MQTT3-3.10.4-5] [MQTT3-3.10.4-6] [MQTT3-2.3.1-7]"""
    anna = await stage.client("anna", version=version)
    for topic_filter in ("a/+", "a/b", "c"):
        await anna.subscribe(topic_filter)
    filters = ["a/B", "a/+", "never", "c"]
    await anna.send(p.Unsubscribe(packet_id=77, topic_filters=filters))
    (answer,) = anna.take(p.UnsubAck)
    assert answer.packet_id == 77
    assert answer.reasons == ([17, 0, 17, 0] if version == 5 else [])
    ben = await stage.client("ben")
    for topic in ("a/b", "a/x", "c"):
        await ben.publish(topic)
    assert [m[0] for m in anna.messages()] == ["a/b"], "compared as text, not as wildcards"


@BOTH
async def test_what_was_begun_before_unsubscribing_is_completed(stage, version):
    """[MQTT-3.10.4-3] [MQTT3-3.10.4-3]"""
    keep = p.Properties(session_expiry_s=60 if version == 5 else None)
    anna = await stage.client("anna", version=version, clean=False, properties=keep)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    for qos in (1, 2):
        await ben.publish("a", b"%d" % qos, qos)
    ids = [m.packet_id for m in anna.take(p.Publish)]
    await anna.unsubscribe("a")
    await anna.vanish()
    anna = await stage.client("anna", version=version, clean=False, properties=keep)
    assert [m.packet_id for m in anna.take(p.Publish)] == ids
    await anna.send(p.Ack(p.PUBACK, ids[0]), p.Ack(p.PUBREC, ids[1]))
    assert [x.packet_type for x in anna.take(p.Ack)] == [p.PUBREL]


@BOTH
async def test_the_same_filter_again_replaces_the_subscription(stage, version):
    """[MQTT-3.8.4-3] [MQTT-3.8.4-4] [MQTT3-3.8.4-3]"""
    ben = await stage.client("ben")
    await ben.publish("a", b"kept", 1, retain=True)
    anna = await stage.client("anna", version=version)
    for qos in (0, 2, 1):
        assert await anna.subscribe("a", qos) == qos
        assert [(m[1], m[2]) for m in await anna.receive()] == [(b"kept", min(qos, 1))]
        await ben.publish("a", b"new", 2)
        assert [(m[1], m[2]) for m in await anna.receive()] == [(b"new", qos)]
    assert stage.broker.gauges()["subscriptions"] == 1


@BOTH
async def test_overlapping_subscriptions_give_one_copy_at_the_highest_qos(stage, version):
    """[MQTT-3.3.4-2] [MQTT3-3.3.5-1]"""
    anna = await stage.client("anna", version=version)
    for topic_filter, qos in (("#", 0), ("a/+", 2), ("a/b", 1)):
        await anna.subscribe(topic_filter, qos)
    await (await stage.client("ben")).publish("a/b", b"x", 2)
    assert [m[2] for m in anna.messages()] == [2]


async def test_a_message_carries_the_identifiers_of_all_its_subscriptions(stage):
    """[MQTT-3.3.4-3] [MQTT-3.3.4-4]"""
    anna = await stage.client("anna", version=5)
    for topic_filter, identifier in (("#", 1), ("a/+", 268_435_455), ("a/b", None), ("b", 9)):
        await anna.subscribe(topic_filter, 1, identifier=identifier)
    ben = await stage.client("ben")
    for qos in (0, 1):
        await ben.publish("a/b", b"x", qos)
        (message,) = anna.take(p.Publish)
        assert sorted(message.properties.subscription_identifiers) == [1, 268_435_455]
    await anna.subscribe("#", 1, identifier=5)
    await anna.subscribe("a/+", 1)
    await ben.publish("a/b", b"x", 1)
    (message,) = anna.take(p.Publish)
    assert message.properties.subscription_identifiers == (5,), "replaced with the subscription"


async def test_a_retained_message_carries_the_identifier_of_the_subscription_that_brought_it(
    stage,
):
    """[MQTT-3.3.4-3]"""
    await (await stage.client("ben")).publish("a/b", b"x", 1, retain=True)
    anna = await stage.client("anna", version=5)
    for topic_filter, identifier in (("a/+", 3), ("a/#", 4)):
        await anna.subscribe(topic_filter, 1, identifier=identifier)
    found = [m.properties.subscription_identifiers for m in anna.take(p.Publish)]
    assert found == [(3,), (4,)]


async def test_no_local_keeps_a_client_from_its_own_messages(stage):
    """[MQTT-3.8.3-3]"""
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a", 1, no_local=True)
    await anna.publish("a", b"own", 1)
    await anna.publish("a", b"own", 0)
    await (await stage.client("ben", version=5)).publish("a", b"other", 1)
    assert [m[1] for m in anna.messages()] == [b"other"]


async def test_no_local_on_a_shared_subscription_ends_the_connection(stage):
    """[MQTT-3.8.3-4]"""
    anna = await stage.client("anna", version=5)
    requests = [request("$share/g/a", no_local=True)]
    await anna.send(p.Subscribe(packet_id=1, subscriptions=requests))
    assert anna.goodbye() == R.PROTOCOL_ERROR


async def test_retain_as_published_keeps_the_flag_as_it_was(stage):
    """[MQTT-3.3.1-12] [MQTT-3.3.1-13]"""
    plain = await stage.client("plain", version=5)
    await plain.subscribe("a", 1)
    exact = await stage.client("exact", version=5)
    await exact.subscribe("a", 1, retain_as_published=True)
    ben = await stage.client("ben")
    for retain in (True, False):
        await ben.publish("a", b"x", 1, retain=retain)
    assert [m.retain for m in plain.take(p.Publish)] == [False, False]
    assert [m.retain for m in exact.take(p.Publish)] == [True, False]


@pytest.mark.parametrize(
    ("handling", "at_first", "again"), [(0, True, True), (1, True, False), (2, False, False)]
)
async def test_retain_handling_says_when_retained_messages_come(stage, handling, at_first, again):
    """[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]"""
    await (await stage.client("ben")).publish("a", b"kept", retain=True)
    anna = await stage.client("anna", version=5)
    for expected in (at_first, again):
        await anna.subscribe("a", retain_handling=handling)
        assert bool(anna.messages()) is expected


@BOTH
@pytest.mark.parametrize(
    "topic_filter",
    ["a/#/b", "a#", "#/a", "+a", "a+/b", "a/b+", "$share/", "$share/g", "$share//a"]
    + ["$share/g/", "$share/g+/a", "$share/g#/a", "$share/g/a#"],
)
async def test_a_filter_that_is_none_is_refused__P16(stage, version, topic_filter):
    """[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT3-4.7.1-2]
    [MQTT3-4.7.1-3]"""
    anna = await stage.client("anna", version=version)
    expected = R.TOPIC_FILTER_INVALID if version == 5 else 0x80
    assert await anna.subscribe(topic_filter) == expected
    assert anna.is_open


@BOTH
async def test_wildcards_at_the_first_level_leave_dollar_topics_out(stage, version):
    """[MQTT-4.7.2-1] [MQTT3-4.7.2-1]"""
    anna = await stage.client("anna", version=version)
    for topic_filter in ("#", "+/broker/uptime", "+/+/+"):
        await anna.subscribe(topic_filter)
    await stage.pass_time(11)
    assert anna.messages() == []


async def test_without_wildcards_filters_that_hold_them_are_refused():
    """[MQTT3-3.8.3-2]"""
    stage = await Stage(
        settings=BrokerSettings(allow_anonymous=True, without_wildcards=True)
    ).start()
    anna = await stage.client("anna", version=4)
    assert [await anna.subscribe(f) for f in ("a/#", "+", "a")] == [0x80, 0x80, 0]
    await stage.stop()


async def test_members_of_a_share_get_messages_at_their_own_qos(stage):
    """[MQTT-4.8.2-3]"""
    members = [await stage.client(f"m{qos}", version=5) for qos in range(3)]
    for qos, member in enumerate(members):
        await member.subscribe("$share/g/a", qos)
    ben = await stage.client("ben")
    for _ in range(6):
        await ben.publish("a", b"x", 2)
    for qos, member in enumerate(members):
        assert {m[2] for m in member.messages()} <= {qos}


async def test_ten_thousand_filters_in_one_packet_cost_little__E5(stage):
    """Subscription bombs: what is over the quota is refused one by one."""
    anna = await stage.client("anna", version=5)
    requests = [request(f"a/{n}/+/#", 1) for n in range(10_000)]
    await anna.send(p.Subscribe(packet_id=1, subscriptions=requests))
    (answer,) = anna.take(p.SubAck)
    assert answer.reasons.count(1) == 30
    assert answer.reasons.count(R.QUOTA_EXCEEDED) == 9_970
    await anna.send(p.Subscribe(packet_id=2, subscriptions=[*requests, request("b")]))
    assert anna.goodbye() == R.QUOTA_EXCEEDED
    assert stage.broker.gauges()["subscriptions"] == 0


async def test_a_flood_of_retained_messages_is_bounded__E6():
    stage = await Stage(
        settings=BrokerSettings(allow_anonymous=True, retained_max_messages=100)
    ).start()
    ben = await stage.client("ben", version=5)
    for number in range(300):
        reason = await ben.publish(f"a/{number}", b"x", 1, retain=True)
        assert (reason == R.QUOTA_EXCEEDED) == (number >= 100)
    assert stage.broker.gauges()["retained"] == 100
    await stage.stop()
