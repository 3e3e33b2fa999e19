"""Reads of MQTT users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from authn.models import MqttUser
from authn.passwords import password_of
from authn.resources import find_user
from clusters.models import Cluster
from clusters.resources import cluster_resource
from console.core.actions import action
from console.core.actors import Actor


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of users and how many match in all."""

    cluster: Cluster
    users: list[MqttUser]
    total: int


@action("DescribeUserList", resource=cluster_resource, kind="read")
def describe_user_list(
    actor: Actor,
    *,
    cluster: Cluster,
    filters: Mapping[str, Sequence[str]] | None = None,
    offset: int | None = None,
    limit: int | None = None,
) -> UserPage:
    """Users, newest first, those whose name contains the filter ``Username`` (CONTRACT A5)."""
    matching = MqttUser.objects.filter(cluster=cluster)
    for part in (filters or {}).get("Username", ()):
        matching = matching.filter(username__icontains=part)
    start = offset or 0
    return UserPage(
        cluster=cluster,
        users=list(matching[start : start + (limit or 20)]),
        total=matching.count(),
    )


@action("DescribeUser", resource=cluster_resource, kind="read")
def describe_user(actor: Actor, *, cluster: Cluster, username: str) -> MqttUser:
    """One user."""
    return find_user(cluster, username)


@action("ViewUserPasswords", resource=cluster_resource, kind="read", audited=True)
def view_user_passwords(
    actor: Actor, *, cluster: Cluster, usernames: Sequence[str]
) -> dict[str, str]:
    """Username → password in the clear; a right of its own, and always audited (CONTRACT A6,
    DECISIONS 14).

    Its name keeps it out of the read-only preset, which allows ``Describe*``.
    """
    users = MqttUser.objects.select_related("cluster").filter(
        cluster=cluster, username__in=usernames
    )
    return {user.username: password_of(user) for user in users}
