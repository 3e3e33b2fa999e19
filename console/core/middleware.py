"""What every request passes: response headers (strict content security policy, no caching of pages,
no referrer abroad) and the reader's time zone.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

ZONE_COOKIE = "signalbox-timezone"
"""Name of the reader's time zone, set by ``static/js/zone.js``."""
MOST_ZONE_NAME = 64


def security_headers(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Set the policy on every response (Django 5.2 has no middleware of its own for it)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response

    return middleware


def reader_time_zone(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Show and read times in the zone of the reader's browser (DECISIONS 17), else in UTC."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request.COOKIES.get(ZONE_COOKIE, ""))):
            return get_response(request)

    return middleware


def _zone(name: str) -> ZoneInfo | None:
    """The zone of that name; None, which is the default zone, for what is none."""
    if not 0 < len(name) <= MOST_ZONE_NAME:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path out of the folder; a folder
        return None
