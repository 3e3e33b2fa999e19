"""The telemetry socket: who gets one, what is taken, what ends it, and what pages hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError

from clusters.models import Cluster, Node
from clusters.resources import node_seen
from console.core.events import cluster_group
from monitoring import consumers, history, records
from monitoring.ingest import Applied, ClientEvents, TopicsCreated
from monitoring.models import MinuteMetric
from tests.cast import make_cluster
from tests.monitoring.reports import DEADLINE_S, NodeSocket, hello, metrics
from topics.models import Topic

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.database,
    pytest.mark.usefixtures("live_layer"),
]


@pytest.fixture
def seen() -> Iterator[list[int]]:
    """Revisions that nodes said they hold, in order."""
    revisions: list[int] = []

    def remember(revision: int, **_rest: Any) -> None:
        revisions.append(revision)

    node_seen.connect(remember)
    yield revisions
    assert node_seen.disconnect(remember)


class Page:
    """A page of a cluster: what its group hears."""

    def __init__(self, cluster: Cluster) -> None:
        self._group = cluster_group(cluster.public_id)
        self._layer: Any = get_channel_layer()

    async def open(self) -> Page:
        self._channel: str = await self._layer.new_channel()
        await self._layer.group_add(self._group, self._channel)
        return self

    async def next(self, event: str) -> dict[str, Any]:
        """The next message of that event; others are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = (await self._layer.receive(self._channel))["message"]
                if message["event"] == event:
                    return dict(message)


async def minutes() -> list[Any]:
    return [row async for row in MinuteMetric.objects.values()]


@pytest.mark.parametrize(
    "changed",
    [
        {"authorization": None},
        {"authorization": "Bearer "},
        {"authorization": "Bearer 0000"},
        {"authorization": "Basic abcd"},
        {"signalbox_node": None},
        {"signalbox_node": ""},
        {"signalbox_node": "mqtt-another0-n0"},
        {"signalbox_contract": None},
        {"signalbox_contract": "2"},
    ],
)
async def test_who_does_not_prove_which_node_it_is_gets_no_socket(
    reporting_node: Node, changed: dict[str, str | None]
) -> None:
    assert not await NodeSocket(reporting_node.node_id, **changed).open()


async def test_the_token_of_another_node_opens_nothing(
    reporting_node: Node, shown_cluster: Cluster
) -> None:
    other = await sync_to_async(make_cluster)(shown_cluster.account_uin, name="south")
    socket = NodeSocket(reporting_node.node_id, signalbox_node=f"{other.public_id}-n0")
    assert not await socket.open()


async def test_a_node_that_speaks_before_it_greets_is_refused(reporting_node: Node) -> None:
    socket = NodeSocket(reporting_node.node_id)
    assert await socket.open()
    await socket.say(metrics(0))
    assert await socket.closed_with() == consumers.UNAUTHORISED


async def test_a_node_that_never_greets_is_not_waited_for(
    reporting_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "HELLO_WITHIN_S", 0.01)
    socket = NodeSocket(reporting_node.node_id)
    assert await socket.open()
    assert await socket.closed_with() == consumers.TOO_SLOW


@pytest.mark.parametrize(
    "greeting", [{"node_id": "mqtt-another0-n0"}, {"cluster_id": "mqtt-another0"}]
)
async def test_a_greeting_in_another_name_is_refused(
    reporting_node: Node, greeting: dict[str, Any]
) -> None:
    socket = NodeSocket(reporting_node.node_id)
    assert await socket.open()
    await socket.say(hello(**{"node_id": reporting_node.node_id, **greeting}))
    assert await socket.closed_with() == consumers.UNAUTHORISED


async def test_a_node_without_a_row_is_refused(transactional_db: None) -> None:
    socket = NodeSocket("mqtt-unknown0-n0")
    assert await socket.open()
    await socket.say(hello("mqtt-unknown0-n0"))
    assert await socket.closed_with() == consumers.UNAUTHORISED


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '{"type":"format_the_disk"}', "\x00", "null"])
async def test_what_is_no_report_ends_the_socket(reporting_node: Node, text: str) -> None:
    socket = await NodeSocket(reporting_node.node_id).greet()
    await socket.say(text)
    assert await socket.closed_with() == consumers.UNREADABLE


async def test_a_second_greeting_on_one_socket_ends_it(reporting_node: Node) -> None:
    socket = await NodeSocket(reporting_node.node_id).greet()
    await socket.say(hello(reporting_node.node_id))
    assert await socket.closed_with() == consumers.UNREADABLE


async def test_the_greeting_tells_what_the_node_holds_and_that_it_is_there(
    reporting_node: Node, shown_cluster: Cluster, seen: list[int]
) -> None:
    page = await Page(shown_cluster).open()
    socket = await NodeSocket(reporting_node.node_id).greet(revision=1)
    assert seen == [1]
    assert (await page.next("cluster-changed"))["event"] == "cluster-changed"
    await reporting_node.arefresh_from_db()
    assert reporting_node.last_seen_at is not None
    await socket.leave()


async def test_an_applied_revision_that_is_news_is_passed_on_and_a_late_one_is_not(
    reporting_node: Node, seen: list[int]
) -> None:
    socket = await NodeSocket(reporting_node.node_id).greet(revision=1)
    await Node.objects.aupdate(applied_revision=5)
    assert await socket.tell(Applied(revision=4, applied_at_ms=1)) == 2
    assert await socket.tell(Applied(revision=5, applied_at_ms=1)) == 3
    assert seen == [1]
    await Node.objects.aupdate(applied_revision=3)
    await Cluster.objects.aupdate(revision=4)
    await socket.tell(Applied(revision=4, applied_at_ms=1))
    assert seen == [1, 4]
    await reporting_node.arefresh_from_db()
    assert reporting_node.applied_revision == 4
    await socket.leave()


async def test_created_topics_become_rows_and_pages_hear_of_them(
    reporting_node: Node, shown_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.provisioning.push", lambda *_args, **_named: True)
    page = await Page(shown_cluster).open()
    socket = await NodeSocket(reporting_node.node_id).greet()
    assert await socket.tell(TopicsCreated(names=("plant", "yard"))) == 2
    assert await socket.tell(TopicsCreated(names=("plant",))) == 3
    assert await Topic.objects.filter(auto_created=True).acount() == 2
    assert await page.next("topics-changed")
    await socket.leave()


async def test_topics_that_cannot_be_written_are_not_taken_and_come_again(
    reporting_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr("console.provisioning.push", lambda *_args, **_named: True)
    socket = await NodeSocket(reporting_node.node_id).greet()
    with monkeypatch.context() as patch:
        patch.setattr(records, "took_topics", fail)
        await socket.say(TopicsCreated(names=("plant",)))
        await socket.say(metrics(0))
        assert await socket.closed_with() == consumers.FAILED
    again = await NodeSocket(reporting_node.node_id).greet()
    assert await again.tell(TopicsCreated(names=("plant",))) == 2
    assert await Topic.objects.filter(name="plant").aexists()
    await again.leave()


async def test_each_second_becomes_a_sample_for_pages_and_for_later(
    reporting_node: Node, shown_cluster: Cluster
) -> None:
    page = await Page(shown_cluster).open()
    socket = await NodeSocket(reporting_node.node_id).greet()
    await socket.tell(metrics(0, messages_received=10))
    await socket.tell(metrics(1, messages_received=30, connections=7))
    sample = await page.next("sample")
    assert sample["cluster"] == shown_cluster.public_id
    assert (sample["values"]["produced"], sample["values"]["connections"]) == (20.0, 7.0)
    kept = await sync_to_async(history.recent)([reporting_node.node_id], count=9)
    assert [one.at_ms for one in kept[reporting_node.node_id]] == [sample["at_ms"]]
    await socket.leave()


async def test_a_minute_is_written_when_it_is_over_and_what_gathered_when_the_node_leaves(
    reporting_node: Node,
) -> None:
    socket = await NodeSocket(reporting_node.node_id).greet()
    for second, count in ((0, 0), (1, 5), (59, 7), (60, 9)):
        await socket.tell(metrics(second, messages_received=count, packets_sent_pingresp=count))
    assert [(row["produced"], row["samples"]) for row in await minutes()] == [(7, 2)]
    await socket.leave()
    rows = await minutes()
    assert [(row["produced"], row["covered_ms"]) for row in rows] == [(7, 59_000), (2, 1_000)]
    assert rows[0]["counters"] == {"packets_sent_pingresp": 7}


async def test_another_web_process_goes_on_where_the_first_was_killed(
    reporting_node: Node,
) -> None:
    first = await NodeSocket(reporting_node.node_id).greet()
    await first.tell(metrics(0, messages_received=0))
    await first.tell(metrics(1, messages_received=5))
    second = await NodeSocket(reporting_node.node_id).greet()
    await second.tell(metrics(1, messages_received=5))
    await second.tell(metrics(2, messages_received=8))
    await second.leave()
    rows = await minutes()
    assert [(row["produced"], row["samples"]) for row in rows] == [(8, 2)]
    assert await first.closed_with() == consumers.REPLACED


async def test_a_second_socket_of_a_node_replaces_the_first_which_then_changes_nothing(
    reporting_node: Node,
) -> None:
    first = await NodeSocket(reporting_node.node_id).greet()
    second = await NodeSocket(reporting_node.node_id).greet()
    assert await first.closed_with() == consumers.REPLACED
    await first.say(metrics(0))
    await first.leave()
    assert await second.tell(metrics(5)) == 2
    await second.leave()
    assert await minutes() == []


async def test_a_report_that_was_on_its_way_when_another_socket_came_is_not_taken(
    reporting_node: Node,
) -> None:
    socket = await NodeSocket(reporting_node.node_id).greet()
    client = history.connect()
    await history.claim(client, reporting_node.node_id, "another")
    await client.aclose()
    await socket.say(metrics(0))
    assert await socket.closed_with() == consumers.REPLACED


async def test_pages_hear_of_clients_and_of_the_end(
    reporting_node: Node, shown_cluster: Cluster
) -> None:
    page = await Page(shown_cluster).open()
    socket = await NodeSocket(reporting_node.node_id).greet()
    await page.next("cluster-changed")
    assert await socket.tell(ClientEvents(events=())) == 2
    assert await socket.tell(ClientEvents(events=())) == 3
    await page.next("clients-changed")
    await socket.leave()
    await page.next("clients-changed")
    await page.next("cluster-changed")


async def test_a_deleted_cluster_ends_the_socket(reporting_node: Node) -> None:
    socket = await NodeSocket(reporting_node.node_id).greet()
    await socket.tell(metrics(0))
    await socket.tell(metrics(1))
    await Cluster.objects.all().adelete()
    await socket.say(metrics(61))
    assert await socket.closed_with() == consumers.UNAUTHORISED


async def test_a_channel_layer_that_is_down_costs_no_report(
    reporting_node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_arguments: Any) -> None:
        raise ConnectionError("Valkey is away")

    monkeypatch.setattr("channels_redis.core.RedisChannelLayer.group_send", fail)
    socket = await NodeSocket(reporting_node.node_id).greet()
    await socket.tell(metrics(0))
    assert await socket.tell(metrics(1)) == 3
    await socket.leave()
    assert "live_event_lost" in caplog.text
