"""Django app of the policies."""

from __future__ import annotations

from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    """Authorization policies."""

    name = "policies"
    default_auto_field = "django.db.models.BigAutoField"
