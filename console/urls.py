"""Every URL of the console."""

from __future__ import annotations

from functools import partial

from django.urls import URLPattern, URLResolver, include, path
from django.views import defaults

from console.health import healthz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("", include("console.api.urls")),
    path("", include("console.accounts.urls")),
    path("", include("clusters.urls")),
    path("", include("clusters.client_urls")),
    path("", include("topics.urls")),
    path("", include("authn.urls")),
    path("", include("policies.urls")),
    path("", include("monitoring.page_urls")),
    path("", include("console.overview.urls")),
    path("", include("monitoring.urls")),
]

handler400 = partial(defaults.bad_request, template_name="errors/400.html")
handler403 = partial(defaults.permission_denied, template_name="errors/403.html")
handler404 = partial(defaults.page_not_found, template_name="errors/404.html")
handler500 = partial(defaults.server_error, template_name="errors/500.html")
