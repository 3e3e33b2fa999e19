"""Letting everybody go: who is told what, who is cut off, and that others get their turn (F7)."""

from __future__ import annotations

import asyncio

import pytest

from broker_runtime.broker.links.draining import AT_ONCE, Departed, Farewell
from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.stage import Stage, cluster, settle


@pytest.mark.parametrize(
    "farewell",
    [
        Farewell(),
        Farewell(R.USE_ANOTHER_SERVER, "b.example:1883"),
        Farewell(R.SERVER_MOVED, "b.example:1883"),
    ],
)
async def test_f7_clients_of_mqtt_5_are_told_why_and_where_to_go(stage, farewell):
    new, old = await stage.client("new", version=5), await stage.client("old", version=4)

    departed = await stage.broker.drain(farewell, 1)
    await settle()

    (told,) = new.take(p.Disconnect)
    assert told.reason == farewell.reason
    assert (told.properties.server_reference or "") == farewell.server_reference
    assert old.take() == []
    assert not new.is_open
    assert not old.is_open
    assert departed == Departed(told=2, cut_off=0)


async def test_f7_wills_are_neither_published_nor_kept(stage):
    watcher = await stage.client("watcher", clean=False)
    await watcher.subscribe("will/#", 1)
    will = p.Will(topic="will/a", payload=b"gone", qos=1, retain=False)
    await stage.client("a", version=5, will=will)

    await stage.broker.drain(Farewell(), 1)
    await stage.crash()
    await stage.start()

    watcher = await stage.client("watcher", clean=False)
    assert watcher.take(p.Publish) == []


async def test_f7_a_drained_node_is_not_ready_and_lets_nobody_in(stage):
    await stage.broker.drain(Farewell(), 1)

    assert stage.broker.ready() == (False, "the node is stopping")
    late = stage.connection(version=5)
    assert not late.is_open
    assert await stage.broker.drain(Farewell(), 1) == Departed(told=0, cut_off=0)


async def test_f7_a_client_that_does_not_read_is_cut_off_and_the_others_are_not_kept(stage):
    stuck = await stage.client("stuck")
    stuck.transport.stuck = stuck.transport.slow_to_close = True
    await stage.client("anna", version=5)
    silent = stage.connection()

    departed = await stage.broker.drain(Farewell(), 0.05)
    await settle()

    assert departed.told == 2
    assert not stuck.is_open
    assert not silent.is_open


async def test_f7_what_is_on_its_way_is_written_before_the_goodbye(stage):
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a", 1)
    ben = await stage.client("ben")
    await ben.send(*(p.Publish(topic="a", payload=b"%d" % n, qos=0) for n in range(100)))

    await stage.broker.drain(Farewell(), 1)
    await settle()

    received = anna.take()
    assert [x.payload for x in received[:-1]] == [b"%d" % n for n in range(100)]
    assert isinstance(received[-1], p.Disconnect)


async def test_a_drain_of_many_gives_the_others_their_turn():
    stage = await Stage(settings=BrokerSettings(allow_anonymous=True, accept_rate=0)).start()
    stage.set(cluster=cluster(max_connections=5_000))
    for number in range(4 * AT_ONCE):
        await stage.client(f"c{number}", version=5)
    turns = 0

    async def count_turns():
        nonlocal turns
        while stage.broker.gauges()["connections"]:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await asyncio.sleep(0)
    departed = await stage.broker.drain(Farewell(), 5)
    await counting

    assert departed == Departed(told=4 * AT_ONCE, cut_off=0)
    assert turns >= 4
    await stage.stop()
