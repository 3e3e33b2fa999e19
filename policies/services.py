"""Changes of authorization policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from clusters.models import Cluster
from clusters.resources import (
    change_configuration,
    cluster_resource,
    lock_cluster,
    require_settled,
)
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import FailedOperation, LimitExceeded
from console.core.events import announce
from policies.models import AuthorizationPolicy
from policies.resources import find_policy


@action("CreateAuthorizationPolicy", resource=cluster_resource, kind="change")
def create_authorization_policy(
    actor: Actor,
    *,
    cluster: Cluster,
    policy_name: str,
    effect: str,
    actions: Sequence[str],
    priority: int | None = None,
    topics: Sequence[str] = (),
    username: str = "",
    client_id: str = "",
    ip: str = "",
    qos: Sequence[int] = (),
    retain: int = AuthorizationPolicy.Retain.ANY,
    remark: str = "",
) -> AuthorizationPolicy:
    """Create a policy (CONTRACT Z6); without a priority it is checked last."""
    cluster = lock_cluster(cluster)  # two at once must not both find the last place free
    require_settled(cluster)
    _require_room(cluster)
    policy = AuthorizationPolicy(
        cluster=cluster,
        name=policy_name,
        priority=priority if priority is not None else _next_priority(cluster),
        effect=effect,
        actions=list(actions),
        topics=list(topics),
        username=username,
        client_id=client_id,
        ip=ip,
        qos=list(qos),
        retain=retain,
        remark=remark,
    )
    _require_unique(policy)
    policy.save()
    _changed(cluster)
    return policy


@action("ModifyAuthorizationPolicy", resource=cluster_resource, kind="change")
def modify_authorization_policy(
    actor: Actor, /, *, cluster: Cluster, id: int, **changes: Any
) -> AuthorizationPolicy:
    """Change what is given; the keywords are those of ``create_authorization_policy``."""
    # Read under the lock: the whole row is written back, and with it what another change wrote.
    policy = find_policy(lock_cluster(cluster), id)
    if "policy_name" in changes:
        changes["name"] = changes.pop("policy_name")
    for name, value in changes.items():
        setattr(policy, name, value)
    _require_unique(policy)
    policy.save()
    _changed(cluster)
    return policy


@action("DeleteAuthorizationPolicy", resource=cluster_resource, kind="change")
def delete_authorization_policy(actor: Actor, *, cluster: Cluster, id: int) -> None:
    """Delete a policy."""
    find_policy(cluster, id).delete()
    _changed(cluster)


def _next_priority(cluster: Cluster) -> int:
    last = cluster.authorization_policies.aggregate(last=Max("priority"))["last"]
    return (last or 0) + 1


def _require_unique(policy: AuthorizationPolicy) -> None:
    others = policy.cluster.authorization_policies.exclude(pk=policy.pk)
    if others.filter(name=policy.name).exists():
        raise FailedOperation(
            _("A policy named %(name)s exists already in this cluster.") % {"name": policy.name},
            code="FailedOperation.DuplicatePolicy",
            field="policy_name",
        )
    if others.filter(priority=policy.priority).exists():
        raise FailedOperation(
            _("Priority %(priority)s is taken by another policy; priorities are unique.")
            % {"priority": policy.priority},
            code="FailedOperation.DuplicatePriority",
            field="priority",
        )


def _require_room(cluster: Cluster) -> None:
    if cluster.authorization_policies.count() >= cluster.max_policies:
        raise LimitExceeded(
            _("This cluster may have %(most)s authorization policies and has them all.")
            % {"most": cluster.max_policies}
        )


def _changed(cluster: Cluster) -> None:
    change_configuration(cluster, "policies")
    announce("policies-changed", cluster=cluster.public_id)
