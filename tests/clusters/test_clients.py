"""The client list, one client, and the kick (CONTRACT section 8)."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.gateway import KickClient, ListClients, NodeRefused, NodeUnreachable
from clusters.models import Cluster
from console.core.actors import Actor
from console.core.errors import UnauthorizedOperation
from console.core.forms import FORMS
from console.core.models import AuditEntry
from tests.calls import call, refusal_of
from tests.cast import FakeGateway, make_cluster
from tests.clusters.api import read_by_sdk

pytestmark = [pytest.mark.django_db, pytest.mark.database]

READS: dict[str, dict[str, Any]] = {
    "DescribeClientList": {},
    "DescribeClient": {"ClientId": "thermometer"},
}
EVERYTHING = {**READS, "KickOutClient": {"ClientId": "thermometer"}}


def test_the_client_list_is_what_the_sdk_reads(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    payload = call(owner, "DescribeClientList", running_cluster)
    (client,) = read_by_sdk("DescribeClientList", payload).Clients
    assert (client.ClientId, client.ClientAddress) == ("thermometer", "192.0.2.7:50000")
    assert (client.ProtocolVersion, client.Keepalive) == (5, 60)
    assert (client.ConnectionStatus, client.CleanSession) == ("CONNECTED", False)
    assert (client.CreateTime, client.ConnectTime) == (1_700_000_000_000, 1_700_000_001_000)
    assert client.ExpireIntervalInSeconds == 3600
    (subscription,) = client.MQTTClientSubscriptions
    assert (subscription.TopicFilter, subscription.Qos) == ("home/#", 1)
    assert (subscription.Inflight, subscription.Lag) == (2, 3)


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({}, ListClients()),
        ({"ClientId": "thermo"}, ListClients(search="thermo")),
        ({"Number": "5"}, ListClients(limit=5)),
        ({"Number": 5}, ListClients(limit=5)),
        ({"OnlineStatus": 1}, ListClients(state="connected")),
        ({"OnlineStatus": 2}, ListClients(state="disconnected")),
        ({"MaxTimestamp": 1_700_000_000_000}, ListClients(before_ms=1_700_000_000_000)),
    ],
)
def test_the_question_reaches_the_runtime_as_it_was_asked(
    owner: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
    given: dict[str, Any],
    query: ListClients,
) -> None:
    call(owner, "DescribeClientList", running_cluster, **given)
    assert runtime.received == [query]


def test_an_empty_search_field_of_a_page_lists_everybody(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    fields = {"instance_id": running_cluster.public_id, "client_id": "", "number": ""}
    FORMS["DescribeClientList"](fields).perform(owner)
    assert runtime.received == [ListClients()]


def test_one_client_has_what_its_session_counted_k5(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    client = call(owner, "DescribeClient", running_cluster, ClientId="thermometer")
    assert (client["Username"], client["ConnectionStatus"]) == ("sensor", "CONNECTED")


@pytest.mark.parametrize(
    ("given", "delete_session"),
    [({}, False), ({"DeleteSession": False}, False), ({"DeleteSession": True}, True)],
)
def test_a_kick_reaches_the_runtime_and_is_audited(
    owner: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
    given: dict[str, Any],
    delete_session: bool,
) -> None:
    answer = call(owner, "KickOutClient", running_cluster, ClientId="thermometer", **given)
    assert read_by_sdk("KickOutClient", answer)
    assert runtime.received == [KickClient(client_id="thermometer", delete_session=delete_session)]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.outcome) == ("mqtt:KickOutClient", AuditEntry.Outcome.DONE)
    assert entry.parameters["client_id"] == "thermometer"


@pytest.mark.parametrize("action", ["DescribeClient", "KickOutClient"])
def test_a_client_without_a_session_is_unknown(
    action: str, owner: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    refusal = refusal_of(
        owner, action, InstanceId=running_cluster.public_id, ClientId="<b>ghost</b>"
    )
    assert (refusal.full_code, refusal.field) == ("ResourceNotFound", "client_id")
    assert "<b>ghost</b>" in refusal.message  # shown as text by whoever shows it


@pytest.mark.parametrize(("action", "parameters"), EVERYTHING.items())
def test_without_a_grant_the_runtime_is_not_asked(
    action: str,
    parameters: dict[str, Any],
    nobody: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
) -> None:
    refusal = refusal_of(nobody, action, InstanceId=running_cluster.public_id, **parameters)
    assert isinstance(refusal, UnauthorizedOperation)
    assert runtime.received == []


def test_a_reader_looks_and_does_not_kick_c8(
    reader: Actor, running_cluster: Cluster, runtime: FakeGateway
) -> None:
    for action, parameters in READS.items():
        assert call(reader, action, running_cluster, **parameters)
    refusal = refusal_of(
        reader, "KickOutClient", InstanceId=running_cluster.public_id, ClientId="thermometer"
    )
    assert isinstance(refusal, UnauthorizedOperation)


@pytest.mark.parametrize(("action", "parameters"), EVERYTHING.items())
def test_a_cluster_of_another_account_is_as_unknown_as_none_c7(
    action: str,
    parameters: dict[str, Any],
    outsider: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
) -> None:
    refusal = refusal_of(outsider, action, InstanceId=running_cluster.public_id, **parameters)
    assert refusal.full_code == "ResourceNotFound.Instance"
    assert runtime.received == []


@pytest.mark.parametrize("state", ["CREATING", "CREATE_FAILURE", "DELETING"])
@pytest.mark.parametrize(("action", "parameters"), EVERYTHING.items())
def test_a_cluster_that_does_not_run_is_not_asked(
    action: str, parameters: dict[str, Any], state: str, owner: Actor, runtime: FakeGateway
) -> None:
    cluster = make_cluster(owner.account_uin, state=state)
    refusal = refusal_of(owner, action, InstanceId=cluster.public_id, **parameters)
    assert refusal.full_code == "FailedOperation.InstanceNotReady"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (NodeUnreachable("timed out"), "ResourceUnavailable"),
        (NodeRefused("storage", "disk full"), "FailedOperation"),
    ],
)
def test_a_runtime_that_does_not_serve_gives_a_clear_refusal(
    owner: Actor, running_cluster: Cluster, runtime: FakeGateway, failure: Exception, code: str
) -> None:
    runtime.answers[ListClients] = failure
    refusal = refusal_of(owner, "DescribeClientList", InstanceId=running_cluster.public_id)
    assert refusal.full_code == code


@pytest.mark.parametrize(
    ("action", "given", "code", "field"),
    [
        ("KickOutClient", {}, "MissingParameter", "client_id"),
        ("KickOutClient", {"ClientId": ""}, "MissingParameter", "client_id"),
        ("KickOutClient", {"ClientId": 5}, "InvalidParameter", "client_id"),
        ("KickOutClient", {"ClientId": "x" * 65_536}, "InvalidParameterValue", "client_id"),
        (
            "KickOutClient",
            {"ClientId": "a", "DeleteSession": "true"},
            "InvalidParameter",
            "delete_session",
        ),
        ("DescribeClient", {}, "MissingParameter", "client_id"),
        ("DescribeClientList", {"ClientId": 5}, "InvalidParameter", "client_id"),
        ("DescribeClientList", {"Number": "0"}, "InvalidParameterValue", "number"),
        ("DescribeClientList", {"Number": "1025"}, "InvalidParameterValue", "number"),
        ("DescribeClientList", {"Number": "many"}, "InvalidParameterValue", "number"),
        ("DescribeClientList", {"Number": 1.5}, "InvalidParameter", "number"),
        ("DescribeClientList", {"OnlineStatus": 3}, "InvalidParameterValue", "online_status"),
        ("DescribeClientList", {"OnlineStatus": "1"}, "InvalidParameter", "online_status"),
        ("DescribeClientList", {"MaxTimestamp": -1}, "InvalidParameterValue", "max_timestamp"),
        ("DescribeClientList", {"MaxTimestamp": 10**15}, "InvalidParameterValue", "max_timestamp"),
        ("DescribeClientList", {"State": "on"}, "UnknownParameter", ""),
    ],
)
def test_bad_input_is_refused_before_the_runtime_is_asked(
    owner: Actor,
    running_cluster: Cluster,
    runtime: FakeGateway,
    action: str,
    given: dict[str, Any],
    code: str,
    field: str,
) -> None:
    refusal = refusal_of(owner, action, InstanceId=running_cluster.public_id, **given)
    assert (refusal.full_code, refusal.field) == (code, field)
    assert runtime.received == []
