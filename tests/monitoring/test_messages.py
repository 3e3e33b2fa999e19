"""Message query, trace and client events: what they ask the runtime, whom and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.gateway import (
    ClientEvent,
    ClientEventList,
    GetMessage,
    GetTrace,
    ListClientEvents,
    ListMessages,
    Message,
    MessageList,
    MessageSummary,
    NodeRefused,
    Trace,
    TraceStep,
)
from clusters.models import Cluster
from console.core.actors import Actor
from tests.calls import call, refused
from tests.cast import FakeGateway

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MESSAGE_ID = "0006123456789ABC"
QUERIES: dict[str, dict[str, Any]] = {
    "DescribeMessageByTopic": {"Topic": "plant/#", "StartTime": 1_000},
    "DescribeMessageDetails": {"MessageId": MESSAGE_ID},
    "DescribeTrace": {"MessageId": MESSAGE_ID},
    "DescribeEvent": {"ClientId": "sensor"},
}


def stored(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "topic": "plant/1",
        "client_id": "sensor",
        "username": "line",
        "address": "192.0.2.1:5000",
        "qos": 1,
        "retain": False,
        "stored_ms": 1_700_000_000_123,
        "payload": b'{"t": 21}',
    }
    return Message(**{**values, **changes})


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """A runtime with one message, its trace and one event."""
    gateway = FakeGateway(
        {
            ListMessages: MessageList(
                messages=(
                    MessageSummary(
                        message_id=MESSAGE_ID,
                        topic="plant/1",
                        client_id="sensor",
                        qos=1,
                        retain=False,
                        stored_ms=1_700_000_000_123,
                        payload_bytes=9,
                    ),
                )
            ),
            GetMessage: stored(),
            GetTrace: Trace(
                steps=(
                    TraceStep(
                        stage="produce",
                        at_ms=5,
                        client_id="sensor",
                        packet_type="PUBLISH",
                        qos=1,
                        result="success",
                    ),
                )
            ),
            ListClientEvents: ClientEventList(
                events=(
                    ClientEvent(
                        at_ms=7,
                        client_id="sensor",
                        username="line",
                        address="192.0.2.1:5000",
                        event="refused",
                        reason="bad password",
                    ),
                )
            ),
        }
    )
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    return gateway


def test_the_query_passes_filter_instant_and_number(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    answer = call(
        owner,
        "DescribeMessageByTopic",
        running_cluster,
        Topic="plant/+",
        StartTime=1_700_000_000_000,
        MaxNumber=1024,
    )
    assert runtime.received == [
        ListMessages(topic_filter="plant/+", from_ms=1_700_000_000_000, limit=1024)
    ]
    assert answer["Data"] == [
        {
            "MessageId": MESSAGE_ID,
            "ClientId": "sensor",
            "Qos": "1",
            "StoreTimestamp": 1_700_000_000_123,
            "OriginTopic": "plant/1",
        }
    ]


def test_without_a_number_a_hundred_are_asked_for(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    call(owner, "DescribeMessageByTopic", running_cluster, Topic="a", StartTime=0)
    assert runtime.received == [ListMessages(topic_filter="a", from_ms=0, limit=100)]


@pytest.mark.parametrize(
    ("payload", "body"), [(b"caf\xc3\xa9", "café"), (b"\xff\x00", "/wA="), (b"", "")]
)
def test_a_body_that_is_not_text_comes_as_base64(
    payload: bytes, body: str, owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    runtime.answers[GetMessage] = stored(payload=payload)
    answer = call(owner, "DescribeMessageDetails", running_cluster, MessageId=MESSAGE_ID)
    assert answer["Body"] == body


def test_user_properties_keep_order_and_repetitions(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    runtime.answers[GetMessage] = stored(user_properties=(("a", "2"), ("a", "1"), ("b", "")))
    answer = call(owner, "DescribeMessageDetails", running_cluster, MessageId=MESSAGE_ID)
    assert [(p["Key"], p["Value"]) for p in answer["UserProperties"]] == [
        ("a", "2"),
        ("a", "1"),
        ("b", ""),
    ]


@pytest.mark.parametrize(("action", "parameters"), QUERIES.items())
def test_a_reader_may_look(
    action: str,
    parameters: dict[str, Any],
    reader: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
) -> None:
    assert call(reader, action, running_cluster, **parameters)


@pytest.mark.parametrize(("action", "parameters"), QUERIES.items())
def test_without_a_grant_the_runtime_is_not_even_asked(
    action: str,
    parameters: dict[str, Any],
    nobody: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
) -> None:
    assert refused(nobody, action, running_cluster, **parameters).status == 403
    assert runtime.received == []


@pytest.mark.parametrize(("action", "parameters"), QUERIES.items())
def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    action: str, parameters: dict[str, Any], outsider: Actor, running_cluster: Cluster
) -> None:
    refusal = refused(outsider, action, running_cluster, **parameters)
    assert refusal.full_code == "ResourceNotFound.Instance"


@pytest.mark.parametrize("action", ["DescribeMessageDetails", "DescribeTrace"])
def test_an_unknown_message_is_said_to_be_unknown(
    action: str, owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    for query in (GetMessage, GetTrace):
        runtime.answers[query] = NodeRefused("not_found", "no such message")
    refusal = refused(owner, action, running_cluster, MessageId=MESSAGE_ID)
    assert (refusal.full_code, refusal.field) == ("ResourceNotFound.Message", "message_id")


@pytest.mark.parametrize(
    ("action", "parameters", "field"),
    [
        ("DescribeMessageByTopic", {"StartTime": 1}, "topic"),
        ("DescribeMessageByTopic", {"Topic": "a/#/b", "StartTime": 1}, "topic"),
        ("DescribeMessageByTopic", {"Topic": "a#", "StartTime": 1}, "topic"),
        ("DescribeMessageByTopic", {"Topic": "a+/b", "StartTime": 1}, "topic"),
        ("DescribeMessageByTopic", {"Topic": "a\0", "StartTime": 1}, "topic"),
        ("DescribeMessageByTopic", {"Topic": "a" * 1025, "StartTime": 1}, "topic"),
        ("DescribeMessageByTopic", {"Topic": "a"}, "start_time"),
        ("DescribeMessageByTopic", {"Topic": "a", "StartTime": -1}, "start_time"),
        ("DescribeMessageByTopic", {"Topic": "a", "StartTime": 10**15}, "start_time"),
        ("DescribeMessageByTopic", {"Topic": "a", "StartTime": "now"}, "start_time"),
        ("DescribeMessageByTopic", {"Topic": "a", "StartTime": 1, "MaxNumber": 0}, "max_number"),
        ("DescribeMessageByTopic", {"Topic": "a", "StartTime": 1, "MaxNumber": 1025}, "max_number"),
        (
            "DescribeMessageByTopic",
            {"Topic": "a", "StartTime": 1, "FilterExpression": "LmE="},
            "filter_expression",
        ),
        ("DescribeMessageDetails", {}, "message_id"),
        ("DescribeMessageDetails", {"MessageId": "../../etc"}, "message_id"),
        ("DescribeMessageDetails", {"MessageId": "0" * 15}, "message_id"),
        ("DescribeTrace", {"MessageId": "g" * 16}, "message_id"),
        ("DescribeEvent", {"Limit": 1001}, "limit"),
        ("DescribeEvent", {"StartTime": "yesterday"}, "start_time"),
    ],
)
def test_bad_input_is_refused_before_the_runtime_is_asked(
    action: str,
    parameters: dict[str, Any],
    field: str,
    owner: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
) -> None:
    assert refused(owner, action, running_cluster, **parameters).field == field
    assert runtime.received == []


def test_a_cluster_that_is_not_running_says_so(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    Cluster.objects.update(state=Cluster.State.CREATING)
    for action, parameters in QUERIES.items():
        refusal = refused(owner, action, running_cluster, **parameters)
        assert refusal.full_code == "FailedOperation.InstanceNotReady"
