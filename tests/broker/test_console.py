"""What the console may ask and order."""

from __future__ import annotations

import pytest

from broker_runtime.broker.errors import ConfigurationInvalid, Refused
from broker_runtime.codec import packets as p
from broker_runtime.codec.reasons import ReasonCode as R
from broker_runtime.contract.commands import PublishMessage
from broker_runtime.contract.queries import GetClient, GetTopicActivity, ListClients
from broker_runtime.storage.base import MessageQuery


async def test_a_kicked_client_is_disconnected_and_keeps_its_session(stage):
    anna = await stage.client("anna", version=5, properties=p.Properties(session_expiry_s=60))
    answer = await stage.kick("anna")
    assert (answer.was_connected, answer.session_deleted) == (True, False)
    assert anna.goodbye() == R.ADMINISTRATIVE_ACTION
    assert stage.event_names("anna") == ["connected", "kicked", "disconnected"]
    answer = await stage.kick("anna", delete_session=True)
    assert (answer.was_connected, answer.session_deleted) == (False, True)
    with pytest.raises(Refused) as refused:
        await stage.kick("anna")
    assert refused.value.code == "not_found"


async def test_the_console_publishes_to_a_topic(stage):
    anna = await stage.client("anna", version=5)
    await anna.subscribe("home/#", 1)
    answer = await stage.publish("home/x", b"hello", user_properties=(("a", "b"),))
    (message,) = anna.take(p.Publish)
    assert message.payload == b"hello"
    assert message.properties.user_properties == (("a", "b"),)
    assert answer.matched_sessions == 1
    kept = await stage.journal.get_message(answer.message_id)
    assert (kept.client_id, kept.topic) == ("console:owner", "home/x")


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_the_console_publishes_to_one_client(stage, qos):
    anna = await stage.client("anna", clean=False)
    other = await stage.client("other")
    await other.subscribe("#", 2)
    await stage.publish("", b"for you", client_id="anna", qos=qos)
    assert await anna.receive() == [("$p2p/anna", b"for you", qos)]
    assert await other.receive() == []
    await anna.disconnect()
    await stage.publish("", b"later", client_id="anna", qos=qos)
    anna = await stage.client("anna", clean=False)
    assert await anna.receive() == ([("$p2p/anna", b"later", qos)] if qos else [])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"topic": "a/+"}, "invalid_topic"),
        ({"topic": ""}, "malformed"),
        ({"topic": "a", "client_id": "b"}, "malformed"),
        ({"topic": "", "client_id": "nobody"}, "not_found"),
        ({"topic": "$SYS/x"}, "invalid_topic"),
        ({"topic": "a", "qos": 3}, "malformed"),
        ({"topic": "a", "payload": b"x" * 5_000_000}, "too_large"),
        ({"topic": "a", "user_properties": (("x" * 70_000, ""),)}, "malformed"),
    ],
)
async def test_what_the_console_cannot_publish_is_refused(stage, fields, code):
    command = PublishMessage(**{"payload": b"x", "publisher": "console:owner", **fields})
    with pytest.raises(Refused) as refused:
        await stage.broker.publish(command)
    assert refused.value.code == code


async def test_clients_are_listed_newest_first(stage):
    for number in range(3):
        await stage.client(f"dev-{number}", version=3 + number)
        await stage.pass_time(1)
    away = await stage.client("away", clean=False)
    await away.disconnect()
    page = stage.broker.list_clients(ListClients())
    assert [c.client_id for c in page.clients] == ["dev-2", "dev-1", "dev-0", "away"]
    assert [c.protocol_version for c in page.clients] == [5, 4, 3, 4]
    assert page.total == 4
    found = stage.broker.list_clients(ListClients(search="dev", state="connected", limit=1))
    assert (len(found.clients), found.total) == (1, 3)
    offline = stage.broker.list_clients(ListClients(state="disconnected"))
    assert [c.client_id for c in offline.clients] == ["away"]
    before = stage.broker.list_clients(ListClients(before_ms=page.clients[1].connected_ms))
    assert [c.client_id for c in before.clients] == ["dev-0"]


async def test_a_client_in_detail(stage):
    anna = await stage.client("anna", version=5, keep_alive=60, host="fe80::1")
    await anna.subscribe("a/#", 2)
    ben = await stage.client("ben")
    for qos in (0, 1, 2):
        await ben.publish("a/b", b"x", qos)
    await anna.receive()
    await ben.publish("a/b", b"y", 1)
    client = stage.get_client("anna")
    assert client.address.startswith("[fe80::1]:")
    assert (client.keep_alive_s, client.connected, client.inflight) == (60, True, 1)
    assert [(s.topic_filter, s.qos, s.unacknowledged) for s in client.subscriptions] == [
        ("a/#", 2, 1)
    ]
    counts = {(c.direction, c.packet_type, c.qos): c.count for c in client.packets}
    assert counts["sent", "PUBLISH", 0] == 1
    assert counts["sent", "PUBLISH", 1] == 2
    assert counts["sent", "PUBLISH", 2] == 1
    assert counts["received", "PUBACK", 1] == 1
    assert counts["received", "CONNECT", -1] == 1
    assert counts["sent", "CONNACK", -1] == 1
    sender = {(c.direction, c.packet_type, c.qos): c.count for c in stage.get_client("ben").packets}
    assert sender["received", "PUBLISH", 0] == 1
    assert sender["received", "PUBLISH", 1] == 2
    assert sender["sent", "PUBACK", 1] == 2
    with pytest.raises(Refused):
        stage.broker.get_client(GetClient(client_id="nobody"))


async def test_activity_of_topics(stage):
    anna = await stage.client("anna", clean=False)
    await anna.subscribe("home/1")
    await anna.subscribe("home/2")
    answer = stage.broker.topic_activity(GetTopicActivity(names=("home", "none")))
    assert [(t.online_subscriptions, t.online_subscriber_clients) for t in answer.topics] == [
        (2, 1),
        (0, 0),
    ]
    await anna.disconnect()
    answer = stage.broker.topic_activity(GetTopicActivity(names=("home",)))
    assert answer.topics[0].online_subscriptions == 0


async def test_counters_and_gauges(stage):
    anna = await stage.client("anna")
    await anna.subscribe("a", 1)
    ben = await stage.client("ben")
    for qos in (0, 1, 2):
        await ben.publish("a", b"x", qos)
    await anna.receive()
    counters, gauges = stage.broker.counters(), stage.broker.gauges()
    expected = {
        "messages_received": 3,
        "messages_sent": 3,
        "packets_received_publish": 3,
        "packets_sent_publish": 3,
        "packets_received_connect": 2,
        "packets_received_subscribe": 1,
        "packets_sent_puback": 1,
        "packets_received_puback": 2,
        "packets_received_pubrel": 1,
        "packets_sent_pubrec": 1,
        "packets_sent_pubcomp": 1,
        "connect_success": 2,
        "auth_success": 2,
        "acl_connect_success": 2,
        "acl_publish_success": 3,
        "acl_subscribe_success": 1,
        "tps_units": 6,
    }
    assert {name: counters[name] for name in expected} == expected
    assert counters["bytes_sent"] > 0
    assert gauges == {
        "connections": 2,
        "sessions": 2,
        "subscriptions": 1,
        "retained": 0,
        "inflight": 0,
        "backlog": 0,
        "topics": 0,
    }


async def test_a_trace_tells_the_way_of_a_message(stage):
    anna = await stage.client("anna", clean=False)
    await anna.subscribe("a", 1)
    offline = await stage.client("offline", clean=False)
    await offline.subscribe("a", 1)
    await offline.disconnect()
    ben = await stage.client("ben")
    await ben.publish("a", b"x", 1)
    await anna.receive()
    (summary,) = (await stage.journal.list_messages(MessageQuery("a", 0, 10))).messages
    steps = await stage.journal.get_trace(summary.message_id)
    told = {(s.client_id, s.packet_type, s.result) for s in steps}
    assert ("ben", "PUBLISH", "success") in told
    assert ("anna", "PUBLISH", "success") in told
    assert ("anna", "PUBACK", "success") in told
    assert ("offline", "QUEUE", "success") in told


async def test_configurations_that_cannot_be_are_refused__F11(stage):
    for broken in (
        {"cluster": stage.cluster(cluster_id="mqtt-other000")},
        {"cluster": stage.cluster(tps_limit=-1)},
        {"topics": stage.topic_section("a/b")},
        {"users": stage.user_section("nothex")},
    ):
        with pytest.raises(ConfigurationInvalid):
            stage.set(**broken)


async def test_a_node_without_configuration_serves_nobody():
    from broker_runtime.contract.configuration import Sections
    from tests.broker.stage import Stage

    stage = Stage()
    stage.sections = Sections()
    await stage.start()
    assert stage.broker.ready() == (False, "there is no configuration yet")
    assert (await stage.connection(version=5).connect("c")).reason == R.SERVER_UNAVAILABLE
    with pytest.raises(Refused):
        await stage.publish("a", b"x")
    await stage.stop()


async def test_a_client_that_is_gone_already_can_still_be_sent_away(stage):
    """The kernel knows that the peer has left, the event loop does not yet."""

    def shut_down():
        raise OSError(107, "Transport endpoint is not connected")

    client = await stage.client("anna")
    client.transport.write_eof = shut_down
    assert (await stage.kick("anna")).was_connected
    assert not client.is_open
