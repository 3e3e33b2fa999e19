"""What topics do when a runtime created some by their first use (DECISIONS 2)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from clusters.models import Cluster
from clusters.resources import topics_seen
from console.core.actors import system_actor
from topics.services import register_topics


@receiver(topics_seen)
def take_up(sender: Any, cluster_public_id: str, names: tuple[str, ...], **kwargs: Any) -> None:
    """Write the rows, through the gate as the product itself."""
    cluster = Cluster.objects.filter(public_id=cluster_public_id).first()
    if cluster is not None:
        register_topics(system_actor(cluster.account_uin), cluster=cluster, names=names)
