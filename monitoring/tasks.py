"""Celery's entrance to the metrics."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring import records


@shared_task(name="monitoring.trim", ignore_result=True)
def trim() -> int:
    """Delete the minutes that are too old; beat calls it every hour. Returns how many rows."""
    return records.trim_minutes(timezone.now())
