"""How actions name, find and change a cluster; shared by every app above this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils.functional import Promise
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
"""Sent when a node said which configuration it holds, with ``node_id`` and ``revision``; what it
lacks is then pushed.
"""
topics_seen = Signal()
"""Sent when a runtime created first-level topics, with ``cluster_public_id`` and ``names``."""


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


def lock_cluster(cluster: Cluster) -> Cluster:
    """The cluster as it is now, locked until the action's transaction ends; one that was deleted
    meanwhile is unknown.
    """
    locked = Cluster.objects.select_for_update().filter(pk=cluster.pk).first()
    if locked is None:
        raise ResourceNotFound(
            _("Cluster %(id)s was deleted meanwhile.") % {"id": cluster.public_id},
            code="ResourceNotFound.Instance",
            field="instance_id",
        )
    return locked


def unknown_client(cluster: Cluster, client_id: str) -> ResourceNotFound:
    """The refusal for a client that has no session in the cluster."""
    return ResourceNotFound(
        _("Client %(client)s has no session in cluster %(id)s.")
        % {"client": client_id[:128], "id": cluster.public_id},
        field="client_id",
    )


def require_serving(cluster: Cluster) -> None:
    """Refuse what needs a running cluster."""
    if not cluster.is_serving:
        raise InstanceNotReady(
            _("Cluster %(id)s is %(state)s; this needs a running cluster.")
            % {"id": cluster.public_id, "state": cluster.get_state_display()},
            field="instance_id",
        )


def require_settled(cluster: Cluster) -> None:
    """Refuse changes while the cluster is being made or deleted, and when either failed."""
    if cluster.state in (
        Cluster.State.CREATING,
        Cluster.State.DELETING,
        Cluster.State.CREATE_FAILURE,
        Cluster.State.DELETE_FAILURE,
    ):
        raise _not_settled(cluster)


def _not_settled(cluster: Cluster) -> InstanceNotReady:
    return InstanceNotReady(
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
    locked = lock_cluster(cluster)
    if locked.state == Cluster.State.DELETING:
        raise _not_settled(locked)
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


@dataclass(frozen=True, slots=True)
class Contents:
    """A kind of thing that another app keeps in clusters; while there is one, the cluster cannot be
    deleted (CONTRACT C30).
    """

    label: str | Promise
    """What people call the things, in the plural."""
    count: Callable[[Sequence[int]], Mapping[int, int]]
    """Primary keys of clusters → how many each holds; a cluster without any may be absent."""


_contents: dict[str, Contents] = {}


def register_contents(
    name: str, *, label: str | Promise, count: Callable[[Sequence[int]], Mapping[int, int]]
) -> None:
    """Make a kind of thing known to the clusters, once, when its app is loaded."""
    _contents[name] = Contents(label, count)


def count_contents(name: str, clusters: Sequence[Cluster]) -> dict[int, int]:
    """How many things of a kind each cluster holds, by primary key, in one query."""
    keys = [cluster.pk for cluster in clusters]
    counts = _contents[name].count(keys) if name in _contents and keys else {}
    return {key: counts.get(key, 0) for key in keys}


def contents_of(cluster: Cluster) -> dict[str | Promise, int]:
    """What a cluster still holds: label → how many; kinds without any are left out."""
    counts = {kind.label: kind.count([cluster.pk]) for kind in _contents.values()}
    return {label: found[cluster.pk] for label, found in counts.items() if found.get(cluster.pk)}
