"""How actions name, find and change a cluster; shared by every app above this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils.translation import gettext as _

from clusters.models import SECTIONS, Cluster, tags_of
from console.core.actors import Actor
from console.core.errors import FailedOperation, ResourceNotFound
from console.core.rights import Resource

configuration_changed = Signal()
"""Sent after commit with ``cluster_id`` (primary key): the desired configuration of a cluster grew
a revision.
"""

cluster_created = Signal()
"""Sent inside the creating transaction with ``cluster`` and ``allow_everything`` (DECISIONS 3)."""
node_seen = Signal()
"""Sent when a node opened its telemetry, with ``node_id`` and the ``revision`` it holds."""


class InstanceNotReady(FailedOperation):
    """The cluster is not in a state that allows it."""

    code = "FailedOperation.InstanceNotReady"


def cluster_resource(actor: Actor, parameters: Mapping[str, Any]) -> Resource:
    """The six-part resource of the ``cluster`` argument."""
    return resource_of(parameters["cluster"])


def resource_of(cluster: Cluster) -> Resource:
    """The six-part resource of a cluster."""
    return Resource(
        account_uin=cluster.account_uin,
        id=cluster.public_id,
        region=cluster.region,
        tags=tags_of(cluster),
    )


def find_cluster(actor: Actor, public_id: str) -> Cluster:
    """The actor's cluster of that id; one of another account is as unknown as one that does not
    exist (SECURITY C7).
    """
    found = (
        Cluster.objects.prefetch_related("tags")
        .filter(account_uin=actor.account_uin, public_id=public_id)
        .first()
    )
    if found is None:
        raise ResourceNotFound(
            _("There is no cluster %(id)s in this account. Check the id on the cluster list.")
            % {"id": public_id[:64]},
            code="ResourceNotFound.Instance",
            field="instance_id",
        )
    return found


def require_serving(cluster: Cluster) -> None:
    """Refuse what needs a running cluster."""
    if not cluster.is_serving:
        raise InstanceNotReady(
            _("Cluster %(id)s is %(state)s; this needs a running cluster.")
            % {"id": cluster.public_id, "state": cluster.get_state_display()},
            field="instance_id",
        )


def require_settled(cluster: Cluster) -> None:
    """Refuse changes while the cluster is being made or deleted."""
    if cluster.state in (
        Cluster.State.CREATING,
        Cluster.State.DELETING,
        Cluster.State.CREATE_FAILURE,
    ):
        raise InstanceNotReady(
            _("Cluster %(id)s is %(state)s; try again when it is running.")
            % {"id": cluster.public_id, "state": cluster.get_state_display()},
            field="instance_id",
        )


def change_configuration(cluster: Cluster, *sections: str) -> None:
    """Bump the cluster's revision for the changed sections, inside the action's transaction; after
    commit it is pushed.
    """
    unknown = set(sections) - set(SECTIONS)
    if unknown:
        raise ValueError(f"unknown sections: {sorted(unknown)}")
    locked = Cluster.objects.select_for_update().get(pk=cluster.pk)
    locked.revision += 1
    locked.section_revisions = {
        **locked.section_revisions,
        **dict.fromkeys(sections, locked.revision),
    }
    locked.save(update_fields=["revision", "section_revisions"])
    cluster.revision, cluster.section_revisions = locked.revision, locked.section_revisions
    cluster_id = cluster.pk
    transaction.on_commit(
        lambda: configuration_changed.send(Cluster, cluster_id=cluster_id), robust=True
    )
