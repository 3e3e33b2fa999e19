"""Authorization-policy actions: what they do, whom and what they refuse (CONTRACT section 14)."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.models import Cluster
from clusters.resources import cluster_created
from console.core.actors import Actor
from console.core.errors import LimitExceeded
from policies.models import AuthorizationPolicy
from policies.services import create_authorization_policy
from tests.calls import call, refused

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WHOLE = {
    "PolicyName": "line-sensors",
    "PolicyVersion": 1,
    "Priority": 7,
    "Effect": "allow",
    "Actions": "connect,pub,sub",
    "Retain": 3,
    "Qos": "0,1",
    "Resources": "line/+/state,line/${ClientId}/#",
    "Username": "sensor*",
    "ClientId": "*${Username}*",
    "Ip": "192.168.0.0/16",
    "Remark": "first",
}


@pytest.fixture
def policy(owner: Actor, running_cluster: Cluster) -> AuthorizationPolicy:
    call(owner, "CreateAuthorizationPolicy", running_cluster, **WHOLE)
    return AuthorizationPolicy.objects.get()


def test_a_policy_comes_back_as_it_was_created(owner: Actor, policy: AuthorizationPolicy) -> None:
    (item,) = call(owner, "DescribeAuthorizationPolicies", policy.cluster)["Data"]
    expected = {**WHOLE, "Version": WHOLE["PolicyVersion"], "Id": policy.pk}
    del expected["PolicyVersion"]
    assert {name: item[name] for name in expected} == expected


def test_policies_are_listed_in_the_order_of_their_check(
    owner: Actor, running_cluster: Cluster
) -> None:
    for name, priority in (("third", 30), ("first", 1), ("second", 2)):
        call(
            owner,
            "CreateAuthorizationPolicy",
            running_cluster,
            **{**WHOLE, "PolicyName": name, "Priority": priority},
        )
    answer = call(owner, "DescribeAuthorizationPolicies", running_cluster)
    assert [item["PolicyName"] for item in answer["Data"]] == ["first", "second", "third"]


def test_without_a_priority_a_policy_is_checked_last(
    owner: Actor, policy: AuthorizationPolicy
) -> None:
    parameters = {**WHOLE, "PolicyName": "later"}
    del parameters["Priority"]
    call(owner, "CreateAuthorizationPolicy", policy.cluster, **parameters)
    assert AuthorizationPolicy.objects.get(name="later").priority == 8


def test_a_change_leaves_alone_what_is_not_given(owner: Actor, policy: AuthorizationPolicy) -> None:
    call(owner, "ModifyAuthorizationPolicy", policy.cluster, Id=policy.pk, Effect="deny")
    policy.refresh_from_db()
    assert (policy.effect, policy.username, policy.qos) == ("deny", "sensor*", [0, 1])


def test_a_deleted_policy_is_gone_from_the_configuration(
    owner: Actor, policy: AuthorizationPolicy
) -> None:
    call(owner, "DeleteAuthorizationPolicy", policy.cluster, Id=policy.pk)
    assert not AuthorizationPolicy.objects.exists()
    cluster = Cluster.objects.get()
    assert cluster.section_revisions == {"policies": cluster.revision}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"PolicyName": "ab"}, "policy_name"),
        ({"PolicyName": "a" * 65}, "policy_name"),
        ({"PolicyName": "a b c"}, "policy_name"),
        ({"PolicyName": "a" * 10_000}, "policy_name"),
        ({"PolicyVersion": 2}, "policy_version"),
        ({"Priority": 0}, "priority"),
        ({"Priority": -1}, "priority"),
        ({"Effect": "ALLOW "}, "effect"),
        ({"Effect": "maybe"}, "effect"),
        ({"Actions": "publish"}, "actions"),
        ({"Actions": ""}, "actions"),
        ({"Actions": " , "}, "actions"),
        ({"Qos": "3"}, "qos"),
        ({"Retain": 4}, "retain"),
        ({"Resources": "a/#/b"}, "topics"),
        ({"Resources": "a#"}, "topics"),
        ({"Resources": "+a"}, "topics"),
        ({"Resources": "a/${Usernam}"}, "topics"),
        ({"Resources": "a/${Username"}, "topics"),
        ({"Resources": "a/\0"}, "topics"),
        ({"Resources": ",".join(f"t{n}" for n in range(51))}, "topics"),
        ({"ClientId": "${Nobody}"}, "client_id"),
        ({"Username": "u" * 257}, "username"),
        ({"Ip": "192.168.0.0/33"}, "ip"),
        ({"Ip": "localhost"}, "ip"),
        ({"Remark": "r" * 129}, "remark"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    changes: dict[str, Any], field: str, owner: Actor, running_cluster: Cluster
) -> None:
    refusal = refused(owner, "CreateAuthorizationPolicy", running_cluster, **{**WHOLE, **changes})
    assert refusal.field == field
    assert not AuthorizationPolicy.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Priority": 8}, "FailedOperation.DuplicatePolicy"),
        ({"PolicyName": "another"}, "FailedOperation.DuplicatePriority"),
    ],
)
def test_names_and_priorities_are_unique(
    changes: dict[str, Any], code: str, owner: Actor, policy: AuthorizationPolicy
) -> None:
    refusal = refused(owner, "CreateAuthorizationPolicy", policy.cluster, **{**WHOLE, **changes})
    assert refusal.full_code == code
    assert AuthorizationPolicy.objects.count() == 1


def test_the_quota_of_the_specification_holds(owner: Actor, policy: AuthorizationPolicy) -> None:
    Cluster.objects.update(max_policies=1)
    changed = {**WHOLE, "PolicyName": "another", "Priority": 9}
    refusal = refused(owner, "CreateAuthorizationPolicy", policy.cluster, **changed)
    assert refusal.full_code == "LimitExceeded"


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("CreateAuthorizationPolicy", {**WHOLE, "PolicyName": "another", "Priority": 9}),
        ("ModifyAuthorizationPolicy", {"Effect": "deny"}),
        ("DeleteAuthorizationPolicy", {}),
    ],
)
def test_a_reader_changes_nothing(
    action: str, parameters: dict[str, Any], reader: Actor, policy: AuthorizationPolicy
) -> None:
    ids = {} if action.startswith("Create") else {"Id": policy.pk}
    refusal = refused(reader, action, policy.cluster, **parameters, **ids)
    assert refusal.full_code == "UnauthorizedOperation"
    assert AuthorizationPolicy.objects.get().effect == "allow"


def test_a_policy_of_another_cluster_is_unknown(
    owner: Actor, outsider: Actor, policy: AuthorizationPolicy, other_cluster: Cluster
) -> None:
    refusal = refused(outsider, "DeleteAuthorizationPolicy", other_cluster, Id=policy.pk)
    assert refusal.full_code == "ResourceNotFound.AuthorizationPolicy"
    assert AuthorizationPolicy.objects.exists()


@pytest.mark.parametrize("asked_for", [True, False])
def test_a_new_cluster_allows_everything_only_when_asked_to(
    asked_for: bool, running_cluster: Cluster
) -> None:
    cluster_created.send(Cluster, cluster=running_cluster, allow_everything=asked_for)
    assert AuthorizationPolicy.objects.exists() is asked_for


def test_the_quota_is_the_one_of_the_moment_of_creation(
    owner: Actor, policy: AuthorizationPolicy
) -> None:
    """SECURITY C24: what was read before the action began may be old by then."""
    Cluster.objects.filter(pk=policy.cluster.pk).update(max_policies=1)

    with pytest.raises(LimitExceeded):
        create_authorization_policy(
            owner, cluster=policy.cluster, policy_name="second", effect="allow", actions=["pub"]
        )
