"""What topics tell other apps and hear from them: how many each cluster holds (CONTRACT C16, C30),
and which ones a runtime created by their first use (DECISIONS 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from clusters.models import Cluster
from clusters.resources import register_contents, topics_seen
from console.core.actors import system_actor
from topics.models import Topic
from topics.services import register_topics


def count_topics(cluster_keys: Sequence[int]) -> Mapping[int, int]:
    """Primary key of a cluster → number of its topics; clusters without any are absent."""
    rows = Topic.objects.filter(cluster__in=cluster_keys).order_by().values_list("cluster")
    return dict(rows.annotate(count=Count("id")))


@receiver(topics_seen)
def take_up(sender: Any, cluster_public_id: str, names: tuple[str, ...], **kwargs: Any) -> None:
    """Write the rows, through the gate as the product itself."""
    cluster = Cluster.objects.filter(public_id=cluster_public_id).first()
    if cluster is not None:
        register_topics(system_actor(cluster.account_uin), cluster=cluster, names=names)


register_contents("topics", label=_("topics"), count=count_topics)
