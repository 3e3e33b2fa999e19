"""Changes of sub-users and of one's own sign-in."""

from __future__ import annotations

from django.utils.translation import gettext as _

from console.accounts.models import User
from console.accounts.numbers import new_uin
from console.accounts.resources import (
    check_password_rules,
    own_resource,
    require_other,
    require_power_over,
    user_resource,
)
from console.core.actions import account_resource, action
from console.core.actors import Actor
from console.core.errors import (
    AlreadyExists,
    InvalidParameterValue,
    LimitExceeded,
    RequestLimitExceeded,
)
from console.core.events import announce
from console.core.rate_limits import RateLimit

MAX_SUB_USERS = 1000
PASSWORD_CHANGES = RateLimit(name="password-change", most=10, window_s=300)
"""Tries of the current password: a stolen session shall not find it out."""


@action(
    "CreateSubUser",
    service="cam",
    resource=account_resource,
    kind="change",
    secret_parameters=("password",),
)
def create_sub_user(actor: Actor, *, username: str, password: str = "", remark: str = "") -> User:
    """Create a user of the account, without any rights (CONTRACT R1, R3).

    Without a password it can only use API keys.
    """
    # Locked before anything is looked at, so that two at once are checked one after the other.
    owner = User.objects.select_for_update().get(uin=actor.account_uin)
    if User.objects.filter(username=username).exists():
        raise AlreadyExists(
            _("The user name %(name)s is taken.") % {"name": username}, field="username"
        )
    if owner.sub_users.count() >= MAX_SUB_USERS:
        raise LimitExceeded(
            _("An account may have %(most)s sub-users and has them all.") % {"most": MAX_SUB_USERS}
        )
    user = User(username=username, uin=new_uin(), owner=owner, remark=remark)
    if password:
        check_password_rules(password, user)
    user.set_password(password or None)
    user.save()
    _changed(actor)
    return user


@action(
    "ModifySubUser",
    service="cam",
    resource=user_resource,
    kind="change",
    secret_parameters=("password",),
)
def modify_sub_user(
    actor: Actor,
    *,
    user: User,
    enabled: bool | None = None,
    password: str = "",
    remark: str | None = None,
) -> User:
    """Enable, disable, or give a new password; sessions end at once (SECURITY C13, ASVS 7.4)."""
    require_other(actor, user)
    require_power_over(actor, user)
    changed = []  # only these are written: ``user`` may be older than another change
    if enabled is not None:
        user.is_active = enabled
        changed.append("is_active")
    if password:
        check_password_rules(password, user)
        user.set_password(password)
        changed.append("password")
    if remark is not None:
        user.remark = remark
        changed.append("remark")
    user.save(update_fields=changed)
    _changed(actor)
    return user


@action("DeleteSubUser", service="cam", resource=user_resource, kind="change")
def delete_sub_user(actor: Actor, *, user: User) -> None:
    """Delete a sub-user with its keys and attachments; its audit entries stay."""
    require_other(actor, user)
    require_power_over(actor, user)
    user.delete()
    _changed(actor)


@action(
    "ChangePassword",
    service="cam",
    resource=own_resource,
    kind="change",
    secret_parameters=("current_password", "password"),
)
def change_password(actor: Actor, *, current_password: str, password: str) -> User:
    """Change one's own password; every other session of the user ends (ASVS 6.2.3, 7.4.3)."""
    if not PASSWORD_CHANGES.take(actor.uin):
        raise RequestLimitExceeded(_("Too many attempts. Try again in five minutes."))
    user = User.objects.select_for_update().get(uin=actor.uin)
    if not user.check_password(current_password):
        raise InvalidParameterValue(
            _("The current password is not right."), field="current_password"
        )
    check_password_rules(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    PASSWORD_CHANGES.forget(actor.uin)
    return user


@action("ChangeLanguage", service="cam", resource=own_resource, kind="change")
def change_language(actor: Actor, *, language: str) -> User:
    """Keep the language in which the user reads the console (DECISIONS 17)."""
    user = User.objects.get(uin=actor.uin)
    user.language = language
    user.save(update_fields=["language"])
    return user


def _changed(actor: Actor) -> None:
    announce("accounts-changed", account=actor.account_uin)
