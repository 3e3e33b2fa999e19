"""The API's one address: ``POST /``; a browser that opens it is led to the console."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from console.api.authentication import authenticate
from console.api.dispatch import answer, dispatch, refusal
from console.core.errors import ActionError, AuthFailure, InvalidParameter, MissingParameter
from console.core.pages import actor_from, source_ip
from console.core.strict_json import JsonInvalid, strict_loads

logger = logging.getLogger(__name__)

VERSION = "2024-05-16"
CONTENT_TYPE = "application/json"
MAX_BODY_BYTES = 6 * 1024 * 1024
LANGUAGES = {"zh-CN": "zh-hans", "en-US": "en"}
"""``X-TC-Language`` → the language of messages; English when it is not said."""


class NoSuchVersion(ActionError):
    """A version of the API that is not this one."""

    code = "NoSuchVersion"


class InvalidRequest(ActionError):
    """The request is no call of the API."""

    code = "InvalidRequest"


class RequestSizeLimitExceeded(ActionError):
    """The body is too long."""

    code = "RequestSizeLimitExceeded"
    status = 413


# The one view without a CSRF token: a signature authenticates it, never a cookie (SECURITY C5).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def entrance(request: HttpRequest) -> HttpResponse:
    """Answer a call; every answer has status 200, as the SDKs expect."""
    if request.method != "POST" and "X-TC-Action" not in request.headers:
        return redirect("overview" if actor_from(request) else "sign-in")
    request_id = str(uuid.uuid4())
    language = LANGUAGES.get(request.headers.get("X-TC-Language", ""), "en")
    with translation.override(language):
        try:
            envelope = _call(request, request_id)
        except AuthFailure as error:
            logger.warning(
                "api call not authenticated code=%s address=%s request=%s",
                error.full_code,
                source_ip(request),
                request_id,
            )
            envelope = refusal(request_id, error)
        except ActionError as error:
            envelope = refusal(request_id, error)
    return JsonResponse(envelope)


def _call(request: HttpRequest, request_id: str) -> dict[str, Any]:
    body = _body(request)
    action = request.headers.get("X-TC-Action", "")
    if not action:
        raise MissingParameter(_("The header X-TC-Action, the name of the action, is missing."))
    actor = authenticate(request, body, request_id=request_id, now_s=time.time())
    version = request.headers.get("X-TC-Version", "")
    if version != VERSION:
        raise NoSuchVersion(
            _("The version of this API is %(wanted)s, not %(given)s.")
            % {"wanted": VERSION, "given": version[:20] or _("empty")}
        )
    return answer(request_id, dispatch(actor, action, _parameters(body)))


def _body(request: HttpRequest) -> bytes:
    if request.method != "POST":
        raise InvalidRequest(_("Call the API with POST and a JSON body."))
    if request.content_type != CONTENT_TYPE:
        raise InvalidRequest(
            _("The body must be %(wanted)s, not %(given)s.")
            % {"wanted": CONTENT_TYPE, "given": (request.content_type or "")[:80] or _("empty")}
        )
    # Read, not `request.body`: a chunked body announces no length that Django could check.
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise RequestSizeLimitExceeded(
            _("The body has more than the %(most)s bytes that are taken.")
            % {"most": MAX_BODY_BYTES}
        )
    return body


def _parameters(body: bytes) -> dict[str, Any]:
    try:
        parameters = strict_loads(body)
    except JsonInvalid as error:
        raise InvalidParameter(
            _("The body cannot be read: %(why)s.") % {"why": str(error)}
        ) from None
    if not isinstance(parameters, dict):
        raise InvalidParameter(_("The body must be a JSON object of parameters."))
    return parameters
