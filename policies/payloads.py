"""Results of the authorization-policy actions in the cloud API's words."""

from __future__ import annotations

from typing import Any

from console.core.actors import Actor
from console.core.payloads import presents
from policies.models import AuthorizationPolicy


@presents("CreateAuthorizationPolicy")
def created_authorization_policy(actor: Actor, policy: AuthorizationPolicy) -> dict[str, Any]:
    """``CreateAuthorizationPolicyResponse``."""
    return {"InstanceId": policy.cluster.public_id, "Id": policy.pk}


@presents("ModifyAuthorizationPolicy")
def modified_authorization_policy(actor: Actor, policy: AuthorizationPolicy) -> dict[str, Any]:
    """``ModifyAuthorizationPolicyResponse``: nothing."""
    return {}


@presents("DeleteAuthorizationPolicy")
def deleted_authorization_policy(actor: Actor, nothing: None) -> dict[str, Any]:
    """``DeleteAuthorizationPolicyResponse``: nothing."""
    return {}


@presents("DescribeAuthorizationPolicies")
def described_authorization_policies(
    actor: Actor, policies: list[AuthorizationPolicy]
) -> dict[str, Any]:
    """``DescribeAuthorizationPoliciesResponse``: lists as comma-separated text, times in ms."""
    return {"Data": [_item(policy) for policy in policies]}


def _item(policy: AuthorizationPolicy) -> dict[str, Any]:
    return {
        "Id": policy.pk,
        "InstanceId": policy.cluster.public_id,
        "PolicyName": policy.name,
        "Version": 1,
        "Priority": policy.priority,
        "Effect": policy.effect,
        "Actions": ",".join(policy.actions),
        "Resources": ",".join(policy.topics),
        "ClientId": policy.client_id,
        "Username": policy.username,
        "Ip": policy.ip,
        "Qos": ",".join(map(str, policy.qos)),
        "Retain": policy.retain,
        "Remark": policy.remark,
        "CreatedTime": int(policy.created_at.timestamp() * 1000),
        "UpdateTime": int(policy.updated_at.timestamp() * 1000),
    }
