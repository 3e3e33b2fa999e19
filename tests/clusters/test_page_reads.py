"""Reads of the console's own that its pages need: totals, jobs, the state of a runtime, search."""

from __future__ import annotations

import pytest

from clusters.gateway import GetNodeState, NodeState, NodeUnreachable
from clusters.models import Cluster, ClusterTag
from console.accounts.models import PolicyAttachment, RightsPolicy
from console.core.actors import Actor
from console.core.errors import ActionError, ResourceNotFound, UnauthorizedOperation
from console.core.forms import FORMS
from console.core.models import Job
from console.core.payloads import payload_of
from tests.cast import FakeGateway, acting, make_cluster, make_sub_user, user_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]

STATE = NodeState(
    cluster_id="mqtt-00000001",
    node_id="mqtt-00000001-n0",
    revision=3,
    ready=True,
    reason="",
    started_ms=1_700_000_000_000,
    connections=7,
    listeners=("tcp://127.0.0.1:1883",),
)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """The runtime of every cluster."""
    gateway = FakeGateway({GetNodeState: STATE})
    monkeypatch.setattr("clusters.nodes.gateway_of", lambda node: gateway)
    return gateway


def _call(actor: Actor, action: str, **parameters):
    return payload_of(action, actor, FORMS[action].from_parameters(parameters).perform(actor))


def _only(owner: Actor, cluster: Cluster) -> Actor:
    """A sub-user who may describe one cluster."""
    policy = RightsPolicy.objects.create(
        account_uin=owner.account_uin,
        name="one-cluster",
        document={
            "version": "2.0",
            "statement": [
                {
                    "effect": "allow",
                    "action": ["mqtt:Describe*"],
                    "resource": [
                        f"qcs::mqtt::uin/{owner.account_uin}:instance/{cluster.public_id}"
                    ],
                }
            ],
        },
    )
    user = make_sub_user(user_of(owner))
    PolicyAttachment.objects.create(user=user, policy_name=policy.name)
    return acting(user)


def _job(cluster: Cluster, **changes) -> Job:
    values = {"kind": "create-cluster", "steps": 4, "step": 1, **changes}
    return Job.objects.create(account_uin=cluster.account_uin, subject=cluster.public_id, **values)


def test_totals_count_clusters_topics_states_and_tags(owner: Actor, other_cluster: Cluster):
    for state, tags in (("RUNNING", {"env": "prod"}), ("CREATING", {"env": "dev", "a": "b"})):
        cluster = make_cluster(owner.account_uin, state=state)
        for key, value in tags.items():
            ClusterTag.objects.create(cluster=cluster, key=key, value=value)

    totals = _call(owner, "DescribeInstanceTotals")

    assert totals["TotalCount"] == 2
    assert {entry["InstanceStatus"]: entry["Count"] for entry in totals["States"]} == {
        "RUNNING": 1,
        "CREATING": 1,
    }
    assert [(tag["TagKey"], tag["TagValue"]) for tag in totals["Tags"]] == [
        ("a", "b"),
        ("env", "dev"),
        ("env", "prod"),
    ]


def test_jobs_are_those_of_the_account_newest_first(
    owner: Actor, running_cluster: Cluster, other_cluster: Cluster
):
    first, second = _job(running_cluster), _job(running_cluster, kind="delete-cluster")
    _job(other_cluster)

    jobs = _call(owner, "DescribeInstanceJobs")["Data"]

    assert [job["Kind"] for job in jobs] == [second.kind, first.kind]
    assert {job["InstanceId"] for job in jobs} == {running_cluster.public_id}


@pytest.mark.parametrize("action", ["DescribeInstanceTotals", "DescribeInstanceJobs"])
def test_nobody_without_rights_reads_totals_or_jobs(nobody: Actor, action: str):
    with pytest.raises(UnauthorizedOperation):
        _call(nobody, action)


def test_who_may_see_one_cluster_gets_its_totals_and_jobs_only(owner: Actor):
    mine, hidden = make_cluster(owner.account_uin), make_cluster(owner.account_uin)
    _job(mine)
    _job(hidden)
    limited = _only(owner, mine)

    assert _call(limited, "DescribeInstanceTotals")["TotalCount"] == 1
    jobs = _call(limited, "DescribeInstanceJobs")["Data"]
    assert [job["InstanceId"] for job in jobs] == [mine.public_id]


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_jobs_are_limited(owner: Actor, limit: int):
    with pytest.raises(ActionError) as refusal:
        _call(owner, "DescribeInstanceJobs", Limit=limit)
    assert refusal.value.full_code == "InvalidParameterValue"


def test_the_state_of_the_runtime_says_since_when_it_runs(
    owner: Actor, running_cluster: Cluster, node: FakeGateway
):
    state = _call(owner, "DescribeInstanceRuntime", InstanceId=running_cluster.public_id)

    assert state["StartTime"] == STATE.started_ms
    assert state["ClientNum"] == 7


def test_the_state_of_a_runtime_is_refused_to_strangers(
    nobody: Actor, outsider: Actor, running_cluster: Cluster, node: FakeGateway
):
    with pytest.raises(UnauthorizedOperation):
        _call(nobody, "DescribeInstanceRuntime", InstanceId=running_cluster.public_id)
    with pytest.raises(ResourceNotFound):
        _call(outsider, "DescribeInstanceRuntime", InstanceId=running_cluster.public_id)


def test_a_runtime_that_does_not_answer_is_said_to(
    owner: Actor, running_cluster: Cluster, node: FakeGateway
):
    node.answers[GetNodeState] = NodeUnreachable("gone")

    with pytest.raises(ActionError) as refusal:
        _call(owner, "DescribeInstanceRuntime", InstanceId=running_cluster.public_id)
    assert refusal.value.full_code == "ResourceUnavailable"


@pytest.mark.parametrize("word", ["NOR", "0000", "team", "agv", "team: ag", "te:agv"])
def test_a_keyword_finds_a_part_of_id_name_or_tag_once(owner: Actor, word: str):
    cluster = make_cluster(owner.account_uin, name="north")
    ClusterTag.objects.create(cluster=cluster, key="team", value="agv")
    ClusterTag.objects.create(cluster=cluster, key="teams", value="agvs")

    found = _call(owner, "DescribeInstanceList", Filters=[{"Name": "Keyword", "Values": [word]}])

    assert found["TotalCount"] == 1


@pytest.mark.parametrize("word", ["%", "_", "team: x", "south"])
def test_a_keyword_that_occurs_nowhere_finds_nothing(owner: Actor, word: str):
    cluster = make_cluster(owner.account_uin, name="north")
    ClusterTag.objects.create(cluster=cluster, key="team", value="agv")

    found = _call(owner, "DescribeInstanceList", Filters=[{"Name": "Keyword", "Values": [word]}])

    assert found["TotalCount"] == 0
