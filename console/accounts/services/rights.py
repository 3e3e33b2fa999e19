"""Changes of rights policies and of who has them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from console.accounts.models import PolicyAttachment, RightsPolicy, User
from console.accounts.presets import PRESETS
from console.accounts.resources import (
    require_no_deny,
    require_other,
    require_own_rights,
    require_policy,
    user_resource,
)
from console.core.actions import account_resource, action
from console.core.actors import Actor
from console.core.errors import (
    AlreadyExists,
    InvalidParameterValue,
    LimitExceeded,
    ResourceInUse,
    ResourceNotFound,
)
from console.core.events import announce
from console.core.rights import PolicyInvalid, parse_policy

MAX_POLICIES = 1500
MAX_ATTACHMENTS = 200


@action("CreateRightsPolicy", service="cam", resource=account_resource, kind="change")
def create_rights_policy(
    actor: Actor, *, policy_name: str, policy_document: dict[str, Any], remark: str = ""
) -> RightsPolicy:
    """Create a JSON policy; its name cannot be changed afterwards (CONTRACT R6)."""
    try:
        parse_policy(policy_document)
    except PolicyInvalid as error:
        raise InvalidParameterValue(str(error), field="policy_document") from None
    own = RightsPolicy.objects.filter(account_uin=actor.account_uin)
    if policy_name in PRESETS or own.filter(name=policy_name).exists():
        raise AlreadyExists(
            _("There is a rights policy %(name)s already.") % {"name": policy_name},
            field="policy_name",
        )
    if own.count() >= MAX_POLICIES:
        raise LimitExceeded(
            _("An account may have %(most)s rights policies and has them all.")
            % {"most": MAX_POLICIES}
        )
    return RightsPolicy.objects.create(
        account_uin=actor.account_uin, name=policy_name, document=policy_document, remark=remark
    )


@action("DeleteRightsPolicy", service="cam", resource=account_resource, kind="change")
def delete_rights_policy(actor: Actor, *, policy: RightsPolicy) -> None:
    """Delete a policy that nobody has; otherwise a later one of its name would take its place."""
    locked = RightsPolicy.objects.select_for_update().filter(pk=policy.pk).first()
    holders = PolicyAttachment.objects.filter(
        policy_name=policy.name, user__owner__uin=actor.account_uin
    ).select_related("user")
    names = [holder.user.username for holder in holders[:5]]
    if names:
        raise ResourceInUse(
            _("Rights policy %(name)s is attached to %(users)s. Detach it first.")
            % {"name": policy.name, "users": ", ".join(names)},
            field="policy_name",
        )
    if locked:
        locked.delete()


@action("AttachRightsPolicy", service="cam", resource=user_resource, kind="change")
def attach_rights_policy(actor: Actor, *, user: User, policy_name: str) -> PolicyAttachment:
    """Give a sub-user the rights of a preset or of a policy of the account (CONTRACT R9)."""
    require_other(actor, user)
    require_policy(actor, policy_name)
    require_own_rights(actor, [policy_name])
    if user.attachments.count() >= MAX_ATTACHMENTS:
        raise LimitExceeded(
            _("A user may have %(most)s rights policies and has them all.")
            % {"most": MAX_ATTACHMENTS}
        )
    attachment, is_new = PolicyAttachment.objects.get_or_create(user=user, policy_name=policy_name)
    if not is_new:
        raise AlreadyExists(
            _("%(user)s has the rights policy %(name)s already.")
            % {"user": user.username, "name": policy_name},
            field="policy_name",
        )
    announce("accounts-changed", account=actor.account_uin)
    return attachment


@action("DetachRightsPolicy", service="cam", resource=user_resource, kind="change")
def detach_rights_policy(actor: Actor, *, user: User, policy_name: str) -> None:
    """Take the rights of a policy away; it counts from the next request on."""
    require_other(actor, user)
    found = user.attachments.filter(policy_name=policy_name).first()
    if found is None:
        raise ResourceNotFound(
            _("%(user)s does not have the rights policy %(name)s.")
            % {"user": user.username, "name": policy_name[:64]},
            field="policy_name",
        )
    require_no_deny(actor, policy_name)
    found.delete()
    announce("accounts-changed", account=actor.account_uin)
