"""A stage for scenarios: a broker with a fake clock, and clients on transports in memory."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any

from broker_runtime.broker.broker import Broker
from broker_runtime.broker.links.states import CLOSED
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.codec.stream import Decoder
from broker_runtime.contract.commands import KickClient, PublishMessage
from broker_runtime.contract.configuration import (
    ClusterSection,
    PoliciesSection,
    Policy,
    Sections,
    TopicsSection,
    User,
    UsersSection,
)
from broker_runtime.contract.queries import GetClient
from broker_runtime.storage.memory import MemoryStore
from broker_runtime.storage.memory_journal import MemoryJournal

KEY = "11" * 32
CLUSTER_ID = "mqtt-abcd1234"
BEGIN_US = 1_700_000_000_000_000


class FakeClock:
    def __init__(self):
        self.elapsed_s = 0.0

    def monotonic_s(self):
        return 1_000.0 + self.elapsed_s

    def wall_us(self):
        return BEGIN_US + int(self.elapsed_s * 1_000_000)


class FakeTransport(asyncio.Transport):
    """Gives what is written to a client's decoder. ``stuck``: the peer does not read."""

    def __init__(self, protocol, decoder, host, port):
        super().__init__({"peername": (host, port)})
        self.protocol = protocol
        self.decoder = decoder
        self.received = []
        self.writes = 0
        self.is_open = True
        self.reading = True
        self.stuck = False
        self.slow_to_close = False
        self.unread = 0

    def write(self, data):
        assert self.is_open
        self.writes += 1
        if self.stuck:
            self.unread += len(data)
            self.protocol.pause_writing()
        else:
            self.received += self.decoder.feed(bytes(data))

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def can_write_eof(self):
        return True

    def write_eof(self):
        """A client that reads sees the end and closes."""
        if not self.stuck and not self.slow_to_close:
            self.close()

    def is_closing(self):
        return not self.is_open

    def close(self):
        if self.is_open:
            self.is_open = False
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close


def user(name, password="secret", *, enabled=True):
    text = f"{name}\0{password}".encode()
    verifier = hmac.new(bytes.fromhex(KEY), text, hashlib.sha256).hexdigest()
    return User(username=name, verifier=verifier, enabled=enabled)


def policy(effect="allow", actions=("connect", "pub", "sub"), *, name="policy", **fields):
    return Policy(id=1, name=name, effect=effect, actions=actions, **fields)


def cluster(**fields):
    values = {
        "cluster_id": CLUSTER_ID,
        "tps_limit": 0,
        "max_connections": 100,
        "max_subscriptions": 1_000,
        "max_subscriptions_per_client": 30,
        "max_topics": 100,
        "auto_create_topics": True,
        "authorization_enabled": False,
        **fields,
    }
    return ClusterSection(**values)


async def settle():
    """Let everything happen that happens at once."""
    for _ in range(30):
        await asyncio.sleep(0)


class Stage:
    """A node that can be crashed and started again on the same store."""

    def __init__(self, *, settings=None, store=None):
        self.clock = FakeClock()
        self.store = store or MemoryStore()
        self.journal = MemoryJournal()
        self.settings = settings or BrokerSettings(allow_anonymous=True)
        self.events = []
        self.created = []
        self.broker: Any = None  # between start() and crash() there is one
        self.port = 40_000
        self.sections = Sections(
            cluster=cluster(), users=UsersSection(), policies=PoliciesSection()
        )

    async def start(self, **sections):
        await self.store.open()
        await self.journal.open()
        self.broker = Broker(
            cluster_id=CLUSTER_ID,
            node_id=f"{CLUSTER_ID}-n0",
            store=self.store,
            journal=self.journal,
            clock=self.clock,
            settings=self.settings,
        )
        self.broker.on_client_event = self.events.append
        self.broker.on_topics_created = self.created.extend
        await self.broker.start()
        self.broker._ticker.cancel()  # time passes when the test says so (``pass_time``)
        self.configure(self.sections)
        if sections:
            self.configure(Sections(**sections))
        await settle()
        return self

    def configure(self, sections):
        self.broker.configure(sections)

    def set(self, **sections):
        self.configure(Sections(**sections))

    def policies(self, *policies):
        self.set(policies=PoliciesSection(policies=policies))

    def users(self, *users):
        self.set(users=UsersSection(verifier_key=KEY, users=users))

    def topics(self, *names):
        self.set(topics=TopicsSection(names=names))

    def with_authorization(self, **fields):
        """The cluster section with authorization on."""
        return cluster(authorization_enabled=True, **fields)

    cluster = staticmethod(cluster)

    def policy_section(self, *policies):
        return PoliciesSection(policies=policies)

    def topic_section(self, *names):
        return TopicsSection(names=names)

    def user_section(self, key):
        return UsersSection(verifier_key=key)

    async def publish(self, topic, payload, **fields):
        """Publish as the console."""
        answer = await self.broker.publish(
            PublishMessage(topic=topic, payload=payload, publisher="console:owner", **fields)
        )
        await settle()
        return answer

    def get_client(self, client_id):
        return self.broker.get_client(GetClient(client_id=client_id))

    async def kick(self, client_id, **options):
        answer = await self.broker.kick(KickClient(client_id=client_id, **options))
        await settle()
        return answer

    async def crash(self):
        """kill -9: only what the store has is left."""
        self.broker._ticker.cancel()
        crashed, self.broker = self.broker, None
        for link in list(crashed._core.open_links):
            link.state = CLOSED
        return self

    async def stop(self):
        if self.broker is not None:
            await self.broker.stop(0.1)
            await settle()
        await self.store.close()
        await self.journal.close()

    async def pass_time(self, seconds, step=0.5):
        """Time goes by, tick by tick."""
        left = seconds
        while left > 0:
            self.clock.elapsed_s += min(step, left)
            left -= step
            self.broker.tick()
            await settle()

    def connection(self, *, version=4, host="10.0.0.1"):
        """A connection that has said nothing yet."""
        self.port += 1
        return Peer(self, version, host, self.port)

    async def client(self, client_id="", **options):
        """A connected client."""
        peer = self.connection(
            version=options.pop("version", 4), host=options.pop("host", "10.0.0.1")
        )
        answer = await peer.connect(client_id, **options)
        assert answer is not None
        assert answer.reason == 0, answer
        return peer

    def event_names(self, client_id=None):
        return [e.event for e in self.events if client_id in (None, e.client_id)]

    def count(self, name):
        return self.broker.counters().get(name, 0)


class Peer:
    """The client's side of a connection."""

    def __init__(self, stage, version, host, port):
        self.stage = stage
        self.version = version
        decoder = Decoder(version=version, max_packet_bytes=2**28 - 1, from_server=True)
        self.protocol = stage.broker.accept()
        self.transport = FakeTransport(self.protocol, decoder, host, port)
        self.protocol.connection_made(self.transport)
        self.packet_id = 0
        self.session_present = False

    @property
    def is_open(self):
        return self.transport.is_open

    async def raw(self, data):
        if self.transport.is_open:
            self.protocol.data_received(data)
        await settle()

    async def send(self, *packets):
        await self.raw(b"".join(encode(packet, self.version) for packet in packets))

    def take(self, kind=None):
        """Packets received since the last call (of a kind: the others stay)."""
        received = self.transport.received
        taken = [x for x in received if kind is None or isinstance(x, kind)]
        self.transport.received = [x for x in received if not any(x is t for t in taken)]
        return taken

    async def connect(self, client_id="", *, clean=True, keep_alive=0, **fields):
        properties = fields.pop("properties", p.Properties())
        await self.send(
            p.Connect(
                protocol_version=self.version,
                client_id=client_id,
                clean_start=clean,
                keep_alive_s=keep_alive,
                properties=properties,
                **fields,
            )
        )
        answers = self.take(p.ConnAck)
        if not answers:
            return None
        self.session_present = answers[0].session_present
        return answers[0]

    def next_id(self):
        self.packet_id += 1
        return self.packet_id

    async def subscribe(self, topic_filter, qos=0, *, identifier=None, **options):
        request = p.SubscriptionRequest(topic_filter, qos, **options)
        properties = p.Properties(
            subscription_identifiers=(identifier,) if identifier is not None else ()
        )
        packet = p.Subscribe(
            packet_id=self.next_id(),
            subscriptions=[request],
            identifier=identifier,
            properties=properties,
        )
        await self.send(packet)
        (answer,) = self.take(p.SubAck)
        return answer.reasons[0]

    async def unsubscribe(self, *filters):
        await self.send(p.Unsubscribe(packet_id=self.next_id(), topic_filters=list(filters)))
        (answer,) = self.take(p.UnsubAck)
        return answer.reasons

    async def publish(self, topic, payload=b"x", qos=0, **fields):
        """Publish and answer as a good client does; returns the reason of the last answer."""
        packet_id = fields.pop("packet_id", None) or (self.next_id() if qos else 0)
        await self.send(
            p.Publish(topic=topic, payload=payload, qos=qos, packet_id=packet_id, **fields)
        )
        if not qos:
            return None
        reason = self._answer(p.PUBACK if qos == 1 else p.PUBREC)
        if qos == 2 and reason is not None and reason < 0x80:
            await self.send(p.Ack(p.PUBREL, packet_id))
            reason = self._answer(p.PUBCOMP)
        return reason

    def _answer(self, packet_type):
        for packet in self.take(p.Ack):
            if packet.packet_type == packet_type:
                return packet.reason
            self.transport.received.append(packet)
        return None

    def messages(self):
        """(topic, payload, QoS) of the messages received, which are not acknowledged."""
        return [(m.topic, m.payload, m.qos) for m in self.take(p.Publish)]

    async def receive(self):
        """The messages received, acknowledged as a good client does."""
        found = []
        for _ in range(50):
            batch = self.take(p.Publish)
            for message in batch:
                if message.qos == 1:
                    await self.send(p.Ack(p.PUBACK, message.packet_id))
                elif message.qos == 2:
                    await self.send(p.Ack(p.PUBREC, message.packet_id))
            for ack in self.take(p.Ack):
                if ack.packet_type == p.PUBREL:
                    await self.send(p.Ack(p.PUBCOMP, ack.packet_id))
            found += batch
            if not batch and not any(isinstance(x, p.Ack) for x in self.transport.received):
                break
        return [(m.topic, m.payload, m.qos) for m in found]

    async def disconnect(self, **fields):
        await self.send(p.Disconnect(**fields))

    async def vanish(self):
        """The network is gone."""
        if self.transport.is_open:
            self.transport.is_open = False
            self.protocol.connection_lost(ConnectionResetError("reset by peer"))
        await settle()

    def goodbye(self):
        """Reason of the DISCONNECT received, None when there was none."""
        reasons = [x.reason for x in self.take(p.Disconnect)]
        return reasons[0] if reasons else None
