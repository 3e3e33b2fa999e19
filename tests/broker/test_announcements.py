"""``$SYS`` and ``$events``: what the server says of itself, to those who may read it."""

from __future__ import annotations

import json

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.broker.watching.announcements import MAX_WAITING
from broker_runtime.broker.watching.counters import Load
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage, policy


def events(peer):
    return [(m.topic, json.loads(m.payload)) for m in peer.take(p.Publish)]


# -- who may read, and nobody may write ----------------------------------------------------------


async def test_only_a_policy_that_names_them_opens_the_servers_topics__Z13(stage):
    stage.set(cluster=stage.with_authorization())
    stage.policies(policy(), policy(topics=("#", "+/#")))
    anna = await stage.client("anna", version=5)
    for topic_filter in ("$SYS/#", "$SYS/broker/version", "$events/+", "$share/g/$events/#"):
        assert await anna.subscribe(topic_filter) == R.NOT_AUTHORIZED
    stage.policies(policy(actions=("sub",), topics=("$SYS/#", "$events/#")), policy())
    for topic_filter in ("$SYS/#", "$SYS/broker/version", "$events/+", "$share/g/$events/#"):
        assert await anna.subscribe(topic_filter) == 0
    stage.policies(policy())
    anna.take()
    await stage.pass_time(11)
    assert anna.messages() == [], "a right that was withdrawn ends the delivery"


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("topic", ["$SYS/broker/version", "$events/client_connected"])
async def test_nobody_may_write_them__Z13(stage, version, topic):
    stage.set(cluster=stage.with_authorization())
    stage.policies(policy(topics=("$SYS/#", "$events/#")), policy())
    anna = await stage.client("anna", version=version)
    await anna.subscribe(topic)
    anna.take()
    reason = await anna.publish(topic, b"x", 1)
    assert reason == (R.NOT_AUTHORIZED if version == 5 else 0)
    assert anna.messages() == []


@pytest.mark.parametrize("topic_filter", ["#", "+/#", "+/broker/version", "+/client_connected"])
async def test_no_filter_that_begins_with_a_wildcard_reaches_them(stage, topic_filter):
    """[MQTT-4.7.2-1] [MQTT3-4.7.2-1]"""
    anna = await stage.client("anna")
    await anna.subscribe(topic_filter)
    await stage.client("ben")
    await stage.pass_time(11)
    assert anna.messages() == []


async def test_other_dollar_topics_stay_closed__Z13(stage):
    anna = await stage.client("anna", version=5)
    for topic_filter in ("$p2p/anna", "$share/g/$p2p/anna", "$other/#", "$SYSTEM/x", "$events"):
        assert await anna.subscribe(topic_filter) == R.NOT_AUTHORIZED


# -- $SYS ----------------------------------------------------------------------------------------


async def test_the_counters_come_with_the_subscription_and_when_they_change(stage):
    await stage.pass_time(0.5)
    anna = await stage.client("anna")
    assert await anna.subscribe("$SYS/#") == 0
    first = {m.topic: m for m in anna.take(p.Publish)}
    assert first["$SYS/broker/version"].payload.startswith(b"signalbox ")
    assert all(m.retain and m.qos == 0 for m in first.values())
    await stage.pass_time(10)
    later = {m.topic: m for m in anna.take(p.Publish)}
    assert later["$SYS/broker/clients/connected"].payload == b"1"
    assert later["$SYS/broker/uptime"].payload == b"10 seconds"
    assert "$SYS/broker/version" not in later
    assert float(later["$SYS/broker/load/messages/received/1min"].payload) > 0
    assert not any(m.retain for m in later.values())
    assert stage.broker.gauges()["retained"] == 0, "they are no retained messages of clients"


async def test_the_counters_stand_in_no_journal_and_no_store(stage):
    anna = await stage.client("anna", clean=False)
    await anna.subscribe("$SYS/#", 2)
    await stage.pass_time(11)
    assert len(anna.messages()) > 20
    assert stage.journal.lag_bytes() == 0
    assert stage.store.load_retained() == []


async def test_the_counters_can_be_left_out():
    stage = await Stage(settings=BrokerSettings(allow_anonymous=True, sys_interval_s=0)).start()
    anna = await stage.client("anna")
    await anna.subscribe("$SYS/#")
    await stage.pass_time(30)
    assert anna.messages() == []
    await stage.stop()


def test_a_load_is_a_rate_in_a_minute_that_fades():
    load = Load(100)
    for minute in range(1, 40):
        averages = load.update(100 + 60 * minute, 60.0)
    assert [round(value) for value in averages] == [60, 60, 56]
    assert load.update(100 + 60 * 39, 60.0)[0] < averages[1]


# -- $events -------------------------------------------------------------------------------------


async def test_clients_and_subscriptions_are_announced(stage):
    watcher = await stage.client("watcher")
    await watcher.subscribe("$events/#")
    watcher.take()
    ben = await stage.client("ben", version=5, keep_alive=30, host="10.0.0.9")
    await ben.subscribe("a/#", 1)
    await ben.subscribe("a/#/b")
    await ben.unsubscribe("a/#", "never")
    await ben.disconnect()
    found = events(watcher)
    assert [topic for topic, _ in found] == [
        "$events/client_connected",
        "$events/session_subscribed",
        "$events/session_unsubscribed",
        "$events/client_disconnected",
    ]
    connected, subscribed, unsubscribed, disconnected = (fields for _, fields in found)
    assert connected["event"] == "client.connected"
    assert connected["clientid"] == "ben"
    assert connected["proto_ver"] == 5
    assert connected["keepalive"] == 30
    assert connected["clean_start"] is True
    assert connected["peername"].startswith("10.0.0.9:")
    assert connected["node"].endswith("-n0")
    assert (subscribed["topic"], subscribed["qos"]) == ("a/#", 1)
    assert unsubscribed["topic"] == "a/#"
    assert disconnected["reason"] == "disconnected by the client"
    assert disconnected["disconnected_at"] > 0


async def test_a_dropped_message_is_announced_once_for_many(stage):
    watcher = await stage.client("watcher")
    await watcher.subscribe("$events/message_dropped")
    slow = await stage.client("slow", version=5, properties=p.Properties(maximum_packet_bytes=30))
    await slow.subscribe("a", 1)
    ben = await stage.client("ben")
    for _ in range(5):
        await ben.publish("a", b"x" * 100, 1)
    ((topic, fields),) = events(watcher)
    assert topic == "$events/message_dropped"
    assert (fields["clientid"], fields["event"]) == ("slow", "message.dropped")
    assert fields["reason"].endswith("too_large")


async def test_a_watcher_that_does_not_read_makes_no_loop_of_drops(stage):
    """Drops of announcements of drops (…) end."""
    watcher = await stage.client(
        "watcher", version=5, properties=p.Properties(maximum_packet_bytes=60)
    )
    await watcher.subscribe("$events/#")
    for number in range(20):
        await (await stage.client(f"c{number}")).disconnect()
    assert 0 < stage.count("dropped_too_large") < 100
    assert watcher.is_open


async def test_more_events_at_once_than_can_wait_are_counted(stage):
    stage.set(cluster=stage.cluster(max_subscriptions=5_000, max_subscriptions_per_client=5_000))
    watcher = await stage.client("watcher")
    await watcher.subscribe("$events/session_subscribed")
    ben = await stage.client("ben")
    requests = [p.SubscriptionRequest(f"a/{n}", 0) for n in range(MAX_WAITING + 500)]
    watcher.take()
    await ben.send(p.Subscribe(packet_id=1, subscriptions=requests))
    assert len(watcher.messages()) == MAX_WAITING
    assert stage.count("dropped_event_not_announced") == 500


async def test_events_that_nobody_wants_cost_nothing(stage):
    ben = await stage.client("ben")
    await ben.subscribe("#")
    assert not stage.broker._core.announcements._waiting
    assert ben.messages() == []
