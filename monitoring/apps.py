"""Django app of the monitoring."""

from __future__ import annotations

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Metrics and message query."""

    name = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"
