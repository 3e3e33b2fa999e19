"""Django app of the clusters."""

from __future__ import annotations

from django.apps import AppConfig


class ClustersConfig(AppConfig):
    """Clusters, nodes, endpoints."""

    name = "clusters"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the kinds of jobs: whoever enqueues one must know it."""
        from clusters import lifecycle  # noqa: F401  # loaded for its registrations
