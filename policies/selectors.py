"""Reads of authorization policies."""

from __future__ import annotations

from clusters.models import Cluster
from clusters.resources import cluster_resource
from console.core.actions import action
from console.core.actors import Actor
from policies.models import AuthorizationPolicy


@action("DescribeAuthorizationPolicies", resource=cluster_resource, kind="read")
def describe_authorization_policies(actor: Actor, *, cluster: Cluster) -> list[AuthorizationPolicy]:
    """All policies in the order in which they are checked (CONTRACT Z7)."""
    return list(AuthorizationPolicy.objects.filter(cluster=cluster).select_related("cluster"))
