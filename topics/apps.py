"""Django app of the topics."""

from __future__ import annotations

from django.apps import AppConfig


class TopicsConfig(AppConfig):
    """First-level topics."""

    name = "topics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the clusters what to count, and hear of new topics."""
        from topics import receivers  # noqa: F401  # loaded for its registrations
