"""Lawful sequences of packets that nobody thought of when a path was made fast."""

from __future__ import annotations

import asyncio

import pytest

from broker_runtime.broker.timers import TimerWheel
from broker_runtime.codec import packets as p
from broker_runtime.codec.encoder import encode
from tests.broker.held_store import HeldStore, durable
from tests.broker.stage import Stage, settle


def publishes(version, topic, ids, qos, payload=b"%d"):
    return b"".join(
        encode(
            p.Publish(topic=topic, payload=payload % i, qos=qos, packet_id=i if qos else 0), version
        )
        for i in ids
    )


class SlowlyFetching(HeldStore):
    """The log is read page by page at once; single messages come when the test says so."""

    def __init__(self):
        super().__init__()
        self.may_fetch = asyncio.Event()
        self.may_fetch.set()

    async def fetch(self, seqs):
        await self.may_fetch.wait()
        return await super().fetch(seqs)


async def test_a_rate_that_comes_later_does_not_charge_what_was_sent_before(stage):
    publisher = await stage.client("anna")
    for _ in range(8):
        await publisher.raw(publishes(4, "a/b", range(1, 501), 1))
    stage.set(cluster=stage.cluster(client_message_rate=3))
    publisher.take()

    await publisher.raw(publishes(4, "a/b", range(1, 4), 1))

    assert len(publisher.take(p.Ack)) == 3


async def test_shared_copies_held_back_go_out_although_the_log_was_read_before_they_were_found():
    stage = await Stage(store=SlowlyFetching()).start()
    member = await durable(stage, "anna", "$share/g/a/#")
    publisher = await stage.client("bert")
    await publisher.raw(publishes(4, "a/b", range(1, 6), 1))
    assert len(member.take(p.Publish)) == 5
    await member.vanish()
    stage.store.may_fetch.clear()
    again = await stage.client(
        "anna",
        version=5,
        clean=False,
        properties=p.Properties(receive_maximum=2, session_expiry_s=60),
    )
    await settle()
    stage.store.may_fetch.set()
    await settle()

    assert [m[1] for m in await again.receive()] == [b"%d" % i for i in range(1, 6)]
    await stage.stop()


async def test_a_qos_2_message_behind_an_unconfirmed_qos_1_counts_once(held):
    await durable(held)
    publisher = await held.client("bert", version=5)
    held.store.is_held = True
    limit = held.settings.receive_maximum
    await publisher.raw(publishes(5, "a/b", [1], 1))

    await publisher.raw(publishes(5, "x/y", range(2, limit + 1), 2))

    assert publisher.is_open
    held.store.is_held = False
    await held.store.commit()
    assert len(publisher.take(p.Ack)) == limit


async def test_one_more_than_the_receive_maximum_is_still_too_many(held):
    await durable(held)
    publisher = await held.client("bert", version=5)
    held.store.is_held = True
    limit = held.settings.receive_maximum
    await publisher.raw(publishes(5, "a/b", [1], 1))

    await publisher.raw(publishes(5, "x/y", range(2, limit + 2), 2))

    assert not publisher.is_open


def test_a_cancelled_timer_is_forgotten():
    wheel = TimerWheel(0.0)
    for _ in range(100):
        wheel.at(86_400.0, lambda: None).cancel()
        wheel.at(7_000.0, lambda: None).cancel()

    assert not wheel._buckets


async def test_a_shared_copy_goes_to_another_member_when_one_ends_before_it_was_sent(held):
    """QoS 2 to a member that is not durable waits until the store has forgotten the copy."""
    first = await held.client("anna")
    await first.subscribe("$share/g/a/#", 2)
    away = await durable(held, "dora", "$share/g/a/#", 2)
    await away.vanish()
    publisher = await held.client("bert")
    held.store.is_held = True
    await publisher.raw(publishes(4, "a/b", [1], 2) + bytes((0x62, 2, 0, 1)))
    await held.store.commit(2)
    assert first.take(p.Publish) == []
    await first.vanish()
    second = await held.client("carl")
    held.store.is_held = False
    await held.store.commit()
    again = await held.client("dora", clean=False)
    await held.pass_time(1)

    got = [m[1] for m in await second.receive()] + [m[1] for m in await again.receive()]
    assert got == [b"1"]


async def test_pubrels_one_by_one_take_a_run_apart_only_once(stage):
    """Cutting copies what is left: the square of the run, for a few bytes of input."""
    publisher = await stage.client("anna")
    await publisher.raw(publishes(4, "a/b", range(1, 801), 2))
    runs: set[int] = set()
    for i in range(800, 0, -1):
        runs.update(map(id, publisher.protocol.session.received.runs.values()))
        publisher.protocol.data_received(bytes((0x62, 2, i >> 8, i & 255)))
    await settle()

    assert len(runs) == 1
    assert [a.packet_type for a in publisher.take(p.Ack)] == [p.PUBREC] * 800 + [p.PUBCOMP] * 800


async def test_a_client_that_was_not_read_from_has_its_keep_alive_begin_anew(stage):
    publisher = await stage.client("anna", keep_alive=2)
    stage.set(cluster=stage.cluster(tps_limit=1))
    await publisher.raw(publishes(4, "a/b", range(1, 5), 1))
    while publisher.protocol.held:
        stage.clock.elapsed_s += 0.05
        stage.broker.tick()
    stage.clock.elapsed_s += 1.0
    stage.broker.tick()

    assert publisher.is_open


async def test_a_session_that_is_over_holds_no_messages(stage):
    """A plan may name it until somebody publishes to the topic again."""
    receiver = await stage.client("anna")
    await receiver.subscribe("a/#", 2)
    session = receiver.protocol.session
    other = await stage.client("bert")
    await other.raw(publishes(4, "a/b", range(1, 5), 2) + bytes((0x62, 2, 0, 1)))
    await receiver.raw(publishes(4, "x/y", range(1, 5), 2))
    await receiver.vanish()

    window = session.window
    assert not (window.inflight or window.passed or window.released or window.pending)
    assert len(session.received) == 0


async def test_what_a_client_began_and_never_released_is_counted(stage):
    publisher = await stage.client("anna")
    await publisher.raw(publishes(4, "a/b", range(1, 6), 2) + bytes((0x62, 2, 0, 1)))
    await publisher.vanish()

    assert stage.count("dropped_unreleased") == 4


async def test_what_waits_for_a_session_that_ends_is_counted(stage):
    receiver = await stage.client("anna", version=5, properties=p.Properties(receive_maximum=2))
    await receiver.subscribe("a/#", 1)
    other = await stage.client("bert")
    await other.raw(publishes(4, "a/b", range(1, 6), 1))
    await receiver.vanish()

    assert stage.count("dropped_session_ended") == 3
    assert stage.broker.gauges()["backlog"] == 0


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("topic_filter", ["a/#", "$share/g/a/#"])
async def test_a_run_stops_where_the_limit_is_reached_whoever_gets_it(stage, qos, topic_filter):
    receiver = await stage.client("anna", version=5)
    await receiver.subscribe(topic_filter, 1, identifier=7)
    publisher = await stage.client("bert")
    await publisher.publish("a/b", b"first", qos)
    receiver.take()
    stage.set(cluster=stage.cluster(tps_limit=6))

    await publisher.raw(publishes(4, "a/b", range(1, 7), qos))

    assert len(receiver.take(p.Publish)) == 3
    assert publisher.protocol.held


@pytest.mark.parametrize("first", [b"\xf0\x00", b"\xe0\x00", b"\x30\x80\x00"])
async def test_a_long_read_that_ends_the_connection_at_once_raises_nothing(stage, first):
    publisher = await stage.client("anna")
    publisher.protocol.data_received(first + publishes(4, "a/b", range(1, 4_000), 0))
    await settle()

    assert not publisher.is_open


async def test_a_publisher_that_waits_with_a_long_read_waits_once(stage):
    publisher = await stage.client("anna")
    stage.set(cluster=stage.cluster(tps_limit=1))
    await publisher.publish("a/b")
    await publisher.raw(publishes(4, "a/b", range(1, 4_000), 0))

    assert publisher.protocol.held
    assert len(stage.broker._core.throttle._waiting) == 1
