"""What a shared group with durable members is owed: exactly one copy of each, also after a crash
(MQTT 5.0 §4.8.2)."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from tests.broker.stage import Stage

KEY = "$share/g/a/#"


async def member(stage, client_id, qos=2, *, clean=False, key=KEY, version=4, **fields):
    if version == 5 and not clean:
        fields["properties"] = p.Properties(session_expiry_s=600)
    peer = await stage.client(client_id, clean=clean, version=version, **fields)
    if not peer.session_present:
        await peer.subscribe(key, qos)
    return peer


async def send(stage, *payloads, qos=1, topic="a/x"):
    ben = await stage.client("ben")
    for payload in payloads:
        assert await ben.publish(topic, payload, qos) == 0


async def payloads(*peers):
    found = [payload for peer in peers for _, payload, _ in await peer.receive()]
    return sorted(found)


@pytest.mark.parametrize("qos", [1, 2])
async def test_messages_wait_for_a_group_whose_members_are_away_also_across_a_crash(qos):
    stage = await Stage().start()
    anna = await member(stage, "anna")
    await anna.disconnect()
    await send(stage, b"1", b"2", qos=qos)
    await stage.crash()
    await stage.start()
    await send(stage, b"3", qos=qos)
    assert stage.broker.gauges()["backlog"] == 3
    anna = await member(stage, "anna")
    assert [payload for _, payload, _ in await anna.receive()] == [b"1", b"2", b"3"]
    await stage.pass_time(1)
    assert stage.store.load_owed() == []
    assert stage.count("dropped_shared_group_unserved") == 0
    await stage.stop()


async def test_what_waits_goes_to_whichever_member_comes(stage):
    for name in ("anna", "carl"):
        await (await member(stage, name)).disconnect()
    await send(stage, b"1", b"2", b"3")
    carl = await member(stage, "carl")
    assert await payloads(carl) == [b"1", b"2", b"3"]
    anna = await member(stage, "anna")
    assert await payloads(anna) == []


async def test_a_new_member_gets_what_waits_for_the_group(stage):
    await (await member(stage, "anna")).disconnect()
    await send(stage, b"1")
    newcomer = await member(stage, "newcomer", clean=True)
    assert await payloads(newcomer) == [b"1"]


async def test_a_qos_1_message_in_flight_goes_to_another_member_when_the_session_ends(stage):
    anna = await member(stage, "anna")
    await send(stage, b"1", b"2")
    await anna.vanish()
    carl = await member(stage, "carl")
    assert await payloads(carl) == []
    await stage.kick("anna", delete_session=True)
    assert await payloads(carl) == [b"1", b"2"]
    await stage.pass_time(1)
    assert stage.store.load_owed() == []


async def test_a_qos_2_message_in_flight_is_completed_by_the_same_member_or_nobody(stage):
    """[MQTT-4.8.2-4] [MQTT-4.8.2-5]"""
    anna = await member(stage, "anna")
    await send(stage, b"1", qos=2)
    (first,) = anna.take(p.Publish)
    await anna.vanish()
    carl = await member(stage, "carl")
    anna = await member(stage, "anna")
    (again,) = anna.take(p.Publish)
    assert (again.packet_id, again.dup, again.payload) == (first.packet_id, True, b"1")
    await anna.vanish()
    await stage.kick("anna", delete_session=True)
    assert await payloads(carl) == []
    assert stage.count("dropped_shared_member_ended") == 1
    await stage.pass_time(1)
    assert stage.store.load_owed() == []


async def test_a_member_that_is_not_durable_leaves_its_messages_to_the_others(stage):
    await (await member(stage, "anna")).disconnect()
    guest = await member(stage, "guest", clean=True)
    await send(stage, b"1", b"2")
    assert len(guest.messages()) == 2
    await guest.vanish()
    anna = await member(stage, "anna")
    assert await payloads(anna) == [b"1", b"2"]


async def test_members_without_a_session_pass_messages_on_too(stage):
    """Nothing of it is in the log: no member is durable."""
    guests = [await member(stage, f"g{n}", 1, clean=True) for n in range(2)]
    await send(stage, b"1", b"2")
    await guests[0].vanish()
    assert await payloads(guests[1]) == [b"1", b"2"]
    assert await stage.store.replay(0, 10) == []


async def test_qos_2_goes_to_a_durable_member_first(stage):
    anna = await member(stage, "anna")
    guest = await member(stage, "guest", clean=True)
    await send(stage, b"1", b"2", b"3", qos=2)
    assert await payloads(guest) == []
    assert await payloads(anna) == [b"1", b"2", b"3"]


async def test_qos_2_to_a_member_that_is_not_durable_is_never_given_to_another(stage):
    await (await member(stage, "anna")).disconnect()
    guest = await member(stage, "guest", clean=True)
    await send(stage, b"1", qos=2)
    assert [payload for _, payload, _ in guest.messages()] == [b"1"]
    assert stage.store.load_owed() == []
    await stage.crash()
    await stage.start()
    anna = await member(stage, "anna")
    assert await payloads(anna) == []


async def test_a_full_window_leaves_messages_to_the_group(stage):
    slow = await stage.client(
        "slow", version=5, clean=False,
        properties=p.Properties(receive_maximum=2, session_expiry_s=600),
    )  # fmt: skip
    await slow.subscribe(KEY, 1)
    await send(stage, *[b"%d" % n for n in range(5)])
    first = slow.take(p.Publish)
    assert [m.payload for m in first] == [b"0", b"1"]
    anna = await member(stage, "anna")
    assert await payloads(anna) == [b"2", b"3", b"4"]
    await slow.send(p.Ack(p.PUBACK, first[0].packet_id))
    await send(stage, b"5", b"6")
    assert await payloads(slow, anna) == [b"5", b"6"]


async def test_room_made_by_other_messages_is_used_at_the_next_tick(stage):
    anna = await stage.client(
        "anna", version=5, clean=False,
        properties=p.Properties(receive_maximum=1, session_expiry_s=600),
    )  # fmt: skip
    await anna.subscribe("direct", 1)
    await anna.subscribe(KEY, 1)
    await send(stage, b"d", topic="direct")
    await send(stage, b"1")
    (direct,) = anna.take(p.Publish)
    assert direct.payload == b"d"
    await anna.send(p.Ack(p.PUBACK, direct.packet_id))
    await stage.pass_time(0.1, step=0.05)
    assert await payloads(anna) == [b"1"]


async def test_the_last_member_takes_the_queue_with_it_and_it_is_counted(stage):
    anna = await member(stage, "anna")
    await anna.disconnect()
    await send(stage, b"1", b"2")
    await stage.kick("anna", delete_session=True)
    assert stage.count("dropped_shared_group_unserved") == 2
    assert stage.broker.gauges()["backlog"] == 0
    await stage.pass_time(11)
    assert stage.store.load_owed() == await stage.store.replay(0, 10) == []


async def test_unsubscribing_as_the_last_member_ends_what_waits(stage):
    anna = await stage.client(
        "anna", version=5, clean=False,
        properties=p.Properties(receive_maximum=1, session_expiry_s=600),
    )  # fmt: skip
    await anna.subscribe(KEY, 1)
    await send(stage, b"1", b"2")
    await anna.unsubscribe(KEY)
    assert stage.count("dropped_shared_group_unserved") == 1
    assert await payloads(anna) == [b"1"]
    await stage.pass_time(1)
    assert stage.store.load_owed() == []


async def test_a_message_in_flight_after_unsubscribing_is_still_completed(stage):
    anna = await member(stage, "anna")
    await send(stage, b"1")
    await anna.unsubscribe(KEY)
    assert await payloads(anna) == [b"1"]
    await stage.pass_time(1)
    assert stage.store.load_owed() == []


async def test_the_log_keeps_what_a_group_is_owed(stage):
    await (await member(stage, "anna")).disconnect()
    await send(stage, b"1")
    other = await stage.client("other", clean=False)
    await other.subscribe("a/#", 1)
    await send(stage, b"2")
    await other.receive()
    await stage.pass_time(11)
    assert [m.payload for m in await stage.store.replay(0, 10)] == [b"1", b"2"]
    anna = await member(stage, "anna")
    assert await payloads(anna) == [b"1", b"2"]
    await stage.pass_time(11)
    assert await stage.store.replay(0, 10) == []


async def test_one_copy_for_each_of_two_groups_and_the_session_itself(stage):
    anna = await stage.client("anna", clean=False)
    for topic_filter in ("a/#", "$share/g/a/#", "$share/h/a/+"):
        await anna.subscribe(topic_filter, 1)
    await anna.disconnect()
    await send(stage, b"1")
    await stage.crash()
    await stage.start()
    anna = await stage.client("anna", clean=False)
    assert await payloads(anna) == [b"1", b"1", b"1"]
    await stage.pass_time(1)
    assert stage.store.load_owed() == []


async def test_copies_in_flight_belong_to_their_member_after_a_crash(stage):
    anna = await member(stage, "anna", 2)
    carl = await member(stage, "carl", 2)
    await send(stage, b"1", b"2", qos=2)
    first = {peer: peer.take(p.Publish)[0] for peer in (anna, carl)}
    await stage.crash()
    await stage.start()
    carl_again = await member(stage, "carl")
    (again,) = carl_again.take(p.Publish)
    assert (again.packet_id, again.payload) == (first[carl].packet_id, first[carl].payload)
    await carl_again.send(p.Ack(p.PUBREC, again.packet_id))
    await stage.crash()
    await stage.start()
    carl_again = await member(stage, "carl")
    assert carl_again.take(p.Publish) == []
    anna_again = await member(stage, "anna")
    assert await payloads(anna_again) == [first[anna].payload]


async def test_a_refused_copy_goes_to_nobody_else(stage):
    """[MQTT-4.8.2-6]"""
    anna = await member(stage, "anna", 1, version=5)
    await send(stage, b"1")
    (message,) = anna.take(p.Publish)
    carl = await member(stage, "carl")
    await anna.send(p.Ack(p.PUBACK, message.packet_id, 0x80))
    await anna.vanish()
    await stage.kick("anna", delete_session=True)
    assert await payloads(carl) == []


async def test_a_group_left_without_members_before_a_crash_owes_nothing(stage, caplog):
    await stage.store.open()
    anna = await member(stage, "anna")
    await anna.disconnect()
    await send(stage, b"1")
    (record,) = stage.store.load_sessions()
    stage.store.delete_session(record.client_id, record.epoch + 1, None)
    await stage.crash()
    await stage.start()
    assert stage.count("dropped_shared_group_unserved") == 1
    assert "shared_copies_dropped" in caplog.text
    await stage.pass_time(1)
    assert stage.store.load_owed() == []


async def test_subscription_identifiers_come_with_a_copy_that_is_sent_again(stage):
    anna = await stage.client(
        "anna", version=5, clean=False, properties=p.Properties(session_expiry_s=600)
    )
    await anna.subscribe(KEY, 1, identifier=7)
    await anna.subscribe("a/+", 1, identifier=8)
    await send(stage, b"1")
    await anna.vanish()
    anna = await stage.client(
        "anna", version=5, clean=False, properties=p.Properties(session_expiry_s=600)
    )
    found = [m.properties.subscription_identifiers for m in anna.take(p.Publish)]
    assert sorted(found) == [(7,), (8,)]
