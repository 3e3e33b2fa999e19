"""First-level topics of a cluster."""

from __future__ import annotations

from django.db import models

from clusters.models import Cluster


class Topic(models.Model):
    """A first-level topic; it aggregates every topic name below it (CONTRACT T1)."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="topics")
    name = models.CharField(max_length=100)
    remark = models.CharField(max_length=128, blank=True)
    auto_created = models.BooleanField(default=False)
    """Came into being by its first use (DECISIONS 2)."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("cluster", "name"), name="one_topic_per_name"),
        )

    def __str__(self) -> str:
        return self.name
