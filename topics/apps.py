"""Django app of the topics."""

from __future__ import annotations

from django.apps import AppConfig


class TopicsConfig(AppConfig):
    """First-level topics."""

    name = "topics"
    default_auto_field = "django.db.models.BigAutoField"
