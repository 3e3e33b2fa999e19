"""How actions find a policy."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clusters.models import Cluster
from console.core.errors import ResourceNotFound
from policies.models import AuthorizationPolicy


def find_policy(cluster: Cluster, policy_id: int) -> AuthorizationPolicy:
    """The cluster's policy of that id."""
    found = AuthorizationPolicy.objects.filter(cluster=cluster, pk=policy_id).first()
    if found is None:
        raise ResourceNotFound(
            _("There is no authorization policy %(policy)s in cluster %(id)s.")
            % {"policy": policy_id, "id": cluster.public_id},
            code="ResourceNotFound.AuthorizationPolicy",
            field="id",
        )
    return found
