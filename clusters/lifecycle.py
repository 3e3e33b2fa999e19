"""The long work of clusters, as jobs: bringing one to life and removing one.

Every step finds out whether it was done already: a worker that is killed anywhere leaves the rest
to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from clusters import node_folder, waiting
from clusters.models import Cluster, Node
from clusters.progress import CREATION, DELETION
from clusters.services.lifecycle import (
    complete_instance_creation,
    fail_instance_creation,
    fail_instance_deletion,
    release_instance,
    reserve_instance_ports,
    stop_instance_nodes,
)
from console.core import jobs
from console.core.actors import system_actor
from console.core.errors import FailedOperation
from console.core.models import Job

START_LIMIT_S = 60.0
CONFIGURE_LIMIT_S = 30.0
STOP_LIMIT_S = 60.0
CLOCK = waiting.Clock()


def _creation_failed(job: Job, reason: str) -> None:
    cluster = _cluster_of(job, Cluster.State.CREATING)
    if cluster is not None:
        fail_instance_creation(system_actor(job.account_uin), cluster=cluster, reason=reason)


def _deletion_failed(job: Job, reason: str) -> None:
    cluster = _cluster_of(job, Cluster.State.DELETING)
    if cluster is not None:
        fail_instance_deletion(system_actor(job.account_uin), cluster=cluster, reason=reason)


@jobs.job_kind("create-cluster", steps=len(CREATION), failed=_creation_failed)
def create_cluster(job: Job) -> Iterator[str]:
    """CREATING → RUNNING: ports and node, the node answers, it is configured (CONTRACT C12)."""
    cluster = _cluster_of(job, Cluster.State.CREATING)
    if cluster is None:
        return
    actor = system_actor(job.account_uin)
    yield CREATION[0]
    node = reserve_instance_ports(actor, cluster=cluster)
    yield CREATION[1]
    _wait(
        job,
        lambda: waiting.silence_of(node),
        what=_("The node of the cluster did not answer"),
        limit_s=START_LIMIT_S,
    )
    yield CREATION[2]
    _wait(
        job,
        lambda: waiting.backlog_of(cluster, node),
        what=_("The node did not take its configuration"),
        limit_s=CONFIGURE_LIMIT_S,
    )
    yield CREATION[3]
    complete_instance_creation(actor, cluster=cluster)


@jobs.job_kind("delete-cluster", steps=len(DELETION), failed=_deletion_failed)
def delete_cluster(job: Job) -> Iterator[str]:
    """DELETING → gone: the nodes stop, their folders go, the rows go (CONTRACT C31)."""
    cluster = _cluster_of(job, Cluster.State.DELETING)
    if cluster is None:
        return
    actor = system_actor(job.account_uin)
    nodes = list(cluster.nodes.all())
    yield DELETION[0]
    stop_instance_nodes(actor, cluster=cluster)
    yield DELETION[1]
    for node in nodes:
        _wait_for_end(job, node)
    yield DELETION[2]
    for node in nodes:
        _remove_folder(node)
    yield DELETION[3]
    release_instance(actor, cluster=cluster)


def _cluster_of(job: Job, state: Cluster.State) -> Cluster | None:
    """The cluster when it still waits for this job; None when the work is done or was overtaken."""
    return (
        Cluster.objects.prefetch_related("tags")
        .filter(public_id=job.subject, account_uin=job.account_uin, state=state)
        .first()
    )


def _wait_for_end(job: Job, node: Node) -> None:
    _wait(
        job,
        lambda: waiting.life_of(node),
        what=_("Node %(id)s did not stop") % {"id": node.node_id},
        limit_s=STOP_LIMIT_S,
    )


def _wait(job: Job, obstacle: Callable[[], str], *, what: str, limit_s: float) -> None:
    waiting.wait_for(obstacle, what=what, limit_s=limit_s, beat=lambda: jobs.beat(job), clock=CLOCK)


def _remove_folder(node: Node) -> None:
    try:
        node_folder.remove(node.node_id)
    except OSError as error:
        raise FailedOperation(
            _("The data of node %(id)s cannot be deleted: %(reason)s. Delete it and try again.")
            % {"id": node.node_id, "reason": error}
        ) from error
