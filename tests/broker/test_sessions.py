"""SECURITY group S: sessions and identity."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import policy, user

KEEP = p.Properties(session_expiry_s=3_600)


def will(topic="will/x", payload=b"gone", qos=0, *, retain=False, **properties):
    return p.Will(
        topic=topic, payload=payload, qos=qos, retain=retain, properties=p.Properties(**properties)
    )


async def away(stage, client_id="anna", topic_filter="a/#", qos=1, version=4):
    """A durable client that subscribed and left."""
    properties = KEEP if version == 5 else p.Properties()
    peer = await stage.client(client_id, version=version, clean=False, properties=properties)
    await peer.subscribe(topic_filter, qos)
    await peer.disconnect()
    return peer


async def back(stage, client_id="anna", version=4):
    return await stage.client(
        client_id,
        version=version,
        clean=False,
        properties=p.Properties(session_expiry_s=3_600) if version == 5 else p.Properties(),
    )


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("qos", [1, 2])
async def test_a_durable_session_gets_what_came_while_it_was_away(stage, version, qos):
    await away(stage, qos=qos, version=version)
    ben = await stage.client("ben")
    for number in range(5):
        await ben.publish("a/b", b"%d" % number, qos)
        await ben.publish("a/b", b"qos 0", 0)
    anna = await back(stage, version=version)
    assert anna.session_present == (version > 3)  # a client of 3.1 is not told
    assert await anna.receive() == [("a/b", b"%d" % n, qos) for n in range(5)]
    assert stage.count("dropped_offline_qos_0") == 5


async def test_a_clean_session_starts_and_ends_with_nothing(stage):
    await away(stage)
    anna = await stage.client("anna", clean=True)
    assert not anna.session_present
    await (await stage.client("ben")).publish("a/b", qos=1)
    assert await anna.receive() == []
    await anna.disconnect()
    assert stage.broker.gauges()["sessions"] == 1


async def test_what_was_in_flight_comes_again_with_its_packet_id(stage):
    await away(stage, qos=2)
    ben = await stage.client("ben")
    for number, qos in enumerate((1, 2, 2)):
        await ben.publish("a/b", b"%d" % number, qos)
    anna = await back(stage)
    first = anna.take(p.Publish)
    assert [m.dup for m in first] == [False] * 3
    await anna.send(p.Ack(p.PUBREC, first[2].packet_id))
    assert [a.packet_type for a in anna.take(p.Ack)] == [p.PUBREL]
    await anna.vanish()
    anna = await back(stage)
    again = anna.take(p.Publish)
    assert [(m.packet_id, m.payload, m.dup) for m in again] == [
        (m.packet_id, m.payload, True) for m in first[:2]
    ]
    assert [(a.packet_type, a.packet_id) for a in anna.take(p.Ack)] == [
        (p.PUBREL, first[2].packet_id)
    ]


async def test_acknowledged_messages_do_not_come_again(stage):
    await away(stage)
    ben = await stage.client("ben")
    for number in range(4):
        await ben.publish("a/b", b"%d" % number, 1)
    anna = await back(stage)
    messages = anna.take(p.Publish)
    for message in (messages[0], messages[2]):
        await anna.send(p.Ack(p.PUBACK, message.packet_id))
    await anna.vanish()
    anna = await back(stage)
    assert [payload for _, payload, _ in await anna.receive()] == [b"1", b"3"]


async def test_the_window_of_the_client_is_respected(stage):
    properties = p.Properties(receive_maximum=2)
    anna = await stage.client("anna", version=5, properties=properties)
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    for number in range(6):
        await ben.publish("a", b"%d" % number, 1 + number % 2)
    assert len(anna.transport.received) == 2
    assert [payload for _, payload, _ in await anna.receive()] == [b"%d" % n for n in range(6)]


async def test_a_take_over_closes_the_older_connection__S1(stage):
    old = await stage.client("anna", version=5)
    new = await stage.client("anna", version=5)
    assert old.goodbye() == R.SESSION_TAKEN_OVER
    assert not old.is_open
    assert new.is_open
    assert stage.broker.gauges()["connections"] == 1
    assert "taken_over" in stage.event_names("anna")


async def test_two_programs_with_one_client_id_are_slowed_down__S1(stage):
    for _ in range(6):
        await stage.client("anna")
    waiting = stage.connection()
    assert await waiting.connect("anna") is None
    second = stage.connection()
    assert await second.connect("anna") is None
    assert not waiting.is_open
    await stage.pass_time(0.8)
    assert second.take(p.ConnAck) == []
    await stage.pass_time(0.5)
    assert [a.reason for a in second.take(p.ConnAck)] == [0]
    assert stage.broker.gauges()["connections"] == 1


async def test_another_user_cannot_take_a_client_id_that_is_connected__S2(stage):
    stage.users(user("anna"), user("eve"))
    anna = await stage.client("c", username="anna", password=b"secret")
    eve = stage.connection(version=5)
    answer = await eve.connect("c", username="eve", password=b"secret")
    assert answer.reason == R.NOT_AUTHORIZED
    assert anna.is_open


async def test_another_user_never_inherits_a_session__S5(stage):
    stage.users(user("anna"), user("eve"))
    anna = await stage.client("c", clean=False, username="anna", password=b"secret")
    await anna.subscribe("a/#", 1)
    await anna.vanish()
    await (await stage.client("ben", username="anna", password=b"secret")).publish("a/b", qos=1)
    eve = await stage.client("c", clean=False, username="eve", password=b"secret")
    assert not eve.session_present
    assert await eve.receive() == []
    assert stage.get_client("c").subscriptions == ()


async def test_a_take_over_in_the_middle_loses_no_acknowledged_message__S4(stage):
    anna = await stage.client("anna", clean=False)
    await anna.subscribe("a/#", 1)
    ben = await stage.client("ben")
    await ben.publish("a/1", b"1", 1)
    new = await stage.client("anna", clean=False)
    await ben.publish("a/2", b"2", 1)
    assert [payload for _, payload, _ in await new.receive()] == [b"1", b"2"]


async def test_a_session_ends_when_its_time_is_over__S10(stage):
    anna = await stage.client(
        "anna", version=5, clean=False, properties=p.Properties(session_expiry_s=30)
    )
    await anna.subscribe("a/#", 1)
    await anna.vanish()
    await stage.pass_time(29)
    assert stage.broker.gauges()["sessions"] == 1
    await stage.pass_time(2)
    assert stage.broker.gauges()["sessions"] == 0
    assert stage.broker.gauges()["subscriptions"] == 0
    assert stage.store.load_sessions() == []
    assert not (await back(stage, version=5)).session_present


async def test_the_longest_expiry_is_capped_and_told__S10(stage):
    peer = stage.connection(version=5)
    answer = await peer.connect("c", properties=p.Properties(session_expiry_s=0xFFFF_FFFF))
    assert answer.properties.session_expiry_s == 7 * 86_400


async def test_disconnect_cannot_make_a_session_durable__S11(stage):
    anna = await stage.client("anna", version=5)
    await anna.disconnect(properties=KEEP)
    assert anna.goodbye() == R.PROTOCOL_ERROR


async def test_disconnect_may_end_a_durable_session(stage):
    anna = await stage.client("anna", version=5, properties=p.Properties(session_expiry_s=60))
    await anna.disconnect(properties=p.Properties(session_expiry_s=0))
    assert stage.broker.gauges()["sessions"] == 0


@pytest.mark.parametrize(("reason", "published"), [(0, []), (4, [("will/x", b"gone", 0)])])
async def test_disconnect_says_whether_the_will_is_published__S12(stage, reason, published):
    watcher = await stage.client("watcher")
    await watcher.subscribe("will/#")
    anna = await stage.client("anna", version=5, will=will())
    await anna.disconnect(reason=reason)
    assert watcher.messages() == published


async def test_a_delayed_will_is_withdrawn_by_coming_back__S13(stage):
    watcher = await stage.client("watcher")
    await watcher.subscribe("will/#")
    for expected, pause_s in (([], 30), ([("will/x", b"gone", 0)], 61)):
        anna = await stage.client(
            "anna", version=5, clean=False, properties=KEEP, will=will(will_delay_s=60)
        )
        await anna.vanish()
        await stage.pass_time(pause_s)
        anna = await stage.client("anna", version=5, clean=False, properties=KEEP)
        await stage.pass_time(61)
        assert watcher.messages() == expected
        await anna.disconnect()


async def test_a_delayed_will_is_due_when_the_session_ends(stage):
    watcher = await stage.client("watcher")
    await watcher.subscribe("will/#")
    properties = p.Properties(session_expiry_s=10)
    anna = await stage.client("anna", version=5, properties=properties, will=will(will_delay_s=600))
    await anna.vanish()
    await stage.pass_time(9)
    assert watcher.messages() == []
    await stage.pass_time(2)
    assert watcher.messages() == [("will/x", b"gone", 0)]


async def lose(stage, peer, how):
    if how == "reset":
        await peer.vanish()
    elif how == "keep-alive":
        await stage.pass_time(17)
    elif how == "take-over":
        await stage.client("anna")
    elif how == "kick":
        await stage.kick("anna")
    elif how == "malformed":
        await peer.raw(b"\xff\xff")


@pytest.mark.parametrize("how", ["reset", "keep-alive", "take-over", "kick", "malformed"])
@pytest.mark.parametrize("clean", [True, False])
async def test_a_will_is_published_exactly_once__S14(stage, how, clean):
    watcher = await stage.client("watcher")
    await watcher.subscribe("will/#", 2)
    anna = await stage.client("anna", clean=clean, keep_alive=10, will=will(qos=1))
    await lose(stage, anna, how)
    await stage.pass_time(30)
    assert await watcher.receive() == [("will/x", b"gone", 1)]


async def test_a_refused_connect_publishes_no_will__S15(stage):
    stage.users(user("anna"))
    watcher = await stage.client("watcher", username="anna", password=b"secret")
    await watcher.subscribe("will/#")
    bad = stage.connection()
    assert (await bad.connect("bad", username="anna", password=b"no", will=will())).reason == 4
    await stage.pass_time(20)
    assert watcher.messages() == []


async def test_a_will_that_may_not_be_published_refuses_the_connect__S16(stage):
    stage.set(cluster=stage.with_authorization())
    stage.policies(policy(actions=("connect",)), policy(actions=("pub",), topics=("ok/#",)))
    bad = stage.connection(version=5)
    assert (await bad.connect("bad", will=will())).reason == R.NOT_AUTHORIZED
    assert (await stage.connection(version=5).connect("c", will=will("ok/x"))).reason == 0


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("$SYS/x", R.NOT_AUTHORIZED),
        ("$share/g/x", R.NOT_AUTHORIZED),
        ("a/+", R.TOPIC_NAME_INVALID),
        ("a" * 5_000, R.TOPIC_NAME_INVALID),
    ],
)
async def test_a_will_to_an_unfit_topic_refuses_the_connect__S17(stage, topic, reason):
    peer = stage.connection(version=5)
    assert (await peer.connect("c", will=will(topic))).reason == reason
    assert not peer.is_open


async def test_a_will_whose_right_was_withdrawn_is_not_published__Z14(stage):
    stage.set(cluster=stage.with_authorization())
    stage.policies(policy())
    watcher = await stage.client("watcher")
    await watcher.subscribe("#")
    anna = await stage.client("anna", will=will())
    stage.policies(policy("deny", actions=("pub",), topics=("will/#",), name="no wills"), policy())
    await anna.vanish()
    assert watcher.messages() == []
    assert stage.count("dropped_will_refused") == 1
    assert any("no wills" in e.reason for e in stage.events)


async def test_half_open_connections_end_after_one_and_a_half_keep_alives__S18(stage):
    quiet = await stage.client("quiet", version=5, keep_alive=10)
    busy = await stage.client("busy", keep_alive=10)
    none = await stage.client("none", keep_alive=0)
    for _ in range(4):
        await stage.pass_time(5)
        await busy.send(p.PingReq())
    assert quiet.goodbye() == R.KEEP_ALIVE_TIMEOUT
    assert not quiet.is_open
    assert busy.is_open
    assert none.is_open


async def test_the_keep_alive_limit_is_told_and_enforced__S18():
    from broker_runtime.broker.settings import BrokerSettings
    from tests.broker.stage import Stage

    stage = await Stage(settings=BrokerSettings(allow_anonymous=True, keep_alive_max_s=900)).start()
    for asked in (0, 65_535):
        peer = stage.connection(version=5)
        answer = await peer.connect("c5", keep_alive=asked)
        assert answer.properties.server_keep_alive_s == 900
    old = await stage.client("c4", version=4, keep_alive=0)
    await stage.pass_time(1_360, step=10)
    assert not old.is_open
    await stage.stop()


@pytest.mark.parametrize(
    "client_id", ["a/b", "#", "+", "..", "\r\n", "x" * 1_024, "\U0001f600", "\u202eabc", "'; --"]
)
async def test_strange_client_ids_are_served__S19(stage, client_id):
    peer = await stage.client(client_id, clean=False)
    await peer.subscribe("a/#", 1)
    assert stage.get_client(client_id).client_id == client_id


async def test_a_client_id_that_is_too_long_is_refused__S19(stage):
    peer = stage.connection(version=5)
    assert (await peer.connect("x" * 60_000)).reason == R.CLIENT_IDENTIFIER_NOT_VALID


async def test_an_empty_client_id__S20(stage):
    refused = stage.connection(version=4)
    assert (await refused.connect("", clean=False)).reason == 2
    names = set()
    for _ in range(2):
        peer = stage.connection(version=5)
        names.add((await peer.connect("")).properties.assigned_client_id)
    assert len(names) == 2
    assert min(map(len, names)) >= 30
    assert (await stage.connection(version=4).connect("", clean=True)).reason == 0


async def test_a_repeated_qos_2_publish_is_taken_once(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a", 2)
    ben = await stage.client("ben", clean=False)
    message = p.Publish(topic="a", payload=b"x", qos=2, packet_id=9)
    await ben.send(message)
    await ben.vanish()
    ben = await stage.client("ben", clean=False)
    message.dup = True
    await ben.send(message)
    assert [a.packet_type for a in ben.take(p.Ack)] == [p.PUBREC]
    for _ in range(2):
        await ben.send(p.Ack(p.PUBREL, 9))
    assert [a.packet_type for a in ben.take(p.Ack)] == [p.PUBCOMP, p.PUBCOMP]
    assert await anna.receive() == [("a", b"x", 2)]


async def test_retransmissions_and_unknown_packet_ids_do_no_harm(stage):
    anna = await stage.client("anna", version=5)
    await anna.send(
        p.Ack(p.PUBACK, 77), p.Ack(p.PUBREC, 78), p.Ack(p.PUBREL, 79), p.Ack(p.PUBCOMP, 80)
    )
    assert [(a.packet_type, a.packet_id, a.reason) for a in anna.take(p.Ack)] == [
        (p.PUBREL, 78, R.PACKET_IDENTIFIER_NOT_FOUND),
        (p.PUBCOMP, 79, R.PACKET_IDENTIFIER_NOT_FOUND),
    ]
    assert anna.is_open


async def test_a_client_may_refuse_a_qos_2_message(stage):
    anna = await stage.client("anna", version=5, properties=p.Properties(receive_maximum=1))
    await anna.subscribe("a", 2)
    ben = await stage.client("ben")
    await ben.publish("a", b"1", 2)
    await ben.publish("a", b"2", 2)
    (first,) = anna.take(p.Publish)
    await anna.send(p.Ack(p.PUBREC, first.packet_id, 0x97))
    assert [payload for _, payload, _ in await anna.receive()] == [b"2"]
