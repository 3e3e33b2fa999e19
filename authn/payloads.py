"""Results of the user actions in the cloud API's words."""

from __future__ import annotations

from typing import Any

from authn.models import MqttUser
from authn.selectors import UserPage, view_user_passwords
from clusters.resources import resource_of
from console.core.actors import Actor
from console.core.payloads import presents


@presents("CreateUser")
def created_user(actor: Actor, user: MqttUser) -> dict[str, Any]:
    """``CreateUserResponse``: nothing."""
    return {}


@presents("ModifyUser")
def modified_user(actor: Actor, user: MqttUser) -> dict[str, Any]:
    """``ModifyUserResponse``: nothing."""
    return {}


@presents("DeleteUser")
def deleted_user(actor: Actor, nothing: None) -> dict[str, Any]:
    """``DeleteUserResponse``: nothing."""
    return {}


@presents("DescribeUser")
def described_user(actor: Actor, user: MqttUser) -> dict[str, Any]:
    """Console-only: a user without its password; times in milliseconds."""
    return _item(user)


@presents("DescribeUserList")
def described_user_list(actor: Actor, page: UserPage) -> dict[str, Any]:
    """``DescribeUserListResponse``; times in milliseconds.

    ``Password`` is filled, and its viewing audited, for actors with the right to
    ``ViewUserPasswords``; else empty.
    """
    passwords = _passwords(actor, page)
    return {
        "TotalCount": page.total,
        "Data": [
            {**_item(user), "Password": passwords.get(user.username, "")} for user in page.users
        ],
    }


@presents("ViewUserPasswords")
def viewed_user_passwords(actor: Actor, passwords: dict[str, str]) -> dict[str, Any]:
    """Console-only: a list of username and password."""
    return {
        "Data": [
            {"Username": username, "Password": password} for username, password in passwords.items()
        ]
    }


def _item(user: MqttUser) -> dict[str, Any]:
    return {
        "Username": user.username,
        "Remark": user.remark,
        "CreatedTime": int(user.created_at.timestamp() * 1000),
        "ModifiedTime": int(user.modified_at.timestamp() * 1000),
    }


def _passwords(actor: Actor, page: UserPage) -> dict[str, str]:
    if not page.users or not actor.may("mqtt:ViewUserPasswords", resource_of(page.cluster)):
        return {}
    return view_user_passwords(
        actor, cluster=page.cluster, usernames=[user.username for user in page.users]
    )
