"""Who signed an API request: from its headers to an actor."""

from __future__ import annotations

import dataclasses
import logging

from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.accounts.actors import actor_of
from console.accounts.credentials import find_credential, note_use
from console.api.signature import (
    Authorization,
    AuthorizationInvalid,
    SignedRequest,
    is_in_time,
    is_signed,
    parse_authorization,
)
from console.core.actors import Actor
from console.core.errors import AuthFailure, RequestLimitExceeded
from console.core.pages import source_ip
from console.core.rate_limits import RateLimit

logger = logging.getLogger(__name__)

SERVICE = "mqtt"
"""The one service that signatures are made for; the account actions come with it."""
KEY_RATE = RateLimit(name="api-key", most=500, window_s=5)


def authenticate(request: HttpRequest, body: bytes, *, request_id: str, now_s: float) -> Actor:
    """The actor of a signed request, acting under the id that its answer will carry.

    Raises:
        AuthFailure: with one of the official ``AuthFailure.*`` codes.
        RequestLimitExceeded: the key was used more than ``KEY_RATE`` allows.
    """
    authorization = _authorization(request)
    timestamp_s = _timestamp_s(request)
    if not is_in_time(authorization, timestamp_s, now_s=now_s):
        raise AuthFailure(
            _("The request's time is more than 5 minutes off. Check the machine's clock."),
            code="AuthFailure.SignatureExpire",
        )
    credential = find_credential(authorization.secret_id)
    if credential is None:
        raise AuthFailure(
            _("There is no enabled API key with this SecretId. Check it on the API keys page."),
            code="AuthFailure.SecretIdNotFound",
        )
    key, secret_key = credential
    signed = SignedRequest(
        method=request.method or "",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        timestamp_s=timestamp_s,
    )
    if not is_signed(signed, authorization, secret_key):
        raise AuthFailure(
            _("The signature does not fit the request. Check the SecretKey."),
            code="AuthFailure.SignatureFailure",
        )
    _count(key.secret_id)
    note_use(key)
    actor = actor_of(key.user, entrance="api", source_ip=source_ip(request))
    return dataclasses.replace(actor, request_id=request_id)


def _authorization(request: HttpRequest) -> Authorization:
    try:
        authorization = parse_authorization(request.headers.get("Authorization", ""))
    except AuthorizationInvalid as error:
        raise AuthFailure(
            _("The Authorization header must be: %(form)s.") % {"form": error},
            code="AuthFailure.InvalidAuthorization",
        ) from None
    if authorization.service != SERVICE:
        raise AuthFailure(
            _("The credential is for the service %(given)s; this one is %(wanted)s.")
            % {"given": authorization.service, "wanted": SERVICE},
            code="AuthFailure.InvalidAuthorization",
        )
    return authorization


def _timestamp_s(request: HttpRequest) -> int:
    text = request.headers.get("X-TC-Timestamp", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise AuthFailure(
            _("X-TC-Timestamp must be the Unix time in seconds."),
            code="AuthFailure.SignatureExpire",
        )
    return int(text)


def _count(secret_id: str) -> None:
    try:
        allowed = KEY_RATE.take(secret_id)
    except Exception:
        # The limit only spares the machine; without the cache the API shall still answer.
        logger.exception("API rate limit not counted, the cache is away")
        return
    if not allowed:
        raise RequestLimitExceeded(
            _("More than %(most)s requests in %(window)s s with one API key. Slow down.")
            % {"most": KEY_RATE.most, "window": KEY_RATE.window_s}
        )
