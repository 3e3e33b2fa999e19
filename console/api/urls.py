"""The API's address."""

from __future__ import annotations

from django.urls import path

from console.api.views import entrance

urlpatterns = [path("", entrance, name="api")]
