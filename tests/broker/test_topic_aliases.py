"""Topic aliases in both directions (MQTT 5.0 §3.3.2.3.4)."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import policy


async def asking(stage, maximum, client_id="anna", **options):
    properties = p.Properties(topic_alias_maximum=maximum, **options)
    return await stage.client(client_id, version=5, clean=False, properties=properties)


def named(messages):
    return [(m.topic, m.properties.topic_alias) for m in messages]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_client_that_asks_for_aliases_gets_a_topic_in_full_once(stage, qos):
    """[MQTT-3.1.2-26] [MQTT-3.3.2-11]"""
    anna = await asking(stage, 2)
    await anna.subscribe("plant/#", qos)
    ben = await stage.client("ben", version=5)
    for topic in ("plant/1", "plant/2", "plant/1", "plant/2", "plant/3"):
        await ben.publish(topic, b"x", qos)
    assert named(anna.take(p.Publish)) == [
        ("plant/1", 1),
        ("plant/2", 2),
        ("", 1),
        ("", 2),
        ("plant/3", None),
    ]


async def test_an_aliased_message_keeps_payload_and_properties(stage):
    anna = await asking(stage, 2)
    await anna.subscribe("plant/#", 1, identifier=300)
    ben = await stage.client("ben", version=5)
    sent = p.Properties(content_type="text/plain", user_properties=(("a" * 200, "1"),))
    for number in range(3):
        await ben.publish("plant/1", b"%d" % number * 200, number % 2, properties=sent)
    for number, message in enumerate(anna.take(p.Publish)):
        assert message.payload == b"%d" % number * 200
        assert message.properties.user_properties == sent.user_properties
        assert message.properties.content_type == "text/plain"
        assert message.properties.subscription_identifiers == (300,)


@pytest.mark.parametrize("maximum", [None, 0])
async def test_a_client_that_does_not_ask_gets_no_alias(stage, maximum):
    """[MQTT-3.1.2-27]"""
    anna = await asking(stage, maximum)
    await anna.subscribe("plant/#", 1)
    ben = await stage.client("ben", version=5)
    for qos in (0, 1):
        await ben.publish("plant/1", b"x", qos)
    assert named(anna.take(p.Publish)) == [("plant/1", None)] * 2


async def test_aliases_do_not_outlive_the_connection(stage):
    """[MQTT-3.3.2-7]"""
    anna = await asking(stage, 2, session_expiry_s=60)
    await anna.subscribe("plant/#", 1)
    ben = await stage.client("ben", version=5, properties=p.Properties(topic_alias_maximum=9))
    for _ in range(2):
        await ben.publish("plant/1", b"x", 1)
    await ben.publish("plant/1", b"x", properties=p.Properties(topic_alias=3))
    await anna.vanish()
    anna = await asking(stage, 2, session_expiry_s=60)
    assert named(anna.take(p.Publish)) == [("plant/1", 1), ("", 1)]
    await ben.vanish()
    ben = await stage.client("ben", version=5, clean=False)
    await ben.publish("", b"x", properties=p.Properties(topic_alias=3))
    assert ben.goodbye() == R.PROTOCOL_ERROR


async def test_a_message_that_an_alias_would_make_too_large_goes_without(stage):
    anna = await asking(stage, 2, maximum_packet_bytes=40)
    await anna.subscribe("plant/#", 1)
    ben = await stage.client("ben", version=5)
    for size in (25, 28, 25, 28):
        await ben.publish("plant/1", b"x" * size, 0)
    assert named(anna.take(p.Publish)) == [
        ("plant/1", 1),
        ("", 1),
        ("", 1),
        ("", 1),
    ]
    ada = await asking(stage, 2, "ada", maximum_packet_bytes=40)
    await ada.subscribe("plant/#", 1)
    for size in (26, 20, 26):
        await ben.publish("plant/1", b"x" * size, 1)
    assert named(ada.take(p.Publish)) == [("plant/1", None), ("plant/1", 1), ("", 1)]


@pytest.mark.parametrize("alias", [1, 32])
async def test_every_alias_up_to_the_announced_maximum_is_taken(stage, alias):
    """[MQTT-3.3.2-12] [MQTT-3.2.2-17]"""
    anna = await stage.client("anna")
    await anna.subscribe("#")
    ben = await stage.client("ben", version=5)
    properties = p.Properties(topic_alias=alias)
    for topic in ("plant/1", "", "plant/2", ""):
        await ben.publish(topic, b"x", properties=properties)
    topics = [m[0] for m in anna.messages()]
    assert topics == ["plant/1", "plant/1", "plant/2", "plant/2"]


@pytest.mark.parametrize("alias", [0, 33, 65_535])
async def test_an_alias_out_of_range_ends_the_connection__P20(stage, alias):
    """[MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.2.2-18]"""
    ben = await stage.client("ben", version=5)
    await ben.publish("plant/1", b"x", properties=p.Properties(topic_alias=alias))
    assert ben.goodbye() == R.TOPIC_ALIAS_INVALID


async def test_the_rights_of_an_aliased_topic_are_those_of_the_topic__Z7(stage):
    stage.policies(policy(topics=("open/#",)))
    stage.set(cluster=stage.with_authorization())
    ben = await stage.client("ben", version=5)
    properties = p.Properties(topic_alias=1)
    for topic in ("secret/1", ""):
        assert await ben.publish(topic, b"x", 1, properties=properties) == R.NOT_AUTHORIZED
    for topic in ("open/1", ""):
        reason = await ben.publish(topic, b"x", 1, properties=properties)
        assert reason == R.NO_MATCHING_SUBSCRIBERS
