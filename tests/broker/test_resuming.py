"""What a durable session still gets when its client comes back on other terms, or half-way."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p

KEEP = p.Properties(session_expiry_s=3_600)


@pytest.mark.parametrize("how", ["away", "in flight"])
async def test_a_session_resumed_without_expiry_still_gets_what_waited(stage, how):
    """[MQTT-3.1.2-5]: the expiry of a CONNECT rules what comes after its connection, not before."""
    anna = await stage.client("anna", version=5, clean=False, properties=KEEP)
    await anna.subscribe("a/#", 2)
    ben = await stage.client("ben")
    if how == "in flight":
        for qos in (1, 2):
            await ben.publish("a/b", b"%d" % qos, qos)
        assert [m.qos for m in anna.take(p.Publish)] == [1, 2]
        await anna.vanish()
    else:
        await anna.disconnect()
        for qos in (1, 2):
            await ben.publish("a/b", b"%d" % qos, qos)
    anna = await stage.client("anna", version=5, clean=False)
    assert anna.session_present
    assert await anna.receive() == [("a/b", b"1", 1), ("a/b", b"2", 2)]
    await ben.publish("a/b", b"live", 2)
    assert await anna.receive() == [("a/b", b"live", 2)]
    await anna.vanish()
    anna = await stage.client("anna", version=5, clean=False)
    assert not anna.session_present


async def test_what_waits_behind_a_released_message_is_not_lost_with_the_connection(stage):
    """A released message fills the window of one, but does not hold back the cursor."""
    one = p.Properties(session_expiry_s=3_600, receive_maximum=1)
    anna = await stage.client("anna", version=5, clean=False, properties=one)
    await anna.subscribe("a/#", 2)
    ben = await stage.client("ben")
    for number in range(3):
        await ben.publish("a/b", b"%d" % number, 2)
    (first,) = anna.take(p.Publish)
    await anna.send(p.Ack(p.PUBREC, first.packet_id))
    assert [a.packet_type for a in anna.take(p.Ack)] == [p.PUBREL]
    await anna.vanish()
    anna = await stage.client("anna", version=5, clean=False, properties=one)
    assert [a.packet_type for a in anna.take(p.Ack)] == [p.PUBREL]
    await anna.send(p.Ack(p.PUBCOMP, first.packet_id))
    assert await anna.receive() == [("a/b", b"1", 2), ("a/b", b"2", 2)]
