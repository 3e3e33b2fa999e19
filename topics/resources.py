"""How actions find a topic."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clusters.models import Cluster
from console.core.errors import ResourceNotFound
from topics.models import Topic


def find_topic(cluster: Cluster, name: str) -> Topic:
    """The cluster's topic of that name."""
    found = Topic.objects.filter(cluster=cluster, name=name).first()
    if found is None:
        raise ResourceNotFound(
            _("There is no topic %(name)s in cluster %(id)s.")
            % {"name": name[:100], "id": cluster.public_id},
            code="ResourceNotFound.Topic",
            field="topic",
        )
    return found
