"""Random histories with a crash between any two transactions of the store: QoS 2 comes once, QoS 1
at least once, both in order; nothing is left over.

Clients keep the books that MQTT demands of them: publishers send again what is not acknowledged, in
order; readers know the QoS 2 packet ids that they have not released.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from broker_runtime.storage.memory import MemoryStore
from tests.broker.stage import Stage, settle

WRITES = (
    "save_session",
    "delete_session",
    "put_received",
    "release_received",
    "append_all",
    "owe",
    "settle_owed",
    "trim",
    "retain",
)
ALL = 1_000


class LazyStore(MemoryStore):
    """Does a write when the test says so: the writes of one turn of the loop together."""

    def __init__(self, crashed=None):
        super().__init__()
        self.is_dead = False
        self.transactions: list[Any] = []
        if crashed is not None:
            crashed.is_dead = True
            for name in ("_sessions", "_received", "_retained", "_log", "_owed", "_last_seq"):
                setattr(self, name, getattr(crashed, name))

    def put(self, name, *arguments):
        if self.is_dead:
            return
        if not self.transactions or self.transactions[-1] is None:
            asyncio.get_running_loop().call_soon(self.end_turn)
            self.transactions[-1:] = [[]]
        self.transactions[-1].append((name, arguments))

    def end_turn(self):
        if self.transactions and self.transactions[-1] is not None:
            self.transactions.append(None)

    def commit(self, count=ALL):
        ready = [t for t in self.transactions[:count] if t is not None]
        self.transactions[: len(ready)] = []
        for name, arguments in [write for transaction in ready for write in transaction]:
            getattr(MemoryStore, name)(self, *arguments)

    def append(self, message, done):
        self.append_all([message], done)

    def _settle(self, done, outcome):
        if done is not None:
            asyncio.get_running_loop().call_soon(lambda: None if self.is_dead else done(outcome))


for _name in WRITES:
    setattr(LazyStore, _name, lambda self, *args, _name=_name: self.put(_name, *args))


def acknowledgement(kind, packet_id):
    first = kind << 4 | (2 if kind == p.PUBREL else 0)
    return bytes((first, 2)) + packet_id.to_bytes(2, "big")


class Client:
    """A client with a durable session."""

    def __init__(self, name, version):
        self.name = name
        self.version = version
        self.peer: Any = None

    @property
    def is_on(self):
        return self.peer is not None and self.peer.is_open

    async def connect(self, stage, **properties):
        peer = stage.connection(version=self.version)
        keep = p.Properties(session_expiry_s=3_600, **properties) if self.version == 5 else None
        answer = await peer.connect(self.name, clean=False, properties=keep or p.Properties())
        while answer is None:
            stage.store.commit()
            await settle()
            answer = next(iter(peer.take(p.ConnAck)), None)
        assert answer.reason == 0
        self.peer = peer
        return answer.session_present


class Publisher(Client):
    def __init__(self, name, version, usual_qos, first_id):
        super().__init__(name, version)
        self.usual_qos = usual_qos
        self.next_id = first_id
        self.open = []
        self.made = []

    async def come(self, stage, rnd):
        await self.connect(stage)
        released = [m for m in self.open if m["released"]]
        data = [acknowledgement(p.PUBREL, m["id"]) for m in released]
        data += [self.encoded(m, dup=True) for m in self.open if not m["released"]]
        await self.peer.raw(b"".join(data))

    def encoded(self, message, *, dup):
        return encode(
            p.Publish(
                topic=message["topic"],
                payload=message["payload"],
                qos=message["qos"],
                packet_id=message["id"],
                dup=dup,
            ),
            self.version,
        )

    async def publish(self, count, rnd):
        data = b""
        for _ in range(min(count, 15 - len(self.open))):
            message = {
                "id": self.next_id,
                "topic": rnd.choice(["a/b", "a/b", "a/c"]),
                "payload": b"%s-%05d" % (self.name.encode(), len(self.made)),
                "qos": rnd.choice([self.usual_qos] * 4 + [1, 2]),
                "released": False,
            }
            self.next_id = self.next_id % 65_535 + 1
            self.open.append(message)
            self.made.append(message)
            data += self.encoded(message, dup=False)
        if self.is_on:
            await self.peer.raw(data)

    async def look(self, count=ALL):
        """Take what came, go on with it; whether there was anything."""
        acks = [] if self.peer is None else self.peer.take(p.Ack)
        data = b""
        for ack in acks:
            message = next((m for m in self.open if m["id"] == ack.packet_id), None)
            if message is None:
                continue
            if ack.packet_type == p.PUBREC:
                assert ack.reason < 0x80
                message["released"] = True
                data += acknowledgement(p.PUBREL, ack.packet_id)
            else:
                self.open.remove(message)
        if data and self.is_on:
            await self.peer.raw(data)
        return bool(acks)


class Reader(Client):
    def __init__(self, name, version, topic_filter):
        super().__init__(name, version)
        self.topic_filter = topic_filter
        self.got = []
        self.held = {}
        self.owed = []
        self.has_session = False

    async def come(self, stage, rnd):
        window = {"receive_maximum": rnd.choice([3, 5, 20])} if self.version == 5 else {}
        is_present = await self.connect(stage, **window)
        assert is_present == self.has_session
        self.owed = []
        if not is_present:
            request = p.SubscriptionRequest(self.topic_filter, 2)
            await self.peer.send(p.Subscribe(packet_id=1, subscriptions=[request]))
            stage.store.commit()
            await settle()
            self.has_session = bool(self.peer.take(p.SubAck))

    async def look(self, count=ALL):
        """Take what came, answer some of it; whether there was anything."""
        packets = [] if self.peer is None else self.peer.take()
        for packet in packets:
            if isinstance(packet, p.Publish):
                self.take(packet)
            elif getattr(packet, "packet_type", 0) == p.PUBREL:
                self.held.pop(packet.packet_id, None)
                self.owed.append(acknowledgement(p.PUBCOMP, packet.packet_id))
        now, self.owed = self.owed[:count], self.owed[count:]
        if now and self.is_on:
            await self.peer.raw(b"".join(now))
        return bool(packets or now)

    def take(self, packet):
        if packet.qos == 1:
            self.got.append(packet)
            self.owed.append(acknowledgement(p.PUBACK, packet.packet_id))
            return
        if packet.packet_id not in self.held:
            self.got.append(packet)
            self.held[packet.packet_id] = packet.payload
        assert self.held[packet.packet_id] == packet.payload, "a packet id that is in use"
        self.owed.append(acknowledgement(p.PUBREC, packet.packet_id))


class History:
    def __init__(self, seed):
        self.rnd = rnd = random.Random(seed)
        self.stage = Stage(
            settings=BrokerSettings(
                allow_anonymous=True,
                receive_maximum=20,
                inflight_maximum=rnd.choice([4, 10, 50]),
                pending_max_messages=rnd.choice([3, 8, 100]),
            ),
            store=LazyStore(),
        )
        self.publishers = [
            Publisher(name, rnd.choice([4, 5]), rnd.choice([1, 2]), rnd.choice([1, 65_530]))
            for name in ("one", "two")
        ]
        self.reader = Reader("reader", rnd.choice([4, 5]), "a/#")
        self.members = [
            Reader(name, rnd.choice([4, 5]), "$share/g/a/#")
            for name in rnd.choice([(), ("left", "right")])
        ]
        self.clients: list[Any] = [*self.publishers, self.reader, *self.members]

    @property
    def store(self) -> Any:
        return self.stage.store

    async def play(self):
        await self.stage.start()
        for client in self.clients:
            await client.come(self.stage, self.rnd)
        for _ in range(self.rnd.randrange(10, 60)):
            acts = [self.publish] * 30 + [self.commit] * 12 + [self.look] * 25
            acts += [self.leave] * 8 + [self.come] * 9 + [self.wait] * 4 + [self.crash] * 6
            await self.rnd.choice(acts)()
        await self.come_to_rest()
        self.check()
        await self.stop()

    async def publish(self):
        await self.rnd.choice(self.publishers).publish(self.rnd.randrange(1, 7), self.rnd)

    async def commit(self):
        self.store.commit(self.rnd.randrange(1, 4))
        await settle()

    async def look(self):
        await self.rnd.choice(self.clients).look(self.rnd.randrange(1, 8))

    async def leave(self):
        client = self.rnd.choice(self.clients)
        if client.is_on:
            await client.peer.vanish()

    async def come(self):
        client = self.rnd.choice(self.clients)
        if not client.is_on:
            await client.come(self.stage, self.rnd)

    async def wait(self):
        await self.stage.pass_time(0.5)

    async def crash(self):
        """Some clients have read what was written to them before, others have not."""
        for client in self.clients:
            if self.rnd.random() < 0.6:
                await client.look(0)
        await self.stage.crash()
        for client in self.clients:
            if client.peer is not None:
                client.peer.transport.is_open = False
                client.peer = None
        await settle()
        self.stage.store = LazyStore(self.stage.store)
        self.stage.clock.elapsed_s += 1
        await self.stage.start()

    async def come_to_rest(self):
        quiet = 0
        for _ in range(400):
            self.store.commit()
            await settle()
            is_busy = any(publisher.open for publisher in self.publishers)
            for client in self.clients:
                if not client.is_on:
                    await client.come(self.stage, self.rnd)
                is_busy |= await client.look()
            await self.stage.pass_time(0.1)
            quiet = 0 if is_busy else quiet + 1
            if quiet > 5:
                return
        raise AssertionError("it does not come to rest")

    def check(self):
        for readers in filter(None, ([self.reader], self.members)):
            counts = Counter(packet.payload for reader in readers for packet in reader.got)
            for message in [m for publisher in self.publishers for m in publisher.made]:
                count = counts[message["payload"]]
                assert count >= 1, f"{message} is lost"
                assert count == 1 or message["qos"] == 1, f"{message} came {count} times"
        streams: dict[Any, dict[bytes, None]] = {}
        for packet in self.reader.got:
            stream = streams.setdefault((packet.topic, packet.qos, packet.payload[:3]), {})
            stream[packet.payload] = None
        assert all(list(stream) == sorted(stream) for stream in streams.values())
        gauges = self.stage.broker.gauges()
        assert (gauges["inflight"], gauges["backlog"]) == (0, 0)
        assert self.stage.broker._core.back_pressure.unstored_bytes == 0
        assert not self.stage.store._received

    async def stop(self):
        stopping = asyncio.ensure_future(self.stage.stop())
        while not stopping.done():
            if not self.store.is_dead:
                self.store.commit()
            await asyncio.sleep(0)
        await stopping


@pytest.mark.parametrize("first_seed", range(0, 40, 10))
async def test_no_crash_loses_doubles_or_reorders_anything(first_seed):
    for seed in range(first_seed, first_seed + 10):
        await History(seed).play()
