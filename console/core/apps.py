"""Django app of the core."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Audit trail and jobs."""

    name = "console.core"
    label = "core"
    default_auto_field = "django.db.models.BigAutoField"
