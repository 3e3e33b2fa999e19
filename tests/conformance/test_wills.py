"""Wills: kept, delayed, withdrawn, published once."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R

BOTH = pytest.mark.parametrize("version", [4, 5])


async def watched(stage):
    watcher = await stage.client("watcher", version=5)
    await watcher.subscribe("w", 2, retain_as_published=True)
    return watcher


def will(*, delay_s=None, **fields):
    values = {"topic": "w", "payload": b"gone", "qos": 1, "retain": False, **fields}
    properties = values.pop("properties", p.Properties())
    properties.will_delay_s = delay_s
    return p.Will(**values, properties=properties)


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("retain", [False, True])
async def test_a_lost_connection_publishes_the_will_once(stage, version, qos, retain):
    """[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.1.2-14] [MQTT-3.1.2-15]
    [MQTT3-3.1.2-8] [MQTT3-3.1.2-10] [MQTT3-3.1.2-16] [MQTT3-3.1.2-17]"""
    watcher = await watched(stage)
    peer = await stage.client("c", version=version, will=will(qos=qos, retain=retain))
    await peer.vanish()
    (message,) = watcher.take(p.Publish)
    assert (message.payload, message.qos, message.retain) == (b"gone", qos, retain)
    assert stage.broker.gauges()["retained"] == int(retain)
    await (await stage.client("c", version=version)).vanish()
    assert watcher.messages() == [], "without a will none is published"


@BOTH
async def test_without_a_will_none_is_published(stage, version):
    """[MQTT3-3.1.2-12]"""
    watcher = await stage.client("watcher")
    await watcher.subscribe("#")
    await (await stage.client("c", version=version)).vanish()
    assert watcher.messages() == []


@BOTH
async def test_a_normal_disconnect_withdraws_the_will(stage, version):
    """[MQTT-3.14.4-3] [MQTT-3.1.2-10] [MQTT3-3.14.4-3] [MQTT3-3.1.2-10]"""
    watcher = await watched(stage)
    peer = await stage.client("c", version=version, will=will())
    await peer.disconnect()
    assert not peer.is_open
    assert watcher.messages() == []


@pytest.mark.parametrize("reason", [0x04, 0x80, 0x82, 0x96])
async def test_any_other_disconnect_publishes_it__S12(stage, reason):
    """[MQTT-3.1.2-8]"""
    watcher = await watched(stage)
    await (await stage.client("c", version=5, will=will())).disconnect(reason=reason)
    assert len(watcher.messages()) == 1


@BOTH
async def test_a_violation_publishes_it(stage, version):
    """[MQTT-3.1.2-8] [MQTT3-3.1.2-8]"""
    watcher = await watched(stage)
    peer = await stage.client("c", version=version, will=will())
    await peer.raw(b"\x00\x00")
    assert len(watcher.messages()) == 1


async def test_user_properties_of_a_will_keep_their_order_and_come_again(stage):
    """[MQTT-3.1.3-10]"""
    watcher = await watched(stage)
    pairs = (("b", "1"), ("a", "2"), ("b", "1"), ("a", "0"))
    properties = p.Properties(user_properties=pairs, content_type="text/plain")
    await (await stage.client("c", version=5, will=will(properties=properties))).vanish()
    (message,) = watcher.take(p.Publish)
    assert message.properties.user_properties == pairs
    assert message.properties.content_type == "text/plain"


@pytest.mark.parametrize(
    ("expiry_s", "delay_s", "due_s"),
    [(60, 0, 0), (60, 20, 20), (20, 60, 20), (0, 30, 0), (None, 30, 0), (0xFFFFFFFF, 50, 50)],
)
async def test_a_will_waits_for_its_delay_or_the_end_of_the_session(
    stage, expiry_s, delay_s, due_s
):
    """[MQTT-3.1.2-8]"""
    watcher = await watched(stage)
    peer = await stage.client(
        "c",
        version=5,
        will=will(delay_s=delay_s),
        properties=p.Properties(session_expiry_s=expiry_s),
    )
    await peer.vanish()
    if due_s:
        await stage.pass_time(due_s - 1)
        assert watcher.messages() == []
        await stage.pass_time(2)
    assert len(watcher.messages()) == 1
    await stage.pass_time(100)
    assert watcher.messages() == []


@pytest.mark.parametrize("takes_over", [False, True])
@pytest.mark.parametrize("delay_s", [0, 20])
@pytest.mark.parametrize("clean", [False, True])
async def test_coming_back_withdraws_a_will_whose_delay_runs__S13(
    stage, clean, delay_s, takes_over
):
    """[MQTT-3.1.3-9] A new session ends the old one, whose will is due with it; a will without
    delay is due the moment the connection ends."""
    watcher = await watched(stage)
    keep = p.Properties(session_expiry_s=60)
    peer = await stage.client("c", version=5, will=will(delay_s=delay_s), properties=keep)
    if not takes_over:
        await peer.vanish()
        await stage.pass_time(5)
    back = await stage.client("c", version=5, clean=clean, properties=keep)
    await stage.pass_time(40)
    assert len(watcher.messages()) == (1 if clean or not delay_s else 0)
    await back.disconnect()
    assert watcher.messages() == []


async def test_a_new_connection_brings_its_own_will(stage):
    """[MQTT-3.1.2-7] [MQTT-3.1.3-9]"""
    watcher = await watched(stage)
    keep = p.Properties(session_expiry_s=60)
    peer = await stage.client(
        "c", version=5, will=will(delay_s=30, payload=b"old"), properties=keep
    )
    await peer.vanish()
    peer = await stage.client(
        "c", version=5, clean=False, will=will(delay_s=5, payload=b"new"), properties=keep
    )
    await peer.vanish()
    await stage.pass_time(60)
    assert [m[1] for m in watcher.messages()] == [b"new"]


async def test_a_disconnect_that_ends_the_session_makes_a_delayed_will_due(stage):
    """[MQTT-3.1.2-8]"""
    watcher = await watched(stage)
    peer = await stage.client(
        "c",
        version=5,
        will=will(delay_s=30),
        properties=p.Properties(session_expiry_s=60),
    )
    await peer.disconnect(reason=0x04, properties=p.Properties(session_expiry_s=0))
    assert len(watcher.messages()) == 1


async def test_the_expiry_of_a_will_begins_when_it_is_published(stage):
    watcher = await stage.client(
        "watcher", version=5, clean=False, properties=p.Properties(session_expiry_s=600)
    )
    await watcher.subscribe("w", 1)
    await watcher.vanish()
    peer = await stage.client(
        "c",
        version=5,
        will=will(delay_s=20, properties=p.Properties(message_expiry_s=30)),
        properties=p.Properties(session_expiry_s=60),
    )
    await peer.vanish()
    await stage.pass_time(40)
    watcher = await stage.client(
        "watcher", version=5, clean=False, properties=p.Properties(session_expiry_s=600)
    )
    (message,) = watcher.take(p.Publish)
    assert message.properties.message_expiry_s in (10, 11)


async def test_a_will_that_publishes_to_its_own_subscriber_makes_no_loop(stage):
    """Will loops: clients that subscribe to each other's wills and die of them end."""
    peers = []
    for number in range(20):
        peer = await stage.client(
            f"c{number}", version=5, will=will(topic=f"w/{number}", payload=b"x" * 50)
        )
        await peer.subscribe("w/#", 1)
        peers.append(peer)
    for peer in peers:
        await peer.vanish()
    assert stage.broker.gauges()["connections"] == 0
    assert stage.count("messages_sent") <= 20 * 20


async def test_the_server_moved_is_no_reason_to_keep_quiet_about_a_will(stage):
    """[MQTT-3.1.2-8]"""
    watcher = await watched(stage)
    peer = await stage.client("c", version=5, will=will())
    peer.protocol.close(R.SERVER_MOVED, "elsewhere", server_reference="other")
    await stage.pass_time(1)
    assert len(watcher.messages()) == 1
