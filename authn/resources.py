"""How actions find a user."""

from __future__ import annotations

from django.utils.translation import gettext as _

from authn.models import MqttUser
from clusters.models import Cluster
from console.core.errors import ResourceNotFound


def find_user(cluster: Cluster, username: str) -> MqttUser:
    """The cluster's user of that name."""
    found = (
        MqttUser.objects.select_related("cluster")
        .filter(cluster=cluster, username=username)
        .first()
    )
    if found is None:
        raise ResourceNotFound(
            _("There is no user %(name)s in cluster %(id)s.")
            % {"name": username[:32], "id": cluster.public_id},
            code="ResourceNotFound.Username",
            field="username",
        )
    return found
