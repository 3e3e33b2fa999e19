"""Django app that composes the project: Celery, every form, the configuration push."""

from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The project itself."""

    name = "console"
    label = "console"

    def ready(self) -> None:
        """Load the Celery app, every form (they register themselves) and the configuration push."""
        from console import celery, entrances, provisioning  # noqa: F401  # loaded for their registrations

        entrances.load()
