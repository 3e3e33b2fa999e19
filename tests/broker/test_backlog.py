"""What waits for a client that is away is bounded, costs no memory, and comes back in pages."""

from __future__ import annotations

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from tests.broker.held_store import durable
from tests.broker.stage import Stage, settle


async def staged(**limits):
    return await Stage(settings=BrokerSettings(allow_anonymous=True, **limits)).start()


async def away(stage, count, *, client_id="anna", payload=b"%d", qos=1):
    """A durable client that is away while ``count`` messages come."""
    anna = await durable(stage, client_id, qos=qos)
    await anna.disconnect()
    ben = await stage.client("ben")
    for number in range(count):
        await ben.publish("a/x", payload % number if b"%" in payload else payload, 1)
    await settle()
    return ben


async def received(stage, client_id="anna"):
    anna = await stage.client(client_id, clean=False)
    found = []
    while batch := await anna.receive():
        found += [payload for _, payload, _ in batch]
    return found


async def test_beyond_the_bound_the_oldest_messages_go():
    stage = await staged(queue_max_messages=50)
    await away(stage, 51)
    assert stage.count("dropped_queue_full") == 6
    assert stage.get_client("anna").backlog == 45
    assert await received(stage) == [b"%d" % number for number in range(6, 51)]
    assert stage.broker.gauges()["backlog"] == 0
    await stage.stop()


async def test_the_bound_in_bytes_holds_too():
    stage = await staged(queue_max_bytes=10_000)
    await away(stage, 21, payload=b"x" * 500)
    assert stage.count("dropped_queue_full") == 3
    assert len(await received(stage)) == 18
    await stage.stop()


async def test_what_waits_too_long_expires():
    stage = await staged(queue_max_age_s=60)
    ben = await away(stage, 5)
    await stage.pass_time(50, step=5)
    await ben.publish("a/x", b"young", 1)
    await stage.pass_time(30, step=5)
    assert stage.count("dropped_expired") == 5
    assert await received(stage) == [b"young"]
    await stage.stop()


async def test_what_was_dropped_stays_dropped_and_the_bound_holds_after_a_crash():
    stage = await staged(queue_max_messages=50)
    await away(stage, 51)
    await stage.pass_time(1)
    await stage.crash()
    await stage.start()
    await settle()
    assert stage.get_client("anna").backlog == 45
    ben = await stage.client("ben")
    for number in range(51, 57):
        await ben.publish("a/x", b"%d" % number, 1)
    await settle()
    assert stage.get_client("anna").backlog == 45
    assert await received(stage) == [b"%d" % number for number in range(12, 57)]
    await stage.stop()


async def test_what_is_in_flight_survives_the_dropping_of_what_is_older_and_newer():
    stage = await staged(queue_max_messages=10)
    anna = await durable(stage, qos=2)
    ben = await stage.client("ben")
    await ben.publish("a/x", b"in flight", 2)
    (first,) = anna.take(p.Publish)
    await anna.vanish()
    for number in range(11):
        await ben.publish("a/x", b"%d" % number, 1)
    await settle()
    anna = await stage.client("anna", clean=False)
    (again, *others) = anna.take(p.Publish)
    assert (again.payload, again.packet_id, again.dup) == (b"in flight", first.packet_id, True)
    assert [m.payload for m in others] == [b"%d" % number for number in range(2, 11)]
    await stage.stop()


async def test_a_connected_client_is_not_bounded_by_the_queue():
    stage = await staged(queue_max_messages=5)
    slow = await durable(stage, "slow")
    await away(stage, 20)
    assert len(slow.messages()) == 20
    assert stage.count("dropped_queue_full") == 16
    assert len(await received(stage)) == 4
    await stage.stop()


async def test_a_long_queue_is_a_cursor_and_comes_back_in_pages_while_others_are_served():
    """A million: ``python -m tests.bench.offline_queue``."""
    stage = await staged(pending_max_messages=200, inflight_maximum=50)
    ben = await away(stage, 3_000)
    session = stage.broker._core.sessions.by_client_id["anna"]
    assert (len(session.window.inflight), len(session.window.pending)) == (0, 0)
    other = await stage.client("other")
    await other.subscribe("news")
    anna = await stage.client("anna", clean=False)
    got = []
    while batch := anna.take(p.Publish):
        got += [m.payload for m in batch]
        assert len(batch) <= 50
        assert len(session.window.pending) <= 200
        await ben.publish("news", b"now")
        assert other.messages() == [("news", b"now", 0)]
        await anna.send(*(p.Ack(p.PUBACK, m.packet_id) for m in batch))
    assert got == [b"%d" % number for number in range(3_000)]
    await stage.stop()
