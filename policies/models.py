"""Authorization policies of a cluster."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from clusters.models import Cluster


class AuthorizationPolicy(models.Model):
    """One statement; smaller priorities come first (CONTRACT Z1–Z8). Empty texts mean "any"."""

    class Effect(models.TextChoices):
        """What a match decides."""

        ALLOW = "allow", _("Allow")
        DENY = "deny", _("Deny")

    class Retain(models.IntegerChoices):
        """Which messages it speaks of (API ``Retain``)."""

        RETAINED = 1, _("Retained only")
        NOT_RETAINED = 2, _("Not retained only")
        ANY = 3, _("Both")

    cluster = models.ForeignKey(
        Cluster, on_delete=models.CASCADE, related_name="authorization_policies"
    )
    name = models.CharField(max_length=64)
    priority = models.PositiveIntegerField()
    effect = models.CharField(max_length=5, choices=Effect)
    actions = models.JSONField()
    """List of ``connect``, ``pub``, ``sub``."""
    topics = models.JSONField(default=list)
    """List of patterns."""
    client_id = models.CharField(max_length=256, blank=True)
    username = models.CharField(max_length=256, blank=True)
    ip = models.CharField(max_length=64, blank=True)
    qos = models.JSONField(default=list)
    """List of 0, 1, 2."""
    retain = models.PositiveSmallIntegerField(choices=Retain, default=Retain.ANY)
    remark = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("priority",)
        constraints = (
            models.UniqueConstraint(fields=("cluster", "priority"), name="one_policy_per_priority"),
            models.UniqueConstraint(fields=("cluster", "name"), name="one_policy_per_name"),
        )

    def __str__(self) -> str:
        return self.name
