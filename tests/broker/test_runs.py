"""Messages that come many at a time: what the hot path does with the odd ones among them."""

from __future__ import annotations

import pytest

from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode
from broker_runtime.storage.base import MessageQuery
from tests.broker.stage import policy


def messages(count, *, qos, first_id=1, topic="a/b", size=1):
    return [
        p.Publish(
            topic=topic,
            payload=b"%03d" % i + b"." * size,
            qos=qos,
            packet_id=first_id + i if qos else 0,
        )
        for i in range(count)
    ]


def numbers(peer):
    return [int(payload[:3]) for _, payload, _ in peer.messages()]


def answered(peer, packet_type):
    """Packet ids and reasons of the answers of a type."""
    return [(a.packet_id, a.reason) for a in peer.take(p.Ack) if a.packet_type == packet_type]


@pytest.fixture
async def ben(stage):
    """A publisher whose topic is known."""
    peer = await stage.client("ben")
    await peer.publish("a/b", b"000", qos=0)
    return peer


async def kept(ben, count):
    """Messages at QoS 2 that await their PUBREL."""
    await ben.send(*messages(count, qos=2))
    assert answered(ben, p.PUBREC) == [(i + 1, 0) for i in range(count)]


@pytest.mark.parametrize(
    "order", [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [3, 4, 1, 5, 2]], ids=["forth", "back", "mixed"]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_pubrels_in_any_order_release_each_message_once(stage, ben, order, at_once):
    anna = await stage.client("anna")
    await anna.subscribe("a/#", 0)
    await ben.publish("a/b", b"000", qos=0)
    anna.take()
    await kept(ben, 5)
    releases = [p.Ack(p.PUBREL, packet_id) for packet_id in order]
    if at_once:
        await ben.send(*releases)
    else:
        for release in releases:
            await ben.send(release)
    assert answered(ben, p.PUBCOMP) == [(packet_id, 0) for packet_id in order]
    assert numbers(anna) == [packet_id - 1 for packet_id in order]
    await ben.send(*releases)
    assert numbers(anna) == []


async def test_a_right_withdrawn_before_pubrel_withholds_a_run__S8(stage):
    stage.set(cluster=stage.with_authorization(), policies=stage.policy_section(policy()))
    ben, anna = await stage.client("ben", version=5), await stage.client("anna")
    await anna.subscribe("a/#", 2)
    await ben.publish("a/b", b"000")
    anna.take()
    await kept(ben, 3)
    stage.policies(policy("deny", ("pub",), name="no", topics=("a/b",)), policy(name="yes"))
    await ben.send(*[p.Ack(p.PUBREL, packet_id) for packet_id in (1, 2, 3)])
    not_found = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
    assert answered(ben, p.PUBCOMP) == [(packet_id, not_found) for packet_id in (1, 2, 3)]
    assert numbers(anna) == []
    assert stage.count("dropped_not_authorized") == 3


async def test_a_subscription_made_before_pubrel_counts(stage, ben):
    await kept(ben, 3)
    anna = await stage.client("anna")
    await anna.subscribe("a/#", 2)
    await ben.send(*[p.Ack(p.PUBREL, packet_id) for packet_id in (1, 2, 3)])
    assert numbers(anna) == [0, 1, 2]


async def test_a_repeated_publish_of_a_run_is_answered_and_not_kept_again(stage, ben):
    await kept(ben, 3)
    await ben.send(*messages(2, qos=2, first_id=2))
    assert answered(ben, p.PUBREC) == [(2, 0), (3, 0)]
    assert len(ben.protocol.session.received) == 3


async def test_the_receive_maximum_holds_within_a_run__P22(stage):
    ben = await stage.client("ben", version=5)
    await ben.publish("a/b", b"000")
    await ben.send(*messages(stage.settings.receive_maximum + 1, qos=2))
    assert ben.goodbye() == ReasonCode.RECEIVE_MAXIMUM_EXCEEDED


async def test_one_that_does_not_read_does_not_hold_up_the_others__E3(stage, ben):
    slow, anna = await stage.client("slow"), await stage.client("anna")
    for peer in (slow, anna):
        await peer.subscribe("a/#", 1)
    await ben.publish("a/b", b"000")
    anna.take()
    slow.transport.stuck = True
    slow.protocol.max_queued_bytes = 100
    await ben.send(*messages(9, qos=0, size=50))
    await ben.send(*messages(9, qos=0, size=50))
    assert numbers(anna) == [*range(9), *range(9)]
    assert stage.count("dropped_queue_full") > 0


async def test_one_that_does_not_read_loses_a_whole_run_at_once_and_each_message_is_counted__E3(
    stage, ben
):
    deaf, anna = await stage.client("deaf"), await stage.client("anna")
    for peer in (deaf, anna):
        await peer.subscribe("a/#", 0)
    deaf.transport.stuck = True
    deaf.protocol.max_queued_bytes = 100
    await ben.send(*messages(9, qos=0, size=50))
    anna.take()
    before = stage.count("dropped_queue_full")
    await ben.send(*messages(9, qos=0, size=50))
    assert stage.count("dropped_queue_full") == before + 9
    assert numbers(anna) == list(range(9))
    found = await stage.journal.list_messages(MessageQuery("a/#", 0, 100))
    for summary in found.messages[-9:]:
        steps = await stage.journal.get_trace(summary.message_id)
        told = {(step.client_id, step.packet_type, step.result) for step in steps}
        assert ("deaf", "DROP", "queue_full") in told
        assert ("deaf", "PUBLISH", "success") not in told
        assert ("anna", "PUBLISH", "success") in told


async def test_a_window_that_fills_within_a_run_is_used_up_and_then_waited_for(stage, ben):
    anna = await stage.client("anna", version=5, properties=p.Properties(receive_maximum=4))
    await anna.subscribe("a/#", 1)
    await ben.publish("a/b", b"000")
    anna.take()
    await ben.send(*messages(10, qos=1))
    assert len(anna.take(p.Publish)) == 4
    await anna.send(*[p.Ack(p.PUBACK, packet_id) for packet_id in (2, 1, 4, 3)])
    assert numbers(anna) == [4, 5, 6, 7]
    assert stage.get_client("anna").inflight == 4


async def test_one_who_is_away_costs_the_others_nothing(stage, ben):
    away = await stage.client("away", clean=False)
    anna = await stage.client("anna")
    for peer in (away, anna):
        await peer.subscribe("a/#", 0)
    await away.vanish()
    await ben.publish("a/b", b"000")
    anna.take()
    before = stage.count("dropped_offline_qos_0")
    await ben.send(*messages(5, qos=0))
    assert numbers(anna) == [0, 1, 2, 3, 4]
    assert stage.count("dropped_offline_qos_0") == before + 5
    run = stage.journal._entries[max(stage.journal._entries)]
    assert run.deliveries == [("anna", 0)]


async def test_a_wrong_acknowledgement_ends_nothing(stage, ben):
    anna = await stage.client("anna")
    await anna.subscribe("a/#", 2)
    await ben.publish("a/b", b"000")
    anna.take()
    await ben.send(*messages(2, qos=1))
    await anna.send(p.Ack(p.PUBREC, 1), p.Ack(p.PUBCOMP, 2))
    assert stage.get_client("anna").inflight == 2
    await anna.send(p.Ack(p.PUBACK, 1), p.Ack(p.PUBACK, 2), p.Ack(p.PUBACK, 3))
    assert stage.get_client("anna").inflight == 0


async def test_an_acknowledgement_with_a_reason_ends_one_of_a_run(stage, ben):
    anna = await stage.client("anna", version=5)
    await anna.subscribe("a/#", 2)
    await ben.publish("a/b", b"000")
    anna.take()
    await ben.send(*messages(3, qos=1))
    await anna.send(p.Ack(p.PUBACK, 2, ReasonCode.UNSPECIFIED_ERROR))
    assert stage.get_client("anna").inflight == 2
    details = stage.get_client("anna").subscriptions[0]
    assert details.unacknowledged == 2


async def test_packet_ids_begin_anew_after_the_last(stage, ben):
    anna = await stage.client("anna")
    await anna.subscribe("a/#", 1)
    await ben.publish("a/b", b"000")
    anna.take()
    anna.protocol.session.window.next_id = 65_534
    await ben.send(*messages(4, qos=1))
    assert [m.packet_id for m in anna.take(p.Publish)] == [65_534, 65_535, 1, 2]
    await ben.send(*messages(2, qos=1))
    assert [m.packet_id for m in anna.take(p.Publish)] == [3, 4]


async def test_large_messages_weigh_more_in_runs_too(stage, ben):
    weight_bytes = stage.settings.tps_weight_bytes
    before = stage.count("tps_units")
    await ben.send(*messages(3, qos=0, size=2 * weight_bytes))
    assert stage.count("tps_units") == before + 9


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_run_ends_where_the_limit_is_reached_and_goes_on_later__E4(stage, qos):
    stage.set(cluster=stage.cluster(tps_limit=10))
    ben = await stage.client("ben")
    await stage.pass_time(1)
    await ben.publish("a/b", b"000")
    await ben.send(*messages(25, qos=qos))
    assert stage.count("messages_received") == 10
    await stage.pass_time(5)
    assert stage.count("messages_received") == 26
