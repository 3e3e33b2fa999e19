"""The main walk over real TCP, with paho-mqtt as the client."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker_runtime.broker.broker import Broker
from broker_runtime.broker.clock import SystemClock
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.contract.configuration import (
    Listener,
    ListenersSection,
    PoliciesSection,
    Sections,
)
from broker_runtime.listeners.listeners import Listeners
from broker_runtime.storage.memory import MemoryStore
from broker_runtime.storage.memory_journal import MemoryJournal
from tests.broker.stage import CLUSTER_ID, cluster, policy

DEADLINE_S = 20
VERSIONS = {3: paho.MQTTv31, 4: paho.MQTTv311, 5: paho.MQTTv5}


async def until(condition):
    """Wait for something of another thread, no longer than the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - a thread of paho's tells nobody
            await asyncio.sleep(0.01)


def tcp(port=0, host="127.0.0.1"):
    return Listener(kind="tcp", host=host, port=port)


class Node:
    """A broker behind real sockets."""

    def __init__(self):
        self.events = []

    async def start(self):
        self.store, self.journal = MemoryStore(), MemoryJournal()
        await self.store.open()
        await self.journal.open()
        self.broker = Broker(
            cluster_id=CLUSTER_ID,
            node_id="n0",
            store=self.store,
            journal=self.journal,
            clock=SystemClock(),
            settings=BrokerSettings(allow_anonymous=True),
        )
        self.broker.on_client_event = self.events.append
        await self.broker.start()
        self.broker.configure(Sections(cluster=cluster(), policies=PoliciesSection()))
        self.listeners = Listeners(self.broker)
        await self.listeners.apply(ListenersSection(listeners=(tcp(),)))
        self.port = int(self.listeners.addresses()[0].rpartition(":")[2])
        return self

    async def stop(self):
        await self.listeners.close()
        await self.broker.stop(2)
        await self.store.close()
        await self.journal.close()


@pytest.fixture
async def node():
    started = await Node().start()
    yield started
    await started.stop()


class Device:
    """A paho client with its own thread."""

    def __init__(self, node, client_id, version, *, clean=True, will=None):
        self.node = node
        self.messages: list[tuple[str, bytes, int]] = []
        self.reasons: list[int] = []
        self.granted: list[int] = []
        self.is_connected = False
        options = {} if version == 5 else {"clean_session": clean}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=VERSIONS[version],
            **options,
        )
        self.connect_options = {}
        if version == 5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if clean else 300
            self.connect_options = {"clean_start": clean, "properties": properties}
        if will is not None:
            self.client.will_set(*will)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = lambda c, u, m: self.messages.append(
            (m.topic, bytes(m.payload), m.qos)
        )
        self.client.on_subscribe = lambda c, u, mid, codes, props: self.granted.extend(codes)

    def _on_connect(self, client, userdata, flags, reason, properties):
        self.is_connected = not reason.is_failure
        self.reasons.append(reason)

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        self.is_connected = False
        self.reasons.append(reason)
        client.loop_stop()

    async def start(self):
        self.client.reconnect_delay_set(600, 600)
        await asyncio.to_thread(
            self.client.connect, "127.0.0.1", self.node.port, 60, **self.connect_options
        )
        self.client.loop_start()
        await until(lambda: self.reasons)
        return self

    async def subscribe(self, topic_filter, qos):
        count = len(self.granted)
        self.client.subscribe(topic_filter, qos)
        await until(lambda: len(self.granted) > count)

    async def publish(self, topic, payload, qos, *, retain=False):
        sent = self.client.publish(topic, payload, qos, retain)
        await until(sent.is_published)

    async def stop(self):
        self.client.disconnect()
        await until(lambda: not self.is_connected)
        await asyncio.to_thread(self.client.loop_stop)


@contextlib.asynccontextmanager
async def device(node, client_id, version, **options):
    made = await Device(node, client_id, version, **options).start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_the_main_walk_with_paho(node, version):
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
        section = ListenersSection(listeners=(tcp(), tcp(host="::1")))
        await node.listeners.apply(section)
        assert first[0] in node.listeners.addresses()
        assert len(node.listeners.addresses()) == 2
        await node.listeners.apply(ListenersSection())
        assert node.listeners.addresses() == ()
        await anna.subscribe("still/here", 1)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", node.port)


async def test_a_port_in_use_is_told_and_tried_again(node):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        await node.listeners.apply(ListenersSection(listeners=(tcp(port),)))
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
