"""The main walk over real TCP, with paho-mqtt as the client."""

from __future__ import annotations

import asyncio
import socket

import pytest

from broker_runtime.contract.configuration import PoliciesSection, Sections
from tests.broker.stage import cluster, policy
from tests.listeners.stand import Device, device, tcp, until


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_the_main_walk_with_paho(node, version):
    """[MQTT-4.2-1] [MQTT3-7.0.0-2] [MQTT3-7.1.1-1]"""
    async with device(node, "anna", version) as anna, device(node, "ben", version) as ben:
        for qos in (0, 1, 2):
            await anna.subscribe(f"home/+/q{qos}", qos)
        for qos in (0, 1, 2):
            await ben.publish(f"home/hall/q{qos}", b"%d" % qos, qos)
            await ben.publish(f"home/kept/q{qos}", b"kept", qos, retain=True)
        await until(lambda: len(anna.messages) == 6)
        assert sorted(anna.messages) == sorted(
            [(f"home/hall/q{q}", b"%d" % q, q) for q in (0, 1, 2)]
            + [(f"home/kept/q{q}", b"kept", q) for q in (0, 1, 2)]
        )
        async with device(node, "carl", version) as carl:
            await carl.subscribe("home/kept/#", 2)
            await until(lambda: len(carl.messages) == 3)


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_a_durable_session_with_paho(node, version):
    async with device(node, "anna", version, clean=False) as anna:
        await anna.subscribe("a/#", 2)
    async with device(node, "ben", version) as ben:
        for number in range(200):
            await ben.publish("a/x", b"%d" % number, 1 + number % 2)
    async with device(node, "anna", version, clean=False) as anna:
        await until(lambda: len(anna.messages) >= 200)
        for qos in (1, 2):
            received = [payload for _, payload, q in anna.messages if q == qos]
            assert received == [b"%d" % n for n in range(qos - 1, 200, 2)]


async def test_versions_talk_to_each_other_and_large_messages_pass(node):
    async with device(node, "old", 4) as old, device(node, "new", 5) as new:
        for one in (old, new):
            await one.subscribe("big", 1)
        payload = b"0123456789abcdef" * 200_000
        await old.publish("big", payload, 1)
        await new.publish("big", payload[::-1], 1)
        await until(lambda: len(old.messages) == len(new.messages) == 2)
        assert {m[1] for m in old.messages} == {payload, payload[::-1]}


async def test_a_will_with_paho(node):
    async with device(node, "watcher", 5) as watcher:
        await watcher.subscribe("will/#", 1)
        lost = await Device(node, "lost", 4, will=("will/lost", b"gone", 1)).start()
        lost.client.socket().shutdown(socket.SHUT_RDWR)
        await until(lambda: watcher.messages)
        assert watcher.messages == [("will/lost", b"gone", 1)]
        await asyncio.to_thread(lost.client.loop_stop)


async def test_a_refused_client_is_told_why(node):
    cluster_section = cluster(authorization_enabled=True)
    node.broker.configure(
        Sections(
            cluster=cluster_section,
            policies=PoliciesSection(policies=(policy("deny", client_id="bad"), policy())),
        )
    )
    bad = await Device(node, "bad", 5).start()
    assert bad.reasons[0].value == 0x87
    await asyncio.to_thread(bad.client.loop_stop)
    async with device(node, "good", 5) as good:
        await good.subscribe("a", 0)


async def test_listeners_follow_their_section(node):
    first = node.listeners.addresses()
    async with device(node, "anna", 4) as anna:
        await node.listen(tcp(), tcp(host="::1"))
        assert first[0] in node.listeners.addresses()
        assert len(node.listeners.addresses()) == 2
        await node.listen()
        assert node.listeners.addresses() == ()
        await anna.subscribe("still/here", 1)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", node.port)


async def test_a_port_in_use_is_told_and_tried_again(node):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        await node.listen(tcp(port))
        assert node.listeners.addresses() == ()
        assert "in use" in node.listeners.problems()[f"tcp://127.0.0.1:{port}"]
    await until(lambda: not node.listeners.problems())
    assert node.listeners.addresses() == (f"tcp://127.0.0.1:{port}",)


async def test_a_peer_that_does_not_read_is_cut_off_at_shutdown(node):
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s")
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    writer.write(b"\x82\x06\x00\x01\x00\x01a\x00")
    await reader.readexactly(5)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # the stream reads too
    async with device(node, "ben", 4) as ben:
        for _ in range(4):
            await ben.publish("a", b"x" * 3_000_000, 0)
        await until(lambda: node.broker.counters()["messages_received"] == 4)
    await node.listeners.close()
    await node.broker.stop(0.2)
    assert node.broker.gauges()["connections"] == 0
    writer.close()
