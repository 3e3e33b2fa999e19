"""Django app of the authn."""

from __future__ import annotations

from django.apps import AppConfig


class AuthnConfig(AppConfig):
    """MQTT users."""

    name = "authn"
    default_auto_field = "django.db.models.BigAutoField"
