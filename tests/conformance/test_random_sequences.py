"""Clients that do anything in any order: nothing is lost, doubled or overdone."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from tests.broker.stage import Stage

WINDOW = 3
FORMS = (b"", b"\x00", b"\x00\x00")
"""What may follow the identifier: nothing, a reason, a reason and no properties."""
STEPS = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 2)),
    st.tuples(st.just("burst"), st.integers(2, 12)),
    st.tuples(st.just("answer"), st.integers(0, 14)),
    st.tuples(st.just("nonsense"), st.integers(1, 6)),
    st.tuples(st.just("reconnect"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 3)),
)


class Reader:
    """A durable client that keeps the books of what it was sent and what it answered."""

    def __init__(self, stage, *, is_durable):
        self.stage = stage
        self.is_durable = is_durable
        self.peer: Any = None
        self.open: dict[int, str] = {}
        """Packet identifier → answer that it is owed."""
        self.payloads: dict[int, bytes] = {}
        self.received: list[bytes] = []
        """QoS 1 by its first PUBLISH, QoS 2 by its first PUBLISH of a handshake."""
        self.again: list[bytes] = []

    async def connect(self):
        keep = p.Properties(
            session_expiry_s=600 if self.is_durable else None, receive_maximum=WINDOW
        )
        self.peer = await self.stage.client("reader", version=5, clean=False, properties=keep)

    def look(self):
        """Take what came and check it against the books."""
        for packet in self.peer.take():
            if isinstance(packet, p.Publish):
                self._message(packet)
            elif getattr(packet, "packet_type", 0) == p.PUBREL and packet.reason == 0:
                assert self.open.get(packet.packet_id) in ("PUBREC", "PUBCOMP")
                self.open[packet.packet_id] = "PUBCOMP"
        assert len(self.open) <= WINDOW, "more than the Receive Maximum is open"

    def _message(self, packet):
        known = self.payloads.get(packet.packet_id)
        if packet.packet_id in self.open:
            assert packet.dup and packet.payload == known, "an identifier that is in use"
            assert self.open[packet.packet_id] != "PUBCOMP", "a PUBLISH after its PUBREL"
        elif packet.dup:
            self.again.append(packet.payload)
        else:
            self.received.append(packet.payload)
        self.payloads[packet.packet_id] = packet.payload
        self.open[packet.packet_id] = "PUBACK" if packet.qos == 1 else "PUBREC"

    async def answer(self, place):
        """Give one of the answers that are owed, in one of its forms."""
        if not self.open:
            return
        packet_id = list(self.open)[place % len(self.open)]
        kind = self.open[packet_id]
        if kind != "PUBREC":
            del self.open[packet_id]
        form = FORMS[place % len(FORMS)]
        head = bytes((getattr(p, kind) << 4, 2 + len(form)))
        await self.peer.raw(head + packet_id.to_bytes(2, "big") + form)

    async def nonsense(self, packet_id):
        """Answers to what was never sent, or long ago."""
        if packet_id not in self.open:
            for kind in (p.PUBACK, p.PUBREC, p.PUBCOMP):
                await self.peer.send(p.Ack(kind, packet_id + 1_000))


async def burst(writer, sent, count):
    """Many messages in one read, each QoS in a row; then their PUBRELs."""
    ids = range(100, 100 + count)
    packets = []
    for packet_id in ids:
        sent.append(b"%d" % len(sent))
        qos = 1 + (packet_id - 100) // 6
        packets.append(p.Publish(topic="a", payload=sent[-1], qos=qos, packet_id=packet_id))
    await writer.send(*packets)
    await writer.send(*(p.Ack(p.PUBREL, x.packet_id) for x in packets if x.qos == 2))
    assert len(writer.take(p.Ack)) == len(packets) + sum(x.qos == 2 for x in packets)


async def scenario(steps, is_durable):
    stage = await Stage().start()
    reader = Reader(stage, is_durable=is_durable)
    await reader.connect()
    await reader.peer.subscribe("a", 2)
    writer = await stage.client("writer", version=5)
    sent: list[bytes] = []
    for what, value in steps:
        if what == "publish":
            sent.append(b"%d" % len(sent))
            assert await writer.publish("a", sent[-1], value) == 0
        elif what == "burst":
            await burst(writer, sent, value)
        elif what == "answer":
            await reader.answer(value)
        elif what == "nonsense":
            await reader.nonsense(value)
        elif what == "wait":
            await stage.pass_time(value)
        elif is_durable:
            await reader.peer.vanish()
            await reader.connect()
        reader.look()
    for number in range(4 * len(sent) + 10):
        await reader.answer(number)
        reader.look()
    assert reader.received == sent, "each message once, in order"
    assert set(reader.again) <= set(sent)
    assert not reader.open
    assert stage.get_client("reader").inflight == 0
    await stage.stop()


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=60), st.booleans())
def test_nothing_is_lost_doubled_or_overdone(steps, is_durable):
    """[MQTT-3.3.4-9] [MQTT-4.4.0-1] [MQTT-4.5.0-1] [MQTT-4.6.0-1] [MQTT-4.6.0-5] [MQTT-2.2.1-4]
    [MQTT-4.3.3-6]"""
    asyncio.run(scenario(steps, is_durable))


# -- a writer ------------------------------------------------------------------------------------

IDS = st.integers(1, 4)
WRITES = st.one_of(
    st.tuples(st.just("publish"), st.integers(0, 2), IDS),
    st.tuples(st.just("again"), IDS, IDS),
    st.tuples(st.just("release"), st.integers(0, 2), IDS),
    st.tuples(st.just("ping"), IDS, IDS),
)


class Writer:
    """A client that makes bytes for one read, and knows what must come of them."""

    def __init__(self, version):
        self.version = version
        self.count = 0
        self.kept: dict[int, bytes] = {}
        """Packet identifier of QoS 2 → payload, from PUBLISH to PUBREL, oldest first."""
        self.expected: list[bytes] = []
        self.answers: list[tuple[int, int]] = []

    def bytes_of(self, what, value, packet_id):
        if what == "publish":
            return self._publish(value, packet_id)
        if what == "again" and packet_id in self.kept:
            self.answers.append((p.PUBREC, packet_id))
            return self._encoded(2, packet_id, self.kept[packet_id], dup=True)
        if what == "release":
            return self.release(FORMS[value if self.version == 5 else 0])
        return encode(p.PingReq(), self.version)

    def _publish(self, qos, packet_id):
        if packet_id in self.kept:
            return b""
        self.count += 1
        payload = b"%d" % self.count
        if qos == 2:
            self.kept[packet_id] = payload
            self.answers.append((p.PUBREC, packet_id))
        else:
            self.expected.append(payload)
            if qos:
                self.answers.append((p.PUBACK, packet_id))
        return self._encoded(qos, packet_id, payload)

    def _encoded(self, qos, packet_id, payload, *, dup=False):
        packet = p.Publish(topic="a", payload=payload, qos=qos, packet_id=packet_id, dup=dup)
        return encode(packet, self.version)

    def release(self, form):
        if not self.kept:
            return b""
        packet_id = next(iter(self.kept))
        self.expected.append(self.kept.pop(packet_id))
        self.answers.append((p.PUBCOMP, packet_id))
        return bytes((0x62, 2 + len(form))) + packet_id.to_bytes(2, "big") + form


async def writing(reads, version, is_durable):
    stage = await Stage().start()
    keep = p.Properties(session_expiry_s=600 if version == 5 else None)
    options = {"clean": False, "properties": keep} if is_durable else {}
    reader = await stage.client("reader", version=5, properties=p.Properties())
    await reader.subscribe("a", 2)
    peer = await stage.client("writer", version=version, **options)
    writer = Writer(version)
    found: list[bytes] = []
    for steps in [*reads, [("release", 2, 1)] * 8]:
        await peer.raw(b"".join(writer.bytes_of(*step) for step in steps))
        found += [payload for _, payload, _ in await reader.receive()]
        taken = [(x.packet_type, x.packet_id) for x in peer.take(p.Ack)]
        # One PUBREC answers all repetitions that came while the message was being stored.
        assert set(taken) == set(writer.answers)
        assert len(taken) == len(writer.answers) or is_durable
        writer.answers.clear()
        if is_durable and len(steps) % 3 == 2:
            await peer.vanish()
            peer = await stage.client("writer", version=version, **options)
            assert peer.session_present
    assert sorted(found, key=int) == sorted(writer.expected, key=int), "each message once"
    await stage.stop()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(WRITES, max_size=8), max_size=8), st.sampled_from([4, 5]), st.booleans())
def test_a_writer_is_answered_and_passed_on_exactly(reads, version, is_durable):
    """[MQTT-3.3.4-1] [MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT3-4.3.2-2]
    [MQTT3-4.3.3-2]"""
    asyncio.run(writing(reads, version, is_durable))
