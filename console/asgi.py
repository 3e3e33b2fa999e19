"""The ASGI application that daphne serves: pages and API, live pages, telemetry of the runtimes."""

from __future__ import annotations

import os
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import WebsocketDenier
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
http = get_asgi_application()

# Consumers import models, which are there only once Django is set up.
from console import bodies  # noqa: E402
from console.live.consumers import LivePage  # noqa: E402
from console.live.origins import SameOrigin  # noqa: E402
from monitoring.consumers import NodeTelemetry  # noqa: E402

bodies.install()
telemetry: Any = NodeTelemetry.as_asgi()
live: Any = SameOrigin(AuthMiddlewareStack(LivePage.as_asgi()))
nowhere: Any = WebsocketDenier.as_asgi()
routes: list[Any] = [
    path("internal/telemetry/", telemetry),
    path("ws/live/", live),
    re_path("", nowhere),  # without it, each wrong address were an error with its traceback
]
"""``Any``: Django's types of ``path`` know only views of requests."""

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(routes)})
