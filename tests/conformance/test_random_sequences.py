"""A reader that answers late, wrongly, or goes away: nothing is lost, doubled or overdone."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.codec import packets as p
from tests.broker.stage import Stage

WINDOW = 3
STEPS = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 2)),
    st.tuples(st.just("answer"), st.integers(0, 4)),
    st.tuples(st.just("nonsense"), st.integers(1, 6)),
    st.tuples(st.just("reconnect"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 3)),
)


class Reader:
    """A durable client that keeps the books of what it was sent and what it answered."""

    def __init__(self, stage):
        self.stage = stage
        self.peer = None
        self.open: dict[int, str] = {}
        """Packet identifier → answer that it is owed."""
        self.payloads: dict[int, bytes] = {}
        self.received: list[bytes] = []
        """QoS 1 by its first PUBLISH, QoS 2 by its first PUBLISH of a handshake."""
        self.again: list[bytes] = []

    async def connect(self):
        keep = p.Properties(session_expiry_s=600, receive_maximum=WINDOW)
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
        """Give one of the answers that are owed."""
        if not self.open:
            return
        packet_id = list(self.open)[place % len(self.open)]
        kind = self.open[packet_id]
        if kind != "PUBREC":
            del self.open[packet_id]
        await self.peer.send(p.Ack(getattr(p, kind), packet_id))

    async def nonsense(self, packet_id):
        """Answers to what was never sent, or long ago."""
        if packet_id not in self.open:
            for kind in (p.PUBACK, p.PUBREC, p.PUBCOMP):
                await self.peer.send(p.Ack(kind, packet_id + 1_000))


async def scenario(steps):
    stage = await Stage().start()
    reader = Reader(stage)
    await reader.connect()
    await reader.peer.subscribe("a", 2)
    writer = await stage.client("writer", version=5)
    sent: list[bytes] = []
    for what, value in steps:
        if what == "publish":
            sent.append(b"%d" % len(sent))
            assert await writer.publish("a", sent[-1], value) == 0
        elif what == "answer":
            await reader.answer(value)
        elif what == "nonsense":
            await reader.nonsense(value)
        elif what == "wait":
            await stage.pass_time(value)
        else:
            await reader.peer.vanish()
            await reader.connect()
        reader.look()
    for _ in range(4 * len(sent) + 10):
        await reader.answer(0)
        reader.look()
    assert reader.received == sent, "each message once, in order"
    assert set(reader.again) <= set(sent)
    assert not reader.open
    assert stage.get_client("reader").inflight == 0
    await stage.stop()


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_nothing_is_lost_doubled_or_overdone(steps):
    """[MQTT-3.3.4-9] [MQTT-4.4.0-1] [MQTT-4.5.0-1] [MQTT-4.6.0-1] [MQTT-4.6.0-5] [MQTT-2.2.1-4]
    [MQTT-4.3.3-6]"""
    asyncio.run(scenario(steps))
