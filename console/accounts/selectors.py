"""Reads of accounts: users, rights policies, API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from console.accounts.actors import resource_of_user
from console.accounts.models import ApiKey, PolicyAttachment, RightsPolicy, User
from console.accounts.presets import PRESETS
from console.accounts.resources import user_resource, users_of
from console.core.actions import account_resource, action
from console.core.actors import Actor


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy of the list: a preset or one of the account's, with who has it."""

    name: str
    remark: str
    document: dict[str, Any]
    is_preset: bool
    users: tuple[str, ...]


@action("DescribeSubUsers", service="cam", resource=account_resource, kind="read")
def describe_sub_users(actor: Actor) -> list[User]:
    """The account's sub-users by name, with their attachments loaded."""
    found = users_of(actor).filter(owner__isnull=False).prefetch_related("attachments")
    return [
        user
        for user in found.order_by("username")
        if actor.may("cam:DescribeSubUsers", resource_of_user(user))
    ]


@action("DescribeRightsPolicies", service="cam", resource=account_resource, kind="read")
def describe_rights_policies(actor: Actor) -> list[PolicyEntry]:
    """The presets, then the account's own policies by name."""
    holders: dict[str, list[str]] = {}
    attachments = PolicyAttachment.objects.filter(user__owner__uin=actor.account_uin)
    for name, username in attachments.values_list("policy_name", "user__username"):
        holders.setdefault(name, []).append(username)
    own = RightsPolicy.objects.filter(account_uin=actor.account_uin).order_by("name")
    rows = [(name, "", document, True) for name, document in PRESETS.items()]
    rows += [(policy.name, policy.remark, policy.document, False) for policy in own]
    return [
        PolicyEntry(name, remark, document, is_preset, tuple(sorted(holders.get(name, ()))))
        for name, remark, document, is_preset in rows
    ]


@action("DescribeAccessKeys", service="cam", resource=user_resource, kind="read")
def describe_access_keys(actor: Actor, *, user: User) -> list[ApiKey]:
    """A user's API keys, by default one's own, oldest first; never their secrets."""
    return list(user.api_keys.select_related("user"))
