"""The ASGI application that daphne serves: pages and API, live pages, telemetry of the runtimes."""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
http = get_asgi_application()

# Consumers import models, which are there only once Django is set up.
from console.live.consumers import LivePage  # noqa: E402
from monitoring.consumers import NodeTelemetry  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(
            [
                path("internal/telemetry/", NodeTelemetry.as_asgi()),
                path(
                    "ws/live/",
                    AllowedHostsOriginValidator(AuthMiddlewareStack(LivePage.as_asgi())),
                ),
            ]
        ),
    }
)
