"""What topics tell other apps: how many each cluster holds (CONTRACT C16, C30)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from clusters.resources import register_contents
from topics.models import Topic


def count_topics(cluster_keys: Sequence[int]) -> Mapping[int, int]:
    """Primary key of a cluster → number of its topics; clusters without any are absent."""
    rows = Topic.objects.filter(cluster__in=cluster_keys).order_by().values_list("cluster")
    return dict(rows.annotate(count=Count("id")))


register_contents("topics", label=_("topics"), count=count_topics)
