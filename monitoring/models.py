"""Metrics by the minute; seconds live in Valkey, everything finer in the runtime."""

from __future__ import annotations

from django.db import models

from clusters.models import Cluster


class MinuteMetric(models.Model):
    """What one node did within one minute."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="minute_metrics")
    node_id = models.CharField(max_length=40)
    minute = models.DateTimeField()
    samples = models.PositiveSmallIntegerField()
    """Seconds that were reported."""
    counters = models.JSONField(default=dict)
    """Counter → increase within the minute."""
    peaks = models.JSONField(default=dict)
    """Gauge or rate → its greatest value within the minute."""

    class Meta:
        ordering = ("minute",)
        constraints = (
            models.UniqueConstraint(
                fields=("cluster", "node_id", "minute"), name="one_row_per_minute"
            ),
        )

    def __str__(self) -> str:
        return f"{self.node_id} {self.minute:%Y-%m-%d %H:%M}"
