"""Account actions in the cloud API."""

from __future__ import annotations

import json
from typing import Any

from console.accounts.models import ApiKey, User
from console.accounts.selectors import PolicyEntry
from console.accounts.services.access_keys import NewAccessKey
from console.core.actors import Actor
from console.core.payloads import presents


@presents("CreateSubUser")
def create_sub_user(actor: Actor, user: User) -> dict[str, Any]:
    """The new user's name and uin."""
    return {"Username": user.username, "Uin": user.uin}


@presents("DescribeSubUsers")
def describe_sub_users(actor: Actor, users: list[User]) -> dict[str, Any]:
    """Every sub-user; times are Unix milliseconds."""
    return {"TotalCount": len(users), "Data": [_sub_user(user) for user in users]}


@presents("DescribeRightsPolicies")
def describe_rights_policies(actor: Actor, policies: list[PolicyEntry]) -> dict[str, Any]:
    """Every policy; the document as JSON text, as it is written in a call."""
    return {"TotalCount": len(policies), "Data": [_policy(policy) for policy in policies]}


@presents("CreateAccessKey")
def create_access_key(actor: Actor, new: NewAccessKey) -> dict[str, Any]:
    """The key with its secret: the only answer that ever holds it."""
    return {"AccessKey": {**_key(new.key), "SecretKey": new.secret_key}}


@presents("DescribeAccessKeys")
def describe_access_keys(actor: Actor, keys: list[ApiKey]) -> dict[str, Any]:
    """The keys without their secrets; times are Unix milliseconds."""
    return {"TotalCount": len(keys), "Data": [_key(key) for key in keys]}


def _sub_user(user: User) -> dict[str, Any]:
    return {
        "Username": user.username,
        "Uin": user.uin,
        "Remark": user.remark,
        "Enabled": user.is_active,
        "CreatedTime": int(user.created_at.timestamp() * 1000),
        "Policies": [attachment.policy_name for attachment in user.attachments.all()],
    }


def _policy(policy: PolicyEntry) -> dict[str, Any]:
    return {
        "PolicyName": policy.name,
        "PolicyDocument": json.dumps(policy.document, ensure_ascii=False),
        "Remark": policy.remark,
        "IsPreset": policy.is_preset,
        "Users": list(policy.users),
    }


def _key(key: ApiKey) -> dict[str, Any]:
    used = key.last_used_at
    return {
        "SecretId": key.secret_id,
        "Username": key.user.username,
        "Enabled": key.enabled,
        "CreatedTime": int(key.created_at.timestamp() * 1000),
        "LastUsedTime": int(used.timestamp() * 1000) if used else 0,
    }
