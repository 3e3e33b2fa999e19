"""Topic actions: what they do, whom they refuse, what input they refuse (CONTRACT section 7)."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.gateway import (
    GetTopicActivity,
    NodeRefused,
    NodeUnreachable,
    Published,
    PublishMessage,
    TopicActivity,
    TopicActivityList,
)
from clusters.models import Cluster
from console.core.actors import Actor, system_actor
from console.core.errors import LimitExceeded, UnauthorizedOperation
from console.core.models import AuditEntry
from tests.calls import call, refused
from tests.cast import FakeGateway
from topics.models import Topic
from topics.services import create_topic, register_topics

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CHANGES = {
    "CreateTopic": {"Topic": "home"},
    "ModifyTopic": {"Topic": "plant", "Remark": "new"},
    "DeleteTopic": {"Topic": "plant"},
    "PublishMessage": {"TargetTopic": "plant/1", "Payload": "hello"},
}
READS = {"DescribeTopic": {"Topic": "plant"}, "DescribeTopicList": {}}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """A runtime that takes every message and knows the activity of every topic."""
    gateway = FakeGateway(
        {
            PublishMessage: Published(message_id="00" + "0" * 14, matched_sessions=1),
            GetTopicActivity: lambda query: TopicActivityList(
                topics=tuple(
                    TopicActivity(name=name, online_subscriptions=3, online_subscriber_clients=2)
                    for name in query.names
                )
            ),
        }
    )
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    return gateway


@pytest.fixture
def plant(running_cluster: Cluster) -> Topic:
    return Topic.objects.create(cluster=running_cluster, name="plant")


def test_a_topic_is_created_described_changed_and_deleted(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    created = call(owner, "CreateTopic", running_cluster, Topic="home", Remark="first")
    assert created == {"InstanceId": running_cluster.public_id, "Topic": "home"}

    call(owner, "ModifyTopic", running_cluster, Topic="home", Remark="second")
    described = call(owner, "DescribeTopic", running_cluster, Topic="home")
    assert described["Remark"] == "second"

    call(owner, "DeleteTopic", running_cluster, Topic="home")
    assert refused(owner, "DescribeTopic", running_cluster, Topic="home").full_code == (
        "ResourceNotFound.Topic"
    )


def test_a_new_topic_makes_a_new_revision_of_the_configuration(
    owner: Actor, running_cluster: Cluster
) -> None:
    call(owner, "CreateTopic", running_cluster, Topic="home")
    running_cluster.refresh_from_db()
    assert running_cluster.revision == 2
    assert running_cluster.section_revisions == {"topics": 2}


@pytest.mark.parametrize(("action", "parameters"), [*CHANGES.items(), *READS.items()])
def test_without_a_grant_it_is_refused_and_the_refusal_is_audited(
    action: str, parameters: dict[str, Any], nobody: Actor, plant: Topic, runtime: FakeGateway
) -> None:
    refusal = refused(nobody, action, plant.cluster, **parameters)
    assert isinstance(refusal, UnauthorizedOperation)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome) == (f"mqtt:{action}", AuditEntry.Outcome.REFUSED)
    assert runtime.received == []


@pytest.mark.parametrize(("action", "parameters"), CHANGES.items())
def test_a_reader_changes_nothing(
    action: str, parameters: dict[str, Any], reader: Actor, plant: Topic, runtime: FakeGateway
) -> None:
    assert refused(reader, action, plant.cluster, **parameters).status == 403
    assert list(Topic.objects.values_list("name", "remark")) == [("plant", "")]
    assert runtime.received == []


@pytest.mark.parametrize(("action", "parameters"), READS.items())
def test_a_reader_reads(
    action: str, parameters: dict[str, Any], reader: Actor, plant: Topic, runtime: FakeGateway
) -> None:
    assert call(reader, action, plant.cluster, **parameters)


@pytest.mark.parametrize(("action", "parameters"), [*CHANGES.items(), *READS.items()])
def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    action: str, parameters: dict[str, Any], outsider: Actor, plant: Topic
) -> None:
    refusal = refused(outsider, action, plant.cluster, **parameters)
    assert refusal.full_code == "ResourceNotFound.Instance"


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (None, "MissingParameter"),
        ("", "MissingParameter"),
        ("ab", "InvalidParameterValue"),
        ("a" * 101, "InvalidParameterValue"),
        ("home/room", "InvalidParameterValue"),
        ("home room", "InvalidParameterValue"),
        ("home\n", "InvalidParameterValue"),
        ("$SYS", "InvalidParameterValue"),
        ("主题名", "InvalidParameterValue"),
        ("<img src=x onerror=alert(1)>", "InvalidParameterValue"),
        (7, "InvalidParameter"),
        (["home"], "InvalidParameter"),
        ({"a": 1}, "InvalidParameter"),
        (True, "InvalidParameter"),
    ],
)
def test_a_bad_topic_name_is_refused_and_nothing_is_written(
    topic: Any, code: str, owner: Actor, running_cluster: Cluster
) -> None:
    refusal = refused(owner, "CreateTopic", running_cluster, Topic=topic)
    assert (refusal.full_code, refusal.field) == (code, "topic")
    assert not Topic.objects.exists()
    running_cluster.refresh_from_db()
    assert running_cluster.revision == 1


def test_a_remark_has_at_most_128_characters(owner: Actor, running_cluster: Cluster) -> None:
    refusal = refused(owner, "CreateTopic", running_cluster, Topic="home", Remark="r" * 129)
    assert (refusal.full_code, refusal.field) == ("InvalidParameterValue", "remark")


def test_an_unknown_parameter_is_refused_by_name(owner: Actor, running_cluster: Cluster) -> None:
    refusal = refused(owner, "CreateTopic", running_cluster, Topic="home", Colour="red")
    assert refusal.full_code == "UnknownParameter"
    assert "Colour" in refusal.message


def test_a_name_is_taken_once(owner: Actor, plant: Topic) -> None:
    refusal = refused(owner, "CreateTopic", plant.cluster, Topic="plant")
    assert refusal.full_code == "UnsupportedOperation.ResourceAlreadyExists"


def test_the_quota_of_the_specification_holds(owner: Actor, plant: Topic) -> None:
    Cluster.objects.update(max_topics=1)
    refusal = refused(owner, "CreateTopic", plant.cluster, Topic="home")
    assert refusal.full_code == "LimitExceeded.TopicNum"


def test_a_cluster_that_is_being_created_takes_no_topic(
    owner: Actor, running_cluster: Cluster
) -> None:
    Cluster.objects.update(state=Cluster.State.CREATING)
    refusal = refused(owner, "CreateTopic", running_cluster, Topic="home")
    assert refusal.full_code == "FailedOperation.InstanceNotReady"


def test_the_list_filters_by_part_of_the_name_and_pages(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    for number in range(25):
        Topic.objects.create(cluster=running_cluster, name=f"line-{number:02}")
    Topic.objects.create(cluster=running_cluster, name="other")
    page = call(
        owner,
        "DescribeTopicList",
        running_cluster,
        Filters=[{"Name": "TopicName", "Values": ["LINE"]}],
        Offset=20,
    )
    assert page["TotalCount"] == 25
    assert [item["Topic"] for item in page["Data"]] == [f"line-{n}" for n in range(20, 25)]


def test_the_list_needs_the_same_queries_for_one_topic_as_for_twenty(
    owner: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
    django_assert_num_queries: Any,
) -> None:
    for number in range(20):
        Topic.objects.create(cluster=running_cluster, name=f"line-{number:02}")
    with django_assert_num_queries(6):
        call(owner, "DescribeTopicList", running_cluster)


def test_topics_are_listed_while_the_runtime_is_away(
    owner: Actor, plant: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = FakeGateway({GetTopicActivity: NodeUnreachable("gone")})
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    assert call(owner, "DescribeTopicList", plant.cluster)["TotalCount"] == 1


def test_a_test_message_names_the_console_and_its_user(
    owner: Actor, plant: Topic, runtime: FakeGateway
) -> None:
    call(
        owner,
        "PublishMessage",
        plant.cluster,
        TargetTopic="plant/1",
        Payload="aGk=",
        Encoding="base64",
    )
    (command,) = runtime.received
    assert isinstance(command, PublishMessage)
    assert (command.publisher, command.payload, command.qos) == ("console:owner", b"hi", 1)


def test_the_payload_never_reaches_the_audit_trail(
    owner: Actor, plant: Topic, runtime: FakeGateway
) -> None:
    call(owner, "PublishMessage", plant.cluster, TargetTopic="plant/1", Payload="top-secret")
    assert AuditEntry.objects.get().parameters["payload"] == "***"


@pytest.mark.parametrize(
    ("parameters", "field", "code"),
    [
        ({"Payload": "x"}, "target_topic", "MissingParameter"),
        ({"TargetTopic": "a", "TargetClientId": "b", "Payload": "x"}, "target_topic", ""),
        ({"TargetTopic": "a/#", "Payload": "x"}, "target_topic", ""),
        ({"TargetTopic": "a/+/b", "Payload": "x"}, "target_topic", ""),
        ({"TargetTopic": "a" * 1025, "Payload": "x"}, "target_topic", ""),
        ({"TargetTopic": "a"}, "payload", "MissingParameter"),
        ({"TargetTopic": "a", "Payload": "x" * 4097}, "payload", ""),
        ({"TargetTopic": "a", "Payload": "é" * 2049}, "payload", ""),
        ({"TargetTopic": "a", "Payload": "%%%", "Encoding": "base64"}, "payload", ""),
        ({"TargetTopic": "a", "Payload": "x", "Encoding": "rot13"}, "encoding", ""),
        ({"TargetTopic": "a", "Payload": "x", "Qos": 3}, "qos", ""),
        ({"TargetTopic": "a", "Payload": "x", "Qos": "1"}, "qos", "InvalidParameter"),
        ({"TargetClientId": "c", "Payload": "x", "Retain": True}, "retain", ""),
        ({"TargetTopic": "a", "Payload": "x", "Retain": 1}, "retain", "InvalidParameter"),
    ],
)
def test_a_bad_test_message_is_refused_and_not_sent(
    parameters: dict[str, Any],
    field: str,
    code: str,
    owner: Actor,
    plant: Topic,
    runtime: FakeGateway,
) -> None:
    refusal = refused(owner, "PublishMessage", plant.cluster, **parameters)
    assert refusal.field == field
    assert refusal.full_code == (code or "InvalidParameterValue")
    assert runtime.received == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (NodeUnreachable("gone"), "ResourceUnavailable"),
        (NodeRefused("invalid_topic", "no"), "InvalidParameterValue"),
        (NodeRefused("storage", "disk full"), "FailedOperation"),
    ],
)
def test_what_the_runtime_refuses_is_said_in_the_consoles_words(
    answer: Exception,
    code: str,
    owner: Actor,
    plant: Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = FakeGateway({PublishMessage: answer})
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    refusal = refused(owner, "PublishMessage", plant.cluster, TargetTopic="a", Payload="x")
    assert refusal.full_code == code


def test_topics_that_the_runtime_created_are_taken_up_once(plant: Topic) -> None:
    system = system_actor(plant.cluster.account_uin)
    names = ["plant", "fresh", "fresh"]
    assert register_topics(system, cluster=plant.cluster, names=names) == 1
    assert register_topics(system, cluster=plant.cluster, names=names) == 0
    assert Topic.objects.get(name="fresh").auto_created


def test_only_the_product_itself_registers_topics(owner: Actor, running_cluster: Cluster) -> None:
    with pytest.raises(UnauthorizedOperation):
        register_topics(owner, cluster=running_cluster, names=["fresh"])


def test_the_quota_is_the_one_of_the_moment_of_creation(
    owner: Actor, running_cluster: Cluster
) -> None:
    """SECURITY C24: what was read before the action began may be old by then."""
    Topic.objects.create(cluster=running_cluster, name="plant")
    Cluster.objects.filter(pk=running_cluster.pk).update(max_topics=1)

    with pytest.raises(LimitExceeded):
        create_topic(owner, cluster=running_cluster, topic="home")
