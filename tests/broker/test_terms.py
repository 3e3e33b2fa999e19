"""What CONNECT asks for and CONNACK answers: limits, words, offers, MQTT 3.1."""

from __future__ import annotations

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.primitives import text_bytes
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage


async def offering(**offers):
    settings = BrokerSettings(allow_anonymous=True, **offers)
    return await Stage(settings=settings).start()


# -- reason strings ------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [None, 1, 0])
async def test_reason_strings_come_when_they_are_asked_for(stage, asked):
    """[MQTT-3.1.2-29]"""
    properties = p.Properties(request_problem_information=asked)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.send(p.Publish(topic="$SYS/x", payload=b"x", qos=1, packet_id=1))
    await anna.send(p.Subscribe(packet_id=2, subscriptions=[p.SubscriptionRequest("a/#/b", 0)]))
    await anna.send(
        p.PingReq(), p.Auth(reason=0x19, properties=p.Properties(authentication_method="x"))
    )
    (puback,), (suback,), (goodbye,) = (anna.take(kind) for kind in (p.Ack, p.SubAck, p.Disconnect))
    words = [x.properties and x.properties.reason_string for x in (puback, suback, goodbye)]
    assert [bool(text) for text in words] == [asked == 1] * 3


async def test_a_reason_string_that_does_not_fit_is_left_out(stage):
    """[MQTT-3.4.2-2] [MQTT-3.9.2-1] [MQTT-3.14.2-3]"""
    properties = p.Properties(maximum_packet_bytes=25, request_problem_information=1)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.publish("$SYS/x", b"x", 1)
    assert await anna.subscribe("a/#/b") == R.TOPIC_FILTER_INVALID
    await anna.send(p.Connect(protocol_version=5, client_id="", clean_start=True, keep_alive_s=0))
    (goodbye,) = anna.take(p.Disconnect)
    assert (goodbye.reason, goodbye.properties.reason_string) == (R.PROTOCOL_ERROR, None)


async def test_a_refused_connect_says_why_but_nothing_of_users_and_policies(stage):
    stage.users()
    stage.set(users=stage.user_section("22" * 32))
    peer = stage.connection(version=5)
    answer = await peer.connect(
        "anna",
        properties=p.Properties(authentication_method="SCRAM-SHA-1", request_problem_information=1),
    )
    assert answer.reason == R.BAD_AUTHENTICATION_METHOD
    assert answer.properties.reason_string == "enhanced authentication is not supported"
    stage.set(cluster=stage.with_authorization())
    peer = stage.connection(version=5)
    answer = await peer.connect("anna", properties=p.Properties(request_problem_information=1))
    assert answer.properties.reason_string in ("not authorized", "bad user name or password")


async def test_a_client_that_takes_no_packet_as_large_as_the_connack_is_not_served(stage):
    """[MQTT-3.1.2-24]"""
    peer = stage.connection(version=5)
    assert await peer.connect("anna", properties=p.Properties(maximum_packet_bytes=8)) is None
    assert not peer.is_open


async def test_a_suback_that_does_not_fit_ends_the_connection(stage):
    """[MQTT-3.1.2-24]"""
    properties = p.Properties(maximum_packet_bytes=30)
    anna = await stage.client("anna", version=5, properties=properties)
    requests = [p.SubscriptionRequest(f"a/{n}", 0) for n in range(29)]
    await anna.send(p.Subscribe(packet_id=1, subscriptions=requests))
    assert anna.take(p.SubAck) == []
    assert anna.goodbye() == R.PACKET_TOO_LARGE


# -- response information ------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "given"), [(1, "answers/anna"), (0, None), (None, None)])
async def test_response_information_comes_when_it_is_asked_for(asked, given):
    """[MQTT-3.1.2-28]"""
    stage = await offering(response_prefix="answers")
    peer = stage.connection(version=5)
    properties = p.Properties(request_response_information=asked)
    answer = await peer.connect("anna", properties=properties)
    assert answer.properties.response_information == given
    odd = await stage.connection(version=5).connect("a+", properties=properties)
    assert odd.properties.response_information is None
    await stage.stop()


# -- what is not offered -------------------------------------------------------------------------


async def test_connack_names_what_is_not_offered():
    """[MQTT-3.2.2-9]"""
    stage = await offering(
        maximum_qos=1,
        without_retained=True,
        without_wildcards=True,
        without_identifiers=True,
        without_shared=True,
    )
    answer = (await stage.connection(version=5).connect("anna")).properties
    assert answer.maximum_qos == 1
    assert answer.retain_available == 0
    assert answer.wildcard_subscription_available == 0
    assert answer.subscription_identifiers_available == 0
    assert answer.shared_subscriptions_available == 0
    await stage.stop()


@pytest.mark.parametrize("version", [4, 5])
async def test_a_qos_above_the_maximum_is_refused(version):
    """[MQTT-3.2.2-10] [MQTT-3.2.2-11]"""
    stage = await offering(maximum_qos=1)
    anna = await stage.client("anna", version=version)
    assert [await anna.subscribe("a", qos) for qos in (0, 1, 2)] == [0, 1, 1]
    assert await anna.publish("a", b"x", 1) == 0
    await anna.publish("a", b"x", 2)
    assert anna.goodbye() == (R.QOS_NOT_SUPPORTED if version == 5 else None)
    assert not anna.is_open
    await stage.stop()


async def test_a_retained_message_is_refused_where_there_are_none():
    """[MQTT-3.2.2-14]"""
    stage = await offering(without_retained=True)
    anna = await stage.client("anna", version=5)
    await anna.publish("a", b"x", 0)
    assert anna.is_open
    await anna.publish("a", b"x", 0, retain=True)
    assert anna.goodbye() == R.RETAIN_NOT_SUPPORTED
    await stage.stop()


@pytest.mark.parametrize(
    ("offers", "will", "reason"),
    [
        ({"maximum_qos": 0}, {"qos": 1, "retain": False}, R.QOS_NOT_SUPPORTED),
        ({"without_retained": True}, {"qos": 0, "retain": True}, R.RETAIN_NOT_SUPPORTED),
    ],
)
async def test_a_will_that_is_not_offered_refuses_the_connect(offers, will, reason):
    """[MQTT-3.2.2-12] [MQTT-3.2.2-13]"""
    stage = await offering(**offers)
    peer = stage.connection(version=5)
    answer = await peer.connect("anna", will=p.Will(topic="w", payload=b"", **will))
    assert answer.reason == reason
    assert not peer.is_open
    await stage.stop()


async def test_subscriptions_that_are_not_offered_are_refused_one_by_one():
    stage = await offering(without_wildcards=True, without_identifiers=True, without_shared=True)
    anna = await stage.client("anna", version=5)
    assert await anna.subscribe("a/#") == R.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED
    assert await anna.subscribe("$share/g/a") == R.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
    assert await anna.subscribe("a", identifier=1) == R.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED
    assert await anna.subscribe("a") == 0
    await stage.stop()


# -- MQTT 3.1 ------------------------------------------------------------------------------------


async def test_mqtt_31_is_served(stage):
    anna = await stage.client("anna", version=3)
    await anna.subscribe("a/#", 2)
    for qos in (0, 1, 2):
        await anna.publish("a/b", b"%d" % qos, qos)
    assert [m[1] for m in await anna.receive()] == [b"0", b"1", b"2"]


async def test_mqtt_31_needs_a_client_id(stage):
    peer = stage.connection(version=3)
    assert (await peer.connect("")).reason == 2
    assert not peer.is_open


@pytest.mark.parametrize("flags", [0xC2, 0x82])
async def test_mqtt_31_may_announce_a_user_name_that_is_not_there(stage, flags):
    """MQTT 3.1 §3.1: the length of the packet decides."""
    body = text_bytes("MQIsdp") + bytes((3, flags, 0, 0)) + text_bytes("anna")
    peer = stage.connection(version=3)
    await peer.raw(bytes((0x10, len(body))) + body)
    assert [answer.reason for answer in peer.take(p.ConnAck)] == [0]
    body = text_bytes("MQTT") + bytes((4, flags, 0, 0)) + text_bytes("anna")
    peer = stage.connection(version=4)
    await peer.raw(bytes((0x10, len(body))) + body)
    assert not peer.is_open


async def test_mqtt_31_hears_of_no_refused_subscription(stage):
    """MQTT 3.1 §3.8: there is no way to tell, the answer is positive."""
    anna = await stage.client("anna", version=3)
    assert await anna.subscribe("a/#/b", 1) == 0
    await (await stage.client("ben")).publish("a/x/b", b"x")
    assert anna.messages() == []


async def test_mqtt_31_has_no_session_present(stage):
    for _ in range(2):
        anna = await stage.client("anna", version=3, clean=False)
        assert not anna.session_present
        await anna.vanish()


# -- going elsewhere -----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [R.USE_ANOTHER_SERVER, R.SERVER_MOVED])
async def test_a_client_can_be_sent_to_another_server(stage, reason):
    """MQTT 5.0 §4.11"""
    anna = await stage.client("anna", version=5)
    anna.protocol.close(reason, "the node is drained", server_reference="other:1883")
    (goodbye,) = anna.take(p.Disconnect)
    assert goodbye.reason == reason
    assert goodbye.properties.server_reference == "other:1883"
    assert not anna.is_open


async def test_a_reason_string_that_does_not_fit_connack_or_pubrec_is_left_out(stage):
    """[MQTT-3.2.2-19] [MQTT-3.5.2-2]"""
    peer = stage.connection(version=5)
    properties = p.Properties(
        authentication_method="x", maximum_packet_bytes=20, request_problem_information=1
    )
    answer = await peer.connect("anna", properties=properties)
    assert (answer.reason, answer.properties.reason_string) == (R.BAD_AUTHENTICATION_METHOD, None)
    properties = p.Properties(maximum_packet_bytes=22, request_problem_information=1)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.send(p.Publish(topic="$SYS/x", payload=b"", qos=2, packet_id=1))
    (answer,) = anna.take(p.Ack)
    assert (answer.reason, answer.properties) == (R.NOT_AUTHORIZED, None)
