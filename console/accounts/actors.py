"""From a user to an actor: the statements of all policies attached to it, presets included."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from console.accounts.models import RightsPolicy, User
from console.accounts.presets import PRESETS
from console.core.actors import Actor, Entrance
from console.core.rights import Resource, Statement, parse_policy

OWN_ACTIONS = (
    "cam:ChangeLanguage",
    "cam:ChangePassword",
    "cam:CreateAccessKey",
    "cam:DeleteAccessKey",
    "cam:DescribeAccessKeys",
    "cam:ModifyAccessKey",
)
"""What every user may do to itself without a policy; a deny still wins."""


def actor_of(user: User, *, entrance: Entrance, source_ip: str = "") -> Actor:
    """The actor a user is now; rights are read anew each time, so that a change counts at once
    (ASVS 8.3.2).
    """
    return Actor(
        uin=user.uin,
        account_uin=user.account_uin,
        name=user.username,
        entrance=entrance,
        is_owner=user.is_owner,
        statements=() if user.is_owner else (_over_itself(user), *_statements_of(user)),
        source_ip=source_ip,
    )


def actor_of_session(user: object, session: SessionBase, *, source_ip: str = "") -> Actor | None:
    """Who holds a session that has been open for a while, as of now; None when it has ended.

    A socket lives long after its session was read: signing out, a new password and a disabled user
    end it here as they do for the next page (SECURITY C6). ``user`` is whom it was opened for.
    """
    if not session.session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
    now = get_user(request)
    if not isinstance(now, User) or now != user:
        return None
    return actor_of(now, entrance="page", source_ip=source_ip)


def resource_of_user(user: User) -> Resource:
    """The six-part name of a user: ``qcs::cam::uin/<account>:uin/<user>``."""
    return Resource(account_uin=user.account_uin, service="cam", kind="uin", id=user.uin)


def _over_itself(user: User) -> Statement:
    return Statement("allow", OWN_ACTIONS, (resource_of_user(user).name,))


def _statements_of(user: User) -> tuple[Statement, ...]:
    names = list(user.attachments.values_list("policy_name", flat=True))
    own = dict(
        RightsPolicy.objects.filter(account_uin=user.account_uin, name__in=names).values_list(
            "name", "document"
        )
    )
    documents = [PRESETS.get(name) or own.get(name) for name in names]
    return tuple(
        statement for document in documents if document for statement in parse_policy(document)
    )
