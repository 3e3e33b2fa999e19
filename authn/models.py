"""Users of a cluster: what MQTT clients sign in with."""

from __future__ import annotations

from django.db import models

from clusters.models import Cluster


class MqttUser(models.Model):
    """A username with its password: sealed, because operators may view it again, and as the
    verifier that the runtime gets (CONTRACT A4, A6; DECISIONS 14).
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="mqtt_users")
    username = models.CharField(max_length=32)
    sealed_password = models.BinaryField()
    verifier = models.CharField(max_length=64)
    """Hex of ``HMAC-SHA256(cluster.verifier_key, username + NUL + password)``."""
    remark = models.CharField(max_length=128, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("cluster", "username"), name="one_user_per_username"),
        )

    def __str__(self) -> str:
        return self.username
