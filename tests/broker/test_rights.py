"""SECURITY group Z at the broker: every way in and out asks the same policies."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import policy, user

OPEN = policy(name="open")


@pytest.fixture
def guarded(stage):
    stage.set(cluster=stage.with_authorization())
    stage.policies(OPEN)
    return stage


async def test_without_a_policy_nobody_connects__Z1(guarded):
    guarded.policies()
    peer = guarded.connection(version=5)
    assert (await peer.connect("c")).reason == R.NOT_AUTHORIZED
    assert "no policy allows this client to connect" in guarded.events[-1].reason


async def test_a_broken_policy_changes_nothing__Z2_F11(guarded):
    from broker_runtime.broker.errors import ConfigurationInvalid

    before = guarded.broker.counters()
    with pytest.raises(ConfigurationInvalid, match="night shift"):
        guarded.set(
            policies=guarded.policy_section(
                policy("deny"), policy(topics=("a#",), name="night shift")
            ),
            topics=guarded.topic_section("made"),
        )
    assert guarded.broker.gauges()["topics"] == 0
    assert (await guarded.connection().connect("c")).reason == 0
    assert before is not None


async def test_a_denied_publish_is_answered_counted_and_told__Z3(guarded):
    guarded.policies(policy("deny", ("pub",), topics=("secret/#",), name="no secrets"), OPEN)
    anna = await guarded.client("anna")
    await anna.subscribe("secret/#")
    ben = await guarded.client("ben", version=5)
    for _ in range(50):
        assert await ben.publish("secret/x", qos=1) == R.NOT_AUTHORIZED
    assert await ben.publish("secret/x", qos=2) == R.NOT_AUTHORIZED
    await ben.publish("secret/x", qos=0)
    assert anna.messages() == []
    assert guarded.count("acl_publish_failure") == 52
    assert guarded.count("dropped_not_authorized") == 52
    denied = [e for e in guarded.events if e.event == "denied"]
    assert len(denied) == 1
    assert "policy 'no secrets' denies it" in denied[0].reason
    await guarded.pass_time(11)
    assert "(51 more times)" in guarded.events[-1].reason


@pytest.mark.parametrize("qos", [1, 2])
async def test_before_mqtt_5_a_denied_publish_is_acknowledged_and_dropped(guarded, qos):
    guarded.policies(policy("deny", ("pub",), topics=("secret/#",)), OPEN)
    ben = await guarded.client("ben", version=4)
    assert await ben.publish("secret/x", qos=qos) == 0
    assert ben.is_open
    assert guarded.count("dropped_not_authorized") == 1


async def test_a_wide_subscription_gets_only_what_is_allowed__Z5(guarded):
    guarded.policies(policy("deny", ("sub",), topics=("secret/#",)), OPEN)
    anna = await guarded.client("anna")
    for wide in ("#", "+/x"):
        assert await anna.subscribe(wide, 1) == 1
    assert await anna.subscribe("secret/+", 1) == 0x80
    ben = await guarded.client("ben")
    for topic in ("secret/x", "open/x", "secret"):
        for qos in (0, 1):
            await ben.publish(topic, b"x", qos)
    assert {topic for topic, _, _ in await anna.receive()} == {"open/x"}


async def test_a_shared_subscription_is_judged_by_its_inner_filter__Z6(guarded):
    guarded.policies(policy("deny", ("sub",), topics=("secret/#",)), OPEN)
    anna = await guarded.client("anna", version=5)
    assert await anna.subscribe("$share/g/secret/x") == R.NOT_AUTHORIZED
    assert await anna.subscribe("$share/g/#") == 0
    ben = await guarded.client("ben")
    await ben.publish("secret/x")
    await ben.publish("open/x")
    assert [topic for topic, _, _ in anna.messages()] == ["open/x"]


async def test_a_topic_alias_is_judged_by_its_topic__Z7(guarded):
    guarded.policies(policy("deny", ("pub",), topics=("secret/#",)), OPEN)
    anna = await guarded.client("anna")
    await anna.subscribe("#")
    ben = await guarded.client("ben", version=5)
    alias = p.Properties(topic_alias=3)
    for topic in ("open/x", ""):
        await ben.publish(topic, properties=alias)
    for topic in ("secret/x", ""):
        assert await ben.publish(topic, qos=1, properties=alias) == R.NOT_AUTHORIZED
    assert [topic for topic, _, _ in anna.messages()] == ["open/x", "open/x"]


async def test_only_allowed_filters_of_a_packet_are_granted__Z9(guarded):
    guarded.policies(
        policy(actions=("connect", "pub")), policy(actions=("sub",), topics=("a/${ClientId}/#",))
    )
    anna = await guarded.client("anna", version=5)
    filters = ["a/anna/x", *(f"a/other{n}/x" for n in range(6)), "#"]
    requests = [p.SubscriptionRequest(f, 0) for f in filters]
    await anna.send(p.Subscribe(packet_id=1, subscriptions=requests))
    (answer,) = anna.take(p.SubAck)
    assert answer.reasons == [0] + [R.NOT_AUTHORIZED] * 7
    assert guarded.count("acl_subscribe_failure") == 7


async def test_qos_retain_and_address_conditions_hold_at_the_broker__Z11(guarded):
    guarded.policies(
        policy(actions=("connect", "sub")),
        policy(actions=("pub",), qos=(0, 1), retain=False, ip="10.0.0.0/8"),
    )
    inside = await guarded.client("inside", version=5)
    assert await inside.publish("a", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    assert await inside.publish("a", qos=1, retain=True) == R.NOT_AUTHORIZED
    assert await inside.publish("a", qos=2) == R.NOT_AUTHORIZED
    mapped = await guarded.client("mapped", version=5, host="::ffff:10.9.9.9")
    assert await mapped.publish("a", qos=1) == R.NO_MATCHING_SUBSCRIBERS
    outside = await guarded.client("outside", version=5, host="::ffff:192.168.1.1")
    assert await outside.publish("a", qos=1) == R.NOT_AUTHORIZED


async def test_dollar_topics_belong_to_the_server__Z13(stage):
    anna = await stage.client("anna", version=5)
    for topic_filter in ("$other/#", "$share/g/$p2p/x", "$p2p/anna"):
        assert await anna.subscribe(topic_filter) == R.NOT_AUTHORIZED
    await anna.subscribe("#")
    await anna.subscribe("+/x")
    for topic in ("$SYS/x", "$p2p/anna", "$share/g/x"):
        assert await anna.publish(topic, qos=1) == R.NOT_AUTHORIZED
    assert anna.messages() == []


async def test_a_withdrawn_subscription_delivers_nothing_more__S6(guarded):
    anna = await guarded.client("anna", clean=False)
    await anna.subscribe("a/#", 1)
    ben = await guarded.client("ben")
    await ben.publish("a/x", b"1", 1)
    guarded.policies(policy("deny", ("sub",), topics=("a/#",)), OPEN)
    await ben.publish("a/x", b"2", 1)
    await ben.publish("a/x", b"2", 0)
    assert [payload for _, payload, _ in await anna.receive()] == [b"1"]
    await anna.disconnect()
    guarded.policies(OPEN)
    anna = await guarded.client("anna", clean=False)
    await ben.publish("a/x", b"3", 1)
    assert (await anna.receive())[-1] == ("a/x", b"3", 1)


async def test_what_waited_is_judged_again_at_the_return__S6_Z14(guarded):
    anna = await guarded.client("anna", clean=False)
    await anna.subscribe("a/#", 1)
    await anna.disconnect()
    ben = await guarded.client("ben")
    await ben.publish("a/secret", b"1", 1)
    await ben.publish("a/open", b"2", 1)
    guarded.policies(policy("deny", ("sub",), topics=("a/secret",)), OPEN)
    anna = await guarded.client("anna", clean=False)
    assert await anna.receive() == [("a/open", b"2", 1)]
    assert guarded.count("dropped_not_authorized") == 1


async def test_retained_messages_of_a_publisher_without_rights_are_still_delivered__S7(guarded):
    """Documented default: the right to publish is asked when a message is published, the right to
    receive when it is delivered."""
    ben = await guarded.client("ben")
    await ben.publish("a/x", b"kept", 1, retain=True)
    guarded.policies(policy("deny", ("pub",), client_id="ben"), OPEN)
    anna = await guarded.client("anna")
    await anna.subscribe("a/#")
    assert anna.messages() == [("a/x", b"kept", 0)]
    guarded.policies(policy("deny", ("sub",), topics=("a/x",)), OPEN)
    carl = await guarded.client("carl")
    await carl.subscribe("#")
    assert carl.messages() == []


@pytest.mark.parametrize("clean", [True, False])
async def test_a_right_withdrawn_before_pubrel_withholds_the_message__S8(guarded, clean):
    anna = await guarded.client("anna")
    await anna.subscribe("a/#", 2)
    ben = await guarded.client(
        "ben", version=5, clean=clean, properties=p.Properties(session_expiry_s=0 if clean else 60)
    )
    await ben.send(p.Publish(topic="a/x", payload=b"x", qos=2, packet_id=5))
    guarded.policies(policy("deny", ("pub",), topics=("a/#",)), OPEN)
    await ben.send(p.Ack(p.PUBREL, 5))
    assert [(a.packet_type, a.reason) for a in ben.take(p.Ack)] == [
        (p.PUBREC, 0),
        (p.PUBCOMP, R.PACKET_IDENTIFIER_NOT_FOUND),
    ]
    assert await anna.receive() == []
    assert guarded.store.load_received() == []
    guarded.policies(OPEN)
    assert await ben.publish("a/x", b"y", 2, packet_id=5) == 0


async def test_who_lost_the_right_to_connect_is_disconnected__A4(guarded):
    anna = await guarded.client("anna", version=5)
    ben = await guarded.client("ben", version=5)
    guarded.policies(policy("deny", ("connect",), client_id="anna", name="no anna"), OPEN)
    await guarded.pass_time(0.1)
    assert anna.goodbye() == R.NOT_AUTHORIZED
    assert not anna.is_open
    assert ben.is_open
    assert any("no anna" in e.reason for e in guarded.events)


@pytest.mark.parametrize(
    "after", [(), (user("anna", enabled=False),), (user("anna", "another password"),)]
)
async def test_a_changed_user_is_disconnected__A4(stage, after):
    stage.users(user("anna"), user("ben"))
    anna = await stage.client("a", version=5, username="anna", password=b"secret")
    ben = await stage.client("b", version=5, username="ben", password=b"secret")
    stage.users(user("ben"), *after)
    await stage.pass_time(0.1)
    assert not anna.is_open
    assert ben.is_open


async def test_unknown_user_and_wrong_password_are_told_alike__A2(stage):
    stage.users(user("anna"))
    for version, reason in ((5, R.BAD_USER_NAME_OR_PASSWORD), (4, 4)):
        for username, password in (("anna", b"no"), ("nobody", b"secret"), ("anna", None)):
            peer = stage.connection(version=version)
            answer = await peer.connect("c", username=username, password=password)
            assert answer.reason == reason
            assert not peer.is_open
    assert stage.count("auth_failure") == 6


async def test_without_anonymous_access_nobody_comes_without_a_name__A6():
    from broker_runtime.broker.settings import BrokerSettings
    from tests.broker.stage import Stage

    stage = await Stage(settings=BrokerSettings()).start()
    stage.users(user("anna"))
    assert (await stage.connection(version=5).connect("c")).reason == R.NOT_AUTHORIZED
    assert (await stage.connection(version=4).connect("c")).reason == 5
    await stage.stop()


async def test_an_isolated_cluster_refuses_and_disconnects(stage):
    anna = await stage.client("anna")
    stage.set(cluster=stage.cluster(isolated=True))
    await stage.pass_time(0.1)
    assert not anna.is_open
    assert (await stage.connection(version=5).connect("c")).reason == R.SERVER_UNAVAILABLE
    assert (await stage.connection(version=4).connect("c")).reason == 3


# SECURITY Z14: the ways to a subscriber, each with the right and without.


async def live(stage, anna):
    await (await stage.client("ben")).publish("a/x", b"m", 1)


async def retained(stage, anna):
    await (await stage.client("ben")).publish("a/x", b"m", 1, retain=True)
    anna.take(p.Publish)
    await anna.subscribe("#", 1)


async def shared(stage, anna):
    await anna.unsubscribe("#")
    await anna.subscribe("$share/g/#", 1)
    await live(stage, anna)


async def last_will(stage, anna):
    ben = await stage.client("ben", will=p.Will(topic="a/x", payload=b"m", qos=1, retain=False))
    await ben.vanish()


async def console(stage, anna):
    await stage.publish("a/x", b"m")


@pytest.mark.parametrize("way", [live, retained, shared, last_will, console])
@pytest.mark.parametrize("is_allowed", [True, False])
async def test_every_way_to_a_subscriber_asks_the_policies__Z14(guarded, way, is_allowed):
    anna = await guarded.client("anna")
    await anna.subscribe("#", 1)
    if not is_allowed:
        guarded.policies(policy("deny", ("sub",), topics=("a/x",)), OPEN)
    await way(guarded, anna)
    expected = [("a/x", b"m", 1)] if is_allowed else []
    assert (await anna.receive())[-1:] == expected
