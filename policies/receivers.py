"""What policies do when other apps act: the first policy of a new cluster (DECISIONS 3)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from clusters.models import Cluster
from clusters.resources import cluster_created
from policies.models import AuthorizationPolicy


@receiver(cluster_created)
def allow_everything(sender: Any, cluster: Cluster, allow_everything: bool, **kwargs: Any) -> None:
    """Within the creating transaction: the policy that the creator asked for."""
    if allow_everything:
        AuthorizationPolicy.objects.create(
            cluster=cluster,
            name="allow-everything",
            priority=1,
            effect=AuthorizationPolicy.Effect.ALLOW,
            actions=["connect", "pub", "sub"],
            topics=["#"],
        )
