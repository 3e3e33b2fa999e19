"""Changes of API keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from console.accounts.credentials import sealed_secret_key
from console.accounts.models import ApiKey, User
from console.accounts.numbers import new_secret_id, new_secret_key
from console.accounts.resources import key_resource, require_power_over, user_resource
from console.core.actions import action
from console.core.actors import Actor
from console.core.errors import LimitExceeded
from console.core.events import announce

MAX_KEYS = 2
"""A user's keys: the old one and its successor during a change (CONTRACT R2)."""


@dataclass(frozen=True, slots=True)
class NewAccessKey:
    """A key that was just made, with the secret that nothing shows again."""

    key: ApiKey
    secret_key: str = field(repr=False)


@action("CreateAccessKey", service="cam", resource=user_resource, kind="change")
def create_access_key(actor: Actor, *, user: User) -> NewAccessKey:
    """Make an API key for a user, by default for oneself (CONTRACT R2)."""
    require_power_over(actor, user)
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.api_keys.count() >= MAX_KEYS:
        raise LimitExceeded(
            _("%(user)s has %(most)s API keys, which is the limit. Delete an old one first.")
            % {"user": user.username, "most": MAX_KEYS}
        )
    secret_id, secret_key = new_secret_id(), new_secret_key()
    key = ApiKey.objects.create(
        user=locked, secret_id=secret_id, sealed_key=sealed_secret_key(secret_id, secret_key)
    )
    _changed(actor)
    return NewAccessKey(key, secret_key)


@action("ModifyAccessKey", service="cam", resource=key_resource, kind="change")
def modify_access_key(actor: Actor, *, key: ApiKey, enabled: bool) -> ApiKey:
    """Enable or disable an API key; a disabled one is refused from the next request on."""
    require_power_over(actor, key.user)
    key.enabled = enabled
    key.save(update_fields=["enabled"])
    _changed(actor)
    return key


@action("DeleteAccessKey", service="cam", resource=key_resource, kind="change")
def delete_access_key(actor: Actor, *, key: ApiKey) -> None:
    """Delete an API key for good."""
    require_power_over(actor, key.user)
    key.delete()
    _changed(actor)


def _changed(actor: Actor) -> None:
    announce("keys-changed", account=actor.account_uin)
