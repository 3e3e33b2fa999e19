"""Order and exactly once through whatever happens to a durable session: [MQTT-4.6.0-1] to
[MQTT-4.6.0-6], MQTT 5.0 §4.3."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_runtime.codec import packets as p
from tests.broker.stage import Stage

PUBLISH = st.tuples(
    st.just("publish"), st.integers(0, 1), st.sampled_from("ab"), st.sampled_from([1, 2])
)
BURST = st.tuples(st.just("burst"), st.integers(2, 12), st.sampled_from("ab"), st.sampled_from([1]))
READ = st.tuples(st.just("read"), st.integers(0, 4))
LEAVE = st.tuples(st.just("leave"), st.booleans())
COME = st.tuples(st.just("come"), st.sampled_from([1, 3, 100]))
STEPS = st.lists(
    st.one_of(
        PUBLISH, PUBLISH, BURST, READ, READ, LEAVE, COME, st.just(("crash",)), st.just(("time",))
    ),
    max_size=40,
)


class Reader:
    """A durable subscriber that acknowledges when it is told to, and what it has received."""

    def __init__(self, stage):
        self.stage = stage
        self.peer: Any = None  # away
        self.times: Counter[Any] = Counter()
        self.firsts = defaultdict(list)
        self.open = []
        self.unreleased = set()

    async def come(self, receive_maximum):
        await self.leave(politely=False)
        self.peer = await self.stage.client(
            "reader", version=5, clean=False,
            properties=p.Properties(receive_maximum=receive_maximum, session_expiry_s=600),
        )  # fmt: skip

    async def leave(self, *, politely):
        if self.peer is not None and self.stage.broker is not None:
            await (self.peer.disconnect() if politely else self.peer.vanish())
        self.gone()

    def gone(self):
        """What was read without an acknowledgement is read: it comes again."""
        self.peer = None
        self.open.clear()

    async def read(self, acknowledge):
        """Take what came; acknowledge so many, oldest first."""
        if self.peer is None:
            return
        for ack in self.peer.take(p.Ack):
            if ack.packet_type == p.PUBREL:
                self.unreleased.discard(ack.packet_id)
                await self.peer.send(p.Ack(p.PUBCOMP, ack.packet_id))
        for message in self.peer.take(p.Publish):
            self.open.append(message)
            if message.qos == 2 and message.packet_id in self.unreleased:
                assert message.dup
                continue
            self._received(message)
        answered, self.open = self.open[:acknowledge], self.open[acknowledge:]
        for message in answered:
            kind = p.PUBACK if message.qos == 1 else p.PUBREC
            await self.peer.send(p.Ack(kind, message.packet_id))

    def _received(self, message):
        publisher, number = message.payload.split()
        if message.qos == 2:
            self.unreleased.add(message.packet_id)
        self.times[message.payload] += 1
        if self.times[message.payload] == 1:
            self.firsts[publisher, message.topic, message.qos].append(int(number))

    async def drain(self):
        await self.come(3)
        idle = 0
        while idle < 3:
            before = self.times.total(), len(self.open)
            await self.read(100)
            await self.stage.pass_time(0.1, step=0.05)
            idle = idle + 1 if before == (self.times.total(), len(self.open)) else 0


class Scene:
    def __init__(self):
        self.stage = Stage()
        self.reader = Reader(self.stage)
        self.sent = defaultdict(list)
        self.number = 0
        self.publishers = {}

    async def publish(self, who, topic, qos):
        peer = self.publishers.get(who)
        if peer is None:
            peer = self.publishers[who] = await self.stage.client(f"publisher-{who}")
        self.number += 1
        payload = b"publisher-%d %d" % (who, self.number)
        assert await peer.publish(topic, payload, qos) == 0
        self.sent[b"publisher-%d" % who, topic, qos].append(self.number)

    async def crash(self):
        await self.stage.crash()
        self.publishers.clear()
        self.reader.gone()
        await self.stage.start()

    async def take(self, step):
        match step:
            case ("publish", who, topic, qos):
                await self.publish(who, topic, qos)
            case ("burst", count, topic, qos):
                for _ in range(count):
                    await self.publish(0, topic, qos)
            case ("read", acknowledge):
                await self.reader.read(acknowledge)
            case ("leave", politely):
                await self.reader.leave(politely=politely)
            case ("come", receive_maximum):
                await self.reader.come(receive_maximum)
            case ("crash",):
                await self.crash()
            case ("time",):
                await self.stage.pass_time(0.3, step=0.1)


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, shares=st.booleans())
async def test_order_is_kept_and_qos_2_comes_once_whatever_happens(steps, shares):
    """A member alone in a shared group gets what a subscriber would."""
    scene = Scene()
    await scene.stage.start()
    await scene.reader.come(100)
    for topic in "ab":
        await scene.reader.peer.subscribe(f"$share/g/{topic}" if shares else topic, 2)
    for step in steps:
        await scene.take(step)
    await scene.reader.drain()
    received = {key: numbers for key, numbers in scene.reader.firsts.items() if numbers}
    assert received == dict(scene.sent)
    twice = {payload for payload, times in scene.reader.times.items() if times > 1}
    assert not twice & {
        b"%s %d" % (key[0], n) for key, ns in scene.sent.items() if key[2] == 2 for n in ns
    }
    await scene.stage.stop()
