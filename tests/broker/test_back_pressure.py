"""Publishers wait while the store is behind; what they may leave open is bounded."""

from __future__ import annotations

from broker_runtime.broker.settings import BrokerSettings
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from tests.broker.held_store import HeldStore, durable
from tests.broker.stage import Stage


async def test_a_client_before_mqtt_5_that_is_far_ahead_is_not_read_from(held):
    await durable(held)
    ben = await held.client("ben", version=4)
    held.store.is_held = True
    packets = [
        p.Publish(topic="a/x", payload=b"", qos=1, packet_id=number) for number in range(1, 1_501)
    ]
    await ben.send(*packets)
    assert ben.is_open
    assert not ben.transport.reading
    assert len(ben.protocol.answers) == 1_000
    while held.store.waiting:
        await held.store.commit()
    assert [a.packet_id for a in ben.take(p.Ack)] == list(range(1, 1_501))
    assert ben.transport.reading


async def test_publishers_wait_while_the_store_is_behind():
    settings = BrokerSettings(allow_anonymous=True, unstored_max_bytes=50_000)
    stage = await Stage(store=HeldStore(), settings=settings).start()
    ben = await stage.client("ben")
    stage.store.is_held = True
    for number in range(20):
        await ben.publish(f"a/{number}", b"x" * 10_000, 0, retain=True)
        if not ben.transport.reading:
            break
    assert number == 4
    await stage.store.commit()
    assert ben.transport.reading
    stage.store.is_held = False
    await stage.stop()


async def test_a_full_window_of_qos_2_is_no_violation_while_it_is_stored__P22(held):
    ben = await held.client(
        "ben", version=5, clean=False, properties=p.Properties(session_expiry_s=60)
    )
    held.store.is_held = True
    await ben.send(
        *(p.Publish(topic="a/x", payload=b"", qos=2, packet_id=n) for n in range(1, 1_001))
    )
    assert ben.is_open
    await held.store.commit()
    assert len(ben.take(p.Ack)) == 1_000


async def test_unreleased_qos_2_messages_are_bounded_in_bytes__S9():
    settings = BrokerSettings(allow_anonymous=True, unreleased_max_bytes=10_000)
    stage = await Stage(settings=settings).start()
    ben = await stage.client("ben", version=5)
    for number in range(1, 5):
        await ben.send(p.Publish(topic="a/x", payload=b"x" * 5_000, qos=2, packet_id=number))
    assert ben.goodbye() == R.RECEIVE_MAXIMUM_EXCEEDED
    await stage.stop()
