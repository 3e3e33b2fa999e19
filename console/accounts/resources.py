"""How actions name and find users, keys and policies; how far one user's power reaches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from console.accounts.actors import resource_of_user
from console.accounts.models import ApiKey, PolicyAttachment, RightsPolicy, User
from console.accounts.presets import PRESETS
from console.core.actors import Actor
from console.core.errors import InvalidParameterValue, ResourceNotFound, UnauthorizedOperation
from console.core.rights import Resource, parse_policy


def user_resource(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """The resource of the ``user`` argument."""
    return resource_of_user(parameters["user"])


def key_resource(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """The resource of the ``key`` argument: the user it belongs to."""
    return resource_of_user(parameters["key"].user)


def own_resource(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """The resource of what a user does to itself."""
    return Resource(account_uin=actor.account_uin, service="cam", kind="uin", id=actor.uin)


def users_of(actor: Actor) -> QuerySet[User]:
    """Everybody of the actor's account, its owner included."""
    return User.objects.select_related("owner").filter(
        Q(uin=actor.account_uin) | Q(owner__uin=actor.account_uin)
    )


def find_user(actor: Actor, username: str) -> User:
    """The user of that name in the actor's account; the actor itself for an empty name."""
    found = users_of(actor).filter(**({"username": username} if username else {"uin": actor.uin}))
    return _one(found.first(), username, field="username")


def find_sub_user(actor: Actor, username: str) -> User:
    """The sub-user of that name in the actor's account; the owner is none."""
    found = users_of(actor).filter(owner__isnull=False, username=username).first()
    return _one(found, username, field="username")


def find_key(actor: Actor, secret_id: str) -> ApiKey:
    """The API key of that id in the actor's account."""
    found = ApiKey.objects.select_related("user__owner").filter(
        secret_id=secret_id, user__in=users_of(actor)
    )
    key = found.first()
    if key is None:
        raise ResourceNotFound(
            _("There is no API key %(id)s in this account. Check it on the API keys page.")
            % {"id": secret_id[:64]},
            field="secret_id",
        )
    return key


def find_policy(actor: Actor, name: str) -> RightsPolicy:
    """The account's own policy of that name; a preset is none."""
    found = RightsPolicy.objects.filter(account_uin=actor.account_uin, name=name).first()
    if found is None:
        raise ResourceNotFound(
            _("There is no rights policy %(name)s in this account.") % {"name": name[:64]},
            field="policy_name",
        )
    return found


def require_policy(actor: Actor, name: str) -> None:
    """Refuse a name that is neither a preset nor a policy of the account.

    The account's policy stays locked until the transaction ends, so that it cannot be deleted
    while it is being attached.
    """
    if name not in PRESETS:
        RightsPolicy.objects.select_for_update().filter(pk=find_policy(actor, name).pk).first()


def require_other(actor: Actor, user: User) -> None:
    """Nobody changes his own rights, in either direction: a deny may go, too (SECURITY C9)."""
    if actor.uin == user.uin:
        raise UnauthorizedOperation(
            _("Nobody can change his own rights. Ask the account's owner."), field="username"
        )


def require_power_over(actor: Actor, user: User) -> None:
    """Refuse to act for a user who may do more than the actor: his password or key would lend that
    power (SECURITY C9).
    """
    if actor.uin == user.uin:
        return
    if user.is_owner and not _is_above_all(actor):
        raise UnauthorizedOperation(_("Only the account's owner can do this to himself."))
    require_own_rights(actor, user.attachments.values_list("policy_name", flat=True))


def require_own_rights(actor: Actor, policies: Collection[str] | QuerySet[Any, str]) -> None:
    """Refuse to hand on policies that the actor does not have himself (SECURITY C9).

    Policies are compared by name, not by content. Someone whom a deny limits cannot hand on
    anything: without the deny it would be more than he has.
    """
    wanted = set(policies)
    if _is_above_all(actor) or not wanted:
        return
    own = PolicyAttachment.objects.filter(user__uin=actor.uin).values_list("policy_name", flat=True)
    limited = any(statement.effect == "deny" for statement in actor.statements)
    if limited or not wanted <= set(own):
        raise UnauthorizedOperation(
            _(
                "%(who)s cannot give rights that he does not have himself: %(policies)s. "
                "Ask the account's owner."
            )
            % {"who": actor.name, "policies": ", ".join(sorted(wanted))}
        )


def require_no_deny(actor: Actor, policy_name: str) -> None:
    """Refuse to take away what limits a user: without it he may do more (SECURITY C9)."""
    if _is_above_all(actor) or policy_name in PRESETS:
        return
    statements = parse_policy(find_policy(actor, policy_name).document)
    if any(statement.effect == "deny" for statement in statements):
        raise UnauthorizedOperation(
            _("Rights policy %(name)s denies something. Only the account's owner takes it away.")
            % {"name": policy_name},
            field="policy_name",
        )


def check_password_rules(password: str, user: User) -> None:
    """Refuse a password that is too short, too common or too like the user's name."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidParameterValue(" ".join(error.messages), field="password") from None


def _is_above_all(actor: Actor) -> bool:
    return actor.is_owner or actor.is_system


def _one(user: User | None, username: str, *, field: str) -> User:
    if user is None:
        raise ResourceNotFound(
            _("There is no user %(name)s in this account.") % {"name": username[:64]},
            code="ResourceNotFound.User",
            field=field,
        )
    return user
