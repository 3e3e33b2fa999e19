"""The owner of the installation's account: made once, at the first start."""

from __future__ import annotations

from console.accounts.credentials import sealed_secret_key
from console.accounts.models import ApiKey, User
from console.core.actions import account_resource, action
from console.core.actors import Actor

OWNER_NAME = "owner"


@action(
    "CreateOwner",
    service="cam",
    resource=account_resource,
    kind="change",
    secret_parameters=("password", "secret_key"),
    internal=True,
)
def create_owner(actor: Actor, *, password: str, secret_id: str = "", secret_key: str = "") -> User:
    """Make the owner of the actor's new account, with a first API key when one is given."""
    user = User.objects.create_user(OWNER_NAME, password, uin=actor.account_uin)
    if secret_id:
        ApiKey.objects.create(
            user=user,
            secret_id=secret_id,
            sealed_key=sealed_secret_key(secret_id, secret_key),
        )
    return user


@action(
    "ResetOwnerPassword",
    service="cam",
    resource=account_resource,
    kind="change",
    secret_parameters=("password",),
    internal=True,
)
def reset_owner_password(actor: Actor, *, password: str) -> User:
    """Give the owner a new password: for who holds the machine but has lost it."""
    user = User.objects.get(uin=actor.account_uin)
    user.set_password(password)
    user.save(update_fields=["password"])
    return user
