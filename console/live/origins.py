"""Who may open a page's socket: pages of this console, whatever else the machine serves."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host


class SameOrigin:
    """Refuses a handshake whose ``Origin`` is missing or another one (SECURITY C6).

    Browsers send a session's cookie to every port of a host: so the port counts, too. Allowed are
    the console's public URL and the very host that was called, if it is one of ``ALLOWED_HOSTS``.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the handshake on, or refuse it."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        allowed = is_allowed(origin, host)
        await (self._application if allowed else WebsocketDenier())(scope, receive, send)


def is_allowed(origin: str, host: str) -> bool:
    """Whether a page of ``origin`` may open a socket to ``host``."""
    if origin == settings.ENVIRONMENT.public_url:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host or parts.netloc != host:
        return False
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
