"""A broker behind real sockets, and paho-mqtt as its client."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker_runtime.broker.broker import Broker
from broker_runtime.broker.clock import SystemClock
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.contract.configuration import (
    CertificatesSection,
    Listener,
    ListenersSection,
    PoliciesSection,
    Sections,
)
from broker_runtime.listeners.listeners import Listeners
from broker_runtime.storage.memory import MemoryStore
from broker_runtime.storage.memory_journal import MemoryJournal
from tests.broker.stage import CLUSTER_ID, cluster

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

    def __init__(self, **settings):
        self.events = []
        self.settings = BrokerSettings(allow_anonymous=True, **settings)

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
            settings=self.settings,
        )
        self.broker.on_client_event = self.events.append
        await self.broker.start()
        self.broker.configure(Sections(cluster=cluster(), policies=PoliciesSection()))
        self.listeners = Listeners(self.broker)
        await self.listen(tcp())
        return self

    async def listen(self, *listeners, certificates=()):
        sections = Sections(
            listeners=ListenersSection(listeners=listeners),
            certificates=CertificatesSection(certificates=certificates),
        )
        await self.listeners.apply(sections, await self.listeners.prepare(sections))
        if self.listeners.addresses():
            self.port = int(self.listeners.addresses()[0].rpartition(":")[2])

    def counted(self, prefix):
        """What the listeners refused, by reason."""
        return {
            name.removeprefix(prefix): count
            for name, count in self.listeners.counters().items()
            if name.startswith(prefix)
        }

    async def stop(self):
        await self.listeners.close()
        await self.broker.stop(2)
        await self.store.close()
        await self.journal.close()


class Device:
    """A paho client with its own thread."""

    def __init__(
        self,
        node,
        client_id,
        version,
        *,
        clean=True,
        will=None,
        path="",
        trusted=None,
        host="127.0.0.1",
    ):
        """``path``: by WebSocket; ``trusted``: by TLS, PEM of what it trusts."""
        self.node = node
        self.host = host
        self.messages: list[tuple[str, bytes, int]] = []
        self.reasons: list[int] = []
        self.granted: list[int] = []
        self.is_connected = False
        options = {} if version == 5 else {"clean_session": clean}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=VERSIONS[version],
            transport="websockets" if path else "tcp",
            **options,
        )
        if path:
            self.client.ws_set_options(path=path)
        if trusted is not None:
            self.client.tls_set_context(ssl.create_default_context(cadata=trusted))
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
            self.client.connect, self.host, self.node.port, 60, **self.connect_options
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
