"""Metrics by the minute; seconds live in Valkey, everything finer in the runtime."""

from __future__ import annotations

import datetime

from django.db import models

from clusters.models import Cluster


class MinuteMetric(models.Model):
    """What one node did within one minute.

    A minute may come in several parts, each a row: when Valkey lost what had gathered of it, or a
    clock was set back. Writing a part again replaces it, so that no second counts twice.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="minute_metrics")
    node_id = models.CharField(max_length=40)
    minute = models.PositiveBigIntegerField()
    """Minutes since 1970, UTC: a number, so that every database can group by stretches of it."""
    began_ms = models.PositiveBigIntegerField()
    """Unix milliseconds of the part's first report."""
    samples = models.PositiveIntegerField()
    """Reports within the part."""
    covered_ms = models.PositiveBigIntegerField()
    """The time in which the counts came about; more than a minute after a gap."""
    produced = models.PositiveBigIntegerField()
    """Messages that clients published."""
    consumed = models.PositiveBigIntegerField()
    """Messages that were sent to clients."""
    connections = models.FloatField()
    """Most connections at a time."""
    tps = models.FloatField()
    """Greatest weighted message rate, per second (DECISIONS 6)."""
    counters = models.JSONField(default=dict)
    """Every other counter → its increase."""
    peaks = models.JSONField(default=dict)
    """Every other gauge or rate → its greatest value."""

    class Meta:
        ordering = ("minute",)
        constraints = (
            models.UniqueConstraint(
                fields=("cluster", "minute", "node_id", "began_ms"), name="one_row_per_part"
            ),
        )
        indexes = (models.Index(fields=("minute",), name="minute_metric_by_age"),)

    def __str__(self) -> str:
        instant = datetime.datetime.fromtimestamp(self.minute * 60, tz=datetime.UTC)
        return f"{self.node_id} {instant:%Y-%m-%d %H:%M}"
