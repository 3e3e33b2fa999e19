"""The hot path and the way packet by packet lead to the same: for random traffic, what clients get,
what the journal holds and what is counted.

The long way is taken by giving each packet to the function that the hot path leaves the unusual to.
A third way is the hot one with reads that end anywhere. All sessions end with their connections:
what waits for the store comes when the store says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_runtime.broker.hot.hot_path import _take_one
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from tests.broker.stage import Stage, policy, settle

SETTINGS = BrokerSettings(
    allow_anonymous=True,
    receive_maximum=20,
    inflight_maximum=6,
    pending_max_messages=8,
    outbox_max_bytes=1_500,
    tps_weight_bytes=100,
)
TOPICS = ("a/b", "a/c", "x/y")
VERSIONS = st.sampled_from([4, 5])


@dataclass
class Behaviour:
    """A client: what it subscribes to, and what it has been given."""

    name: str
    version: int
    filters: dict[str, dict[str, object]]
    max_packet_bytes: int | None
    first_id: int
    aliases: int
    got: list[object] = field(default_factory=list)
    answers: list[tuple[int, int, int]] = field(default_factory=list)


@st.composite
def behaviours(draw, name):
    version = draw(VERSIONS)
    options: dict[str, st.SearchStrategy[object]] = {"qos": st.integers(0, 2)}
    if version == 5:
        options["no_local"] = st.booleans()
        options["retain_as_published"] = st.sampled_from([False, False, True])
        options["identifier"] = st.sampled_from([None, None, 7])
    filters = st.sampled_from(["a/b", "a/+", "#", "x/#", "$share/g/a/#"])
    chosen = draw(st.dictionaries(filters, st.fixed_dictionaries(options), max_size=3))
    for topic_filter, wanted in chosen.items():
        if topic_filter.startswith("$share"):
            wanted["no_local"] = False
    return {
        "name": name,
        "version": version,
        "filters": chosen,
        "max_packet_bytes": draw(st.sampled_from([None, None, 90])) if version == 5 else None,
        "first_id": draw(st.sampled_from([0, 0, 65_530])),
        "aliases": draw(st.sampled_from([0, 0, 2])) if version == 5 else 0,
    }


MESSAGES = st.fixed_dictionaries(
    {
        "topic": st.sampled_from(TOPICS),
        "qos": st.integers(0, 2),
        "size": st.sampled_from([0, 5, 5, 70, 130, 350]),
        "retain": st.sampled_from([False] * 9 + [True]),
        "dup": st.sampled_from([False] * 9 + [True]),
        "alias": st.sampled_from([0] * 6 + [1, 2]),
        "again": st.sampled_from([False] * 9 + [True]),
        "expires": st.sampled_from([False] * 9 + [True]),
        "properties": st.sampled_from([None, None, "x", "y"]),
        "repeat": st.sampled_from([1, 1, 2, 3, 9]),
    }
)
READS = st.tuples(st.just("read"), st.integers(0, 2), st.lists(MESSAGES, min_size=1, max_size=4))
STEPS = st.lists(
    READS
    | READS
    | st.tuples(
        st.just("answer"),
        st.integers(0, 2),
        st.tuples(
            st.integers(1, 9),
            st.sampled_from(["", "", "reversed", "twice", "unknown"]),
            st.integers(0, 3),
        ),
    )
    | st.tuples(st.just("leave"), st.integers(0, 2), st.booleans())
    | st.tuples(st.just("kick"), st.integers(0, 2), st.just(0))
    | st.tuples(st.just("unsubscribe"), st.integers(0, 2), st.sampled_from(["a/b", "a/c", "#"]))
    | st.tuples(st.just("wait"), st.just(0), st.just(0))
    | st.tuples(
        st.just("limit"), st.sampled_from([0, 3, 10, 40]), st.sampled_from([0, 0, 2, 7, 30])
    )
    | st.tuples(st.just("rights"), st.sampled_from(TOPICS), st.just(0))
    | st.tuples(st.just("subscribe"), st.integers(0, 2), st.sampled_from(["a/c", "+/y"]))
    | st.tuples(st.just("stuck"), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=12,
)


def in_order(got):
    """Messages by topic and QoS, within which order is promised [MQTT-4.6.0-6]."""
    ordered: dict[tuple[str, int], list[tuple[object, ...]]] = {}
    for message in got:
        ordered.setdefault((message[0], message[2]), []).append(message)
    return ordered


def next_id(peer):
    peer.packet_id %= 65_535
    return peer.next_id()


def limits(**fields):
    return Stage.cluster(authorization_enabled=True, max_message_bytes=300, **fields)


def in_form(ack, form):
    """An acknowledgement without an error, as MQTT 5 lets it be written."""
    first = ack.packet_type << 4 | (2 if ack.packet_type == p.PUBREL else 0)
    tail = (b"", b"\x00", b"\x00\x00", b"\x00\x07\x26\x00\x01k\x00\x01v")[form]
    return bytes((first, 2 + len(tail))) + ack.packet_id.to_bytes(2, "big") + tail


class Run:
    """One way through a scenario."""

    def __init__(self, clients, *, packet_by_packet=False, piece_bytes=0):
        self.behaviours = [Behaviour(**fields) for fields in clients]
        self.packet_by_packet = packet_by_packet
        self.piece_bytes = piece_bytes
        self.peers = []
        self.owed: list[list[Any]] = [[] for _ in clients]
        self.number = 0

    async def run(self, steps):
        self.stage = await Stage(settings=SETTINGS).start(cluster=limits())
        try:
            return await self.play(steps)
        finally:
            await self.stage.stop()

    async def play(self, steps):
        self.stage.policies(policy())
        for behaviour in self.behaviours:
            self.peers.append(await self.connect(behaviour))
        for kind, first, second in steps:
            await getattr(self, kind)(first, second)
        for client in range(3):
            await self.stuck(client, False)
        await self.limit(0, 0)
        await self.wait(0, 0)
        for _ in range(60):
            self.listen()
            if not any(self.owed):
                break
            for client in range(3):
                await self.answer(client, (99, "", 0))
        return self.outcome()

    async def connect(self, behaviour):
        properties = p.Properties(
            receive_maximum=5 if behaviour.version == 5 else None,
            maximum_packet_bytes=behaviour.max_packet_bytes,
            topic_alias_maximum=behaviour.aliases or None,
        )
        peer = await self.stage.client(
            behaviour.name, version=behaviour.version, properties=properties
        )
        for topic_filter, options in behaviour.filters.items():
            await peer.subscribe(topic_filter, **options)
        peer.packet_id = behaviour.first_id
        peer.sent, peer.set_aliases = {}, {}
        return peer

    async def read(self, client, messages):
        peer = self.peers[client]
        made = []
        for fields in messages:
            for _ in range(fields["repeat"]):
                self.number += 1
                packet = self.publish(peer, fields)
                made.append(packet)
                if packet.qos:
                    peer.sent[packet.packet_id] = packet
                if fields["again"] and packet.qos == 2:
                    made.append(replace(packet, dup=True))
        await self.deliver(client, made)

    def publish(self, peer, fields):
        properties = p.Properties()
        if peer.version == 5:
            properties.content_type = fields["properties"]
            properties.message_expiry_s = 100 if fields["expires"] else None
        topic = fields["topic"]
        if peer.version == 5 and fields["alias"]:
            properties.topic_alias = fields["alias"]
            if peer.set_aliases.get(fields["alias"]) == topic:
                topic = ""
            else:
                peer.set_aliases[fields["alias"]] = topic
        return p.Publish(
            topic=topic,
            payload=b"%05d" % self.number + b"." * fields["size"],
            qos=fields["qos"],
            retain=fields["retain"],
            dup=fields["dup"] and fields["qos"] > 0,
            packet_id=next_id(peer) if fields["qos"] else 0,
            properties=properties,
        )

    async def deliver(self, client, packets):
        """Packets arrive, in one read or one by one."""
        peer = self.peers[client]
        encoded = [
            packet if isinstance(packet, bytes) else encode(packet, peer.version)
            for packet in packets
        ]
        if self.piece_bytes:
            joined, size = b"".join(encoded), self.piece_bytes
            encoded = [joined[i : i + size] for i in range(0, len(joined), size)]
        elif not self.packet_by_packet:
            encoded = [b"".join(encoded)]
        for data in encoded:
            link = peer.protocol
            if not link.is_live:
                break
            taken = 0
            if self.packet_by_packet and not link.held:
                taken = _take_one(link._core, link, data, 0)
                link._core.plan_flush()
            if not taken:
                link.data_received(data)
        await settle()

    def listen(self):
        """Note what came, and what is owed for it."""
        for behaviour, peer, owed in zip(self.behaviours, self.peers, self.owed, strict=True):
            for packet in peer.take():
                if isinstance(packet, p.Publish):
                    behaviour.got.append((packet.topic, packet.payload, packet.qos, packet.retain,
                                          packet.properties))  # fmt: skip
                    if packet.qos:
                        owed.append(p.Ack(p.PUBACK if packet.qos == 1 else p.PUBREC,
                                          packet.packet_id))  # fmt: skip
                elif isinstance(packet, p.Ack):
                    fields = (packet.packet_type, packet.packet_id, packet.reason)
                    behaviour.answers.append(fields)
                    if packet.packet_type == p.PUBREC and packet.reason < 0x80:
                        owed.append(p.Ack(p.PUBREL, packet.packet_id))
                    elif packet.packet_type == p.PUBREL:
                        owed.append(p.Ack(p.PUBCOMP, packet.packet_id))

    async def answer(self, client, how):
        count, order, form = how
        self.listen()
        owed = self.owed[client]
        now, self.owed[client] = owed[:count], owed[count:]
        if order == "reversed":
            now.reverse()
        elif order == "twice":
            now = [ack for ack in now for _ in range(2)]
        elif order == "unknown":
            now = [replace(ack, packet_id=ack.packet_id % 30_000 + 20_000) for ack in now] + now
        if self.peers[client].version == 5:
            now = [in_form(ack, form) for ack in now]
        await self.deliver(client, now)

    async def leave(self, client, orderly):
        peer = self.peers[client]
        if not peer.protocol.is_live:
            return
        if orderly:
            await self.deliver(client, [p.Disconnect()])
        else:
            await peer.vanish()
        self.listen()
        self.owed[client] = []
        self.peers[client] = await self.connect(self.behaviours[client])

    async def kick(self, client, _):
        if self.peers[client].protocol.is_live:
            await self.stage.kick(self.behaviours[client].name)

    async def unsubscribe(self, client, topic_filter):
        peer = self.peers[client]
        if peer.protocol.is_live and not peer.transport.stuck:
            await self.deliver(
                client, [p.Unsubscribe(packet_id=next_id(peer), topic_filters=[topic_filter])]
            )

    async def limit(self, tps_limit, rate):
        self.stage.set(cluster=limits(tps_limit=tps_limit, client_message_rate=rate))
        await settle()

    async def wait(self, _, __):
        await self.stage.pass_time(1.0)

    async def rights(self, topic, _):
        self.stage.policies(
            policy("deny", ("pub",), name="no", topics=(topic,)), policy(name="yes")
        )
        await settle()

    async def subscribe(self, client, topic_filter):
        peer = self.peers[client]
        if peer.protocol.is_live and not peer.transport.stuck:
            request = p.SubscriptionRequest(topic_filter, 1)
            await self.deliver(
                client, [p.Subscribe(packet_id=next_id(peer), subscriptions=[request])]
            )

    async def stuck(self, client, stuck):
        peer = self.peers[client]
        was_stuck, peer.transport.stuck = peer.transport.stuck, stuck
        if was_stuck and not stuck and peer.protocol.is_live:
            peer.protocol.resume_writing()
        await settle()

    def outcome(self):
        entries = self.stage.journal._entries
        return {
            "got": [in_order(behaviour.got) for behaviour in self.behaviours],
            "answers": [sorted(behaviour.answers) for behaviour in self.behaviours],
            "open": [peer.protocol.is_live for peer in self.peers],
            "counters": {
                name: value
                for name, value in self.stage.broker.counters().items()
                if not name.startswith("bytes_")
            },
            "journal": [
                (e.message.topic, e.message.payload, e.message.qos, e.message.properties,
                 e.message.client_id, e.message.address, sorted(e.deliveries), e.result,
                 sorted(step[2:] for step in e.steps))
                for _, e in sorted(entries.items())
            ],
            "packets": [
                sorted((c.direction, c.packet_type, c.qos, c.count) for c in
                       self.stage.get_client(behaviour.name).packets)
                for behaviour, peer in zip(self.behaviours, self.peers, strict=True)
                if peer.protocol.is_live
            ],
        }  # fmt: skip


CLIENTS = st.tuples(behaviours("one"), behaviours("two"), behaviours("three"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CLIENTS, STEPS, st.integers(1, 40))
def test_all_ways_lead_to_the_same(clients, steps, piece_bytes):
    async def all_ways():
        hot = await Run(clients).run(steps)
        cut = await Run(clients, piece_bytes=piece_bytes).run(steps)
        cold = await Run(clients, packet_by_packet=True).run(steps)
        return hot, cut, cold

    hot, cut, cold = asyncio.run(all_ways())
    for name in hot:
        assert hot[name] == cold[name], name
        assert cut[name] == cold[name], f"{name} in pieces"
