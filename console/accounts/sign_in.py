"""Signing in and out: limited, audited, and silent about which user names exist.

Limits (SECURITY C13, ASVS 6.3.1): 10 attempts a user name and 100 an address within 5 minutes.
Only who signs in makes the user name's count start anew. The password's hash is computed for
unknown and disabled users as well, so that the time of a refusal tells nothing.
"""

from __future__ import annotations

import logging

from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.accounts.models import User
from console.core.errors import AuthFailure, RequestLimitExceeded, ResourceUnavailable
from console.core.models import AuditEntry
from console.core.pages import source_ip
from console.core.rate_limits import RateLimit

logger = logging.getLogger(__name__)

BY_NAME = RateLimit(name="sign-in-name", most=10, window_s=300)
BY_ADDRESS = RateLimit(name="sign-in-address", most=100, window_s=300)
AUDITED_EXCESS = RateLimit(name="sign-in-excess", most=1, window_s=300)
"""Rows that an address over a limit writes; else strangers fill the database as fast as they ask.
"""


def sign_in(request: HttpRequest, *, username: str, password: str) -> User:
    """Sign a user in with a new session; the old one's id is worth nothing afterwards.

    Raises:
        AuthFailure: wrong name or password, or disabled; the message does not tell which.
        RequestLimitExceeded: too many attempts; the password was not looked at.
        ResourceUnavailable: attempts cannot be counted now, so none is allowed.
    """
    _count_attempt(request, username)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        error = AuthFailure(_("The user name or the password is not right."))
        _write(request, "SignIn", None, username, refused_with=error.full_code)
        raise error
    login(request, user)
    BY_NAME.forget(username)
    _write(request, "SignIn", user, username)
    return user


def sign_out(request: HttpRequest) -> None:
    """End the session, if there is one."""
    user = request.user
    logout(request)
    if isinstance(user, User):
        _write(request, "SignOut", user, user.username)


def _count_attempt(request: HttpRequest, username: str) -> None:
    try:
        # Both are counted, whatever the first says.
        allowed = [BY_ADDRESS.take(source_ip(request)), BY_NAME.take(username)]
        is_audited = all(allowed) or AUDITED_EXCESS.take(source_ip(request))
    except Exception:
        logger.exception("sign-in refused, the cache that counts attempts is away")
        raise ResourceUnavailable(
            _("Signing in is not possible at the moment. Try again in a minute.")
        ) from None
    if not all(allowed):
        error = RequestLimitExceeded(_("Too many attempts. Try again in five minutes."))
        if is_audited:
            _write(request, "SignIn", None, username, refused_with=error.full_code)
        raise error


def _write(
    request: HttpRequest, action: str, user: User | None, username: str, *, refused_with: str = ""
) -> None:
    """The audit row. A refused one names the account only when the user name is one of it."""
    known = user or User.objects.filter(username=username).first()
    AuditEntry.objects.create(
        account_uin=known.account_uin if known else "",
        actor_uin=known.uin if known else "",
        actor_name=username[:150],
        entrance="page",
        source_ip=source_ip(request),
        request_id="",
        action=f"cam:{action}",
        outcome=AuditEntry.Outcome.REFUSED if refused_with else AuditEntry.Outcome.DONE,
        code=refused_with,
    )
