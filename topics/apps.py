"""Django app of the topics."""

from __future__ import annotations

from django.apps import AppConfig


class TopicsConfig(AppConfig):
    """First-level topics."""

    name = "topics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the clusters what to count."""
        from topics import receivers  # noqa: F401  # loaded for its registrations

    def ready(self) -> None:
        """Connect the receivers."""
        from topics import receivers  # noqa: F401  # loaded for its registrations
